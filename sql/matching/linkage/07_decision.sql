-- One line a row of the list that has candidates: linked or review, and the reason that keeps a row from being linked.
with

proposed as (
    select
        *,
        case
            when people > 1 then 'several_people'
            when outcome = 'review' then 'weak_rule'
            when address_state <> 'agreed' and rivals_at_address > 0 then 'rival_at_address'
        end as objection
    from deciding_tier
),

claimed as (
    select
        person_id,
        count(*) as list_rows
    from proposed
    where objection is null
    group by person_id
),

final as (
    select
        proposed.row_id,
        proposed.person_id,
        proposed.rule,
        proposed.strength,
        proposed.name_state,
        proposed.kana_state,
        proposed.birth_state,
        proposed.address_state,
        case
            when proposed.objection is not null then proposed.objection
            when claimed.list_rows > 1 then 'person_twice_on_list'
        end as objection
    from proposed
    left join claimed on proposed.person_id = claimed.person_id
)

select
    row_id,
    rule,
    strength,
    objection,
    name_state,
    kana_state,
    birth_state,
    address_state,
    case when objection is null then 'linked' else 'review' end as outcome,
    case when objection is null then person_id end as person_id
from final
