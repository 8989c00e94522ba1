"""Cash over the counter (窓口での現金給付): ordered by two people, drafted, approved, listed, signed for.

Everything is done by signed-in people; nothing of it is scheduled but the taking back of what nobody collected.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.disclosure.release import make_release
from pipelines.ledger import approvals, cash, payments, stops, tables, whose
from pipelines.ledger.cash import CashRefused, Waiting
from pipelines.ledger.money_decisions import Decision
from pipelines.ledger.payable import payable
from pipelines.ledger.payments import Declared, Payment
from pipelines.ledger.states import Batch, Route
from pipelines.ledger.store import record
from pipelines.outputs import zengin
from pipelines.outputs.cash_list import Row, build_cash_list
from pipelines.programme import Cash
from pipelines.steps import outbox
from pipelines.steps.campaign import Campaign
from pipelines.steps.payments import batch_id_of
from pipelines.steps.roles import Act, Actor
from pipelines.steps.showings import record_showing
from pipelines.steps.stray_money import RECEIPT, assert_reason, decide_by_two

_DISCLOSURE = "cash_list"
_COLUMNS = ("payment_key", "name_kanji", "name_kana", "birth_date", "members", "amount_yen")
_AT_THE_COUNTER = "窓口での支払"
_CODE = 12  # characters of a batch's hash that an approver reads and enters


@dataclass(frozen=True)
class Listed:
    """A cash batch as it is decided about. code: stands for exactly its content; approved: how many agreed."""

    batch_id: str
    drafter: str
    day: date
    state: Batch
    payments: int
    people: int
    sum_yen: int
    code: str
    approved: int


def order(c: Campaign, claim_id: str, reason: str, actor: Actor, day: date) -> Decision:
    """Enter one person's decision that a claim is paid in cash; with the last one needed its people are approved so.

    Raises:
        NotAllowed: the actor may not decide.
        CashRefused: the programme pays no cash, or nobody on the claim can be paid so.
        DecisionRefused, ApprovalRefused: no reason, or the actor may not decide this.
    """
    actor.assert_may(Act.DECIDE_MONEY)
    _settings(c)
    assert_reason(reason)
    with c.ledger.write() as connection:
        people = cash.orderable(connection, c.programme.id, claim_id)
        content, subject = {"claim": claim_id, "people": people}, f"cash:{claim_id}"
        decided = decide_by_two(c, connection, subject, content, reason, actor, day)
        if decided.is_complete:
            cash.order(connection, c.programme.id, claim_id, people, day)
            detail = {"people": len(people)}
            record(connection, c.programme.id, "cash.ordered", actor.name, claim_id, detail, day)
    return decided


def draft(c: Campaign, actor: Actor, day: date) -> Listed | None:
    """Declare a batch of everything that is to be paid in cash; None if there is nothing.

    Raises:
        NotAllowed: the actor may not draft.
        DisclosureRefused: a protection list is missing or too old.
    """
    actor.assert_may(Act.DRAFT_CASH)
    _settings(c)
    with c.ledger.write() as connection:
        due = tuple(payable(connection, c.programme.id, str, Route.CASH).payments)
        if not due:
            return None
        c.guard(day).assert_lists_current(c.programme, day)
        declared = _declare(due, day)
        payments.draft(connection, c.programme.id, [declared], actor.name, day)
        return _listed(c, connection, declared.batch_id)


def list_cash(
    c: Campaign, actor: Actor, purpose: str, day: date
) -> tuple[list[Listed], list[Waiting]]:
    """(the batches that are not done, the payments that wait at the counter); nobody is shown.

    Raises:
        NotAllowed: the actor may not list them.
    """
    actor.assert_may(Act.LIST_MONEY)
    with c.ledger.write() as connection:
        found = cash.open_batches(connection, c.programme.id)
        batches = [_listed(c, connection, row.batch_id) for row in found]
        waiting = cash.at_counter(connection, c.programme.id)
        keys = [one.payment_key for one in waiting]
        record_showing(
            c, connection, "cash.listed", actor.name, purpose,
            whose.people_of_payments(connection, c.programme.id, keys), day, subject="cash",
            count=len(batches) + len(waiting),
        )  # fmt: skip
    return batches, waiting


def decide(c: Campaign, batch_id: str, code: str, approve: bool, actor: Actor, day: date) -> Listed:
    """Enter one person's decision on a drafted batch as that person saw it; a rejection takes it back at once.

    Raises:
        NotAllowed: the actor may not decide.
        CashRefused: there is no such batch, it was decided, or the code is not that of what it holds now.
        ApprovalRefused: the actor drafted it, or decided otherwise before.
    """
    actor.assert_may(Act.DECIDE_MONEY)
    with c.ledger.write() as connection:
        row = cash.batch(connection, c.programme.id, batch_id)
        held = payments.content_hash(payments.read_batch(connection, c.programme.id, batch_id))
        if row.state != Batch.DRAFTED:
            raise CashRefused(f"{batch_id}: 承認を待つ窓口払いではありません(状態 {row.state})。")
        if row.content_hash != held or code != held[:_CODE]:
            raise CashRefused(
                f"{batch_id}: 確認符号が今の内容と違います。kyufu cash list で内容と符号を確認してください。"
            )
        subject = _subject(batch_id)
        approvals.decide(
            connection, c.programme.id, subject, held, actor.name, approve, row.drafter, day
        )
        if not approve:
            payments.void(connection, c.programme.id, batch_id, "rejected", day)
        return _listed(c, connection, batch_id)


def issue(c: Campaign, batch_id: str, actor: Actor, day: date) -> bytes:
    """The payout list of an approved batch, as PDF; from the first time on its payments lie at the counter.

    The same again gives the same bytes. Every issue is on record as an export of its people.

    Raises:
        NotAllowed: the actor may not issue it.
        CashRefused: there is no such batch, or it was rejected.
        ApprovalRefused: too few people approved it.
        DisclosureRefused: a list of protected people is missing or too old, or the day is outside the period.
        SendingStopped: all sending is stopped.
    """
    actor.assert_may(Act.DRAFT_CASH)
    with c.ledger.write() as connection:
        row = cash.batch(connection, c.programme.id, batch_id)
        if row.state == Batch.REJECTED:
            raise CashRefused(f"{batch_id}: 却下された、または取り消された窓口払いです。")
        if row.state == Batch.DRAFTED:
            stops.assert_not_stopped(connection, c.programme.id, row.file_name)
            needed, subject = c.programme.people.money_approvals, _subject(batch_id)
            approvals.assert_approved(connection, c.programme.id, subject, row.content_hash, needed)
            _build(c, connection, row, day)
            record(connection, c.programme.id, "cash.issued", actor.name, batch_id, {}, day)
        held = payments.read_batch(connection, c.programme.id, batch_id)
        people = whose.people_of_payments(connection, c.programme.id, [p.payment_key for p in held])
        record_showing(
            c, connection, "cash.exported", actor.name, _AT_THE_COUNTER, people, day, subject=batch_id
        )  # fmt: skip
    return outbox.read_payload(c, row.file_name)


def receive(c: Campaign, payment_key: str, receipt: str, actor: Actor, day: date) -> Waiting:
    """Enter the receipt that was signed for a payment, once: its people are paid.

    Raises:
        NotAllowed: the actor may not enter it.
        CashRefused: the payment does not lie at the counter, or the receipt cannot be its own.
    """
    actor.assert_may(Act.ENTER_CASH)
    if not RECEIPT.fullmatch(receipt):
        raise CashRefused("受領番号は半角の英数字とハイフンで30字までです。")
    with c.ledger.write() as connection:
        found = cash.find(connection, c.programme.id, payment_key)
        cash.receive(connection, c.programme.id, found, receipt, actor.name, day)
    return found


def withdraw(c: Campaign, payment_key: str, reason: str, actor: Actor, day: date) -> Decision:
    """Enter one person's decision to take a payment back; with the last one needed its people are approved again.

    It may wait at the counter, or a receipt was entered for it wrongly.

    Raises:
        NotAllowed: the actor may not decide.
        CashRefused: no such payment lies at the counter or was collected there.
        DecisionRefused, ApprovalRefused: no reason, or the actor may not decide this.
    """
    actor.assert_may(Act.DECIDE_MONEY)
    assert_reason(reason)
    with c.ledger.write() as connection:
        found = cash.find(connection, c.programme.id, payment_key)
        content = {"payment_key": payment_key, "receipt": found.receipt}
        subject = f"cash_withdrawal:{payment_key}"
        decided = decide_by_two(c, connection, subject, content, reason, actor, day)
        if decided.is_complete:
            cash.take_back(connection, c.programme.id, found, day)
    return decided


def give_up_waiting(c: Campaign, day: date) -> dict[str, int]:
    """Take back what nobody collected in time; nothing is written where nothing is late."""
    if c.programme.cash is None:
        return {}
    days = c.programme.cash.collect_days
    with c.ledger.read() as connection:
        late = cash.uncollected(connection, c.programme.id, days, day)
    if not late:
        return {}
    with c.ledger.write() as connection:
        return {"uncollected": cash.give_up_waiting(connection, c.programme.id, days, day)}


def _settings(c: Campaign) -> Cash:
    if c.programme.cash is None:
        raise CashRefused("この事業では窓口での現金給付を行いません(事業定義の[cash])。")
    return c.programme.cash


def _subject(batch_id: str) -> str:
    return f"cash_batch:{batch_id}"


def _declare(due: tuple[Payment, ...], day: date) -> Declared:
    content = payments.content_hash(due)
    batch_id = batch_id_of(content, due)
    name = f"cash_{day:%Y%m%d}_{batch_id}.pdf"
    return Declared(batch_id, name, day, due, zengin.account_hash(due), content, Route.CASH)


def _listed(c: Campaign, connection: sa.Connection, batch_id: str) -> Listed:
    row = cash.batch(connection, c.programme.id, batch_id)
    a = tables.approval
    agreed = sa.select(sa.func.count()).where(
        a.c.programme == c.programme.id, a.c.subject == _subject(batch_id), a.c.decision == "approve"
    )  # fmt: skip
    return Listed(
        batch_id, row.drafter, row.business_date, Batch(row.state), row.payments, row.people, row.sum_yen,
        row.content_hash[:_CODE], connection.execute(agreed).scalar_one(),
    )  # fmt: skip


def _build(c: Campaign, connection: sa.Connection, row: Any, day: date) -> None:
    """Make the list's release out of what the ledger holds, if that is what was approved."""
    found = payments.read_batch(connection, c.programme.id, row.batch_id)
    rows = _rows(c, connection, found)
    told = (len(rows), sum(r.people for r in rows), sum(r.amount_yen for r in rows))
    declared = (row.payments, row.people, row.sum_yen)
    if told != declared or payments.content_hash(found) != row.content_hash:
        raise CashRefused(
            f"{row.batch_id}: 支払の内容が、承認された内容と違います。kyufu audit verify で確認してください。"
        )
    benefit, cash_settings = c.programme.benefit, _settings(c)
    payload = build_cash_list(
        rows, programme=benefit.name, office=benefit.office, counter=cash_settings.counter, batch_id=row.batch_id,
        until=row.business_date + timedelta(cash_settings.collect_days), day=row.business_date,
    )  # fmt: skip
    made = make_release(
        c.programme, c.guard(day), _DISCLOSURE, name=row.file_name, payload=payload, columns=_COLUMNS,
        people=frozenset(person for payment in found for person in payment.people), records=row.payments,
        sum_yen=row.sum_yen, day=day,
    )  # fmt: skip
    outbox.keep(c, connection, made)
    payments.set_batch_state(
        connection, c.programme.id, row.batch_id, {Batch.DRAFTED}, Batch.APPROVED
    )


def _rows(c: Campaign, connection: sa.Connection, found: list[Payment]) -> list[Row]:
    """A row a payment, about the claim's applicant, who collects it."""
    t = tables.claim
    ids = [payment.claim_id for payment in found]
    query = sa.select(t.c.claim_id, t.c.applicant_id).where(
        t.c.programme == c.programme.id, t.c.claim_id.in_(ids)
    )
    applicants = {row.claim_id: row.applicant_id for row in connection.execute(query)}
    wanted = pa.array(sorted({a for a in applicants.values() if a}), pa.string())
    everybody = c.people()
    known = everybody.filter(pc.is_in(everybody.column("person_id"), value_set=wanted))
    person = {row["person_id"]: row for row in known.to_pylist()}
    return [
        Row(
            payment.payment_key, *_collector(person.get(applicants[payment.claim_id])), len(payment.people),
            payment.amount_yen,
        )
        for payment in found
    ]  # fmt: skip


def _collector(person: Mapping[str, str | None] | None) -> tuple[str, str, str]:
    """Who collects the cash: kanji name, kana name, birth date; empty where nobody is known."""
    known = person or {}
    return (
        known.get("name_kanji") or "",
        known.get("name_kana") or "",
        known.get("birth_date") or "",
    )
