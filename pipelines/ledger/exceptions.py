"""Rows of a delivery that nobody can mend: exceptions that two people sign, bound to the delivery's bytes and the rows.

They stay in quarantine and in every count; what waits for the rows of that delivery no longer waits for these. A
delivery of other bytes has no exceptions. See `money_decisions` for how people agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipelines.ledger import money_decisions
from pipelines.ledger.money_decisions import Decision

Key = tuple[str, int]  # (table, row number in the source)


@dataclass(frozen=True)
class Exceptions:
    """What is signed of a delivery. duplicates: how many exact repetitions of accepted rows."""

    rows: frozenset[Key] = frozenset()
    duplicates: int = 0


NONE = Exceptions()


def signed(
    connection: sa.Connection, programme: str, dataset: str, day: date, sources: Mapping[str, str]
) -> Exceptions:
    """What two people have signed for a delivery made of these files (name -> SHA-256)."""
    decision = money_decisions.newest_applied(connection, programme, _subject(dataset, day))
    if decision is None or decision.content["sources"] != dict(sources):
        return NONE
    rows = frozenset((table, row) for table, row in decision.content["rows"])
    return Exceptions(rows, decision.content["duplicates"])


def sign(
    connection: sa.Connection, programme: str, dataset: str, day: date, sources: Mapping[str, str],
    wanted: Exceptions, needed: int, actor: str, reason: str, today: date,
) -> Decision:  # fmt: skip
    """Enter one person's signature; with the last one needed the exceptions hold.

    Raises:
        ApprovalRefused: this person may not sign this.
    """
    content: dict[str, Any] = {
        "sources": dict(sources), "rows": [list(key) for key in sorted(wanted.rows)], "duplicates": wanted.duplicates,
    }  # fmt: skip
    subject = _subject(dataset, day)
    decision = money_decisions.decide(
        connection, programme, subject, content, needed, actor, reason, today
    )
    if decision.is_complete and decision.applied_on is None:
        money_decisions.mark_applied(connection, programme, decision, today)
    return decision


def _subject(dataset: str, day: date) -> str:
    return f"exceptions:{dataset}:{day}"
