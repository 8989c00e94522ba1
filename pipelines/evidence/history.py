"""One person's history, as a caseworker asks for it; every showing is an audit event."""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import tables
from pipelines.ledger.states import LABELS_JA, Entitlement
from pipelines.ledger.store import record
from pipelines.steps.campaign import Campaign
from pipelines.steps.pseudonyms import pseudonym


@dataclass(frozen=True)
class History:
    """Where a person stands and how they came there; no names, no addresses, no whereabouts."""

    state: str
    codes: str
    form: str
    events: tuple[tuple[str, str, str, str], ...]


ERASED = History("消去済み(保存期間が終わりました)", "", "", ())


def _is_erased(c: Campaign, connection: sa.Connection, resident_id: str) -> bool:
    """Whether somebody of that number was eligible and is erased; nothing more is known."""
    e = tables.entitlement
    digest = pseudonym(c, f"R{resident_id}")
    query = sa.select(sa.func.count()).where(
        e.c.programme == c.programme.id, e.c.person_id == digest
    )
    return bool(connection.execute(query).scalar_one())


def read_history(c: Campaign, resident_id: str, actor: str, purpose: str, day: date) -> History:
    """The history of one resident.

    Raises:
        KyufuError: nobody has that number in this programme.
    """
    e, v = tables.entitlement, tables.entitlement_event
    with c.ledger.write() as connection:
        row = connection.execute(
            sa.select(e).filter_by(programme=c.programme.id, resident_id=resident_id)
        ).mappings().one_or_none()  # fmt: skip
        if row is None and _is_erased(c, connection, resident_id):
            record(
                connection, c.programme.id, "person.shown", actor, pseudonym(c, f"R{resident_id}"),
                {"purpose": purpose, "count": 1}, day,
            )  # fmt: skip
            return ERASED
        if row is None:
            raise KyufuError("その住民番号の対象者はいません。番号(10桁)を確認してください。")
        events = connection.execute(
            sa.select(v.c.business_date, v.c.to_state, v.c.cause, v.c.codes)
            .filter_by(programme=c.programme.id, person_id=row["person_id"])
            .order_by(v.c.event_id)
        ).all()
        record(
            connection,
            c.programme.id,
            "person.shown",
            actor,
            pseudonym(c, row["person_id"]),
            {"purpose": purpose, "count": 1},
            day,
        )
    sender = "委託先から発送" if row["form_route"] == "contractor" else "区から発送"
    return History(
        LABELS_JA[Entitlement(row["state"])], row["codes"],
        f"{row['form_on']} {sender}" if row["form_on"] else "未発送",
        tuple((str(x.business_date), LABELS_JA[Entitlement(x.to_state)], x.cause, x.codes) for x in events),
    )  # fmt: skip
