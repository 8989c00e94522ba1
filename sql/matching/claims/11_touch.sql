-- Lines that may decide somebody, ordered: place 1 came first; rival accounts on one day are a dispute.
with

free as (
    select
        line.claim_id,
        line.line,
        line.person_id,
        line.not_wanted,
        current_claim.arrival,
        coalesce(current_claim.account_key, '') as account_key
    from line
    inner join current_claim on line.claim_id = current_claim.claim_id
    left join line_finding on line.claim_id = line_finding.claim_id and line.line = line_finding.line
    where line_finding.claim_id is null
),

rivals as (
    select
        person_id,
        count(distinct account_key) as accounts
    from free
    group by person_id
)

select
    free.claim_id,
    free.line,
    free.person_id,
    free.not_wanted,
    rivals.accounts > 1 as is_disputed,
    row_number() over (partition by free.person_id order by free.arrival, free.claim_id) as place
from free
inner join rivals on free.person_id = rivals.person_id
