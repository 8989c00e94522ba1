-- Who the applicant may be, each with the strength of the match (1 is the strongest).
with

by_number as (
    select
        current_claim.claim_id,
        candidate.person_id,
        1 as tier
    from current_claim
    inner join candidate on current_claim.applicant_resident_id = candidate.resident_id
),

in_household as (
    select
        current_claim.claim_id,
        candidate.person_id,
        case
            when
                candidate.name_key = current_claim.name_key and candidate.date_key = current_claim.date_key
                then 1
            when
                candidate.kana_key = current_claim.kana_key and candidate.date_key = current_claim.date_key
                then 2
            when candidate.alias_key = current_claim.name_key then 3
            when candidate.name_key = current_claim.name_key then 3
            when candidate.loose_kana_key = current_claim.loose_kana_key then 4
            when candidate.date_key = current_claim.date_key then 5
        end as tier
    from current_claim
    inner join candidate on current_claim.household_id = candidate.household_id
    where current_claim.applicant_resident_id is null
),

without_number as (
    select *
    from current_claim
    where household_id is null and applicant_resident_id is null
),

by_name as (
    select
        without_number.claim_id,
        candidate.person_id,
        without_number.channel,
        candidate.household_id,
        case when candidate.address_key = without_number.address_key then 1 else 2 end as tier
    from without_number
    inner join candidate
        on
            without_number.name_key = candidate.name_key
            and without_number.date_key = candidate.date_key
),

by_alias as (
    select
        without_number.claim_id,
        candidate.person_id,
        without_number.channel,
        candidate.household_id,
        case when candidate.address_key = without_number.address_key then 1 else 2 end as tier
    from without_number
    inner join candidate
        on
            without_number.name_key = candidate.alias_key
            and without_number.date_key = candidate.date_key
),

by_kana as (
    select
        without_number.claim_id,
        candidate.person_id,
        without_number.channel,
        candidate.household_id,
        case when candidate.address_key = without_number.address_key then 3 else 4 end as tier
    from without_number
    inner join candidate
        on
            without_number.loose_kana_key = candidate.loose_kana_key
            and without_number.date_key = candidate.date_key
),

named as (
    select * from by_name
    union
    select * from by_alias
    union
    select * from by_kana
)

select claim_id, person_id, tier from by_number
union
select claim_id, person_id, tier from in_household where tier is not null
union
-- an in-house claim without numbers is made by somebody registered elsewhere
select claim_id, person_id, tier from named where channel = 'online' or household_id is null
