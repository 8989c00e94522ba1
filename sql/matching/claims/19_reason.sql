-- Why each decided person is where they are; a repeated claim changes nothing, so it is no reason either.
select distinct
    decision.person_id,
    person_finding.code
from decision
inner join touch on decision.person_id = touch.person_id
inner join person_finding
    on
        touch.claim_id = person_finding.claim_id
        and touch.person_id = person_finding.person_id
inner join rule on person_finding.code = rule.code
where
    (touch.place = 1 or touch.is_disputed)
    and (
        (decision.state = 'held' and rule.effect = 'hold' and rule.severity <> 'note')
        or (decision.state = 'claimed' and rule.effect = 'wait' and rule.severity <> 'note')
        or (decision.state = 'declined' and person_finding.code = 'MEMBER_NOT_WANTED')
    )
