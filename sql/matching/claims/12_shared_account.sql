-- Claims of today whose account also stands on a claim of another household, nobody's guardian or facility.
with

used as (
    select
        current_claim.account_key,
        coalesce(applicant.household_id, applicant.person_id) as household
    from current_claim
    inner join applicant on current_claim.claim_id = applicant.claim_id
    where
        current_claim.account_key is not null
        and applicant.person_id is not null
        and current_claim.proxy_kind not in ('legal', 'facility')
    union
    select
        earlier_claim.account_key,
        coalesce(earlier_claim.household_id, earlier_claim.applicant_id) as household
    from earlier_claim
    where
        earlier_claim.account_key is not null
        and earlier_claim.applicant_id is not null
        and earlier_claim.proxy_kind not in ('legal', 'facility')
        and earlier_claim.outcome not in ('superseded', 'withdrawn')
),

shared as (
    select account_key
    from used
    group by account_key
    having count(distinct household) > 1
)

select current_claim.claim_id
from current_claim
inner join shared on current_claim.account_key = shared.account_key
where current_claim.proxy_kind not in ('legal', 'facility')
