-- What each touched person becomes: held beats claimed beats paid; of several claims on one account the first counts.
with

counting as (
    select *
    from touch
    where place = 1 or is_disputed
),

weighed as (
    select
        counting.claim_id,
        counting.person_id,
        counting.place,
        counting.not_wanted,
        max(case when rule.effect = 'hold' and rule.severity <> 'note' then 1 else 0 end) as holds,
        max(case when rule.effect = 'wait' and rule.severity <> 'note' then 1 else 0 end) as waits
    from counting
    left join person_finding
        on
            counting.claim_id = person_finding.claim_id
            and counting.person_id = person_finding.person_id
    left join rule on person_finding.code = rule.code
    group by counting.claim_id, counting.person_id, counting.place, counting.not_wanted
),

decided as (
    select
        person_id,
        claim_id,
        place,
        case
            when not_wanted then 'declined'
            when holds = 1 then 'held'
            when waits = 1 then 'claimed'
            else 'approved'
        end as state
    from weighed
),

worst as (
    select
        person_id,
        max(case state when 'held' then 3 when 'claimed' then 2 when 'declined' then 1 else 0 end) as weight,
        min(place) as place
    from decided
    group by person_id
)

select
    worst.person_id,
    decided.claim_id,
    case worst.weight when 3 then 'held' when 2 then 'claimed' when 1 then 'declined' else 'approved' end as state
from worst
inner join decided on worst.person_id = decided.person_id and worst.place = decided.place
