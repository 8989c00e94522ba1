-- Residents of one name, two by two, by how their birth dates lie to each other: people of one name are of one
-- generation, so their birth dates meet more often than those of any two residents. Very common names are left out.
with

usable as (
    select
        person_id,
        name_key,
        date_key,
        substring(date_key, 1, 4) as birth_year,
        substring(date_key, 5, 4) as birth_day
    from person
    where name_key is not null and date_key is not null
),

shared as (
    select name_key
    from usable
    group by name_key
    having count(*) between 2 and 60
),

namesake as (
    select usable.*
    from usable
    inner join shared on usable.name_key = shared.name_key
)

select
    count(*) as pairs,
    cast(coalesce(sum(case when one.date_key = other.date_key then 1 else 0 end), 0) as bigint) as same_date,
    cast(coalesce(sum(case when one.birth_year = other.birth_year then 1 else 0 end), 0) as bigint) as same_year
from namesake as one
inner join namesake as other on one.name_key = other.name_key
where one.person_id < other.person_id
