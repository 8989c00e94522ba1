-- The pairs that some rule covers, each with its strongest rule. The relation rule_case (RULES of
-- pipelines/matching/linkage_model.py) has one line for each combination of states that a rule covers.
select
    compared_pair.row_id,
    compared_pair.person_id,
    rule_case.rule,
    rule_case.strength,
    rule_case.is_for_rare_names,
    compared_pair.name_state,
    compared_pair.kana_state,
    compared_pair.birth_state,
    compared_pair.address_state
from compared_pair
inner join rule_case
    on
        compared_pair.name_state = rule_case.name_state
        and compared_pair.kana_state = rule_case.kana_state
        and compared_pair.birth_state = rule_case.birth_state
        and compared_pair.address_state = rule_case.address_state
