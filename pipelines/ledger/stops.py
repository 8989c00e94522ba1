"""The brake: one person stops all sending of a programme at once, two different people let it go on.

Stops are numbered and stay; the newest one stands until two people have agreed to go on after it. Whoever stops while
sending is stopped makes a new stop, so that an agreement given before does not count for it.
"""

import hashlib
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import tables
from pipelines.ledger.approvals import ApprovalRefused
from pipelines.ledger.store import record

NEEDED = 2  # different people who let sending go on


class SendingStopped(KyufuError):
    """All sending of the programme is stopped; nothing was sent, and the same call may be repeated later."""


class NotStopped(KyufuError):
    """There is nothing to resume."""


@dataclass(frozen=True)
class Stop:
    """A stop. agreed: who agreed to go on, and why, in the order of their names."""

    number: int
    actor: str
    reason: str
    since: date
    agreed: tuple[tuple[str, str], ...]

    @property
    def stands(self) -> bool:
        """Whether nothing may be sent."""
        return len(self.agreed) < NEEDED


def newest(connection: sa.Connection, programme: str) -> Stop | None:
    """The newest stop, standing or not."""
    s, r = tables.sending_stop, tables.sending_resume
    row = connection.execute(
        sa.select(s).where(s.c.programme == programme).order_by(s.c.number.desc()).limit(1)
    ).one_or_none()
    if row is None:
        return None
    agreed = connection.execute(
        sa.select(r.c.actor, r.c.reason)
        .filter_by(programme=programme, number=row.number)
        .order_by(r.c.actor)
    ).all()
    pairs = tuple((who, why) for who, why in agreed)
    return Stop(row.number, row.actor, row.reason, row.business_date, pairs)


def standing(connection: sa.Connection, programme: str) -> Stop | None:
    """The stop that keeps everything from being sent, or None."""
    found = newest(connection, programme)
    return found if found is not None and found.stands else None


def assert_not_stopped(connection: sa.Connection, programme: str, what: str) -> None:
    """Fail while all sending is stopped. what: the file that would be sent.

    Raises:
        SendingStopped: it is.
    """
    found = standing(connection, programme)
    if found is not None:
        raise SendingStopped(
            f"{what}: {found.since}に{found.actor}がすべての送付を停止しました。送っていません。"
            f"職員{NEEDED}人が kyufu resume で再開したあと、もう一度実行してください。"
        )


def stop(connection: sa.Connection, programme: str, actor: str, reason: str, day: date) -> Stop:
    """Stop all sending from this transaction's commit on.

    Agreements to go on that were given after an earlier stop do not count any more.
    """
    before = newest(connection, programme)
    number = before.number + 1 if before else 1
    values = {"programme": programme, "number": number, "actor": actor, "reason": reason}
    connection.execute(sa.insert(tables.sending_stop).values(**values, business_date=day))
    _record(connection, programme, "sending.stopped", actor, number, reason, day)
    return Stop(number, actor, reason, day, ())


def resume(connection: sa.Connection, programme: str, actor: str, reason: str, day: date) -> Stop:
    """Enter one person's agreement to go on; with the second person's, sending is free again.

    Raises:
        NotStopped: sending is not stopped.
        ApprovalRefused: the same person agreed before.
    """
    found = standing(connection, programme)
    if found is None:
        raise NotStopped("送付は停止されていません。再開するものはありません。")
    if actor in dict(found.agreed):
        raise ApprovalRefused(
            f"{actor}はすでに再開に同意しています。再開には別の職員の同意が必要です。"
        )
    values = {"programme": programme, "number": found.number, "actor": actor, "reason": reason}
    connection.execute(sa.insert(tables.sending_resume).values(**values, business_date=day))
    pairs = tuple(sorted((*found.agreed, (actor, reason))))
    after = Stop(found.number, found.actor, found.reason, found.since, pairs)
    event = "sending.resume_agreed" if after.stands else "sending.resumed"
    _record(connection, programme, event, actor, found.number, reason, day)
    return after


def told(found: Stop) -> str:
    """A standing stop, for people."""
    left = NEEDED - len(found.agreed)
    return (
        f"すべての送付を停止しています({found.since} {found.actor}: {found.reason})。"
        f"再開には、あと{left}人の職員の同意(kyufu resume)が必要です。"
    )


def reason_hash(reason: str) -> str:
    """What the audit chain keeps of a reason."""
    return hashlib.sha256(reason.encode()).hexdigest()


def _record(
    connection: sa.Connection, programme: str, event: str, actor: str, number: int, reason: str, day: date
) -> None:  # fmt: skip
    detail = {"reason": reason_hash(reason)}
    record(connection, programme, event, actor, f"sending:{number}", detail, day)
