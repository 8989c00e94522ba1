-- Every pair worth comparing: one row of the list and one person, who share a birth date, a name, or a reading and an
-- address.
-- A person may be found in several ways and stands here once.
with

row_name as (
    select
        row_id,
        name_key as name
    from list_row
    where name_key is not null
    union
    select
        row_id,
        alias_key as name
    from list_row
    where alias_key is not null
),

person_name as (
    select
        person_id,
        name_key as name
    from person
    where name_key is not null
    union
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

same_birth as (
    select
        list_row.row_id,
        person.person_id
    from list_row
    inner join person on list_row.date_key = person.date_key
),

same_reading_and_address as (
    select
        list_row.row_id,
        person.person_id
    from list_row
    inner join person
        on
            list_row.loose_kana_key = person.loose_kana_key
            and list_row.address_key = person.address_key
)

select
    row_id,
    person_id
from same_name
union
select
    row_id,
    person_id
from same_birth
union
select
    row_id,
    person_id
from same_reading_and_address
