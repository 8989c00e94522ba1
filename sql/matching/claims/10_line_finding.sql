-- What stands against a line: such a line touches nobody (MEMBER_NOT_WANTED, a note, is found with the decision).
with

newcomer_line as (
    select distinct
        line.claim_id,
        line.line
    from line
    inner join newcomer
        on
            line.household_id = newcomer.household_id
            and line.date_key = newcomer.date_key
    where line.person_id is null
)

select
    line.claim_id,
    line.line,
    line.person_id,
    case
        when line.person_id is null and newcomer_line.line is not null then 'NOT_ELIGIBLE'
        when line.person_id is null then 'MEMBER_NOT_FOUND'
        when line.tier = 4 then 'MEMBER_NOT_IN_HOUSEHOLD'
        when candidate.protected and not applicant.is_own_claim then 'MEMBER_PROTECTED'
        when candidate.state in ('elsewhere', 'elsewhere_pending') then 'MEMBER_PAID_ELSEWHERE'
        when candidate.state = 'ineligible' then 'NOT_ELIGIBLE'
        when candidate.state in ('approved', 'in_payment', 'unknown', 'paid') then 'MEMBER_PAID'
        when candidate.state in ('held', 'claimed', 'declined', 'returned') then 'DUPLICATE_CLAIM'
        when candidate.state = 'lapsed' then 'LATE'
    end as code
from line
inner join applicant on line.claim_id = applicant.claim_id
left join candidate on line.person_id = candidate.person_id
left join newcomer_line on line.claim_id = newcomer_line.claim_id and line.line = newcomer_line.line
where
    line.person_id is null
    or line.tier = 4
    or (candidate.protected and not applicant.is_own_claim)
    or candidate.state <> 'unclaimed'
