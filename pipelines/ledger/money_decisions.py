"""What two people decide of stray money, nobody's claims and unmendable rows: by subject, bound to all it says.

The newest decision of a subject counts, once as many different people as it needs agree to exactly its content.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipelines.ledger import approvals, tables
from pipelines.ledger.store import insert_new

_FOUND_BY = "system"  # who drafted it: the ledger itself, so every person may decide it


@dataclass(frozen=True)
class Decision:
    """A numbered decision. approved_by: who agreed to exactly its content; it holds once they are `needed` many."""

    subject: str
    number: int
    content: Mapping[str, Any]
    needed: int
    applied_on: date | None
    approved_by: frozenset[str]

    @property
    def is_complete(self) -> bool:
        """Whether enough different people agreed."""
        return len(self.approved_by) >= self.needed


def decide(
    connection: sa.Connection, programme: str, subject: str, content: Mapping[str, Any], needed: int, actor: str,
    reason: str, day: date,
) -> Decision:  # fmt: skip
    """Enter one person's decision: agreement with the newest one, or a new one that takes its place.

    Raises:
        ApprovalRefused: this person may not decide this.
    """
    text = json.dumps(content, sort_keys=True)
    before = newest(connection, programme, subject)
    if before and before.applied_on is None and before.content == content:
        number = before.number
    else:
        number = before.number + 1 if before else 1
        connection.execute(
            sa.insert(tables.money_decision).values(
                programme=programme, subject=subject, number=number, content=text, needed=needed
            )
        )
    approvals.decide(
        connection, programme, f"{subject}:{number}", _hash(text), actor, True, _FOUND_BY, day
    )
    why = {"programme": programme, "subject": subject, "number": number, "actor": actor}
    insert_new(connection, tables.money_reason, [{**why, "reason": reason, "business_date": day}])
    query = sa.select(tables.money_decision).filter_by(programme=programme, subject=subject)
    return _read(connection, programme, connection.execute(query.filter_by(number=number)).one())


def newest(connection: sa.Connection, programme: str, subject: str) -> Decision | None:
    """The newest decision about a subject, with who agreed to it."""
    d = tables.money_decision
    query = sa.select(d).filter_by(programme=programme, subject=subject)
    row = connection.execute(query.order_by(d.c.number.desc()).limit(1)).one_or_none()
    return None if row is None else _read(connection, programme, row)


def newest_applied(connection: sa.Connection, programme: str, subject: str) -> Decision | None:
    """The newest decision about a subject that took effect."""
    d = tables.money_decision
    query = sa.select(d).where(
        d.c.programme == programme, d.c.subject == subject, d.c.applied_on.is_not(None)
    )
    row = connection.execute(query.order_by(d.c.number.desc()).limit(1)).one_or_none()
    return None if row is None else _read(connection, programme, row)


def _read(connection: sa.Connection, programme: str, row: Any) -> Decision:
    subject, a = row.subject, tables.approval
    agreed = sa.select(a.c.actor).filter_by(
        programme=programme, subject=f"{subject}:{row.number}", subject_hash=_hash(row.content),
        decision="approve",
    )  # fmt: skip
    return Decision(
        subject, row.number, json.loads(row.content), row.needed, row.applied_on,
        frozenset(connection.execute(agreed).scalars()),
    )  # fmt: skip


def mark_applied(connection: sa.Connection, programme: str, decision: Decision, day: date) -> None:
    """Enter that a decision took effect.

    Raises:
        ApprovalRefused: too few people are behind it.
    """
    key = {"programme": programme, "subject": decision.subject, "number": decision.number}
    text = json.dumps(decision.content, sort_keys=True)
    approvals.assert_approved(
        connection, programme, f"{decision.subject}:{decision.number}", _hash(text), decision.needed
    )
    connection.execute(sa.update(tables.money_decision).filter_by(**key).values(applied_on=day))


def _hash(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()
