-- The extract as a whole: one row of shares.
with people as (
    select
        avg(case when present.name_kana = '' then 1.0 else 0.0 end) as empty_kana_share,
        avg(case when present.birth_date like '%00' then 1.0 else 0.0 end) as unknown_birth_share,
        avg(case when present.is_local then 1.0 else 0.0 end) as local_address_share,
        count(distinct substr(present.postal_code, 1, 3)) as postal_areas
    from present
),

households as (
    select
        count(*) as households,
        avg(people) as people_per_household,
        avg(case when people = 1 then 1.0 else 0.0 end) as single_household_share,
        avg(case when heads = 1 then 1.0 else 0.0 end) as one_head_share
    from household
),

commonest as (
    select max(people) as people
    from (select count(*) as people from present group by substr(postal_code, 1, 2)) as area
)

select
    people.*,
    households.*,
    cast(commonest.people as double) / (select count(*) from present) as common_postal_share
from people
cross join households
cross join commonest
