-- Every pair worth a score: a row that no tier decided, and a person who shares its birth date, its name, its reading, or
-- half of its name together with the address or with a birth date that is one slip away.
-- The relation birth_slip has the birth dates that one likely writing error makes of a row's.
with

row_name as (
    select
        row_id,
        name_key as name
    from open_row
    where name_key is not null
    union
    select
        row_id,
        alias_key as name
    from open_row
    where alias_key is not null
),

person_name as (
    select
        person_id,
        name_key as name
    from person
    where name_key is not null
    union all
    select
        person_id,
        alias_key as name
    from person
    where alias_key is not null
),

same_name as (
    select
        row_name.row_id,
        person_name.person_id
    from row_name
    inner join person_name on row_name.name = person_name.name
),

same_reading as (
    select
        open_row.row_id,
        person.person_id
    from open_row
    inner join person on open_row.loose_kana_key = person.loose_kana_key
),

same_birth as (
    select
        open_row.row_id,
        person.person_id
    from open_row
    inner join person on open_row.date_key = person.date_key
),

same_given_and_address as (
    select
        open_row.row_id,
        person.person_id
    from open_row
    inner join person on open_row.given_key = person.given_key and open_row.address_key = person.address_key
),

same_family_and_address as (
    select
        open_row.row_id,
        person.person_id
    from open_row
    inner join person on open_row.family_key = person.family_key and open_row.address_key = person.address_key
),

same_given_and_slip as (
    select
        open_row.row_id,
        person.person_id
    from open_row
    inner join birth_slip on open_row.row_id = birth_slip.row_id
    inner join person on birth_slip.date_key = person.date_key and open_row.given_key = person.given_key
),

same_family_and_slip as (
    select
        open_row.row_id,
        person.person_id
    from open_row
    inner join birth_slip on open_row.row_id = birth_slip.row_id
    inner join person on birth_slip.date_key = person.date_key and open_row.family_key = person.family_key
)

select
    row_id,
    person_id
from same_name
union
select
    row_id,
    person_id
from same_reading
union
select
    row_id,
    person_id
from same_birth
union
select
    row_id,
    person_id
from same_given_and_address
union
select
    row_id,
    person_id
from same_family_and_address
union
select
    row_id,
    person_id
from same_given_and_slip
union
select
    row_id,
    person_id
from same_family_and_slip
