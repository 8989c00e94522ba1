-- Households of the extract: how many people, how many heads.
select
    household_id,
    count(*) as people,
    sum(case when relationship = '02' then 1 else 0 end) as heads
from present
group by household_id
