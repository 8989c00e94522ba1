"""Results: what the bank says of each transfer, and the decision notices that follow."""

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.disclosure.guard import PeriodClosed
from pipelines.disclosure.release import make_release
from pipelines.errors import InputRefused
from pipelines.failpoints import failpoint
from pipelines.ledger import payments, tables
from pipelines.ledger.states import Batch
from pipelines.ledger.store import fetch
from pipelines.link import receiving
from pipelines.link.session import SFTPClient
from pipelines.outputs import zengin
from pipelines.outputs.notices import build_notices
from pipelines.reports.arrivals import LINK
from pipelines.steps import fetching, inbox, outbox, party_outbox, register
from pipelines.steps import payments as payment_steps
from pipelines.steps.campaign import Campaign

BANK = "bank"
_NOTICE = (
    "household_id",
    "head_name_kanji",
    "postal_code",
    "address",
    "address_supplement",
    "decided_yen",
    "transfer_date",
)


def settle(c: Campaign, day: date) -> dict[str, Any]:
    """Take in the bank's acknowledgement and result for every batch delivered up to that day without one."""
    payment_steps.confirm(c, day)
    with c.ledger.read() as connection:
        b = tables.batch
        query = sa.select(b.c.batch_id, b.c.file_name).where(
            b.c.programme == c.programme.id,
            b.c.state == Batch.DELIVERED,
            b.c.business_date <= day,  # a day that is run again settles no later day's batch
        )
        waiting = connection.execute(query.order_by(b.c.file_name)).all()
    told = _look_over(c, day)
    if not waiting:
        return {"batches": 0, "paid": 0, "returned": 0, **told}
    with inbox.taking_in(c, f"{LINK}{BANK}", day), c.session(BANK) as sftp:
        taken = {batch_id: _take(c, sftp, file_name, day) for batch_id, file_name in waiting}
        found = {batch_id: _outcomes(c, received) for batch_id, received in taken.items()}
    failpoint("results.read")
    with c.ledger.write() as connection:
        paid, returned = payments.settle(connection, c.programme.id, found, day)
        register.take_out_gone(c, connection, day)  # a change came while they were in payment
        for received in taken.values():
            party_outbox.record_taken(connection, c.programme.id, BANK, received.manifest, day)
    failpoint("results.settled")
    return {"batches": len(waiting), "paid": paid, "returned": returned, **told}


def _look_over(c: Campaign, day: date) -> dict[str, int]:
    """Tell of what lies in the bank's outbox and should not, once a batch has been delivered."""
    b = tables.batch
    with c.ledger.read() as connection:
        query = sa.select(sa.func.count()).where(
            b.c.programme == c.programme.id, b.c.state.in_([Batch.DELIVERED, Batch.SETTLED])
        )
        delivered = connection.execute(query).scalar_one()
    if not delivered or not c.programme.party(BANK).connection.holds(day):
        return {}
    with c.session(BANK) as sftp:
        told = party_outbox.look_over(c, BANK, sftp, day)
    return {"unexpected": told.count} if told.count else {}


def _take(c: Campaign, sftp: SFTPClient, file_name: str, day: date) -> receiving.Received:
    """The bank's result file for a payment file."""
    name = f"result_{file_name}"
    inbox.wait_until(
        c,
        lambda: receiving.is_published(sftp, party_outbox.OUTBOX, name),
        f"{file_name}の振込結果",
    )
    return fetching.take(c, sftp, BANK, name, day)


def _outcomes(c: Campaign, received: receiving.Received) -> payments.Results:
    """What the bank says of every payment of a file.

    Raises:
        InputRefused: it is no such file, or its manifest declares another count or sum than it has.
    """
    bank = c.programme.bank
    returned = zengin.ReturnProfile(
        sent=payment_steps.profile(c), position=bank.result_code_column, codes=bank.result_codes
    )
    try:
        results = zengin.read_results(received.payload, returned)
    except zengin.ZenginError as error:
        raise InputRefused(
            f"{received.manifest.name}: 全銀形式の振込結果として読めません({error})。何も反映していません。"
            "銀行に確認し、正しい結果を送り直してもらってください。"
        ) from error
    fetching.assert_declared(
        received.manifest,
        len(results.outcomes),
        sum(o.payment.amount_yen for o in results.outcomes),
    )
    return {o.payment.customer_code_1: (o.code, o.is_paid) for o in results.outcomes}


def send_notices(c: Campaign, day: date) -> dict[str, Any]:
    """Send the decision notices of the day's batches: postal claims by the contractor, the others by the ward.

    Outside the contractor's period the ward posts them itself; that is recorded as refused.
    """

    def work(connection: sa.Connection) -> dict[str, Any]:
        rows = _decided(c, connection, day)
        if rows.num_rows == 0:
            return {"names": [], "refused": None}
        guard = c.guard(day)
        withheld = pc.is_in(
            rows.column("person_id"),
            value_set=pa.array(sorted(guard.withheld_from_contractors), pa.string()),
        )
        by_contractor = pc.and_(pc.equal(rows.column("channel"), "postal"), pc.invert(withheld))
        made = []
        refused = None
        try:
            made.append(_notices(c, connection, guard, rows.filter(by_contractor), "notices", day))
            by_ward = rows.filter(pc.invert(by_contractor))
        except PeriodClosed as error:
            refused, by_ward = str(error), rows
        made.append(_notices(c, connection, guard, by_ward, "inhouse", day))
        return {"names": [name for name in made if name], "refused": refused}

    built = c.ledger.once("results.notices", day, work)
    if built["refused"]:
        c.note_refusal("notices", built["refused"], day)
    files = []
    for name in built["names"]:
        outbox.send(c, name, day)
        files.append(outbox.await_acknowledgement(c, name, day))
    return {"files": files}


def _notices(
    c: Campaign, connection: sa.Connection, guard: Any, rows: pa.Table, disclosure: str, day: date
) -> str | None:
    """One notice a payment; addressed to the household's head, or for a protected person to that person."""
    if rows.num_rows == 0:
        return None
    people = frozenset(rows.column("person_id").to_pylist())
    notices = rows.group_by(
        [n for n in rows.column_names if n not in ("person_id", "amount_yen", "channel")]
    ).aggregate([("amount_yen", "sum")])
    notices = notices.rename_columns({"amount_yen_sum": "decided_yen"}).sort_by("payment_key")
    columns = (
        _NOTICE
        if disclosure == "notices"
        else tuple(n for n in _NOTICE if n not in ("decided_yen", "transfer_date"))
    )
    table = notices.select(list(columns))
    prefix = "notices" if disclosure == "notices" else "inhouse_notices"
    made = make_release(
        c.programme, guard, disclosure, name=f"{prefix}_{day:%Y%m%d}.csv", payload=build_notices(table),
        columns=columns, people=people, records=table.num_rows, sum_yen=None, day=day,
    )  # fmt: skip
    outbox.keep(c, connection, made)
    return made.name


_DECIDED = pa.schema(
    [
        ("person_id", pa.string()),
        ("payment_key", pa.string()),
        ("channel", pa.string()),
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
            sa.cast(b.c.transfer_date, sa.Text),
            i.c.amount_yen,
        )
        .join(p, (p.c.programme == i.c.programme) & (p.c.payment_key == i.c.payment_key))
        .join(b, (b.c.programme == p.c.programme) & (b.c.batch_id == p.c.batch_id))
        .join(t, (t.c.programme == p.c.programme) & (t.c.claim_id == p.c.claim_id))
        .where(
            b.c.programme == c.programme.id, b.c.business_date == day, b.c.state != Batch.REJECTED
        )
        .order_by(i.c.person_id)
    )
    rows = fetch(connection, query, _DECIDED)
    everybody = c.people()
    order = pc.index_in(
        rows.column("person_id"), value_set=everybody.column("person_id").combine_chunks()
    )
    details = everybody.take(order)
    for name in _NOTICE[:5]:
        rows = rows.append_column(name, pc.coalesce(details.column(name), pa.scalar("")))
    return rows
