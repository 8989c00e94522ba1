-- Corrections and withdrawals of today with the claim they name, and whether that is their own to name: the same
-- applicant's or the same household's, nobody's, or unknown. A protected person's claim is that person's alone. What
-- names itself names nothing.
with

named as (
    select
        claim_id,
        applicant_id,
        household_id
    from earlier_claim
    union all
    select
        claim_id,
        person_id as applicant_id,
        household_id
    from claimant
)

select
    claim.claim_id,
    claim.claim_kind,
    claim.supersedes_id as named_id,
    case
        when named.applicant_id is null then true
        when claimant.person_id is null then false
        when claimant.person_id = named.applicant_id then true
        when claimant.protected or coalesce(applicant.protected, false) then false
        else coalesce(claimant.household_id = named.household_id, false)
    end as is_own
from claim
inner join claimant on claim.claim_id = claimant.claim_id
left join named on claim.supersedes_id = named.claim_id
left join person as applicant on named.applicant_id = applicant.person_id
where claim.claim_kind in ('correction', 'withdrawal') and claim.supersedes_id <> claim.claim_id
