-- Who may have made each claim of today, each with the strength of the match (1 is the strongest).
with

by_number as (
    select
        claim.claim_id,
        person.person_id,
        1 as tier
    from claim
    inner join person on claim.applicant_resident_id = person.resident_id
),

in_household as (
    select
        claim.claim_id,
        person.person_id,
        case
            when
                person.name_key = claim.name_key and person.date_key = claim.date_key
                then 1
            when
                person.kana_key = claim.kana_key and person.date_key = claim.date_key
                then 2
            when person.alias_key = claim.name_key then 3
            when person.name_key = claim.name_key then 3
            when person.loose_kana_key = claim.loose_kana_key then 4
            when person.date_key = claim.date_key then 5
        end as tier
    from claim
    inner join person on claim.household_id = person.household_id
    where claim.applicant_resident_id is null
),

without_number as (
    select *
    from claim
    where household_id is null and applicant_resident_id is null
),

by_name as (
    select
        without_number.claim_id,
        person.person_id,
        without_number.channel,
        person.household_id,
        case when person.address_key = without_number.address_key then 1 else 2 end as tier
    from without_number
    inner join person
        on
            without_number.name_key = person.name_key
            and without_number.date_key = person.date_key
),

by_alias as (
    select
        without_number.claim_id,
        person.person_id,
        without_number.channel,
        person.household_id,
        case when person.address_key = without_number.address_key then 1 else 2 end as tier
    from without_number
    inner join person
        on
            without_number.name_key = person.alias_key
            and without_number.date_key = person.date_key
),

by_kana as (
    select
        without_number.claim_id,
        person.person_id,
        without_number.channel,
        person.household_id,
        case when person.address_key = without_number.address_key then 3 else 4 end as tier
    from without_number
    inner join person
        on
            without_number.loose_kana_key = person.loose_kana_key
            and without_number.date_key = person.date_key
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
