-- The rows that a rule links: it finds exactly one person, and one whose name is rare where the rule asks for that.
with

found as (
    select
        deciding_tier.row_id,
        deciding_tier.rule,
        deciding_tier.person_id,
        deciding_tier.is_for_rare_names,
        deciding_tier.name_state,
        deciding_tier.kana_state,
        deciding_tier.birth_state,
        deciding_tier.address_state,
        person.name_key
    from deciding_tier
    inner join person on deciding_tier.person_id = person.person_id
    where deciding_tier.people = 1
),

wanted_name as (
    select distinct name_key
    from found
    where name_key is not null
),

name_count as (
    select
        person.name_key,
        count(*) as people
    from person
    inner join wanted_name on person.name_key = wanted_name.name_key
    group by person.name_key
)

select
    found.row_id,
    found.rule,
    found.person_id,
    found.name_state,
    found.kana_state,
    found.birth_state,
    found.address_state,
    coalesce(name_count.people, 1) as namesakes
from found
left join name_count on found.name_key = name_count.name_key
cross join common_name
where found.is_for_rare_names = 0 or coalesce(name_count.people, 1) <= common_name.people
