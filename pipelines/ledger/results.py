"""What the bank says of payments, taken in key by key: it settles, repeats, returns later, or is at fault.

Nothing is guessed. A result that cannot be right for its key leaves that payment unknown, or as it is if it is settled,
and waits as a row of `unreconciled_result` until the bank answers rightly or two people decide. The rest of the file
counts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import payments, recoveries, tables
from pipelines.ledger.states import Batch, Entitlement
from pipelines.ledger.store import Move, fetch_plain, move, move_found, record, staged


class Fault(StrEnum):
    """Why a result cannot be taken."""

    UNKNOWN_KEY = "unknown_key"
    TOLD_TWICE = "told_twice"
    WRONG_AMOUNT = "wrong_amount"
    WRONG_ACCOUNT = "wrong_account"
    NOT_SENT = "not_sent"
    CONTRADICTS = "contradicts"


FAULTS_JA = {
    Fault.UNKNOWN_KEY: "台帳にない支払番号",
    Fault.TOLD_TWICE: "一つのファイルに二つの異なる結果",
    Fault.WRONG_AMOUNT: "金額が台帳と違う",
    Fault.WRONG_ACCOUNT: "口座が台帳と違う",
    Fault.NOT_SENT: "まだ送っていない、または取り消した振込の結果",
    Fault.CONTRADICTS: "すでに受け取った結果と矛盾",
}


class Choice(StrEnum):
    """What two people may decide about a payment whose result is not known or is disputed."""

    PAID = "paid"
    RETURNED = "returned"
    DISMISS = "dismiss"


class Told(NamedTuple):
    """One record of the bank's result. record: its number in the file; amount in yen."""

    record: int
    payment_key: str
    code: str
    is_paid: bool
    bank_code: str
    branch_code: str
    account_type: str
    account_number: str
    amount_yen: int

    @property
    def statement(self) -> tuple[Any, ...]:
        """What it says, wherever it stands."""
        return self[1:]


@dataclass(frozen=True, eq=False)
class ResultFile:
    """A file of the bank that was read and found whole."""

    name: str
    sha256: str
    told: Sequence[Told]


@dataclass(frozen=True)
class Settled:
    """What a file changed. paid, returned: people; repeated: results known before; faults: new ones, by kind."""

    paid: int
    returned: int
    repeated: int
    faults: Mapping[Fault, int]


_FRESH, _LATE, _REPEATED = "fresh", "late_return", "repeated"
_TOLD = (
    "record", "payment_key", "result", "code", "bank_code", "branch_code", "account_type", "account_number",
    "amount_yen", "twice",
)  # fmt: skip
_JUDGED = ("record", "payment_key", "result", "code", "amount_yen", "verdict")
_MOVE = ("person_id", "to_state", "claim_id", "codes", "reference")
_DECIDED = "decided"  # the result code of what two people decided: no result of the bank overrules it by itself
_WAITING = (Entitlement.RETURNED, Entitlement.APPROVED)
_UNDECIDED = (
    Entitlement.UNCLAIMED, Entitlement.CLAIMED, Entitlement.HELD, Entitlement.DECLINED,
)  # fmt: skip
_AT_THE_BANK = (Batch.SENDING, Batch.DELIVERED, Batch.SETTLED)


def settle(connection: sa.Connection, programme: str, file: ResultFile, day: date) -> Settled:
    """Take in one file of results, whichever batches they are about; the same result again changes nothing."""
    with (
        staged(connection, "bank_result", _TOLD, _rows(file.told)) as told,
        staged(connection, "judged_result", _JUDGED, _judge(programme, told)) as judged,
    ):
        j = judged.c
        counts = dict(
            map(
                tuple, connection.execute(sa.select(j.verdict, sa.func.count()).group_by(j.verdict))
            )
        )
        faults: dict[Fault, int] = {}
        if set(counts) & set(Fault):
            faults = _keep_faults(connection, programme, judged, file, day)
        people = _settle_judged(connection, programme, judged, file.sha256, "bank_result", day)
        settled_keys = sa.select(j.payment_key).where(j.verdict.in_([_FRESH, _LATE]))
        _close_rows(connection, programme, settled_keys, "bank_result", day)
    settled = Settled(people["paid"], people["returned"], counts.get(_REPEATED, 0), faults)
    detail = {
        "sha256": file.sha256, "paid": settled.paid, "returned": settled.returned, "repeated": settled.repeated,
        "faults": {str(fault): count for fault, count in faults.items()},
    }  # fmt: skip
    record(connection, programme, "results.taken", "bank", file.name, detail, day)
    close_batches(connection, programme, day)
    return settled


def _rows(told: Iterable[Told]) -> Iterator[tuple[str, ...]]:
    """Every statement once; those of a key that is told twice, in different ways, are marked."""
    first: dict[str, Told] = {}
    others: list[Told] = []
    for one in told:
        known = first.setdefault(one.payment_key, one)
        if known is not one and known.statement != one.statement:
            others.append(one)
    twice = {one.payment_key for one in others}
    distinct = {one.statement: one for one in reversed(others)}
    for one in (*first.values(), *distinct.values()):
        yield (
            str(one.record), one.payment_key, "paid" if one.is_paid else "returned", one.code, one.bank_code,
            one.branch_code, one.account_type, one.account_number, str(one.amount_yen),
            "yes" if one.payment_key in twice else "",
        )  # fmt: skip


def _judge(programme: str, told: sa.Table) -> sa.Select[Any]:
    """Each result with what it means for its payment."""
    p, b, t = tables.payment.c, tables.batch.c, told.c
    account = ("bank_code", "branch_code", "account_type", "account_number")
    recovered = _exists(tables.recovery_entry, programme, t.payment_key)
    returned_later = _exists(tables.late_return, programme, t.payment_key)
    verdict = sa.case(
        (p.payment_key.is_(None), str(Fault.UNKNOWN_KEY)),
        (t.twice != "", str(Fault.TOLD_TWICE)),
        (sa.cast(p.amount_yen, sa.Text) != t.amount_yen, str(Fault.WRONG_AMOUNT)),
        (sa.or_(*(p[name] != t[name] for name in account)), str(Fault.WRONG_ACCOUNT)),
        (b.state.not_in(_AT_THE_BANK), str(Fault.NOT_SENT)),
        (p.result.is_(None), _FRESH),
        (p.result == t.result, _REPEATED),
        ((p.result == "paid") & (p.result_code != _DECIDED) & ~recovered, _LATE),
        ((p.result == "returned") & returned_later, _REPEATED),  # paid first, and told so again
        else_=str(Fault.CONTRADICTS),
    )
    return (
        sa.select(t.record, t.payment_key, t.result, t.code, t.amount_yen, verdict)
        .select_from(told)
        .outerjoin(tables.payment, (p.programme == programme) & (p.payment_key == t.payment_key))
        .outerjoin(tables.batch, (b.programme == p.programme) & (b.batch_id == p.batch_id))
    )


def _exists(table: sa.Table, programme: str, key: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return sa.exists().where(table.c.programme == programme, table.c.payment_key == key)


# --- what is settled ---


def _settle_judged(
    connection: sa.Connection, programme: str, judged: sa.Table, source: str, cause: str, day: date
) -> dict[str, int]:
    """Write fresh results and later returns, and move their people; result -> people."""
    p, i, j = tables.payment, tables.payment_item, judged.c
    taken = j.verdict.in_([_FRESH, _LATE])
    _note_late_returns(connection, programme, judged, source, day)
    connection.execute(
        sa.update(p)
        .where(p.c.programme == programme, p.c.payment_key == j.payment_key, taken)
        .values(result=j.result, result_code=j.code)
    )
    keys = sa.select(j.payment_key).where(taken)
    moves = (
        sa.select(i.c.person_id, p.c.result, p.c.claim_id, sa.literal(""), p.c.batch_id)
        .join(p, (p.c.programme == i.c.programme) & (p.c.payment_key == i.c.payment_key))
        .where(i.c.programme == programme, i.c.payment_key.in_(keys), i.c.live)
    )
    moved = move_found(connection, programme, moves, cause, day)
    returned = sa.select(j.payment_key).where(taken, j.result == "returned")
    back = payments.unlive(connection, programme, returned)
    return {"paid": moved - back, "returned": back}


def _note_late_returns(
    connection: sa.Connection, programme: str, judged: sa.Table, source: str, day: date
) -> None:
    j = judged.c
    values = (
        sa.literal(programme), j.payment_key, j.code, sa.literal(source), sa.literal(day, sa.Date),
    )  # fmt: skip
    late = sa.select(*values).where(j.verdict == _LATE)
    names = ["programme", "payment_key", "result_code", "source_sha256", "business_date"]
    connection.execute(sa.insert(tables.late_return).from_select(names, late))


def close_batches(connection: sa.Connection, programme: str, day: date) -> None:
    """Every delivered batch whose payments all have a result is settled."""
    b, p = tables.batch, tables.payment
    waiting = sa.exists().where(
        p.c.programme == b.c.programme, p.c.batch_id == b.c.batch_id, p.c.result.is_(None)
    )
    done = sa.select(b.c.batch_id).where(
        b.c.programme == programme, b.c.state == Batch.DELIVERED, ~waiting
    )
    batch_ids = list(connection.execute(done.order_by(b.c.batch_id)).scalars())
    for batch_id in batch_ids:
        payments.set_batch_state(connection, programme, batch_id, {Batch.DELIVERED}, Batch.SETTLED)
    payments.record_settled(connection, programme, batch_ids, "bank", day)


# --- what is not known ---


def _keep_faults(
    connection: sa.Connection, programme: str, judged: sa.Table, file: ResultFile, day: date
) -> dict[Fault, int]:
    """Enter what cannot be right, once however often it is told; its payments are unknown, or stay as they are settled.

    Nobody is paid anew while such a row about them is open: batches that are not sent yet are taken back.
    """
    u, i, j = tables.unreconciled_result, tables.payment_item, judged.c
    at_fault = j.verdict.in_(list(Fault))
    known = sa.exists().where(
        u.c.programme == programme, u.c.payment_key == j.payment_key, u.c.fault == j.verdict,
        u.c.result_code == j.code, u.c.amount_yen == sa.cast(j.amount_yen, sa.BigInteger),
    )  # fmt: skip
    new = sa.select(
        sa.literal(programme), sa.literal(file.sha256), sa.cast(j.record, sa.Integer), sa.literal(file.name),
        j.payment_key, j.verdict, j.result, j.code, sa.cast(j.amount_yen, sa.BigInteger), sa.literal(day, sa.Date),
    ).where(at_fault, ~known)  # fmt: skip
    names = [
        "programme", "source_sha256", "record", "source_name", "payment_key", "fault", "result", "result_code",
        "amount_yen", "business_date",
    ]  # fmt: skip
    counted = sa.select(j.verdict, sa.func.count()).where(at_fault, ~known).group_by(j.verdict)
    faults = {Fault(fault): int(count) for fault, count in connection.execute(counted)}
    if not faults:
        return {}
    connection.execute(sa.insert(u).from_select(names, new))
    keys = sa.select(j.payment_key).where(at_fault)
    _make_unknown(connection, programme, keys, "bank_result", day)
    people = sa.select(i.c.person_id).where(i.c.programme == programme, i.c.payment_key.in_(keys))
    payments.take_back(
        connection, programme, connection.execute(people.distinct()).scalars(), "bank_result", day
    )
    return faults


def _make_unknown(
    connection: sa.Connection, programme: str, keys: sa.Select[Any], cause: str, day: date
) -> int:
    """The people of these payments who wait for a result wait for an answer; returns how many."""
    p, i, e, b = tables.payment, tables.payment_item, tables.entitlement, tables.batch
    unknown = (
        sa.select(
            i.c.person_id, sa.literal(str(Entitlement.UNKNOWN)), p.c.claim_id, sa.literal(""), p.c.batch_id
        )
        .join(p, (p.c.programme == i.c.programme) & (p.c.payment_key == i.c.payment_key))
        .join(b, (b.c.programme == p.c.programme) & (b.c.batch_id == p.c.batch_id))
        .join(e, (e.c.programme == i.c.programme) & (e.c.person_id == i.c.person_id))
        .where(i.c.programme == programme, i.c.payment_key.in_(keys), i.c.live, p.c.result.is_(None))
        .where(b.c.state.in_(_AT_THE_BANK), e.c.state == Entitlement.IN_PAYMENT)
    )  # fmt: skip
    return move_found(connection, programme, unknown, cause, day)


def give_up_waiting(
    connection: sa.Connection, programme: str, last_day: Callable[[date], date], day: date
) -> int:
    """Payments without a result after the last day to wait for one are unknown; returns how many people.

    last_day: transfer date -> the last day on which no result is nothing to ask about.
    """
    p = tables.payment
    batches = overdue_batches(connection, programme, last_day, day)
    if not batches:
        return 0
    keys = sa.select(p.c.payment_key).where(
        p.c.programme == programme, p.c.batch_id.in_(batches), p.c.result.is_(None)
    )
    people = _make_unknown(connection, programme, keys, "no_result", day)
    if people:
        detail = {"people": people, "batches": len(batches)}
        record(connection, programme, "results.missing", "system", f"results:{day}", detail, day)
    return people


def overdue_batches(
    connection: sa.Connection, programme: str, last_day: Callable[[date], date], day: date
) -> list[str]:
    """The delivered batches whose results should all have come before that day."""
    b = tables.batch
    query = sa.select(b.c.batch_id, b.c.transfer_date).where(
        b.c.programme == programme, b.c.state == Batch.DELIVERED
    )
    rows = connection.execute(query.order_by(b.c.batch_id)).all()
    return [row.batch_id for row in rows if last_day(row.transfer_date) < day]


def missing(connection: sa.Connection, programme: str) -> list[tuple[str, date, int]]:
    """(file name, transfer date, payments without a result) of every delivered batch that has some."""
    b, p = tables.batch, tables.payment
    query = (
        sa.select(b.c.file_name, b.c.transfer_date, sa.func.count())
        .join(p, (p.c.programme == b.c.programme) & (p.c.batch_id == b.c.batch_id))
        .where(b.c.programme == programme, b.c.state == Batch.DELIVERED, p.c.result.is_(None))
        .group_by(b.c.file_name, b.c.transfer_date)
        .order_by(b.c.file_name)
    )
    return [(name, on, int(count)) for name, on, count in connection.execute(query)]


# --- what two people decide ---


def choices_for(connection: sa.Connection, programme: str, payment_key: str) -> set[Choice]:
    """What may be decided about a payment.

    An unknown one was paid or returned. Where the bank contradicts what it said before, it may be the other one after
    all, unless money was recovered for it meanwhile. Every other open row can only be closed.
    """
    if payment_key in unknown_payments(connection, programme):
        return {Choice.PAID, Choice.RETURNED}
    faults = open_faults(connection, programme).get(payment_key, [])
    if Fault.CONTRADICTS not in faults:
        return {Choice.DISMISS} if faults else set()
    p, n = tables.payment, tables.recovery_entry
    of_payment = {"programme": programme, "payment_key": payment_key}
    result = connection.execute(sa.select(p.c.result).filter_by(**of_payment)).scalar_one()
    if result == "returned":
        return {Choice.DISMISS, Choice.PAID}
    recovered = sa.select(sa.func.count()).select_from(n).filter_by(**of_payment)
    is_recovered = connection.execute(recovered).scalar_one()
    return {Choice.DISMISS} if is_recovered else {Choice.DISMISS, Choice.RETURNED}


def open_faults(connection: sa.Connection, programme: str) -> dict[str, list[Fault]]:
    """Payment key -> what is at fault in its results that are still open."""
    u = tables.unreconciled_result
    query = (
        sa.select(u.c.payment_key, u.c.fault)
        .where(u.c.programme == programme, u.c.closed_on.is_(None))
        .order_by(u.c.payment_key, u.c.record)
    )
    found: dict[str, list[Fault]] = {}
    for key, fault in fetch_plain(connection, query):
        found.setdefault(key, []).append(Fault(fault))
    return found


def unknown_payments(connection: sa.Connection, programme: str) -> dict[str, tuple[int, int]]:
    """Key of every unknown payment -> (people, yen)."""
    i, e = tables.payment_item, tables.entitlement
    people = sa.select(e.c.person_id).filter_by(programme=programme, state=Entitlement.UNKNOWN)
    with staged(connection, "unknown_person", ["person_id"], people) as unknown:
        query = (
            sa.select(i.c.payment_key, sa.func.count(), sa.func.sum(i.c.amount_yen))
            .select_from(unknown)
            .join(i, (i.c.programme == programme) & (i.c.person_id == unknown.c.person_id))
            .where(tables.LIVE)
            .group_by(i.c.payment_key)
            .order_by(i.c.payment_key)
        )
        return {key: (int(n), int(yen)) for key, n, yen in connection.execute(query)}


def apply_decision(
    connection: sa.Connection, programme: str, payment_key: str, choice: Choice, reference: str, day: date
) -> None:  # fmt: skip
    """Let what two people decided take effect. reference: names the decision.

    Raises:
        KyufuError: the payment no longer waits for it.
    """
    if choice not in choices_for(connection, programme, payment_key):
        raise KyufuError(
            f"{payment_key}: この支払はもう決定を待っていません。kyufu results list で確認してください。"
        )
    p = tables.payment
    key = sa.select(p.c.result).filter_by(programme=programme, payment_key=payment_key)
    before = connection.execute(key).scalar_one_or_none()
    if choice is Choice.PAID and before == "returned":
        _paid_after_all(connection, programme, payment_key, day)
    elif choice is not Choice.DISMISS:
        verdict = _LATE if before == "paid" else _FRESH
        row = (("0", payment_key, str(choice), _DECIDED, "0", verdict),)
        with staged(connection, "judged_result", _JUDGED, row) as judged:
            _settle_judged(connection, programme, judged, reference, "decision", day)
    _close_rows(connection, programme, sa.select(sa.literal(payment_key)), reference, day)
    close_batches(connection, programme, day)


def _paid_after_all(connection: sa.Connection, programme: str, payment_key: str, day: date) -> None:
    """A returned payment reached its account: who still waits is paid; of all others it is to be recovered.

    Raises:
        KyufuError: somebody's new claim is not decided yet.
    """
    p, i, e = tables.payment, tables.payment_item, tables.entitlement
    query = (
        sa.select(i.c.person_id, i.c.amount_yen, e.c.state, p.c.claim_id)
        .join(p, (p.c.programme == i.c.programme) & (p.c.payment_key == i.c.payment_key))
        .join(e, (e.c.programme == i.c.programme) & (e.c.person_id == i.c.person_id))
        .where(i.c.programme == programme, i.c.payment_key == payment_key)
        .order_by(i.c.person_id)
    )
    rows = connection.execute(query).all()
    if any(row.state in _UNDECIDED for row in rows):
        raise KyufuError(
            f"{payment_key}: この支払の人の新しい申請がまだ決定していません。保留や不備を先に決定してください。"
        )
    of_payment = {"programme": programme, "payment_key": payment_key}
    paid = {"result": "paid", "result_code": _DECIDED}
    connection.execute(sa.update(p).filter_by(**of_payment).values(**paid))
    waiting = [row for row in rows if row.state in _WAITING]
    for row in waiting:
        mine = sa.update(i).filter_by(**of_payment, person_id=row.person_id)
        connection.execute(mine.values(live=True))
    moves = [Move(row.person_id, Entitlement.PAID, row.claim_id) for row in waiting]
    move(connection, programme, moves, "decision", "", day)
    for row in rows:
        if row not in waiting:
            gone = row.state == Entitlement.INELIGIBLE
            cause = recoveries.NOT_ELIGIBLE if gone else recoveries.PAID_TWICE
            recoveries.enter(
                connection, programme, payment_key, row.person_id, row.amount_yen, cause, day
            )


def _close_rows(
    connection: sa.Connection, programme: str, keys: sa.Select[Any], closed_by: str, day: date
) -> None:
    u = tables.unreconciled_result
    connection.execute(
        sa.update(u)
        .where(u.c.programme == programme, u.c.closed_on.is_(None), u.c.payment_key.in_(keys))
        .values(closed_on=day, closed_by=closed_by)
    )
