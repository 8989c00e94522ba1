-- Today's claims that stand: no withdrawals, and none that a correction or withdrawal of today takes out.
with

named as (
    select distinct named_id
    from naming
    where is_own
)

select claim.*
from claim
left join named on claim.claim_id = named.named_id
where claim.claim_kind <> 'withdrawal' and named.named_id is null
