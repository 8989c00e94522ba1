-- How the birth dates of this partition (now) and of the one before it (before) spread over decades, as shares.
with born as (
    select 'now' as which, substr(date_key, 1, 3) as decade
    from present
    where date_key is not null
    union all
    select 'before' as which, substr(date_key, 1, 3) as decade
    from previous
    where date_key is not null
)

select which, decade, cast(count(*) as double) / sum(count(*)) over (partition by which) as share
from born
group by which, decade
