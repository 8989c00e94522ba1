-- Eligible, unprotected, unclaimed members whom their head's claim leaves out: a note for the caseworker.
select
    touched.claim_id,
    candidate.person_id
from (
    select distinct
        touch.claim_id,
        applicant.household_id
    from touch
    inner join applicant on touch.claim_id = applicant.claim_id
    where applicant.is_head and not applicant.is_own_claim
) as touched
inner join candidate on touched.household_id = candidate.household_id
left join line on touched.claim_id = line.claim_id and candidate.person_id = line.person_id
where candidate.state = 'unclaimed' and not candidate.protected and line.person_id is null
