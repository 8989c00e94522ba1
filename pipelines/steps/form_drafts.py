"""A day's drafts of the forms: which one stands, whom it has, and taking back what has not gone out.

A draft waits for its approval as long as people need; nobody on it is on a later one. It is taken back when somebody on
it may no longer be on it (FAULTS.md 32), or by the next draft once it was rejected. Its approvals end with it: the next
one has a number, file names and a subject of its own, and its people.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipelines.ledger import mail, tables
from pipelines.ledger.approvals import is_rejected
from pipelines.ledger.store import record
from pipelines.steps import outbox
from pipelines.steps.campaign import Campaign

_BUILD, _SENT = "forms.build", "forms.sent"
_STILL_HERE = ("released", "sealed", "kept")


@dataclass(frozen=True)
class FormDraft:
    """The number-th draft of a day. result: what its build recorded."""

    day: date
    number: int
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def build_step(self) -> str:
        """The step that makes it."""
        return _numbered(_BUILD, self.number, ".")

    @property
    def sent_step(self) -> str:
        """The step that marks its people as having a form."""
        return _numbered(_SENT, self.number, ".")

    @property
    def stamp(self) -> str:
        """What its files' names have of it."""
        return _numbered(f"{self.day:%Y%m%d}", self.number, "-")

    @property
    def subject(self) -> str:
        """What is approved."""
        return _numbered(f"forms:{self.day}", self.number, ":")

    @property
    def names(self) -> list[str]:
        """Its releases."""
        return list(self.result["names"])


def _numbered(text: str, number: int, mark: str) -> str:
    return text if number == 1 else f"{text}{mark}{number}"


def newest(connection: sa.Connection, programme: str, day: date) -> FormDraft | None:
    """The day's newest draft, be it taken back or not; None if there is none."""
    return max(
        (d for d in _drafts(connection, programme) if d.day == day),
        key=lambda draft: draft.number, default=None,
    )  # fmt: skip


def to_build(connection: sa.Connection, programme: str, day: date) -> FormDraft:
    """The draft that a build of that day makes, or has made: a new one if the newest was taken back.

    A day that a later one's draft follows gets none again: the next day's has its people.
    """
    found = newest(connection, programme, day)
    if found is None:
        return FormDraft(day, 1)
    is_last = not any(d.day > day for d in _drafts(connection, programme))
    if is_last and _is_taken_back(connection, programme, found):
        return FormDraft(day, found.number + 1)
    return found


def standing(connection: sa.Connection, programme: str, draft: FormDraft) -> list[str]:
    """Its releases that were not taken back, in their order."""
    return _in_state(connection, programme, draft.names, ("withdrawn",), wanted=False)


def still_here(connection: sa.Connection, programme: str, draft: FormDraft) -> list[str]:
    """Its releases of which nothing has left, in their order."""
    return _in_state(connection, programme, draft.names, _STILL_HERE)


def take_back(
    connection: sa.Connection, programme: str, draft: FormDraft, why: str, day: date
) -> int:
    """Take back everything of a draft that is still here; returns how many releases.

    Reissues that were written on its sheets are asked for again.
    """
    names = still_here(connection, programme, draft)
    r = tables.release
    for name in names:
        key = {"programme": programme, "name": name}
        connection.execute(sa.update(r).filter_by(**key).values(state="withdrawn"))
        record(connection, programme, outbox.WITHDRAWN, "system", name, {"why": why}, day)
    mail.ask_again(connection, programme, names, day)
    return len(names)


def take_back_rejected(connection: sa.Connection, programme: str, day: date) -> None:
    """Take back every draft that somebody rejected, so that its people can be drafted anew."""
    for draft in _unsent(connection, programme):
        if is_rejected(connection, programme, draft.subject):
            take_back(connection, programme, draft, "rejected", day)


def drafted(c: Campaign, connection: sa.Connection) -> set[str]:
    """Everybody who is on a draft that stands and is not marked as sent."""
    found: set[str] = set()
    for draft in _unsent(connection, c.programme.id):
        for name in standing(connection, c.programme.id, draft):
            found |= set(outbox.read_about(c, name)["people"])
    return found


def _unsent(connection: sa.Connection, programme: str) -> list[FormDraft]:
    s = tables.step.c
    query = sa.select(s.name, s.day).where(
        s.programme == programme, s.name.startswith(_SENT, autoescape=True)
    )
    sent = {(name, day) for name, day in connection.execute(query)}
    return [d for d in _drafts(connection, programme) if (d.sent_step, d.day) not in sent]


def _drafts(connection: sa.Connection, programme: str) -> list[FormDraft]:
    """Every draft, in the order in which they were made."""
    s = tables.step.c
    query = sa.select(s.name, s.day, s.result).where(
        s.programme == programme, s.name.startswith(_BUILD, autoescape=True)
    )
    found = []
    for name, day, result in connection.execute(query):
        number = name.removeprefix(_BUILD).removeprefix(".")
        found.append(FormDraft(day, int(number or 1), result))
    return sorted(found, key=lambda draft: (draft.day, draft.number))


def _is_taken_back(connection: sa.Connection, programme: str, draft: FormDraft) -> bool:
    return len(standing(connection, programme, draft)) < len(draft.names)


def _in_state(
    connection: sa.Connection, programme: str, names: Iterable[str], states: tuple[str, ...], *, wanted: bool = True
) -> list[str]:  # fmt: skip
    listed = list(names)
    r = tables.release.c
    query = sa.select(r.name).where(
        r.programme == programme, r.name.in_(listed), r.state.in_(states)
    )
    found = set(connection.execute(query).scalars())
    return [name for name in listed if (name in found) == wanted]
