"""One person's history, as a caseworker asks for it; every showing is an audit event."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import mail, tables
from pipelines.ledger.states import LABELS_JA, Entitlement
from pipelines.steps.campaign import Campaign
from pipelines.steps.pseudonyms import pseudonym
from pipelines.steps.roles import Act, Actor
from pipelines.steps.showings import record_showing

CHANNELS = {"online": "オンライン", "postal": "郵送", "inhouse": "窓口・区あて郵送"}
KINDS = {"new": "新規", "correction": "訂正", "withdrawal": "取下", "supplement": "明細の追加"}
OUTCOMES = {
    "held": "保留", "deficient": "不備", "paid": "支給決定", "no_effect": "効果なし", "duplicate": "重複",
    "withdrawn": "取下げ", "superseded": "訂正により無効", "unresolved": "申請者不明",
}  # fmt: skip


@dataclass(frozen=True)
class History:
    """Where a person stands and how they came there; no names, no addresses, no whereabouts.

    steps: which of 申請書発送済み, 申請済み, 給付済み are done, each with its day. claims, mail: a line each.
    """

    state: str
    codes: str
    form: str
    events: tuple[tuple[str, str, str, str], ...]
    steps: tuple[str, ...]
    claims: tuple[str, ...]
    mail: tuple[str, ...]


ERASED = History("消去済み(保存期間が終わりました)", "", "", (), (), (), ())


def _is_erased(c: Campaign, connection: sa.Connection, resident_id: str) -> bool:
    """Whether somebody of that number was eligible and is erased; nothing more is known."""
    e = tables.entitlement
    digest = pseudonym(c, f"R{resident_id}")
    query = sa.select(sa.func.count()).where(
        e.c.programme == c.programme.id, e.c.person_id == digest
    )
    return bool(connection.execute(query).scalar_one())


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
        if row is None and _is_erased(c, connection, resident_id):
            record_showing(c, connection, event, actor, purpose, [f"R{resident_id}"], day)
            return ERASED
        if row is None:
            raise KyufuError("その住民番号の対象者はいません。番号(10桁)を確認してください。")
        events = connection.execute(
            sa.select(v.c.business_date, v.c.to_state, v.c.cause, v.c.codes)
            .filter_by(programme=c.programme.id, person_id=row["person_id"])
            .order_by(v.c.event_id)
        ).all()
        claims = _claims(connection, c.programme.id, row["person_id"])
        own_mail = mail.list_mail(connection, c.programme.id, [row["person_id"]])
        record_showing(c, connection, event, actor, purpose, [row["person_id"]], day)
    sender = "委託先から発送" if row["form_route"] == "contractor" else "区から発送"
    return History(
        LABELS_JA[Entitlement(row["state"])], row["codes"],
        f"{row['form_on']} {sender}" if row["form_on"] else "未発送",
        tuple((str(x.business_date), LABELS_JA[Entitlement(x.to_state)], x.cause, x.codes) for x in events),
        _steps(row["form_on"], claims, [(x.business_date, x.to_state) for x in events]),
        tuple(
            f"申請: {day} {CHANNELS[channel]} {KINDS[kind]} {OUTCOMES.get(outcome, outcome)}"
            for day, channel, kind, outcome in claims
        ),
        tuple(_told(c, one) for one in own_mail),
    )  # fmt: skip


def _steps(
    form_on: date | None, claims: Sequence[Sequence[Any]], events: Sequence[tuple[date, str]]
) -> tuple[str, ...]:
    """What is done of the way from the form to the money. A claim that was withdrawn is none."""
    claimed = [
        day for day, _, kind, outcome in claims if kind != "withdrawal" and outcome != "withdrawn"
    ]
    paid = [day for day, state in events if state == Entitlement.PAID]
    is_paid = paid and events[-1][1] == Entitlement.PAID
    done = (
        ("申請書発送済み", form_on), ("申請済み", min(claimed, default=None)),
        ("給付済み", paid[-1] if is_paid else None),
    )  # fmt: skip
    return tuple(f"{title}({day})" for title, day in done if day is not None)


def _claims(connection: sa.Connection, programme: str, person_id: str) -> list[Sequence[Any]]:
    """(day, channel, kind, outcome) of the claims that this person made or stands on, in order."""
    t, e, f = tables.claim, tables.entitlement, tables.finding
    standing = sa.select(e.c.claim_id).filter_by(programme=programme, person_id=person_id)
    named = sa.select(f.c.claim_id).filter_by(programme=programme, person_id=person_id)
    query = (
        sa.select(t.c.day, t.c.channel, t.c.kind, t.c.outcome)
        .where(t.c.programme == programme)
        .where(
            sa.or_(
                t.c.applicant_id == person_id, t.c.claim_id.in_(standing), t.c.claim_id.in_(named)
            )
        )
        .order_by(t.c.day, t.c.claim_id)
    )
    return [tuple(row) for row in connection.execute(query)]


def _told(c: Campaign, one: mail.Listed) -> str:
    """A line of one piece of mail; nothing of where it went."""
    told = f"郵便物: {one.mailing_id} {mail.LABELS_JA[one.kind]} {one.sent_on or '未発送'}"
    if one.reason:
        told += f" 返戻({one.returned_on} {c.programme.mail.undelivered[one.reason].label})"
    if one.reissue is not None:
        told += f" 再発行 {one.reissue or '受付済み'}"
    return told
