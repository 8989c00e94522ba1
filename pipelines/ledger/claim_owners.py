"""Whose a claim is that touches nobody: what two people decide about it, bound to the data that it was decided on.

Either the claim is a resident's, and the next match decides it as that resident's; or it is not taken.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import sqlalchemy as sa

from pipelines.ledger import money_decisions, tables
from pipelines.ledger.holds import Choice, Decided, Hold
from pipelines.ledger.store import record

_SUBJECT = "claim:"


def newest(connection: sa.Connection, programme: str) -> dict[str, Decided]:
    """Hold id -> the newest decision about a claim that was nobody's, with who agreed to it."""
    d = tables.money_decision
    subjects = sa.select(d.c.subject).where(
        d.c.programme == programme, d.c.subject.startswith(_SUBJECT)
    )
    found = {}
    for subject in connection.execute(subjects.distinct().order_by(d.c.subject)).scalars().all():
        decision = money_decisions.newest(connection, programme, subject)
        if decision is not None:
            found[subject.removeprefix(_SUBJECT)] = _read(decision)
    return found


def decide(
    connection: sa.Connection, programme: str, hold: Hold, data_hash: str, choice: Choice, belongs_to: str | None,
    needed: int, actor: str, reason: str, day: date,
) -> Decided:  # fmt: skip
    """Enter one person's decision: agreement with the newest one, or a new one that takes its place.

    belongs_to: person id of whom the claim is; None if it is not taken.

    Raises:
        ApprovalRefused: this person may not decide this.
    """
    content = {
        "claim_id": hold.claim_id, "codes": hold.codes, "data_hash": data_hash, "decision": str(choice),
        "belongs_to": belongs_to,
    }  # fmt: skip
    subject = f"{_SUBJECT}{hold.hold_id}"
    found = money_decisions.decide(
        connection, programme, subject, content, needed, actor, reason, day
    )
    return _read(found)


def reasons(connection: sa.Connection, programme: str, decided: Decided) -> list[tuple[str, str]]:
    """(who, why) of everybody who took part in a decision."""
    r = tables.money_reason
    query = sa.select(r.c.actor, r.c.reason).filter_by(
        programme=programme, subject=f"{_SUBJECT}{decided.hold_id}", number=decided.number
    )
    rows = connection.execute(query.order_by(r.c.business_date, r.c.actor))
    return [(actor, reason) for actor, reason in rows]


def set_aside(
    connection: sa.Connection, programme: str, due: Sequence[tuple[Hold, Decided]], day: date
) -> None:
    """The claims that are not taken have no effect.

    Raises:
        ApprovalRefused: a decision has too few people behind it.
    """
    for hold, decided in due:
        _mark_applied(connection, programme, decided, day)
        _update(connection, programme, hold.claim_id, {"outcome": "no_effect"})
    if due:
        record(
            connection, programme, "claims.set_aside", "system", f"holds:{day}", {"claims": len(due)}, day
        )  # fmt: skip


def give(
    connection: sa.Connection, programme: str, given: Sequence[Decided],
    matched: Mapping[str, Mapping[str, str | None]], day: date,
) -> None:  # fmt: skip
    """Enter whose claims are that were nobody's, and what became of them; what was found about them is found anew.

    matched: claim id -> applicant_id, household_id, outcome.

    Raises:
        ApprovalRefused: a decision has too few people behind it.
    """
    f = tables.finding
    for decided in given:
        _mark_applied(connection, programme, decided, day)
    for claim_id, values in matched.items():
        _update(connection, programme, claim_id, values)
        connection.execute(sa.delete(f).filter_by(programme=programme, claim_id=claim_id))
    if given:
        detail = {"claims": len(given), "holds": [d.hold_id for d in given]}
        record(connection, programme, "claims.given", "system", f"claims:{day}", detail, day)


def _mark_applied(connection: sa.Connection, programme: str, decided: Decided, day: date) -> None:
    decision = money_decisions.newest(connection, programme, f"{_SUBJECT}{decided.hold_id}")
    if decision is not None:
        money_decisions.mark_applied(connection, programme, decision, day)


def _update(
    connection: sa.Connection, programme: str, claim_id: str, values: Mapping[str, str | None]
) -> None:
    query = sa.update(tables.claim).filter_by(programme=programme, claim_id=claim_id)
    connection.execute(query.values(**values))


def _read(decision: money_decisions.Decision) -> Decided:
    content = decision.content
    return Decided(
        decision.subject.removeprefix(_SUBJECT), decision.number, content["codes"], content["data_hash"],
        Choice(content["decision"]), None, decision.needed, decision.applied_on, decision.approved_by,
        content["belongs_to"],
    )  # fmt: skip
