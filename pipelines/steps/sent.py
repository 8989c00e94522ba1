"""Deliveries that nobody acknowledged in time: who must ask whom, and on which page it stands."""

from datetime import date

import sqlalchemy as sa

from pipelines.ledger import sent, tables
from pipelines.ledger.sent import Sent
from pipelines.programme import Programme
from pipelines.reports.arrivals import LINK
from pipelines.steps.campaign import Campaign


def unacknowledged(connection: sa.Connection, programme: Programme) -> list[Sent]:
    """Every delivery on its way, by the programme's deadlines."""
    days = {party.id: party.acknowledge_days for party in programme.parties}
    return sent.unacknowledged(connection, programme.id, days)


def newest_day(connection: sa.Connection, programme: str) -> date | None:
    """The newest business day on which a step ran: a rehearsal's today."""
    s = tables.step.c
    query = sa.select(sa.func.max(s.day)).where(s.programme == programme)
    found: date | None = connection.execute(query).scalar_one()
    return found


def told(c: Campaign, one: Sent) -> str:
    """A late delivery, for people."""
    return (
        f"{one.name}: {one.sent_on}に送付しましたが、期限({one.due})までに受領確認が届いていません"
        f"({sent.STATES_JA[one.state]})。{c.programme.party(one.recipient).name}に、受け取ったかを確認してください。"
        "自動では送り直しません。"
    )


def tell_late(c: Campaign, day: date) -> list[str]:
    """Put every delivery that is late on that day on the steward's page and into the summary, each once a day."""
    with c.ledger.read() as connection:
        late = [one for one in unacknowledged(connection, c.programme) if one.is_late(day)]
    lines = [told(c, one) for one in late]
    for one, line in zip(late, lines, strict=True):
        c.note_refusal(f"{LINK}{one.recipient}", line, day)
    return lines
