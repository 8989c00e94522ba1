-- The changes as a whole: what kinds, and whether their households are on the register.
select
    avg(case when change_reason = 'death' then 1.0 else 0.0 end) as death_share,
    avg(case when change_reason = 'moved_out' then 1.0 else 0.0 end) as moved_out_share,
    avg(case when change_reason = 'birth' then 1.0 else 0.0 end) as birth_share,
    avg(case when change_reason = 'moved_in' then 1.0 else 0.0 end) as moved_in_share,
    avg(case
        when change_reason not in ('death', 'moved_out') then null
        when exists (select 1 from register where register.resident_id = present.resident_id) then 1.0
        else 0.0
    end) as leaver_known_share
from present
