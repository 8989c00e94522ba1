"""What was sent over the link and is not acknowledged yet, and by when it must be."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa

from pipelines.ledger import tables

_ON_THE_WAY = ("sending", "delivered", "unknown")
STATES_JA = {"sending": "送付中", "delivered": "受領確認待ち", "unknown": "到達不明"}


@dataclass(frozen=True)
class Sent:
    """A delivery that its receiver has not acknowledged. due: the last day on which that is in time."""

    name: str
    recipient: str
    records: int
    state: str
    sent_on: date
    due: date

    def is_late(self, day: date) -> bool:
        """Whether it should have been acknowledged before that day."""
        return self.due < day


def unacknowledged(
    connection: sa.Connection, programme: str, days: Mapping[str, int]
) -> list[Sent]:
    """Every delivery on its way, the longest due first.

    days: party -> days it has to acknowledge one; none for a party that is not named.
    """
    r, a = tables.release, tables.audit
    started = (
        sa.select(sa.func.max(a.c.business_date))
        .where(a.c.programme == programme, a.c.event == "release.sending", a.c.subject == r.c.name)
        .scalar_subquery()
    )
    query = sa.select(
        r.c.name, r.c.recipient, r.c.records, r.c.state, sa.type_coerce(started, sa.Date), r.c.business_date
    ).where(
        r.c.programme == programme, r.c.medium == "lgwan", r.c.state.in_(_ON_THE_WAY), ~r.c.acknowledged
    )  # fmt: skip
    found = []
    for name, recipient, records, state, sent_on, made_on in connection.execute(query):
        since = sent_on or made_on
        due = since + timedelta(days=days.get(recipient, 0))
        found.append(Sent(name, recipient, records, state, since, due))
    return sorted(found, key=lambda sent: (sent.due, sent.name))
