-- One line a row of the list that some rule covers: its strongest rule, how many people that rule finds, and how they
-- compare.
with

strongest as (
    select
        row_id,
        min(strength) as strength
    from rated_pair
    group by row_id
)

select
    rated_pair.row_id,
    min(rated_pair.rule) as rule,
    min(rated_pair.strength) as strength,
    min(rated_pair.person_id) as person_id,
    max(rated_pair.is_for_rare_names) as is_for_rare_names,
    count(*) as people,
    min(rated_pair.name_state) as name_state,
    min(rated_pair.kana_state) as kana_state,
    min(rated_pair.birth_state) as birth_state,
    min(rated_pair.address_state) as address_state
from rated_pair
inner join strongest on rated_pair.row_id = strongest.row_id and rated_pair.strength = strongest.strength
group by rated_pair.row_id
