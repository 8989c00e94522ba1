-- Who made each claim of today, whether it stands or not: the one person at the strongest tier, or nobody.
with

strongest as (
    select
        claim_id,
        min(tier) as tier
    from claimant_candidate
    group by claim_id
),

chosen as (
    select
        claimant_candidate.claim_id,
        min(claimant_candidate.person_id) as person_id
    from claimant_candidate
    inner join strongest
        on
            claimant_candidate.claim_id = strongest.claim_id
            and claimant_candidate.tier = strongest.tier
    group by claimant_candidate.claim_id
    having count(*) = 1
)

select
    claim.claim_id,
    claim.channel,
    person.person_id,
    person.household_id,
    person.is_head,
    person.protected,
    person.loose_kana_key
from claim
left join chosen on claim.claim_id = chosen.claim_id
left join person on chosen.person_id = person.person_id
