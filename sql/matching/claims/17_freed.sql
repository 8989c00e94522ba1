-- People whose claim was taken back or corrected away and whom no claim of today names.
select candidate.person_id
from candidate
left join decision on candidate.person_id = decision.person_id
where candidate.ledger_state <> candidate.state and candidate.ledger_state <> 'returned' and decision.person_id is null
