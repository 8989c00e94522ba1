-- Earlier claims that a correction or withdrawal of today names: their holds, deficiencies and declines are forgotten.
select
    earlier_claim.claim_id,
    max(case when claim.claim_kind = 'correction' then 1 else 0 end) as corrected
from earlier_claim
inner join claim on earlier_claim.claim_id = claim.supersedes_id
where claim.claim_kind in ('correction', 'withdrawal')
group by earlier_claim.claim_id
