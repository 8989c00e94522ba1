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
    inner join applicant on touch.claim_id = applicant.claim_id
    inner join candidate on touch.person_id = candidate.person_id
    where not (
        -- a protected member needs no head to claim
        claim_finding.code in ('NOT_HEAD', 'HEAD_DIED')
        and applicant.is_own_claim
        and not applicant.is_head
        and candidate.protected
    )
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
