"""Payments and batches: drafted from what is approved, declared before they are built, settled by the bank's result."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import tables
from pipelines.ledger.bulk import insert_rows
from pipelines.ledger.states import Batch, Entitlement
from pipelines.ledger.store import Move, move, record


@dataclass(frozen=True)
class Payment:
    """One transfer: the members of one claim who are paid together. people: person_id -> yen."""

    payment_id: str
    payment_key: str
    claim_id: str
    attempt: int
    follows: str | None
    people: Mapping[str, int]
    bank_code: str
    branch_code: str
    account_type: str
    account_number: str
    account_holder_kana: str

    @property
    def amount_yen(self) -> int:
        """The transfer's amount: the sum of its entitlements, nothing else."""
        return sum(self.people.values())


@dataclass(frozen=True)
class Declared:
    """A batch as declared before its file is built."""

    batch_id: str
    file_name: str
    transfer_date: date
    payments: tuple[Payment, ...]
    account_hash: str
    content_hash: str

    @property
    def people(self) -> int:
        """How many people are paid."""
        return sum(len(p.people) for p in self.payments)

    @property
    def sum_yen(self) -> int:
        """The batch's total."""
        return sum(p.amount_yen for p in self.payments)


def payable(connection: sa.Connection, programme: str) -> list[Payment]:
    """The approved entitlements, grouped by claim into payments with fresh keys, in claim order.

    Who was paid before and is no longer (returned by the bank, or under recovery) is paid by a new attempt that names
    the key of the earlier payment.
    """
    e, c, i, p = tables.entitlement, tables.claim, tables.payment_item, tables.payment
    last = (
        sa.select(
            i.c.person_id,
            sa.func.max(p.c.attempt).label("attempt"),
            sa.func.max(p.c.payment_key).label("follows"),
        )
        .join(p, (p.c.programme == i.c.programme) & (p.c.payment_id == i.c.payment_id))
        .where(i.c.programme == programme, sa.not_(i.c.live), p.c.result.is_not(None))
        .group_by(i.c.person_id)
        .subquery()
    )
    query = (
        sa.select(
            e.c.person_id, e.c.amount_yen, last.c.attempt, last.c.follows,
            c.c.claim_id, c.c.bank_code, c.c.branch_code, c.c.account_type, c.c.account_number, c.c.account_holder_kana,
        )
        .join(c, (c.c.programme == e.c.programme) & (c.c.claim_id == e.c.claim_id))
        .outerjoin(last, last.c.person_id == e.c.person_id)
        .where(e.c.programme == programme, e.c.state == Entitlement.APPROVED)
    )  # fmt: skip
    start = connection.execute(
        sa.select(sa.func.count()).select_from(p).filter_by(programme=programme)
    ).scalar_one()
    rows = sorted(
        connection.execute(query).all(), key=lambda r: (r.claim_id, r.follows or "", r.person_id)
    )
    groups = groupby(rows, key=lambda r: (r.claim_id, r.follows or ""))
    return [
        _payment(programme, start + n, list(same)) for n, (_, same) in enumerate(groups, start=1)
    ]


def _payment(programme: str, number: int, rows: Sequence[Any]) -> Payment:
    """The key is in the id: a payment of a rejected batch stays, and its people's next one is another."""
    first = rows[0]
    key = f"{number:010d}"
    attempt = 1 + max((row.attempt or 0) for row in rows)
    people = {row.person_id: row.amount_yen for row in rows}
    name = "|".join([programme, key, first.claim_id, str(attempt), *sorted(people)])
    return Payment(
        "P" + hashlib.sha256(name.encode()).hexdigest()[:16], key, first.claim_id, attempt, first.follows,
        people, first.bank_code, first.branch_code, first.account_type, first.account_number, first.account_holder_kana,
    )  # fmt: skip


def content_hash(payments: Iterable[Payment]) -> str:
    """What makes a set of payments the same set, under whatever id, name, date or run.

    Claims, attempts, accounts, people and yen; not the payment's id and key, which are new after a rejection.
    """
    digest = hashlib.sha256()
    for payment in sorted(payments, key=lambda p: (p.claim_id, p.attempt, sorted(p.people))):
        parts = (
            payment.claim_id, str(payment.attempt),
            payment.bank_code, payment.branch_code, payment.account_type, payment.account_number,
            *(f"{person}={yen}" for person, yen in sorted(payment.people.items())),
        )  # fmt: skip
        for part in parts:
            digest.update(len(part.encode()).to_bytes(4) + part.encode())
    return digest.hexdigest()


def draft(
    connection: sa.Connection, programme: str, batches: Sequence[Declared], drafter: str, day: date
) -> None:
    """Declare batches with their payments and take their people into payment.

    Raises:
        sqlalchemy.exc.IntegrityError: somebody in it has a live payment, or the same set was drafted before.
    """
    for batch in batches:
        connection.execute(
            sa.insert(tables.batch).values(
                programme=programme, batch_id=batch.batch_id, business_date=day, transfer_date=batch.transfer_date,
                payments=len(batch.payments), people=batch.people, sum_yen=batch.sum_yen,
                account_hash=batch.account_hash, content_hash=batch.content_hash, file_name=batch.file_name,
                state=Batch.DRAFTED, drafter=drafter,
            )
        )  # fmt: skip
        insert_rows(
            connection,
            tables.payment,
            [_payment_row(programme, batch.batch_id, p) for p in batch.payments],
        )
        insert_rows(
            connection, tables.payment_item,
            [
                {
                    "programme": programme, "payment_id": p.payment_id, "person_id": person, "amount_yen": yen,
                    "live": True,
                }
                for p in batch.payments
                for person, yen in p.people.items()
            ],
        )  # fmt: skip
        moves = [
            Move(person, Entitlement.IN_PAYMENT, p.claim_id)
            for p in batch.payments
            for person in p.people
        ]
        move(connection, programme, moves, "batch", batch.batch_id, day)
        record(
            connection, programme, "batch.drafted", drafter, batch.batch_id,
            {"payments": len(batch.payments), "sum_yen": batch.sum_yen, "content": batch.content_hash}, day,
        )  # fmt: skip


def _payment_row(programme: str, batch_id: str, p: Payment) -> dict[str, object]:
    return {
        "programme": programme, "payment_id": p.payment_id, "payment_key": p.payment_key, "batch_id": batch_id,
        "claim_id": p.claim_id, "attempt": p.attempt, "follows": p.follows, "people": len(p.people),
        "amount_yen": p.amount_yen, "bank_code": p.bank_code, "branch_code": p.branch_code,
        "account_type": p.account_type, "account_number": p.account_number, "payee_kana": p.account_holder_kana,
    }  # fmt: skip


def set_batch_state(
    connection: sa.Connection, programme: str, batch_id: str, before: set[Batch], after: Batch
) -> None:
    """Move a batch, from one of `before`.

    Raises:
        KyufuError: the batch is in another state: another process has it, or it was decided already.
    """
    b = tables.batch
    state = connection.execute(
        sa.select(b.c.state).filter_by(programme=programme, batch_id=batch_id)
    ).scalar_one()
    if state not in before:
        raise KyufuError(
            f"{batch_id}: 状態が{state}のため{after}にできません。kyufu balance で確認してください。"
        )
    connection.execute(
        sa.update(b).filter_by(programme=programme, batch_id=batch_id).values(state=after)
    )


def void(connection: sa.Connection, programme: str, batch_id: str, cause: str, day: date) -> None:
    """Take a batch back before it is sent: its people are approved again, its payments no longer live."""
    set_batch_state(
        connection, programme, batch_id, {Batch.DRAFTED, Batch.APPROVED}, Batch.REJECTED
    )
    items = _items(connection, programme, batch_id)
    _unlive(connection, programme, [row.payment_id for row in items])
    moves = [Move(row.person_id, Entitlement.APPROVED, row.claim_id) for row in items]
    move(connection, programme, moves, cause, batch_id, day)
    record(
        connection,
        programme,
        "batch.voided",
        "system",
        batch_id,
        {"cause": cause, "people": len(moves)},
        day,
    )


def settle(
    connection: sa.Connection,
    programme: str,
    batch_id: str,
    results: Mapping[str, tuple[str, bool]],
    day: date,
) -> tuple[int, int]:
    """Record the bank's result for a whole batch: payment key -> (code, paid). Returns (people paid, people returned).

    Raises:
        KyufuError: a key that is not in the batch, or one that is missing.
    """
    p = tables.payment
    rows = connection.execute(
        sa.select(p.c.payment_id, p.c.payment_key, p.c.result).filter_by(
            programme=programme, batch_id=batch_id
        )
    ).all()
    keys = {row.payment_key: row.payment_id for row in rows}
    if set(keys) != set(results):
        raise KyufuError(
            f"{batch_id}: 銀行の結果が合いません(台帳{len(keys)}件、結果{len(results)}件、"
            f"共通{len(set(keys) & set(results))}件)。銀行に確認してください。"
        )
    set_batch_state(connection, programme, batch_id, {Batch.DELIVERED}, Batch.SETTLED)
    outcome = {keys[key]: "paid" if paid else "returned" for key, (_, paid) in results.items()}
    connection.execute(
        sa.update(p)
        .where(p.c.programme == programme, p.c.payment_id == sa.bindparam("b_id"))
        .values(result=sa.bindparam("b_result"), result_code=sa.bindparam("b_code")),
        [
            {"b_id": keys[key], "b_result": outcome[keys[key]], "b_code": code}
            for key, (code, _) in results.items()
        ],
    )
    items = _items(connection, programme, batch_id)
    _unlive(
        connection,
        programme,
        [row.payment_id for row in items if outcome[row.payment_id] == "returned"],
    )
    moves = [
        Move(row.person_id, Entitlement(outcome[row.payment_id]), row.claim_id) for row in items
    ]
    move(connection, programme, moves, "bank_result", batch_id, day)
    paid = sum(m.to_state == Entitlement.PAID for m in moves)
    record(
        connection,
        programme,
        "batch.settled",
        "bank",
        batch_id,
        {"paid": paid, "returned": len(moves) - paid},
        day,
    )
    return paid, len(moves) - paid


def _items(connection: sa.Connection, programme: str, batch_id: str) -> Sequence[Any]:
    p, i = tables.payment, tables.payment_item
    query = (
        sa.select(i.c.payment_id, i.c.person_id, p.c.claim_id)
        .join(p, (p.c.programme == i.c.programme) & (p.c.payment_id == i.c.payment_id))
        .where(p.c.programme == programme, p.c.batch_id == batch_id)
    )
    return connection.execute(query).all()


def _unlive(connection: sa.Connection, programme: str, payment_ids: Iterable[str]) -> None:
    i = tables.payment_item
    ids = [{"b_id": payment_id} for payment_id in sorted(set(payment_ids))]
    if ids:
        connection.execute(
            sa.update(i)
            .where(i.c.programme == programme, i.c.payment_id == sa.bindparam("b_id"))
            .values(live=False),
            ids,
        )
