-- A list as a whole: shares over its rows; null where the list has no such column.
select
    avg(case when sex = 'male' then 1.0 when sex = 'female' then 0.0 end) as male_share,
    avg(case when name_kana = '' then 1.0 when name_kana is not null then 0.0 end) as empty_kana_share,
    avg(case
        when discharged_on_key is not null then 1.0
        when discharged_on is not null then 0.0
    end) as discharged_share,
    1.0 - (
        select cast(count(*) as double)
        from (select distinct name_key, coalesce(date_key, '') as date_key from present) as person
    ) / nullif(count(*), 0) as repeated_share
from present
