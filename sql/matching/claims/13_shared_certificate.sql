-- Claims of today whose certificate also signed for another applicant.
with

used as (
    select
        current_claim.certificate_serial,
        applicant.person_id as applicant_id
    from current_claim
    inner join applicant on current_claim.claim_id = applicant.claim_id
    where current_claim.certificate_serial is not null and applicant.person_id is not null
    union
    select
        earlier_claim.certificate_serial,
        earlier_claim.applicant_id
    from earlier_claim
    where earlier_claim.certificate_serial is not null and earlier_claim.applicant_id is not null
),

shared as (
    select certificate_serial
    from used
    group by certificate_serial
    having count(distinct applicant_id) > 1
)

select current_claim.claim_id
from current_claim
inner join shared on current_claim.certificate_serial = shared.certificate_serial
