-- Earlier claims that a correction or withdrawal of today takes out, by their own number or as a supplement of the
-- named one: their holds, deficiencies and declines are forgotten.
with

known_as as (
    select
        claim_id,
        claim_id as named_id
    from earlier_claim
    union
    select
        claim_id,
        supplements_id as named_id
    from earlier_claim
    where supplements_id is not null
)

select
    known_as.claim_id,
    max(case when naming.claim_kind = 'correction' then 1 else 0 end) as corrected
from known_as
inner join naming on known_as.named_id = naming.named_id
where naming.is_own
group by known_as.claim_id
