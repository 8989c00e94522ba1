-- The applicant of each claim that stands: the one person at the strongest tier, or nobody.
with

strongest as (
    select
        claim_id,
        min(tier) as tier
    from applicant_candidate
    group by claim_id
),

chosen as (
    select
        applicant_candidate.claim_id,
        min(applicant_candidate.person_id) as person_id
    from applicant_candidate
    inner join strongest
        on
            applicant_candidate.claim_id = strongest.claim_id
            and applicant_candidate.tier = strongest.tier
    group by applicant_candidate.claim_id
    having count(*) = 1
)

select
    current_claim.claim_id,
    current_claim.channel,
    candidate.person_id,
    candidate.household_id,
    candidate.is_head,
    candidate.loose_kana_key,
    coalesce(current_claim.channel = 'inhouse' and candidate.protected, false) as is_own_claim
from current_claim
left join chosen on current_claim.claim_id = chosen.claim_id
left join candidate on chosen.person_id = candidate.person_id
