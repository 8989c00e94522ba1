"""One person's history, as a caseworker asks for it; every showing is an audit event."""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import tables
from pipelines.ledger.states import LABELS_JA, Entitlement
from pipelines.steps.campaign import Campaign
from pipelines.steps.roles import Act, Actor
from pipelines.steps.showings import record_showing


@dataclass(frozen=True)
class History:
    """Where a person stands and how they came there; no names, no addresses, no whereabouts."""

    state: str
    codes: str
    form: str
    events: tuple[tuple[str, str, str, str], ...]


def inquire(c: Campaign, resident_id: str, actor: Actor, purpose: str, day: date) -> History:
    """The history of one resident for a person whose session allows it.

    Raises:
        NotAllowed: the actor's roles do not allow it.
        KyufuError: as `read_history`.
    """
    actor.assert_may(Act.INQUIRE)
    return read_history(c, resident_id.strip(), actor.name, purpose, day, "inquiry.shown")


def read_history(
    c: Campaign, resident_id: str, actor: str, purpose: str, day: date, event: str = "person.shown"
) -> History:
    """The history of one resident. event: what the showing is called on the record.

    Raises:
        KyufuError: nobody has that number in this programme.
        NotOnRoster: the actor is not on the ward's roster.
    """
    e, v = tables.entitlement, tables.entitlement_event
    with c.ledger.write() as connection:
        row = connection.execute(
            sa.select(e).filter_by(programme=c.programme.id, resident_id=resident_id)
        ).mappings().one_or_none()  # fmt: skip
        if row is None:
            raise KyufuError("その住民番号の対象者はいません。番号(10桁)を確認してください。")
        events = connection.execute(
            sa.select(v.c.business_date, v.c.to_state, v.c.cause, v.c.codes)
            .filter_by(programme=c.programme.id, person_id=row["person_id"])
            .order_by(v.c.event_id)
        ).all()
        record_showing(c, connection, event, actor, purpose, [row["person_id"]], day)
    sender = "委託先から発送" if row["form_route"] == "contractor" else "区から発送"
    return History(
        LABELS_JA[Entitlement(row["state"])], row["codes"],
        f"{row['form_on']} {sender}" if row["form_on"] else "未発送",
        tuple((str(x.business_date), LABELS_JA[Entitlement(x.to_state)], x.cause, x.codes) for x in events),
    )  # fmt: skip
