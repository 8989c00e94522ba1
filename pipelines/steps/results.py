"""Results: what the bank says of each transfer, and the notices and letters that follow."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.errors import InputRefused
from pipelines.failpoints import failpoint
from pipelines.ledger import mail, results, tables
from pipelines.ledger.states import Batch, Route
from pipelines.ledger.store import add_refusal, fetch
from pipelines.link import receiving
from pipelines.link.session import SFTPClient
from pipelines.outputs import business_days, zengin
from pipelines.reports.arrivals import LINK
from pipelines.steps import (
    cash,
    decision_notices,
    fetching,
    inbox,
    letters,
    municipal_letters,
    non_payment,
    outbox,
    party_outbox,
    register,
    ward_mail,
)
from pipelines.steps import payments as payment_steps
from pipelines.steps.campaign import Campaign

BANK = "bank"


def settle(c: Campaign, day: date) -> dict[str, Any]:
    """Take in the bank's acknowledgements, and every result file up to that day that was not taken yet.

    A delivered batch's own file is waited for until the programme's limit; after it, whatever has no result is
    unknown. What cannot be right in a file is kept apart and told; the rest of the file counts. What nobody collected
    at the counter in time is taken back.
    """
    payment_steps.confirm(c, day)
    told = _look_over(c, day)
    with inbox.taking_in(c, f"{LINK}{BANK}", day):
        taken = _take_new(c, day)
        files = [_read(c, received) for received in taken]
    failpoint("results.read")
    settled: list[results.Settled] = []
    unknown = 0
    if files or _overdue(c, day):
        with c.ledger.write() as connection:
            settled = [results.settle(connection, c.programme.id, file, day) for file in files]
            unknown = results.give_up_waiting(connection, c.programme.id, last_day(c), day)
            register.take_out_gone(c, connection, day)  # a change came while they were in payment
            for received in taken:
                party_outbox.record_taken(connection, c.programme.id, BANK, received.manifest, day)
            _tell(c, connection, dict(zip(files, settled, strict=True)), unknown, day)
    failpoint("results.settled")
    return {
        "files": len(files), "paid": sum(s.paid for s in settled), "returned": sum(s.returned for s in settled),
        "unreconciled": sum(n for s in settled for n in s.faults.values()), "unknown": unknown,
        **cash.give_up_waiting(c, day), **told,
    }  # fmt: skip


def draft_letters(c: Campaign, day: date) -> dict[str, Any]:
    """Tell other municipalities of their people, now that the day's payments are settled; see `municipal_letters`."""
    return municipal_letters.draft(c, day)


def last_day(c: Campaign) -> Callable[[date], date]:
    """Transfer date -> the last day on which its result may still come in time."""
    return lambda day: business_days.transfer_date(day, c.programme.bank.result_business_days)


def _overdue(c: Campaign, day: date) -> list[str]:
    with c.ledger.read() as connection:
        return results.overdue_batches(connection, c.programme.id, last_day(c), day)


def _is_connected(c: Campaign, day: date) -> bool:
    """Whether the bank may have something for us: a batch has been delivered, and the connection stands."""
    b = tables.batch
    with c.ledger.read() as connection:
        query = sa.select(sa.func.count()).where(
            b.c.programme == c.programme.id,
            b.c.state.in_([Batch.DELIVERED, Batch.SETTLED]),
            b.c.route == str(Route.TRANSFER),
        )
        delivered = connection.execute(query).scalar_one()
    return bool(delivered) and c.programme.party(BANK).connection.holds(day)


def _look_over(c: Campaign, day: date) -> dict[str, int]:
    """Tell of what lies in the bank's outbox and should not, once a batch has been delivered."""
    if not _is_connected(c, day):
        return {}
    with c.session(BANK) as sftp:
        told = party_outbox.look_over(c, BANK, sftp, day)
    return {"unexpected": told.count} if told.count else {}


def _take_new(c: Campaign, day: date) -> list[receiving.Received]:
    """Every result file up to that day that was never taken: each delivered batch's own, then the bank's further ones.

    Raises:
        InputMissing: a batch's own file did not come, and the limit is not past.
    """
    known = party_outbox.taken_from(c, BANK)
    own = [name for name in _own_results(c, day) if name not in known]
    if not own and not _is_connected(c, day):
        return []
    overdue = set(_overdue(c, day))
    with c.session(BANK) as sftp:
        for name, batch_id in _own_results(c, day).items():
            if name in own and batch_id not in overdue:
                _wait_for(c, sftp, name)
        published = receiving.look_at(
            sftp, party_outbox.OUTBOX, c.programme.link.wait_seconds
        ).published
        further = {
            name: of
            for name in sorted(published)
            if name not in known and (of := party_outbox.results_day(name)) and of <= day
        }
        wanted = {**{name: None for name in own if name in published}, **further}
        return [fetching.take(c, sftp, BANK, name, day, of) for name, of in wanted.items()]


def _own_results(c: Campaign, day: date) -> dict[str, str]:
    """Name of the result file -> id of the batch, for those delivered up to that day and not settled."""
    b = tables.batch
    query = sa.select(b.c.file_name, b.c.batch_id).where(
        b.c.programme == c.programme.id,
        b.c.state == Batch.DELIVERED,
        b.c.business_date <= day,  # a day that is run again settles no later day's batch
    )
    with c.ledger.read() as connection:
        rows = connection.execute(query.order_by(b.c.file_name)).all()
    return {f"result_{file_name}": batch_id for file_name, batch_id in rows}


def _wait_for(c: Campaign, sftp: SFTPClient, name: str) -> None:
    inbox.wait_until(
        c, lambda: receiving.is_published(sftp, party_outbox.OUTBOX, name), f"{name}(振込結果)"
    )


def _read(c: Campaign, received: receiving.Received) -> results.ResultFile:
    """What the bank says of every payment of a file.

    Raises:
        InputRefused: the file is not in the bank's layout, or its manifest declares another count or sum.
    """
    bank, name = c.programme.bank, received.manifest.name
    returned = zengin.ReturnProfile(
        sent=payment_steps.profile(c), position=bank.result_code_column, codes=bank.result_codes
    )
    try:
        found = zengin.read_results(received.payload, returned)
    except zengin.ZenginError as error:
        raise InputRefused(
            f"{name}: 振込結果として読めません({error})。受け取っていません。"
            "銀行に確認し、正しいファイルを別の名前で送り直してもらってください。"
        ) from None
    sum_yen = sum(o.payment.amount_yen for o in found.outcomes)
    fetching.assert_declared(received.manifest, len(found.outcomes), sum_yen)
    told = [
        results.Told(
            record, o.payment.customer_code_1, o.code, o.is_paid, o.payment.bank_code, o.payment.branch_code,
            o.payment.account_type, o.payment.account_number, o.payment.amount_yen,
        )
        for record, o in enumerate(found.outcomes, start=2)
    ]  # fmt: skip
    return results.ResultFile(name, received.manifest.sha256, told)


def _tell(
    c: Campaign, connection: sa.Connection, files: dict[results.ResultFile, results.Settled], unknown: int, day: date
) -> None:  # fmt: skip
    """Put on the steward's page and into the summary what the bank's files leave open."""
    lines = [
        f"{file.name}: 照合できない振込結果があります({_counts(settled.faults)})。該当の振込は「振込結果不明」に"
        "したか、決着済みのまま変えていません。kyufu results list で確認し、銀行に問い合わせてください。"
        for file, settled in files.items()
        if settled.faults
    ]
    lines += [
        f"result_{name}: 結果のない振込が{count:,}件あります。{last_day(c)(paid_on)}までに届かないものは"
        "「振込結果不明」にします。銀行に確認してください。"
        for name, paid_on, count in results.missing(connection, c.programme.id)
        if f"result_{name}" in {file.name for file in files}
    ]
    if unknown:
        lines.append(
            f"期限までに結果の届かない振込({unknown:,}人)を「振込結果不明」にしました。再び支払うことはありません。"
            "kyufu results list で確認し、銀行に問い合わせてください。"
        )
    for line in lines:
        add_refusal(connection, c.programme.id, f"{LINK}{BANK}", line, day)


def _counts(faults: Mapping[results.Fault, int]) -> str:
    return "、".join(f"{results.FAULTS_JA[fault]} {count:,}件" for fault, count in faults.items())


def send_notices(c: Campaign, day: date) -> dict[str, Any]:
    """Send the day's notices: what is paid, what is not, what the bank returned, and what claims lack.

    Of postal claims by the contractor, else by the ward. Outside the contractor's period the ward posts them itself;
    that is recorded as refused.
    """

    def work(connection: sa.Connection) -> dict[str, Any]:
        rows = _decided(c, connection, day)
        returned = letters.unwritten(connection, c.programme.id)
        lacking = letters.deficient(connection, c.programme.id)
        declined = non_payment.drafts(c, connection)
        if rows.num_rows == 0 and not (returned or lacking or declined):
            return {"names": [], "refused": None}
        guard = c.guard(day)
        made, own, refused = decision_notices.build(c, connection, guard, rows, day)
        written, drafts, letters_refused = letters.build(
            c, connection, guard, returned, lacking, day
        )
        by_ward = ward_mail.make(c, connection, guard, [*own, *declined, *drafts], "notices", day)
        mail.mark_sent(connection, c.programme.id, by_ward, day)
        return {
            "names": [*made, *written, *by_ward], "refused": refused or letters_refused,
            "not_paid": len(declined), "lacking": len({hold.claim_id for hold in lacking}),
        }  # fmt: skip

    built = c.ledger.once("results.notices", day, work)
    if built["refused"]:
        c.note_refusal("notices", built["refused"], day)
    files = []
    for name in built["names"]:
        outbox.send(c, name, day)
        files.append(outbox.await_acknowledgement(c, name, day))
    return {"files": files, **{n: built[n] for n in ("not_paid", "lacking") if built.get(n)}}


_DECIDED = pa.schema(
    [
        ("person_id", pa.string()),
        ("payment_key", pa.string()),
        ("channel", pa.string()),
        ("applicant_id", pa.string()),
        ("transfer_date", pa.string()),
        ("amount_yen", pa.int64()),
    ]
)


def _decided(c: Campaign, connection: sa.Connection, day: date) -> pa.Table:
    """The day's people in payment, with their household's address and the payment they belong to."""
    b, p, i, t = tables.batch, tables.payment, tables.payment_item, tables.claim
    query = (
        sa.select(
            i.c.person_id,
            p.c.payment_key,
            t.c.channel,
            t.c.applicant_id,
            sa.cast(b.c.transfer_date, sa.Text),
            i.c.amount_yen,
        )
        .join(p, (p.c.programme == i.c.programme) & (p.c.payment_key == i.c.payment_key))
        .join(b, (b.c.programme == p.c.programme) & (b.c.batch_id == p.c.batch_id))
        .join(t, (t.c.programme == p.c.programme) & (t.c.claim_id == p.c.claim_id))
        .where(
            b.c.programme == c.programme.id, b.c.business_date == day, b.c.state != Batch.REJECTED
        )
        .where(b.c.route == str(Route.TRANSFER))
        .order_by(i.c.person_id)
    )
    rows = fetch(connection, query, _DECIDED)
    everybody = c.people()
    order = pc.index_in(
        rows.column("person_id"), value_set=everybody.column("person_id").combine_chunks()
    )
    details = everybody.take(order)
    for name in decision_notices.ADDRESSED:
        rows = rows.append_column(name, pc.coalesce(details.column(name), pa.scalar("")))
    return rows
