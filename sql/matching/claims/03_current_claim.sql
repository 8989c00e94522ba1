-- Today's claims that stand: no withdrawals, and none that a correction or withdrawal of today names.
with

named as (
    select distinct claim.supersedes_id
    from claim
    where claim.claim_kind in ('correction', 'withdrawal') and claim.supersedes_id is not null
)

select claim.*
from claim
left join named on claim.claim_id = named.supersedes_id
where claim.claim_kind <> 'withdrawal' and named.supersedes_id is null
