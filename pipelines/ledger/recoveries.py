"""Money to be recovered: opened for who was paid wrongly, settled receipt by receipt, every amount a row of its own."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import tables
from pipelines.ledger.states import Entitlement
from pipelines.ledger.store import Move, move

PAID_NOT_ELIGIBLE = "PAID_NOT_ELIGIBLE"
# causes of recoveries, beside "protection"
NOT_ELIGIBLE = "not_eligible"
PAID_TWICE = "paid_twice"  # a payment thought returned was paid after all, and the person was paid otherwise since


class RecoveryRefused(KyufuError):
    """This cannot be recovered so."""


@dataclass(frozen=True)
class Recovery:
    """One person's part of one payment that went to the wrong place; amounts in yen.

    opened_on: None while people have not decided to recover it. is_returned: the bank brought the payment back.
    """

    recovery_id: str
    payment_key: str
    person_id: str
    amount_yen: int
    recovered_yen: int
    cause: str
    opened_on: date | None
    is_returned: bool = False

    @property
    def open_yen(self) -> int:
        """What is still to come back; nothing of what the bank brought back."""
        return 0 if self.is_returned else self.amount_yen - self.recovered_yen


def recovery_id(programme: str, payment_key: str, person_id: str) -> str:
    """What names a person's part of a payment without naming the person."""
    return hashlib.sha256(f"{programme}\n{payment_key}\n{person_id}".encode()).hexdigest()[:12]


def candidates(connection: sa.Connection, programme: str) -> list[Recovery]:
    """Who is paid and was not eligible, and whose payment nobody decided to recover yet; in the payments' order."""
    i, p, e, f = tables.payment_item, tables.payment, tables.entitlement, tables.finding
    found = sa.select(f.c.person_id).where(
        f.c.programme == programme, f.c.code == PAID_NOT_ELIGIBLE, f.c.person_id.is_not(None)
    )
    query = (
        sa.select(i.c.payment_key, i.c.person_id, i.c.amount_yen)
        .select_from(e)
        .join(i, (i.c.programme == e.c.programme) & (i.c.person_id == e.c.person_id))
        .join(p, (p.c.programme == i.c.programme) & (p.c.payment_key == i.c.payment_key))
        .where(e.c.programme == programme, e.c.person_id.in_(found), tables.LIVE)
        .where(e.c.state == Entitlement.PAID)
        .order_by(i.c.payment_key, i.c.person_id)
    )
    return [
        Recovery(recovery_id(programme, key, person), key, person, yen, 0, NOT_ELIGIBLE, None)
        for key, person, yen in connection.execute(query)
    ]


def opened(connection: sa.Connection, programme: str) -> list[Recovery]:
    """Every recovery that was opened, the oldest first."""
    r, n, p = tables.recovery, tables.recovery_entry, tables.payment
    recovered = (
        sa.select(sa.func.coalesce(sa.func.sum(n.c.amount_yen), 0))
        .where(n.c.programme == r.c.programme, n.c.payment_key == r.c.payment_key)
        .where(n.c.person_id == r.c.person_id)
        .scalar_subquery()
    )
    query = (
        sa.select(
            r.c.payment_key, r.c.person_id, r.c.amount_yen, recovered, r.c.cause, r.c.opened_on, p.c.result
        )
        .outerjoin(p, (p.c.programme == r.c.programme) & (p.c.payment_key == r.c.payment_key))
        .where(r.c.programme == programme)
        .order_by(r.c.opened_on, r.c.payment_key, r.c.person_id)
    )  # fmt: skip
    return [
        Recovery(
            recovery_id(programme, key, person), key, person, yen, int(back), cause, on, result == "returned"
        )
        for key, person, yen, back, cause, on, result in connection.execute(query)
    ]  # fmt: skip


def open_recoveries(
    connection: sa.Connection, programme: str, people: Sequence[str], cause: str, day: date
) -> None:
    """The people's payments stop being live; the money is to be recovered from whoever got it.

    Raises:
        KyufuError: somebody has no live payment.
    """
    i = tables.payment_item
    live = connection.execute(
        sa.select(i.c.payment_key, i.c.person_id, i.c.amount_yen).where(
            i.c.programme == programme, tables.LIVE, i.c.person_id.in_(people)
        )
    ).all()
    if len(live) != len(people):
        raise KyufuError(
            f"{cause} {day}: 給付済みの人に有効な支払がありません。台帳を点検してください。"
        )
    for row in live:
        enter(connection, programme, row.payment_key, row.person_id, row.amount_yen, cause, day)
        connection.execute(
            sa.update(i)
            .filter_by(programme=programme, payment_key=row.payment_key, person_id=row.person_id)
            .values(live=False)
        )


def enter(
    connection: sa.Connection, programme: str, payment_key: str, person_id: str, amount_yen: int, cause: str, day: date
) -> None:  # fmt: skip
    """Enter that a person's part of a payment, which is not live, is to be recovered."""
    connection.execute(
        sa.insert(tables.recovery).values(
            programme=programme, payment_key=payment_key, person_id=person_id, amount_yen=amount_yen, opened_on=day,
            cause=cause,
        )
    )  # fmt: skip


def open_for_not_eligible(
    connection: sa.Connection, programme: str, wanted: Recovery, day: date
) -> None:
    """Who was paid and is not eligible is so from here on, and the money is to come back."""
    open_recoveries(connection, programme, [wanted.person_id], NOT_ELIGIBLE, day)
    gone = Move(wanted.person_id, Entitlement.INELIGIBLE, None, PAID_NOT_ELIGIBLE)
    move(connection, programme, [gone], "recovery", wanted.recovery_id, day)


def enter_receipt(
    connection: sa.Connection, programme: str, wanted: Recovery, receipt: str, amount_yen: int, actor: str, day: date
) -> bool:  # fmt: skip
    """Enter what came back under a receipt, once; a minus takes back what was entered wrongly. Whether it is new.

    Raises:
        RecoveryRefused: more than is open, less than nothing, or the receipt stands with another amount.
    """
    n = tables.recovery_entry
    key = {
        "programme": programme, "payment_key": wanted.payment_key, "person_id": wanted.person_id, "receipt": receipt,
    }  # fmt: skip
    known = connection.execute(sa.select(n.c.amount_yen).filter_by(**key)).scalar_one_or_none()
    if known == amount_yen:
        return False
    if known is not None:
        raise RecoveryRefused(
            f"{wanted.recovery_id}: その領収番号では別の金額を記録済みです。訂正は別の番号で行ってください。"
        )
    if wanted.is_returned:
        raise RecoveryRefused(
            f"{wanted.recovery_id}: この支払は銀行から返戻されています。回収する額はありません。"
        )
    if amount_yen == 0 or not 0 <= wanted.recovered_yen + amount_yen <= wanted.amount_yen:
        raise RecoveryRefused(
            f"{wanted.recovery_id}: 回収額は合計で0円から{wanted.amount_yen:,}円までです"
            f"(記録済み{wanted.recovered_yen:,}円)。金額を確認してください。"
        )
    connection.execute(
        sa.insert(n).values(**key, amount_yen=amount_yen, actor=actor, business_date=day)
    )
    return True
