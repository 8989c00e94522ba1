-- Today's claims that stand: no withdrawals, and none that a correction or withdrawal of today takes out.
with

named as (
    select distinct named_id
    from naming
    where is_own
)

select
    claim.claim_id,
    claim.channel,
    claim.arrival,
    claim.effective_on,
    claim.holder_key,
    claim.proxy_kind,
    claim.proxy_key,
    claim.account_key,
    claim.certificate_serial,
    claim.account_fault,
    claim.yucho_converted,
    claim.deficient
from claim
left join named on claim.claim_id = named.named_id
where claim.claim_kind <> 'withdrawal' and named.named_id is null
