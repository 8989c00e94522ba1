-- How each item of a pair compares. Needs nothing but the two records; says nothing yet about who is who.
-- name: agreed, unreadable (equal but for characters that could not be read), near (one character), differed, unknown
-- kana: agreed, loose (equal but for voicing and long marks), differed, unknown
-- birth: agreed, partial (the known parts agree), differed, unknown
-- address: agreed, differed, unknown
with

pair as (
    select
        candidate_pair.row_id,
        candidate_pair.person_id,
        list_row.name_key as row_name,
        list_row.alias_key as row_alias,
        person.name_key as person_name,
        person.alias_key as person_alias,
        list_row.kana_key as row_kana,
        person.kana_key as person_kana,
        list_row.loose_kana_key as row_loose_kana,
        person.loose_kana_key as person_loose_kana,
        list_row.date_key as row_birth,
        person.date_key as person_birth,
        list_row.address_key as row_address,
        person.address_key as person_address
    from candidate_pair
    inner join list_row on candidate_pair.row_id = list_row.row_id
    inner join person on candidate_pair.person_id = person.person_id
),

part as (
    select
        row_id,
        person_id,
        row_birth,
        person_birth,
        substring(row_birth, 1, 4) as row_year,
        substring(row_birth, 5, 2) as row_month,
        substring(row_birth, 7, 2) as row_day,
        substring(person_birth, 1, 4) as person_year,
        substring(person_birth, 5, 2) as person_month,
        substring(person_birth, 7, 2) as person_day
    from pair
    where row_birth is not null and person_birth is not null
),

birth as (
    select
        row_id,
        person_id,
        case
            when row_month = '00' or row_day = '00' or person_month = '00' or person_day = '00'
                then
                    case
                        when
                            row_year = person_year
                            and (row_month = person_month or row_month = '00' or person_month = '00')
                            and (row_day = person_day or row_day = '00' or person_day = '00')
                            then 'partial'
                        else 'differed'
                    end
            when row_birth = person_birth then 'agreed'
            else 'differed'
        end as state
    from part
)

select
    pair.row_id,
    pair.person_id,
    case
        when
            coalesce(pair.row_name, pair.row_alias) is null
            or coalesce(pair.person_name, pair.person_alias) is null
            then 'unknown'
        when
            pair.row_name = pair.person_name
            or pair.row_name = pair.person_alias
            or pair.row_alias = pair.person_name
            or pair.row_alias = pair.person_alias
            then 'agreed'
        when
            pair.row_name like replace(pair.person_name, '〓', '_')
            or pair.person_name like replace(pair.row_name, '〓', '_')
            then 'unreadable'
        when near_name_pair.row_id is not null then 'near'
        else 'differed'
    end as name_state,
    case
        when pair.row_kana is null or pair.person_kana is null then 'unknown'
        when pair.row_kana = pair.person_kana then 'agreed'
        when pair.row_loose_kana = pair.person_loose_kana then 'loose'
        else 'differed'
    end as kana_state,
    coalesce(birth.state, 'unknown') as birth_state,
    case
        when pair.row_address is null or pair.person_address is null then 'unknown'
        when pair.row_address = pair.person_address then 'agreed'
        else 'differed'
    end as address_state
from pair
left join birth on pair.row_id = birth.row_id and pair.person_id = birth.person_id
left join near_name_pair on pair.row_id = near_name_pair.row_id and pair.person_id = near_name_pair.person_id
