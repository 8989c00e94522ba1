-- Every pair worth a score: a row that no tier decided, and a person who shares its name or reading, its birth date and
-- a bit of its name, or half of its name together with the address or with a birth date that is one slip away.
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

-- of all who bear a name, those whose birth date or address does not rule them out: a slip leaves the year or the day
same_name_or_reading as (
    select
        open_row.row_id,
        person.person_id
    from (
        select
            row_id,
            person_id
        from same_name
        union
        select
            row_id,
            person_id
        from same_reading
    ) as alike
    inner join open_row on alike.row_id = open_row.row_id
    inner join person on alike.person_id = person.person_id
    where
        open_row.date_key is null
        or person.date_key is null
        or open_row.address_key = person.address_key
        or substring(open_row.date_key, 1, 4) = substring(person.date_key, 1, 4)
        or substring(open_row.date_key, 5, 4) = substring(person.date_key, 5, 4)
),

same_birth as (
    select
        open_row.row_id,
        person.person_id
    from open_row
    inner join person on open_row.date_key = person.date_key
    where
        open_row.given_key = person.given_key
        or open_row.address_key = person.address_key
        -- names or readings that are one slip apart begin or end alike
        or substring(open_row.name_key, 1, 1) = substring(person.name_key, 1, 1)
        or substring(open_row.name_key, length(open_row.name_key), 1)
        = substring(person.name_key, length(person.name_key), 1)
        or substring(open_row.loose_kana_key, 1, 2) = substring(person.loose_kana_key, 1, 2)
        or substring(open_row.loose_kana_key, length(open_row.loose_kana_key) - 1, 2)
        = substring(person.loose_kana_key, length(person.loose_kana_key) - 1, 2)
        or open_row.name_key like '%〓%'
        or person.name_key like '%〓%'
        or open_row.alias_key is not null
        or person.alias_key is not null
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
from same_name_or_reading
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
