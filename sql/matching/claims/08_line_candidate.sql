-- Whom each line of a claim may mean: a member of the applicant's household, or anybody by name and birth date.
with

line as (
    select
        member.claim_id,
        member.line,
        member.name_key,
        member.date_key,
        applicant.household_id,
        applicant.is_own_claim
    from member
    inner join applicant on member.claim_id = applicant.claim_id
    where applicant.person_id is not null
),

in_household as (
    select
        line.claim_id,
        line.line,
        candidate.person_id,
        case
            when candidate.name_key = line.name_key and candidate.date_key = line.date_key then 1
            when candidate.alias_key = line.name_key and candidate.date_key = line.date_key then 1
            when candidate.name_key = line.name_key then 2
            when candidate.alias_key = line.name_key then 2
            when
                candidate.date_key = line.date_key
                and (
                    substr(line.name_key, 1, length(candidate.family_key)) = candidate.family_key
                    or substr(
                        line.name_key,
                        length(line.name_key) - length(candidate.given_key) + 1,
                        length(candidate.given_key)
                    ) = candidate.given_key
                )
                then 3
        end as tier
    from line
    inner join candidate on line.household_id = candidate.household_id
),

anywhere as (
    select
        line.claim_id,
        line.line,
        candidate.person_id,
        -- companions of a protected person claim together, whatever household they are registered in
        case when line.is_own_claim and candidate.protected then 2 else 4 end as tier
    from line
    inner join candidate on line.name_key = candidate.name_key and line.date_key = candidate.date_key
    where line.household_id is null or line.household_id <> coalesce(candidate.household_id, '')
)

select claim_id, line, person_id, tier from in_household where tier is not null
union
select claim_id, line, person_id, tier from anywhere
