"""What was given to whom, when, on which basis: the answer to the privacy council, from the ledger alone.

Counts, fields, hashes and days; nobody is named. What was refused stands beside it.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipelines.disclosure.release import REHEARSAL
from pipelines.ledger import tables
from pipelines.ledger.store import REFUSED
from pipelines.programme import Programme, ProgrammeError
from schemas.datasets import ITEM_NAMES

RECIPIENTS_JA = {
    "ward": "区(直接発送)", "municipalities": "都道府県・他市区町村", "post_office": "郵便局(差出票)",
}  # fmt: skip
MEDIA_JA = {"lgwan": "LGWAN(暗号化)", "paper": "紙"}
STATES_JA = {
    "released": "作成済み", "sealed": "封緘済み", "sending": "送付中", "delivered": "送付済み", "unknown": "到達不明",
    "withdrawn": "取り下げ", "kept": "作成済み",
}  # fmt: skip
HEADINGS = (
    "作成日", "提供先", "根拠", "項目", "対象者数", "件数", "金額(円)", "媒体", "名称", "SHA-256", "状態",
    "送付・発送日", "受領確認日", "書留番号",
)  # fmt: skip
_LEFT = frozenset({"sending", "delivered", "unknown", "kept"})
_OUTGOING_JA = {
    "amount_yen": "振込額", "payment_key": "支払番号", "decided_yen": "支給決定額", "transfer_date": "振込日",
    "mailing_address": "送付先", "barcode": "カスタマバーコード", "members": "世帯人数", "line": "行",
    "route": "発送区分", "braille_kana": "点字用カナ", "braille_cells": "点字", "braille_brf": "点字(BRF)",
    "check_by_person": "要確認", "paid": "支給の有無", "municipality": "市区町村",
    "municipality_address": "市区町村の所在地", "letter": "通知の番号",
}  # fmt: skip
REFUSAL_HEADINGS = ("日", "名称", "提供", "規則", "件数")


@dataclass(frozen=True)
class Given:
    """One release. people: how many it is about; sent_on: delivered or posted; acknowledged_on: by its recipient."""

    made_on: date
    recipient: str
    basis: str
    fields: tuple[str, ...]
    people: int
    records: int
    sum_yen: int | None
    medium: str
    name: str
    sha256: str
    state: str
    sent_on: date | None
    acknowledged_on: date | None
    receipt_number: str | None
    disclosure: str
    recipient_id: str
    sealed_sha256: str | None

    @property
    def items(self) -> tuple[str, ...]:
        """The fields as people call them."""
        return tuple(_OUTGOING_JA.get(name) or ITEM_NAMES.get(name, name) for name in self.fields)

    @property
    def is_rehearsal(self) -> bool:
        """Whether it is a rehearsal's, about nobody."""
        return self.name.startswith(REHEARSAL)

    @property
    def left(self) -> bool:
        """Whether it left, or may have; a letter once it is posted."""
        if self.recipient_id == "municipalities":
            return self.sent_on is not None
        return self.state in _LEFT

    @property
    def outcome(self) -> str:
        """How far it came."""
        if self.receipt_number:
            return "発送済み"
        return STATES_JA.get(self.state, self.state)

    def cells(self) -> tuple[str, ...]:
        """As `HEADINGS` say."""
        state = f"予行・{self.outcome}" if self.is_rehearsal else self.outcome
        return (
            str(self.made_on), self.recipient, self.basis, "、".join(self.fields), str(self.people), str(self.records),
            "" if self.sum_yen is None else str(self.sum_yen), MEDIA_JA.get(self.medium, self.medium), self.name,
            self.sha256, state, _day(self.sent_on), _day(self.acknowledged_on), self.receipt_number or "",
        )  # fmt: skip


@dataclass(frozen=True)
class Refused:
    """What the gate did not let out. counts: how many of what."""

    day: date
    name: str
    disclosure: str
    rule: str
    counts: Mapping[str, int]

    def cells(self) -> tuple[str, ...]:
        """As `REFUSAL_HEADINGS` say."""
        counts = "、".join(f"{what} {count}" for what, count in sorted(self.counts.items()))
        return str(self.day), self.name, self.disclosure, self.rule, counts


@dataclass(frozen=True)
class Report:
    """Everything made from the first to the last day, and everything refused."""

    given: tuple[Given, ...]
    refused: tuple[Refused, ...]

    def totals(self) -> list[tuple[str, str, int, int]]:
        """(recipient, basis, releases, records) without what was withdrawn, by recipient and basis."""
        found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for one in self.given:
            if one.state != "withdrawn" and not one.is_rehearsal:
                found[one.recipient, one.basis] += Counter(releases=1, records=one.records)
        return [(*key, n["releases"], n["records"]) for key, n in sorted(found.items())]


def read_report(
    connection: sa.Connection, programme: Programme, first: date | None, last: date | None
) -> Report:
    """Read it for the releases made, and the refusals met, from `first` to `last`; None is without an end."""
    return Report(
        tuple(_given(connection, programme, first, last)),
        tuple(_refused(connection, programme.id, first, last)),
    )


def _given(
    connection: sa.Connection, programme: Programme, first: date | None, last: date | None
) -> Iterable[Given]:
    r, m = tables.release, tables.municipal_letter
    letters = {
        row.name: row
        for row in connection.execute(sa.select(m).where(m.c.programme == programme.id))
    }
    days = _days_of(connection, programme.id)
    query = sa.select(r).where(
        r.c.programme == programme.id, *_between(r.c.business_date, first, last)
    )
    for row in connection.execute(query.order_by(r.c.business_date, r.c.recipient, r.c.name)):
        letter = letters.get(row.name)
        yield Given(
            row.business_date, _recipient(programme, row.recipient, letter), row.basis,
            tuple(name for name in row.fields.split(",") if name), row.people, row.records, row.sum_yen, row.medium,
            row.name, row.sha256, row.state,
            letter.posted_on if letter else days.get((row.name, "release.delivered")),
            days.get((row.name, "release.acknowledged")), letter.receipt_number if letter else None,
            row.disclosure, row.recipient, row.sealed_sha256,
        )  # fmt: skip


def _days_of(connection: sa.Connection, programme: str) -> dict[tuple[str, str], date]:
    a = tables.audit.c
    query = sa.select(a.subject, a.event, a.business_date).where(
        a.programme == programme, a.event.in_(["release.delivered", "release.acknowledged"])
    )
    return {(name, event): day for name, event, day in connection.execute(query)}


def _recipient(programme: Programme, recipient: str, letter: Any) -> str:
    if letter is not None:
        return f"{RECIPIENTS_JA['municipalities']}({letter.municipality})"
    try:
        return programme.party(recipient).name
    except ProgrammeError:
        return RECIPIENTS_JA.get(recipient, recipient)


def _refused(
    connection: sa.Connection, programme: str, first: date | None, last: date | None
) -> Iterable[Refused]:
    a = tables.audit.c
    query = sa.select(a.business_date, a.subject, a.detail).where(
        a.programme == programme, a.event == REFUSED, *_between(a.business_date, first, last)
    )
    for day, name, text in connection.execute(query.order_by(a.number)):
        detail = json.loads(text)
        counts = {what: count for what, count in detail.items() if isinstance(count, int)}
        yield Refused(day, name, detail.get("disclosure", ""), detail["rule"], counts)


def _between(
    column: sa.ColumnElement[date], first: date | None, last: date | None
) -> list[sa.ColumnElement[bool]]:
    wanted = []
    if first is not None:
        wanted.append(column >= first)
    if last is not None:
        wanted.append(column <= last)
    return wanted


def _day(day: date | None) -> str:
    return str(day) if day else ""
