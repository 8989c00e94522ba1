-- The applicant of each claim that stands, or nobody.
select
    claimant.claim_id,
    claimant.channel,
    claimant.person_id,
    claimant.household_id,
    claimant.is_head,
    claimant.loose_kana_key,
    coalesce(claimant.channel = 'inhouse' and claimant.protected, false) as is_own_claim
from current_claim
inner join claimant on current_claim.claim_id = claimant.claim_id
