-- The candidate pairs whose names differ in one character: another one, or one that only one of them has.
-- The relation name_position counts the places of a name from 1; levenshtein() will not do: some engines count bytes.
with

parted as (
    select
        paired_name.row_id,
        paired_name.person_id,
        paired_name.row_name,
        paired_name.person_name,
        concat(
            substring(paired_name.row_name, 1, name_position.n - 1),
            substring(paired_name.row_name, name_position.n + 1)
        ) as row_name_without,
        concat(
            substring(paired_name.person_name, 1, name_position.n - 1),
            substring(paired_name.person_name, name_position.n + 1)
        ) as person_name_without
    from paired_name
    inner join name_position on paired_name.places >= name_position.n
    where
        length(paired_name.row_name) >= 3 and length(paired_name.person_name) >= 3
        and abs(length(paired_name.row_name) - length(paired_name.person_name)) <= 1
        and paired_name.row_name <> paired_name.person_name
)

select distinct
    row_id,
    person_id
from parted
where
    row_name_without = person_name
    or row_name = person_name_without
    or (length(row_name) = length(person_name) and row_name_without = person_name_without)
