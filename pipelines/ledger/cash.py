"""Cash over the counter: a second route to the same people, under the same index of one live payment a person.

A claim is paid so once two people have ordered it. Its payments are drafted, declared and approved like those to the
bank; the batch stays `approved` while it lies at the counter, ends as `settled`, and is never sent. A payment ends with
the receipt that was signed for it, or is taken back: nobody came, or who was to come may no longer be paid.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import payments, tables
from pipelines.ledger.payable import NO_ACCOUNT
from pipelines.ledger.states import Batch, Entitlement, Route
from pipelines.ledger.store import Move, move, move_found, record

UNCOLLECTED = "not_collected"
TAKEN_BACK = "receipt_taken_back"
_PAID = "cash"
_ORDERABLE = (Entitlement.APPROVED, Entitlement.RETURNED, Entitlement.HELD)


class CashRefused(KyufuError):
    """This cannot be paid in cash so."""


@dataclass(frozen=True)
class Waiting:
    """A payment at the counter. issued_on: the business date of its batch; receipt: None while nobody signed."""

    batch_id: str
    payment_key: str
    claim_id: str
    people: int
    amount_yen: int
    issued_on: date
    receipt: str | None


def orderable(connection: sa.Connection, programme: str, claim_id: str) -> list[str]:
    """Who on the claim would be paid if cash were ordered for it, in order of their ids.

    That is who is approved, returned by the bank, or held for want of an account alone.

    Raises:
        CashRefused: there is no such claim, cash is ordered for it already, or nobody on it waits for money.
    """
    o, e = tables.cash_order, tables.entitlement
    key = {"programme": programme, "claim_id": claim_id}
    if connection.execute(sa.select(o).filter_by(**key)).one_or_none() is not None:
        raise CashRefused(f"{claim_id}: この申請はすでに窓口払いです。")
    query = (
        sa.select(e.c.person_id, e.c.state, e.c.codes)
        .where(e.c.programme == programme, e.c.claim_id == claim_id, e.c.state.in_(_ORDERABLE))
        .order_by(e.c.person_id)
    )
    rows = connection.execute(query).all()
    found = [r.person_id for r in rows if r.state != Entitlement.HELD or r.codes == NO_ACCOUNT]
    if not found:
        raise CashRefused(
            f"{claim_id}: 窓口払いにできる人がいません(支給決定済み、振込不能、口座だけが理由の保留の人)。"
            "受付番号と、ほかの保留の決定を確認してください。"
        )
    return found


def order(
    connection: sa.Connection, programme: str, claim_id: str, people: Sequence[str], day: date
) -> None:
    """From here on the claim's approved people are paid in cash; these are approved."""
    values = {"programme": programme, "claim_id": claim_id, "business_date": day}
    connection.execute(sa.insert(tables.cash_order).values(**values))
    moves = [Move(person, Entitlement.APPROVED, claim_id) for person in people]
    move(connection, programme, moves, "cash", "", day)


def batch(connection: sa.Connection, programme: str, batch_id: str) -> Any:
    """A cash batch's row.

    Raises:
        CashRefused: there is none of that number.
    """
    key = {"programme": programme, "batch_id": batch_id, "route": str(Route.CASH)}
    row = connection.execute(sa.select(tables.batch).filter_by(**key)).one_or_none()
    if row is None:
        raise CashRefused(
            f"{batch_id}: この番号の窓口払いはありません。kyufu cash list で確認してください。"
        )
    return row


def open_batches(connection: sa.Connection, programme: str) -> list[Any]:
    """The cash batches that wait for approvals or for people to come, in order of their day."""
    b = tables.batch
    query = (
        sa.select(b)
        .where(b.c.programme == programme, b.c.route == str(Route.CASH))
        .where(b.c.state.in_([Batch.DRAFTED, Batch.APPROVED]))
        .order_by(b.c.business_date, b.c.batch_id)
    )
    return list(connection.execute(query))


def at_counter(
    connection: sa.Connection, programme: str, payment_key: str | None = None
) -> list[Waiting]:
    """The payments that nobody collected yet, in order of their keys; of one key: also if it was collected."""
    b, p, r = tables.batch, tables.payment, tables.cash_receipt
    query = (
        sa.select(
            p.c.batch_id, p.c.payment_key, p.c.claim_id, p.c.people, p.c.amount_yen, b.c.business_date, r.c.receipt
        )
        .join(b, (b.c.programme == p.c.programme) & (b.c.batch_id == p.c.batch_id))
        .outerjoin(r, (r.c.programme == p.c.programme) & (r.c.payment_key == p.c.payment_key))
        .where(p.c.programme == programme, b.c.route == str(Route.CASH))
        .order_by(p.c.payment_key)
    )  # fmt: skip
    if payment_key is None:
        query = query.where(b.c.state == Batch.APPROVED, p.c.result.is_(None))
    else:
        collected = (p.c.result == "paid") & b.c.state.in_([Batch.APPROVED, Batch.SETTLED])
        waiting = p.c.result.is_(None) & (b.c.state == Batch.APPROVED)
        query = query.where(p.c.payment_key == payment_key, collected | waiting)
    return [Waiting(*row) for row in connection.execute(query)]


def find(connection: sa.Connection, programme: str, payment_key: str) -> Waiting:
    """A payment that lies at the counter or was collected there.

    Raises:
        CashRefused: there is none of that key, or it was taken back.
    """
    found = at_counter(connection, programme, payment_key)
    if not found:
        raise CashRefused(
            f"{payment_key}: 窓口で支払える番号ではありません(未承認、取消し済み、または振込)。"
            "現金を渡さないでください。kyufu cash list で確認してください。"
        )
    return found[0]


def receive(
    connection: sa.Connection, programme: str, payment: Waiting, receipt: str, actor: str, day: date
) -> bool:
    """Enter the receipt that was signed for a payment: its people are paid. Whether it is new.

    Raises:
        CashRefused: the payment has another receipt, or the receipt stands for another payment.
    """
    if payment.receipt is not None:
        if payment.receipt == receipt:
            return False
        raise CashRefused(
            f"{payment.payment_key}: 別の受領番号で支払済みです。二度渡さないでください。誤りは"
            " kyufu cash withdraw で二人が取り消してください。"
        )
    r, p = tables.cash_receipt, tables.payment
    taken = sa.select(r.c.payment_key).filter_by(programme=programme, receipt=receipt)
    if connection.execute(taken).one_or_none() is not None:
        raise CashRefused(
            f"{payment.payment_key}: その受領番号は別の支払で使われています。番号を確認してください。"
        )
    key = {"programme": programme, "payment_key": payment.payment_key}
    signed = {
        "receipt": receipt,
        "amount_yen": payment.amount_yen,
        "actor": actor,
        "business_date": day,
    }
    connection.execute(sa.insert(r).values(**key, **signed))
    connection.execute(sa.update(p).filter_by(**key).values(result="paid", result_code=_PAID))
    move_found(connection, programme, _people(programme, payment, Entitlement.PAID), "cash", day)
    detail = {"receipt": receipt, "amount_yen": payment.amount_yen, "people": payment.people}
    record(connection, programme, "cash.received", actor, payment.payment_key, detail, day)
    payments.close_at_counter(connection, programme, day)
    return True


def take_back(connection: sa.Connection, programme: str, payment: Waiting, day: date) -> None:
    """Take a payment back, with its receipt if one was entered; its people are approved again."""
    if payment.receipt is None:
        payments.withdraw(connection, programme, [payment.payment_key], "withdrawn", day)
    else:
        _take_receipt_back(connection, programme, payment, day)


def _take_receipt_back(
    connection: sa.Connection, programme: str, payment: Waiting, day: date
) -> None:
    """The receipt was another's, or a mistake: the money was not paid. Its row stays."""
    key = {"programme": programme, "payment_key": payment.payment_key}
    p = tables.payment
    for state in (Entitlement.RETURNED, Entitlement.APPROVED):
        move_found(connection, programme, _people(programme, payment, state), "cash", day)
    back = {"result": "returned", "result_code": TAKEN_BACK}
    connection.execute(sa.update(p).filter_by(**key).values(**back))
    payments.unlive(connection, programme, sa.select(p.c.payment_key).filter_by(**key))
    detail = {"payments": [payment.payment_key], "cause": TAKEN_BACK, "people": payment.people}
    record(connection, programme, "cash.withdrawn", "system", f"cash:{day}", detail, day)


def _people(programme: str, payment: Waiting, state: Entitlement) -> sa.Select[Any]:
    """The people for whom the payment is live, as moves to a state."""
    i = tables.payment_item
    return sa.select(
        i.c.person_id, sa.literal(str(state)), sa.literal(payment.claim_id), sa.literal(""),
        sa.literal(payment.batch_id),
    ).where(i.c.programme == programme, i.c.payment_key == payment.payment_key, i.c.live)  # fmt: skip


def uncollected(connection: sa.Connection, programme: str, days: int, day: date) -> list[Waiting]:
    """What has waited at the counter for more than so many days."""
    waiting = at_counter(connection, programme)
    return [one for one in waiting if one.issued_on + timedelta(days) < day]


def give_up_waiting(connection: sa.Connection, programme: str, days: int, day: date) -> int:
    """Take back what nobody collected for so many days; returns how many people are approved again."""
    late = uncollected(connection, programme, days, day)
    return payments.withdraw(connection, programme, [w.payment_key for w in late], UNCOLLECTED, day)
