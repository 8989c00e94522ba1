-- Drift: the total variation distance of the birth decades, and the share of the previous rows that are still there.
with before as (select * from decade where which = 'before'),

both_shares as (
    select coalesce(now.share, 0) as now_share, coalesce(before.share, 0) as before_share
    from (select * from decade where which = 'now') as now
    full outer join before on now.decade = before.decade
),

distance as (
    select
        case
            when sum(now_share) > 0 and sum(before_share) > 0
                then sum(abs(now_share - before_share)) / 2
        end as birth_distance
    from both_shares
),

kept as (
    select
        avg(case when exists (
            select 1 from present
            where
                present.name_key = previous.name_key
                and coalesce(present.date_key, '') = coalesce(previous.date_key, '')
        ) then 1.0 else 0.0 end) as kept_share
    from previous
)

select distance.birth_distance, kept.kept_share
from distance
cross join kept
