-- The people whom each decided row may mean: those of its strongest rule; where a namesake lives at its address, that
-- one too; where no rule was strong enough, everybody whom any rule finds.
select
    rated_pair.row_id,
    rated_pair.person_id
from rated_pair
inner join decision on rated_pair.row_id = decision.row_id
where
    rated_pair.strength = decision.strength
    or decision.objection = 'weak_rule'
    or (decision.objection = 'rival_at_address' and rated_pair.is_namesake_at_address = 1)
