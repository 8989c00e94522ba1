-- One line a row of the list that has candidates: its strongest rule, how many people that rule finds, and how they
-- compare.
-- An item that compares differently among several people is mixed.
with

strongest as (
    select
        row_id,
        min(strength) as strength,
        sum(is_namesake_at_address) as namesakes_at_address
    from rated_pair
    group by row_id
)

select
    rated_pair.row_id,
    min(rated_pair.rule) as rule,
    min(rated_pair.strength) as strength,
    min(rated_pair.outcome) as outcome,
    min(rated_pair.person_id) as person_id,
    count(*) as people,
    max(strongest.namesakes_at_address) - sum(rated_pair.is_namesake_at_address) as rivals_at_address,
    case when min(rated_pair.name_state) = max(rated_pair.name_state) then min(rated_pair.name_state) else 'mixed' end
        as name_state,
    case when min(rated_pair.kana_state) = max(rated_pair.kana_state) then min(rated_pair.kana_state) else 'mixed' end
        as kana_state,
    case
        when min(rated_pair.birth_state) = max(rated_pair.birth_state) then min(rated_pair.birth_state) else 'mixed'
    end as birth_state,
    case
        when min(rated_pair.address_state) = max(rated_pair.address_state) then min(rated_pair.address_state)
        else 'mixed'
    end as address_state
from rated_pair
inner join strongest on rated_pair.row_id = strongest.row_id and rated_pair.strength = strongest.strength
group by rated_pair.row_id
