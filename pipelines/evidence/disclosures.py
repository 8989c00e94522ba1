"""What was given to whom, on what basis, with what outcome: one reading of the releases for all who tell of them.

Counts, hashes and names of files; never a person.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipelines.ledger import tables
from pipelines.programme import WARD, Programme
from schemas.datasets import ITEM_NAMES

STATES_JA = {
    "released": "未送付", "sealed": "未送付(封かん済み)", "sending": "送付中", "delivered": "送付済み",
    "unknown": "到達不明", "withdrawn": "取下げ", "kept": "区が保管・発送",
}  # fmt: skip
LEFT = frozenset({"sending", "delivered", "unknown", "kept"})
"""States of what left the ward's programs, or may have."""
_OUTGOING_JA = {
    "amount_yen": "振込額", "payment_key": "支払番号", "decided_yen": "支給決定額", "transfer_date": "振込日",
    "mailing_address": "送付先", "barcode": "カスタマバーコード", "members": "世帯人数", "line": "行",
    "route": "発送区分", "braille_kana": "点字用カナ", "braille_cells": "点字", "braille_brf": "点字(BRF)",
    "check_by_person": "要確認",
}  # fmt: skip
_SENT, _ACKNOWLEDGED = "release.sending", "release.acknowledged"


@dataclass(frozen=True)
class Given:
    """One release. recipient: a party's id or the ward; sent_on, acknowledged_on: None where it was not."""

    name: str
    disclosure: str
    recipient: str
    recipient_name: str
    basis: str
    fields: tuple[str, ...]
    medium: str
    business_date: date
    records: int
    people: int
    sum_yen: int | None
    sha256: str
    sealed_sha256: str | None
    state: str
    sent_on: date | None
    acknowledged_on: date | None

    @property
    def items(self) -> tuple[str, ...]:
        """The fields as people call them."""
        return tuple(_OUTGOING_JA.get(name) or ITEM_NAMES.get(name, name) for name in self.fields)

    @property
    def left(self) -> bool:
        """Whether it left, or may have."""
        return self.state in LEFT


def read_given(
    connection: sa.Connection, programme: Programme, first: date = date.min, last: date = date.max
) -> list[Given]:
    """Every release made for a business date from `first` to `last`, in the order of the days."""
    r = tables.release
    query = sa.select(r).where(
        r.c.programme == programme.id, r.c.business_date >= first, r.c.business_date <= last
    )
    sent = _first_days(connection, programme.id, _SENT)
    acknowledged = _first_days(connection, programme.id, _ACKNOWLEDGED)
    names = recipient_names(programme)
    return [
        Given(
            row.name, row.disclosure, row.recipient, names.get(row.recipient, row.recipient), row.basis,
            tuple(row.fields.split(",")), row.medium, row.business_date, row.records, row.people, row.sum_yen,
            row.sha256, row.sealed_sha256, row.state, sent.get(row.name), acknowledged.get(row.name),
        )
        for row in connection.execute(query.order_by(r.c.business_date, r.c.name))
    ]  # fmt: skip


def recipient_names(programme: Programme) -> Mapping[str, str]:
    """Recipient -> what people call it."""
    return {WARD: programme.benefit.municipality} | {p.id: p.name for p in programme.parties}


def made_details(connection: sa.Connection, programme: str) -> dict[str, dict[str, Any]]:
    """Name of a release -> what the audit chain says of its making, the last time it was made."""
    a = tables.audit.c
    query = sa.select(a.subject, a.detail).where(
        a.programme == programme, a.event == "release.made"
    )
    return {
        name: json.loads(detail) for name, detail in connection.execute(query.order_by(a.number))
    }


def _first_days(connection: sa.Connection, programme: str, event: str) -> dict[str, date]:
    a = tables.audit
    query = (
        sa.select(a.c.subject, sa.type_coerce(sa.func.min(a.c.business_date), sa.Date))
        .where(a.c.programme == programme, a.c.event == event)
        .group_by(a.c.subject)
    )
    return dict(map(tuple, connection.execute(query)))
