-- What became of each claim: of its people's fates the first in the order held, deficient, paid, no effect, duplicate.
with

fate as (
    select
        touch.claim_id,
        min(
            case
                when decision.claim_id <> touch.claim_id and not touch.is_disputed then 5
                when decision.state = 'held' then 1
                when decision.state = 'claimed' then 2
                when decision.state = 'approved' then 3
                else 4
            end
        ) as weight
    from touch
    inner join decision on touch.person_id = decision.person_id
    group by touch.claim_id
),

repeated as (
    select distinct claim_id
    from line_finding
    where code in ('DUPLICATE_CLAIM', 'MEMBER_PAID')
),

taken_back as (
    select distinct named_id as claim_id
    from naming
    where claim_kind = 'withdrawal' and is_own
),

-- a withdrawal that takes nothing back waits for a steward
refused as (
    select claim_id
    from naming
    where claim_kind = 'withdrawal' and not is_own
)

select
    claim.claim_id,
    case
        when taken_back.claim_id is not null then 'withdrawn'
        when refused.claim_id is not null then 'unresolved'
        when claim.claim_kind = 'withdrawal' then 'withdrawn'
        when applicant.claim_id is null then 'superseded'
        when applicant.person_id is null then 'unresolved'
        when fate.weight = 1 then 'held'
        when fate.weight = 2 then 'deficient'
        when fate.weight = 3 then 'paid'
        when fate.weight = 4 then 'no_effect'
        when fate.weight = 5 or repeated.claim_id is not null then 'duplicate'
        else 'no_effect'
    end as outcome
from claim
left join applicant on claim.claim_id = applicant.claim_id
left join fate on claim.claim_id = fate.claim_id
left join repeated on claim.claim_id = repeated.claim_id
left join taken_back on claim.claim_id = taken_back.claim_id
left join refused on claim.claim_id = refused.claim_id
