-- What holds or delays each touched person, claim by claim, and the notes about people.
with

whole_claim as (
    select
        touch.claim_id,
        touch.line,
        touch.person_id,
        claim_finding.code
    from touch
    inner join claim_finding on touch.claim_id = claim_finding.claim_id
),

dispute as (
    select
        claim_id,
        line,
        person_id,
        'DUPLICATE_CLAIM' as code
    from touch
    where is_disputed or place > 1
),

not_wanted as (
    select
        claim_id,
        line,
        person_id,
        'MEMBER_NOT_WANTED' as code
    from touch
    where not_wanted
)

select claim_id, line, person_id, code from whole_claim
union
select claim_id, line, person_id, code from dispute
union
select claim_id, line, person_id, code from not_wanted
