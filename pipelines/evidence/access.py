"""`kyufu audit who`: who saw or received one person's data, when, why and on what basis (開示請求への回答).

Seen: every audit record that names the person by pseudonym, or is about one of the person's claims. Received: every
file that left and was about the person. Both outlive the personal data as long as the ward's key is there.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.evidence.disclosures import MEDIA_JA, Given, read_report
from pipelines.ledger import rosters, tables, whose
from pipelines.ledger.people import protected_ids
from pipelines.outputs.paper.typesetting import typeset
from pipelines.programme import WARD
from pipelines.steps import concerned
from pipelines.steps.campaign import Campaign
from pipelines.steps.pseudonyms import has_key, pseudonym
from pipelines.steps.roles import Act, Actor
from pipelines.steps.showings import record_showing

EVENTS_JA = {
    "person.shown": "状況の照会", "inquiry.shown": "状況の照会(Airflow)", "hold.shown": "保留の内容の表示",
    "holds.listed": "保留の一覧の表示", "recovery.shown": "回収の内容の表示", "recovery.listed": "回収の一覧の表示",
    "results.listed": "振込結果の一覧の表示", "quarantine.exported": "保留行の書き出し",
    "attachment.shown": "添付の表示", "attachment.refused": "添付の表示(検査のため中止)",
    "access.shown": "閲覧・提供の記録の照会", "letter.shown": "他の自治体への通知の表示",
    "paper.shown": "区の紙の書類の取り出し",
    "cash.listed": "窓口払いの一覧の表示", "cash.exported": "窓口払いの名簿の出力",
}  # fmt: skip


class AccessUnknown(KyufuError):
    """Nobody has that number, or it can no longer be told."""


@dataclass(frozen=True)
class Showing:
    """One time at which the person's data was shown, exported or asked for. name: the account's on the roster."""

    number: int
    day: date
    event: str
    actor: str
    name: str
    purpose: str

    @property
    def what(self) -> str:
        """The event in Japanese."""
        return EVENTS_JA.get(self.event, self.event)


@dataclass(frozen=True)
class Receipt:
    """One file about the person that left. passed_on: the subcontractors that the receiver passes its items on to."""

    given: Given
    passed_on: tuple[str, ...]

    @property
    def day(self) -> date:
        """When it was sent, or made where the ward itself delivers it."""
        return self.given.sent_on or self.given.made_on

    @property
    def outcome(self) -> str:
        """How far it came, in Japanese."""
        if self.given.acknowledged_on:
            return f"受領確認 {self.given.acknowledged_on}"
        return self.given.outcome


@dataclass(frozen=True)
class Accesses:
    """Everything about one person.

    untold: files of which it is not kept whom they were about. exported_rows: rows that were taken out and could not be
    told whose they are.
    """

    showings: Sequence[Showing]
    receipts: Sequence[Receipt]
    untold: Sequence[str]
    exported_rows: int


def who_saw(c: Campaign, resident_id: str, actor: Actor, purpose: str, day: date) -> Accesses:
    """Who saw or received a resident's data; asking is itself on the record, and in the answer to the next one.

    Raises:
        NotAllowed: the actor may not ask, or not about a protected person.
        AccessUnknown: nobody has that number, or the ward's key is erased.
    """
    actor.assert_may(Act.AUDIT_WHO)
    if not has_key(c):
        raise AccessUnknown(
            "監査記録用の鍵がないため、だれの記録か分かりません(鍵は個人情報の消去とともに消去されます)。"
        )
    with c.ledger.write() as connection:
        person = _person(c, connection, resident_id)
        if person in protected_ids(connection, c.programme.id):
            actor.assert_may(Act.SHOW_PROTECTED)
        own = {
            f"claim:{claim}"
            for name in (person, pseudonym(c, person))  # as an erased person stands in the ledger
            for claim in whose.claims_of(connection, c.programme.id, name)
        }
        showings = list(_showings(c, connection, person, own))
        receipts, untold = _receipts(c, connection, person)
        exported_rows = _untold_rows(connection, c.programme.id)
        if not showings and not receipts and not _is_known(c, connection, person):
            raise AccessUnknown("その住民番号の対象者はいません。番号(10桁)を確認してください。")
        record_showing(c, connection, "access.shown", actor.name, purpose, [person], day)
    return Accesses(showings, receipts, untold, exported_rows)


def print_answer(c: Campaign, found: Accesses, day: date) -> bytes:
    """The answer as a PDF. The resident's number and name are not on it: the ward's cover letter has them."""
    benefit = c.programme.benefit
    data = {
        "programme": benefit.name, "municipality": benefit.municipality, "office": benefit.office,
        "made_on": day.isoformat(),
        "showings": [
            [str(s.day), s.what, f"{s.actor} {s.name}".strip(), s.purpose, str(s.number)]
            for s in found.showings
        ],
        "receipts": [
            {
                "day": str(r.day), "recipient": r.given.recipient, "passed_on": list(r.passed_on),
                "basis": r.given.basis, "items": "、".join(r.given.items),
                "medium": MEDIA_JA.get(r.given.medium, r.given.medium), "name": r.given.name, "outcome": r.outcome,
            }
            for r in found.receipts
        ],
        "notes": notes(found),
    }  # fmt: skip
    return typeset("access", data, day)


def notes(found: Accesses) -> list[str]:
    """What the answer cannot tell, for people."""
    lines = []
    if found.untold:
        lines.append(f"対象者の記録が残っていない提供データが{len(found.untold)}件あります。")
    if found.exported_rows:
        lines.append(
            f"だれのものか特定できない保留行が、あわせて{found.exported_rows:,}行書き出されています。"
        )
    return lines


def _person(c: Campaign, connection: sa.Connection, resident_id: str) -> str:
    """The person id; as the register's people have it where the ledger no longer knows the number.

    Somebody without a resident number is asked for by the person id (`A…`) itself.
    """
    e, number = tables.entitlement.c, resident_id.strip()
    query = sa.select(e.person_id).where(
        e.programme == c.programme.id, sa.or_(e.resident_id == number, e.person_id == number)
    )
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found or f"R{number}"


def _is_known(c: Campaign, connection: sa.Connection, person: str) -> bool:
    e = tables.entitlement.c
    query = sa.select(sa.func.count()).where(
        e.programme == c.programme.id, e.person_id.in_([person, pseudonym(c, person)])
    )
    return bool(connection.execute(query).scalar_one())


def _showings(
    c: Campaign, connection: sa.Connection, person: str, claims: set[str]
) -> Iterator[Showing]:
    a, mark = tables.audit, pseudonym(c, person)
    query = sa.select(a).where(
        a.c.programme == c.programme.id,
        sa.or_(
            a.c.subject == mark, a.c.subject.in_(sorted(claims)), a.c.detail.contains(f'"{mark}"'),
            a.c.detail.contains('"people_kept"'),
        ),
    )  # fmt: skip
    registered = rosters.newest(connection, c.programme.id, WARD)
    names = registered.accounts if registered else {}
    for row in connection.execute(query.order_by(a.c.number)):
        detail = json.loads(row.detail)
        if "purpose" not in detail or not _is_about(c, row.subject, detail, mark, person, claims):
            continue
        name = names.get(row.actor, "")
        yield Showing(row.number, row.business_date, row.event, row.actor, name, detail["purpose"])


def _is_about(
    c: Campaign, subject: str, detail: Mapping[str, Any], mark: str, person: str, claims: set[str]
) -> bool:
    if subject == mark or subject in claims or mark in detail.get("people", ()):
        return True
    kept = detail.get("people_kept")
    return bool(kept and concerned.is_about(c, kept, person))


def _receipts(
    c: Campaign, connection: sa.Connection, person: str
) -> tuple[list[Receipt], list[str]]:
    """(files about the person that left, files of which nobody knows any more)."""
    found, untold = [], []
    for given in read_report(connection, c.programme, None, None).given:
        if not given.left or given.is_rehearsal:
            continue
        is_about = concerned.is_about(c, given.name, person)
        if is_about is None:
            untold.append(given.name)
        elif is_about:
            found.append(Receipt(given, _passed_on(c, given)))
    return found, untold


def _passed_on(c: Campaign, given: Given) -> tuple[str, ...]:
    if given.medium != "lgwan":
        return ()
    return tuple(
        f"{sub.name}({sub.items}、{sub.contract})"
        for sub in c.programme.party(given.recipient_id).subcontractors
        if sub.contract.holds(given.sent_on or given.made_on)
    )


def _untold_rows(connection: sa.Connection, programme: str) -> int:
    a = tables.audit.c
    query = sa.select(a.detail).where(a.programme == programme, a.event == "quarantine.exported")
    return sum(
        json.loads(detail).get("unknown", 0) for detail in connection.execute(query).scalars()
    )
