-- Both names of each candidate pair. A step of its own without conditions on both sides: DuckDB 1.5 takes such a
-- condition for a join and compares the whole list with the whole register first.
select
    candidate_pair.row_id,
    candidate_pair.person_id,
    list_row.name_key as row_name,
    person.name_key as person_name,
    greatest(length(list_row.name_key), length(person.name_key)) as places
from candidate_pair
inner join list_row on candidate_pair.row_id = list_row.row_id
inner join person on candidate_pair.person_id = person.person_id
