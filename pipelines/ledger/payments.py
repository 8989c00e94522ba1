"""Payments and batches: drafted from what is approved, declared before they are built, voided before they are sent."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import tables
from pipelines.ledger.bulk import load
from pipelines.ledger.states import Batch, Entitlement, Route
from pipelines.ledger.store import fetch_plain, move_found, record, staged


@dataclass(frozen=True, slots=True)
class Payment:
    """One transfer: the members of one claim who are paid together. people: person_id -> yen."""

    payment_key: str
    claim_id: str
    attempt: int
    follows: str | None
    people: Mapping[str, int]
    bank_code: str
    branch_code: str
    account_type: str
    account_number: str
    payee_kana: str

    @property
    def amount_yen(self) -> int:
        """The transfer's amount: the sum of its entitlements, nothing else."""
        return sum(self.people.values())


@dataclass(frozen=True)
class Declared:
    """A batch as declared before its file, or the counter's list, is built; its date is that of the money."""

    batch_id: str
    file_name: str
    transfer_date: date
    payments: tuple[Payment, ...]
    account_hash: str
    content_hash: str
    route: Route = Route.TRANSFER

    @cached_property
    def people(self) -> int:
        """How many people are paid."""
        return sum(len(p.people) for p in self.payments)

    @cached_property
    def sum_yen(self) -> int:
        """The batch's total."""
        return sum(p.amount_yen for p in self.payments)


def content_hash(payments: Iterable[Payment]) -> str:
    """What makes a set of payments the same set, under whatever id, name, date or run.

    Claims, attempts, accounts, people and yen; not the payments' keys, which are new after a rejection.
    """
    return hashlib.sha256("".join(sorted(map(_content, payments))).encode()).hexdigest()


def _content(payment: Payment) -> str:
    """A payment's parts, each after its length, so that no two payments read the same."""
    parts = [
        payment.claim_id, str(payment.attempt),
        payment.bank_code, payment.branch_code, payment.account_type, payment.account_number,
    ]  # fmt: skip
    parts += [f"{person}={yen}" for person, yen in sorted(payment.people.items())]
    return f"{len(parts)}:" + "".join([f"{len(part)}:{part}" for part in parts])


def read_batch(connection: sa.Connection, programme: str, batch_id: str) -> list[Payment]:
    """A batch's payments as the ledger holds them, in the order of their keys."""
    p, i = tables.payment, tables.payment_item
    keys = sa.select(p.c.payment_key).filter_by(programme=programme, batch_id=batch_id)

    def found(table: sa.Table, *columns: sa.ColumnElement[Any]) -> Sequence[tuple[Any, ...]]:
        of_batch = (table.c.programme == programme) & table.c.payment_key.in_(keys)
        return fetch_plain(connection, sa.select(*columns).where(of_batch))

    people: dict[str, dict[str, int]] = defaultdict(dict)
    for key, person, yen in found(i, i.c.payment_key, i.c.person_id, i.c.amount_yen):
        people[key][person] = yen
    heads = (p.c.payment_key, p.c.claim_id, p.c.attempt, p.c.follows)
    account = (p.c.bank_code, p.c.branch_code, p.c.account_type, p.c.account_number, p.c.payee_kana)
    return [
        Payment(key, claim_id, attempt, follows, people[key], *rest)
        for key, claim_id, attempt, follows, *rest in sorted(found(p, *heads, *account))
    ]


_BATCH_MEMBERS = ("person_id", "to_state", "claim_id", "codes", "reference")
_PAYMENT = (
    "programme", "payment_key", "batch_id", "claim_id", "attempt", "follows", "people", "amount_yen", "bank_code",
    "branch_code", "account_type", "account_number", "payee_kana",
)  # fmt: skip
_UNSENT = frozenset({Batch.DRAFTED, Batch.APPROVED})
_ITEM = ("programme", "payment_key", "person_id", "amount_yen", "live")


def draft(
    connection: sa.Connection, programme: str, batches: Iterable[Declared], drafter: str, day: date
) -> list[Declared]:
    """Declare batches with their payments and take their people into payment; returns the batches.

    Each batch is written as soon as it is given: whoever makes them may make the next one meanwhile.

    Raises:
        sqlalchemy.exc.IntegrityError: somebody in it has a live payment, or the same set was drafted before.
    """
    drafted = []
    for batch in batches:
        connection.execute(
            sa.insert(tables.batch).values(
                programme=programme, batch_id=batch.batch_id, business_date=day, transfer_date=batch.transfer_date,
                payments=len(batch.payments), people=batch.people, sum_yen=batch.sum_yen,
                account_hash=batch.account_hash, content_hash=batch.content_hash, file_name=batch.file_name,
                state=Batch.DRAFTED, drafter=drafter, route=batch.route,
            )
        )  # fmt: skip
        rows = (_payment_row(programme, batch.batch_id, payment) for payment in batch.payments)
        load(connection, tables.payment, _PAYMENT, rows)
        items = (
            (programme, payment.payment_key, person, yen, True)
            for payment in batch.payments
            for person, yen in payment.people.items()
        )
        load(connection, tables.payment_item, _ITEM, items)
        drafted.append(batch)
    ids = [batch.batch_id for batch in drafted]
    in_payment = _members(programme, ids, sa.literal(str(Entitlement.IN_PAYMENT)))
    move_found(connection, programme, in_payment, "batch", day)
    for batch in drafted:
        record(
            connection, programme, "batch.drafted", drafter, batch.batch_id,
            {"payments": len(batch.payments), "sum_yen": batch.sum_yen, "content": batch.content_hash}, day,
        )  # fmt: skip
    return drafted


def _payment_row(programme: str, batch_id: str, p: Payment) -> tuple[object, ...]:
    return (
        programme, p.payment_key, batch_id, p.claim_id, p.attempt, p.follows, len(p.people), p.amount_yen, p.bank_code,
        p.branch_code, p.account_type, p.account_number, p.payee_kana,
    )  # fmt: skip


def _members(
    programme: str, batch_ids: Sequence[str], to_state: sa.ColumnElement[str]
) -> sa.Select[Any]:
    """The people of these batches as moves to a state, for `move_found`."""
    p, i = tables.payment, tables.payment_item
    values = (i.c.person_id, to_state, p.c.claim_id, sa.literal(""), p.c.batch_id)
    return (
        sa.select(*(v.label(name) for v, name in zip(values, _BATCH_MEMBERS, strict=True)))
        .join(p, (p.c.programme == i.c.programme) & (p.c.payment_key == i.c.payment_key))
        .where(p.c.programme == programme, p.c.batch_id.in_(batch_ids))
    )


def set_batch_state(
    connection: sa.Connection, programme: str, batch_id: str, before: Set[Batch], after: Batch
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
    """Take a batch back before it is sent: its people are approved again, its payments no longer live.

    A file that was built for it is withdrawn.
    """
    set_batch_state(connection, programme, batch_id, _UNSENT, Batch.REJECTED)
    p, b, r = tables.payment, tables.batch, tables.release
    its_file = sa.select(b.c.file_name).filter_by(programme=programme, batch_id=batch_id)
    connection.execute(
        sa.update(r)
        .where(r.c.programme == programme, r.c.name == its_file.scalar_subquery())
        .values(state="withdrawn")
    )
    its_payments = sa.select(p.c.payment_key).filter_by(programme=programme, batch_id=batch_id)
    unlive(connection, programme, its_payments)
    approved = _members(programme, [batch_id], sa.literal(str(Entitlement.APPROVED)))
    people = move_found(connection, programme, approved, cause, day)
    detail = {"cause": cause, "people": people}
    record(connection, programme, "batch.voided", "system", batch_id, detail, day)


def take_back(
    connection: sa.Connection, programme: str, people: Iterable[str], cause: str, day: date
) -> int:
    """Take what is not sent yet from these people: their batches to the bank whole, at the counter their payments.

    Returns how many batches.
    """
    b, p, i = tables.batch, tables.payment, tables.payment_item
    wanted = ((person,) for person in sorted(people))
    with staged(connection, "no_longer_payable", ["person_id"], wanted) as found:
        query = (
            sa.select(b.c.batch_id, b.c.route, b.c.state, p.c.payment_key)
            .join(p, (p.c.programme == b.c.programme) & (p.c.batch_id == b.c.batch_id))
            .join(i, (i.c.programme == p.c.programme) & (i.c.payment_key == p.c.payment_key))
            .where(b.c.programme == programme, b.c.state.in_(_UNSENT), p.c.result.is_(None))
            .where(i.c.person_id.in_(sa.select(found.c.person_id)))
            .distinct()
        )
        rows = connection.execute(query.order_by(b.c.batch_id, p.c.payment_key)).all()
    at_counter = [r for r in rows if (r.route, r.state) == (Route.CASH, Batch.APPROVED)]
    whole = sorted({r.batch_id for r in rows} - {r.batch_id for r in at_counter})
    for batch_id in whole:
        void(connection, programme, batch_id, cause, day)
    withdraw(connection, programme, [r.payment_key for r in at_counter], cause, day)
    return len(whole) + len({r.batch_id for r in at_counter})


def withdraw(
    connection: sa.Connection, programme: str, keys: Sequence[str], cause: str, day: date
) -> int:
    """Take payments back from the counter that nobody collected; returns how many people are approved again.

    The payments stay as they were, returned; the same people are paid by a new attempt.
    """
    if not keys:
        return 0
    p, i = tables.payment, tables.payment_item
    theirs = (p.c.programme == programme) & p.c.payment_key.in_(keys)
    connection.execute(
        sa.update(p)
        .where(theirs, p.c.result.is_(None))
        .values(result="returned", result_code=cause)
    )
    state = sa.literal(str(Entitlement.APPROVED))
    of_payments = (
        sa.select(i.c.person_id, state, p.c.claim_id, sa.literal(""), p.c.batch_id)
        .join(p, (p.c.programme == i.c.programme) & (p.c.payment_key == i.c.payment_key))
        .where(theirs, i.c.live)
    )
    people = move_found(connection, programme, of_payments, cause, day)
    unlive(connection, programme, sa.select(p.c.payment_key).where(theirs))
    detail = {"payments": list(keys), "cause": cause, "people": people}
    record(connection, programme, "cash.withdrawn", "system", f"cash:{day}", detail, day)
    close_at_counter(connection, programme, day)
    return people


def close_at_counter(connection: sa.Connection, programme: str, day: date) -> None:
    """Every cash batch at the counter of which no payment waits any more is settled."""
    b, p = tables.batch, tables.payment
    waiting = sa.exists().where(
        p.c.programme == b.c.programme, p.c.batch_id == b.c.batch_id, p.c.result.is_(None)
    )
    query = sa.select(b.c.batch_id).where(
        b.c.programme == programme,
        b.c.route == str(Route.CASH),
        b.c.state == Batch.APPROVED,
        ~waiting,
    )
    for batch_id in list(connection.execute(query.order_by(b.c.batch_id)).scalars()):
        set_batch_state(connection, programme, batch_id, {Batch.APPROVED}, Batch.SETTLED)
        record_settled(connection, programme, [batch_id], "counter", day)


def unlive(connection: sa.Connection, programme: str, keys: sa.Select[Any]) -> int:
    """The items of these payments no longer count as money on its way; returns how many did."""
    i = tables.payment_item
    mine = (i.c.programme == programme) & i.c.payment_key.in_(keys) & i.c.live
    return connection.execute(sa.update(i).where(mine).values(live=False)).rowcount


def record_settled(
    connection: sa.Connection, programme: str, batch_ids: Sequence[str], by: str, day: date
) -> None:
    """Enter into the audit chain how many people of each batch were paid and how many not."""
    p = tables.payment
    counted = (
        sa.select(p.c.batch_id, p.c.result, sa.func.sum(p.c.people))
        .where(p.c.programme == programme, p.c.batch_id.in_(batch_ids))
        .group_by(p.c.batch_id, p.c.result)
    )
    people = {(batch_id, result): int(n) for batch_id, result, n in connection.execute(counted)}
    for batch_id in batch_ids:
        detail = {result: people.get((batch_id, result), 0) for result in ("paid", "returned")}
        record(connection, programme, "batch.settled", by, batch_id, detail, day)
