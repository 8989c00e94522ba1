-- Everybody as today's claims find them: who is protected, who is free to be claimed for.
with

forgiven as (
    select
        person.person_id,
        max(forgotten.corrected) as corrected
    from person
    inner join forgotten on person.claim_id = forgotten.claim_id
    group by person.person_id
)

select
    person.person_id,
    person.household_id,
    person.is_head,
    person.name_key,
    person.alias_key,
    person.family_key,
    person.given_key,
    person.loose_kana_key,
    person.date_key,
    person.protected,
    person.died,
    person.state as ledger_state,
    case
        when person.state in ('held', 'claimed', 'declined') and forgiven.person_id is not null then 'unclaimed'
        when person.state = 'returned' and forgiven.corrected = 1 then 'unclaimed'
        else person.state
    end as state
from person
left join forgiven on person.person_id = forgiven.person_id
