-- A channel's claims of a day as a whole, and against its member lines and the register.
with claim as (
    select
        avg(case when claim_kind <> 'new' then 1.0 else 0.0 end) as changed_share,
        avg(case when yucho_symbol <> '' then 1.0 else 0.0 end) as yucho_share,
        avg(case when account_holder_kana = '' then 1.0 else 0.0 end) as empty_holder_share,
        avg(case when deficiency_code = '' then 0.0 when deficiency_code is not null then 1.0 end) as deficient_share,
        avg(case
            when coalesce(household_id, '') = '' then null
            when exists (select 1 from register where register.household_id = present.household_id) then 1.0
            else 0.0
        end) as household_known_share,
        avg(case
            when claim_kind <> 'new' then null
            when exists (select 1 from member where member.claim_no = present.claim_no) then 0.0
            else 1.0
        end) as memberless_share
    from present
),

line as (
    select
        count(*) as lines,
        avg(case when not_wanted = 'yes' then 1.0 else 0.0 end) as not_wanted_share,
        sum(case when exists (select 1 from present where present.claim_no = member.claim_no) then 0 else 1 end)
            as orphan_lines
    from member
)

select
    claim.*,
    line.not_wanted_share,
    coalesce(line.orphan_lines, 0) as orphan_lines,
    cast(line.lines as double) / nullif((select count(*) from present), 0) as lines_per_claim
from claim
cross join line
