-- Each line with the one person it means at the strongest tier; a person stands on a claim once.
with

strongest as (
    select
        claim_id,
        line,
        min(tier) as tier
    from line_candidate
    group by claim_id, line
),

chosen as (
    select
        line_candidate.claim_id,
        line_candidate.line,
        strongest.tier,
        min(line_candidate.person_id) as person_id
    from line_candidate
    inner join strongest
        on
            line_candidate.claim_id = strongest.claim_id
            and line_candidate.line = strongest.line
            and line_candidate.tier = strongest.tier
    group by line_candidate.claim_id, line_candidate.line, strongest.tier
    having count(*) = 1
),

once as (
    select
        claim_id,
        person_id,
        min(line) as line
    from chosen
    group by claim_id, person_id
)

select
    member.claim_id,
    member.line,
    member.not_wanted,
    member.name_key,
    member.date_key,
    applicant.household_id,
    once.person_id,
    chosen.tier
from member
inner join applicant on member.claim_id = applicant.claim_id
left join chosen on member.claim_id = chosen.claim_id and member.line = chosen.line
left join once
    on
        chosen.claim_id = once.claim_id
        and chosen.person_id = once.person_id
        and chosen.line = once.line
where applicant.person_id is not null
