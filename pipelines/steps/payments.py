"""Payments: draft what is approved, declare it, let two people decide, write the bank's file, send it."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from functools import partial
from itertools import count
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from pipelines.disclosure.guard import Guard
from pipelines.disclosure.release import make_release
from pipelines.errors import KyufuError
from pipelines.failpoints import failpoint
from pipelines.ledger import payments, people, stops, tables
from pipelines.ledger.approvals import ApprovalRefused, assert_approved, is_rejected
from pipelines.ledger.payable import NO_ACCOUNT, payable
from pipelines.ledger.payments import Declared, Payment
from pipelines.ledger.states import Batch, Entitlement
from pipelines.ledger.store import Move, move
from pipelines.outputs import business_days, zengin
from pipelines.steps import holds, outbox, waiting_changes
from pipelines.steps.approvals import drafter
from pipelines.steps.campaign import Campaign

_FIELDS = (
    "bank_code", "branch_code", "account_type", "account_number", "account_holder_kana", "amount_yen", "payment_key",
)  # fmt: skip
# the same as the ledger names them: it holds the account holder as the bank writes names
_RECORDED = tuple({"account_holder_kana": "payee_kana"}.get(name, name) for name in _FIELDS)
_recorded = attrgetter(*_RECORDED)


def draft(c: Campaign, day: date) -> dict[str, Any]:
    """Declare the day's batches: count, sum and hashes first; their people are in payment from here on.

    What stewards decided about holds takes effect first, so that whom they let be paid is in the day's batches. Who is
    approved while a change of theirs waits in quarantine is held, and whoever's claim names no account that the bank's
    file can hold.

    Returns the totals, and the subject and hash that two people approve; `needed` is 0 when there is nothing to pay.
    """

    def work(connection: sa.Connection) -> dict[str, Any]:
        decided = holds.apply_decisions(c, connection, day)
        on_hold = waiting_changes.hold(c, connection, day)
        payees = _Payees()
        found = payable(
            connection, c.programme.id, payees, confirmed=c.programme.bank.account_check is not None
        )
        _hold(c, connection, found.without_account, day)
        if found.payments:
            c.guard(day).assert_lists_current(c.programme, day)
        with _declaring(c, found.payments, day) as declared:
            batches = payments.draft(connection, c.programme.id, declared, drafter(c), day)
        return {
            "batches": [b.batch_id for b in batches], "payments": sum(len(b.payments) for b in batches),
            "people": sum(b.people for b in batches), "sum_yen": sum(b.sum_yen for b in batches),
            "transfer_date": _transfer_date(c, day).isoformat(), "subject": f"payments:{day}",
            "hash": _approved_hash(b.content_hash for b in batches),
            "needed": c.programme.people.money_approvals if batches else 0, **on_hold, "holds": decided,
            "account_held": len(found.without_account),
            "names_changed": payees.changed, "names_cut": payees.cut,
        }  # fmt: skip

    return c.ledger.once("payments.draft", day, work)


def build(c: Campaign, day: date) -> dict[str, Any]:
    """After the approvals: write each batch's file, read it back against what was declared, make its release.

    A rejection voids the day's batches: their people are approved again and wait for the next draft. So do those of a
    batch that was taken back since, because somebody in it may no longer be paid.
    """
    drafted = _drafted(c, day)
    rejected = is_rejected_by_anybody(c, drafted["subject"])

    def work(connection: sa.Connection) -> dict[str, Any]:
        batches = _not_voided(connection, c, drafted["batches"])
        if rejected:
            for batch_id in batches:
                payments.void(connection, c.programme.id, batch_id, "rejected", day)
        elif batches:
            assert_approved(
                connection, c.programme.id, drafted["subject"], drafted["hash"], drafted["needed"]
            )
            _assert_is_as_approved(connection, c, drafted)
            guard = c.guard(day)
            for batch_id in batches:
                _build_one(c, connection, guard, batch_id, day)
        return {"rejected": rejected, "voided": len(drafted["batches"]) - len(batches)}

    return c.ledger.once("payments.build", day, work)


def send(c: Campaign, day: date) -> dict[str, Any]:
    """Send the day's files to the bank; `confirm` waits for its acknowledgements."""
    built = c.ledger.result_of("payments.build", day)
    if built is None:
        raise KyufuError(f"payments {day}: 振込ファイルはまだ作成されていません。")
    with c.ledger.read() as connection:
        names = _not_voided(connection, c, _drafted(c, day)["batches"])
    if not names:
        return {"files": []}
    with c.session("bank"):
        sent = [_send_one(c, batch_id, name, day) for batch_id, name in names.items()]
    return {"files": [file for file in sent if file is not None]}


def confirm(c: Campaign, day: date) -> None:
    """Wait until the bank has acknowledged, of every file delivered up to that day, exactly what was declared."""
    b, r = tables.batch, tables.release
    query = (
        sa.select(b.c.batch_id, b.c.file_name)
        .join(r, (r.c.programme == b.c.programme) & (r.c.name == b.c.file_name))
        .where(
            b.c.programme == c.programme.id, b.c.state == Batch.SENDING, b.c.business_date <= day
        )
        .where(r.c.state == "delivered")
        .order_by(b.c.file_name)
    )
    with c.ledger.read() as connection:
        waiting = connection.execute(query).all()
    if not waiting:
        return
    with c.session("bank"):
        for batch_id, name in waiting:
            _confirm_one(c, batch_id, name, day)


def _send_one(c: Campaign, batch_id: str, name: str, day: date) -> dict[str, Any] | None:
    """One batch, unless it was voided: marked as sending first, because from then on it may never be voided.

    A batch that comes to its turn while all sending is stopped is not marked, so that it can still be voided.
    """
    with c.ledger.write() as connection:
        state = _state(connection, c, batch_id)
        if state == Batch.REJECTED:
            return None
        if state == Batch.APPROVED:
            stops.assert_not_stopped(connection, c.programme.id, name)
            payments.set_batch_state(
                connection, c.programme.id, batch_id, {Batch.APPROVED}, Batch.SENDING
            )
    failpoint("payments.sending")
    return outbox.send(c, name, day)


def _confirm_one(c: Campaign, batch_id: str, name: str, day: date) -> None:
    outbox.await_acknowledgement(c, name, day)
    failpoint("payments.sent")
    with c.ledger.write() as connection:
        if _state(connection, c, batch_id) == Batch.SENDING:
            payments.set_batch_state(
                connection, c.programme.id, batch_id, {Batch.SENDING}, Batch.DELIVERED
            )


def _hold(
    c: Campaign, connection: sa.Connection, found: Sequence[tuple[str, str]], day: date
) -> None:
    """Hold (person, claim) each, whose account cannot be written: the others of the day are paid."""
    severity = c.programme.findings[NO_ACCOUNT]
    people.add_findings(connection, c.programme.id, NO_ACCOUNT, severity, found)
    moves = [Move(person, Entitlement.HELD, claim, NO_ACCOUNT) for person, claim in found]
    move(connection, c.programme.id, moves, "payments", "", day)


@contextmanager
def _declaring(c: Campaign, due: Sequence[Payment], day: date) -> Iterator[Iterator[Declared]]:
    """The payments in batches of at most the bank's limit, the next one declared while one is written."""
    size = c.programme.bank.max_records
    parts = [tuple(due[start : start + size]) for start in range(0, len(due), size)]
    with ThreadPoolExecutor(max_workers=1) as beside:
        yield beside.map(partial(_declare, c, day), count(1), parts)


def _declare(c: Campaign, day: date, number: int, part: tuple[Payment, ...]) -> Declared:
    """The day's number-th batch; its id comes from the content."""
    content = payments.content_hash(part)
    return Declared(
        batch_id_of(content, part), f"payments_{day:%Y%m%d}_{number:02d}.txt", _transfer_date(c, day), part,
        zengin.account_hash(part), content,
    )  # fmt: skip


class _Payees:
    """Writes account holders as the bank does, and counts what it changed: the ledger holds what the file will say."""

    def __init__(self) -> None:
        self.changed = self.cut = 0

    def __call__(self, holder: str) -> str:
        name = zengin.bank_name_kana(holder)
        self.changed += bool(name.changed)
        self.cut += name.needs_person
        return name.value


def _approved_hash(content_hashes: Iterable[str]) -> str:
    """What people approve: the contents of the day's batches, in their order."""
    return hashlib.sha256("".join(content_hashes).encode()).hexdigest()


def _assert_is_as_approved(
    connection: sa.Connection, c: Campaign, drafted: Mapping[str, Any]
) -> None:
    """Fail unless the batches are declared now as they were when people approved them.

    Raises:
        ApprovalRefused: a declaration was changed since.
    """
    b = tables.batch
    query = sa.select(b.c.batch_id, b.c.content_hash).where(
        b.c.programme == c.programme.id, b.c.batch_id.in_(drafted["batches"])
    )
    declared = {row.batch_id: row.content_hash for row in connection.execute(query)}
    if (
        _approved_hash(declared.get(batch_id, "") for batch_id in drafted["batches"])
        != drafted["hash"]
    ):
        raise ApprovalRefused(
            f"{drafted['subject']}: 承認のあとで振込の内容が変わりました。送りません。"
            "kyufu audit verify で確認してください。"
        )


def batch_id_of(content: str, part: Sequence[Payment]) -> str:
    """From the content, and the first key: the same people drafted again after a rejection are another batch."""
    return "B" + hashlib.sha256(f"{content}{part[0].payment_key}".encode()).hexdigest()[:16]


def _transfer_date(c: Campaign, day: date) -> date:
    return business_days.transfer_date(day, c.programme.bank.lead_business_days)


def _record(payment: Payment) -> zengin.Payment:
    """A payment as the bank's record, whose first items are `_RECORDED`."""
    return zengin.Payment(*_recorded(payment))


def profile(c: Campaign) -> zengin.Profile:
    """The bank's way with the standard's records."""
    return zengin.Profile(
        line_break=c.programme.bank.line_break, max_records=c.programme.bank.max_records
    )


def _build_one(
    c: Campaign, connection: sa.Connection, guard: Guard, batch_id: str, day: date
) -> None:
    """The file of one declared batch, compared with its declaration after reading it back."""
    key = {"programme": c.programme.id, "batch_id": batch_id}
    declared = connection.execute(sa.select(tables.batch).filter_by(**key)).mappings().one()
    found = payments.read_batch(connection, c.programme.id, batch_id)
    if payments.content_hash(found) != declared["content_hash"]:
        raise KyufuError(
            f"{batch_id}: 支払の宛先か金額が、承認された内容と違います。送りません。"
            "kyufu audit verify で確認してください。"
        )
    records = [_record(payment) for payment in found]
    payload = _write(c, batch_id, declared["transfer_date"], records)
    again = zengin.read(payload, profile(c))
    told = (again.trailer.count, again.trailer.amount_yen, zengin.account_hash(again.payments))
    if told != (declared["payments"], declared["sum_yen"], declared["account_hash"]):
        raise KyufuError(
            f"{batch_id}: 作成したファイルが宣言した件数・金額・口座と一致しません。送りません。"
        )
    payees = frozenset(person for payment in found for person in payment.people)
    made = make_release(
        c.programme, guard, "payments", name=declared["file_name"], payload=payload, columns=_FIELDS,
        people=payees, records=declared["payments"], sum_yen=declared["sum_yen"], day=day,
    )  # fmt: skip
    outbox.keep(c, connection, made)
    payments.set_batch_state(connection, c.programme.id, batch_id, {Batch.DRAFTED}, Batch.APPROVED)


def _write(
    c: Campaign, batch_id: str, transfer_date: date, records: Sequence[zengin.Payment]
) -> bytes:
    """The bank's file.

    Raises:
        KyufuError: a payment does not fit the bank's format; the message says which, and what of it.
    """
    try:
        return zengin.write(header(c, transfer_date), records, profile(c))
    except zengin.ZenginError as error:
        at = error.record - 2  # after the header
        which = f"支払番号{records[at].customer_code_1}の" if 0 <= at < len(records) else ""
        raise KyufuError(
            f"{batch_id}: {which}項目{error.field}が銀行の形式に合わず、振込ファイルを作成できません({error.rule})。"
            "この日の振込を却下し、申請の口座を訂正してから、次の日に起案し直してください。"
        ) from None


def header(c: Campaign, transfer_date: date) -> zengin.Header:
    """Who pays, from which account, on that day."""
    bank = c.programme.bank
    return zengin.Header(
        client_code=bank.client_code, client_name=bank.client_name_kana, transfer_mmdd=zengin.mmdd(transfer_date),
        bank_code=bank.bank_code, branch_code=bank.branch_code, account_type=bank.account_type,
        account_number=bank.account_number, bank_name=bank.bank_name_kana, branch_name=bank.branch_name_kana,
    )  # fmt: skip


def _drafted(c: Campaign, day: date) -> dict[str, Any]:
    drafted = c.ledger.result_of("payments.draft", day)
    if drafted is None:
        raise KyufuError(f"payments {day}: 振込はまだ起案されていません。")
    return drafted


def _state(connection: sa.Connection, c: Campaign, batch_id: str) -> str:
    query = sa.select(tables.batch.c.state).filter_by(programme=c.programme.id, batch_id=batch_id)
    return str(connection.execute(query).scalar_one())


def _not_voided(connection: sa.Connection, c: Campaign, batch_ids: Sequence[str]) -> dict[str, str]:
    """Those of these batches that nobody rejected or took back, and their files' names, in the files' order."""
    b = tables.batch
    query = (
        sa.select(b.c.batch_id, b.c.file_name)
        .where(b.c.programme == c.programme.id, b.c.batch_id.in_(batch_ids))
        .where(b.c.state != Batch.REJECTED)
        .order_by(b.c.file_name)
    )
    return {row.batch_id: row.file_name for row in connection.execute(query)}


def is_rejected_by_anybody(c: Campaign, subject: str) -> bool:
    """Whether one of the people rejected it."""
    with c.ledger.read() as connection:
        return is_rejected(connection, c.programme.id, subject)
