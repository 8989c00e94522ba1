"""Decision notices (給付決定通知): the contractor's postcards after postal claims, the ward's letters after all others.

One a payment. The contractor's goes to the household's head; the ward's to the applicant, where the applicant may be
written to. A notice that does not fit the postcard is the ward's.
"""

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.disclosure.guard import Guard, PeriodClosed
from pipelines.disclosure.release import make_release
from pipelines.ledger.store import tell_refusal
from pipelines.outputs import postcards
from pipelines.outputs.ward_sheets import print_day
from pipelines.steps import letters, outbox
from pipelines.steps.campaign import Campaign
from pipelines.steps.ward_mail import Draft

ADDRESSED = ("household_id", "head_name_kanji", "postal_code", "address", "address_supplement")
_COLUMNS = (*ADDRESSED, "decided_yen", "transfer_date", "address_line")


def build(
    c: Campaign, connection: sa.Connection, guard: Guard, rows: pa.Table, day: date
) -> tuple[list[str], list[Draft], str | None]:
    """The day's notices: (names of the contractor's releases, the ward's drafts, why the contractor got none).

    rows: the day's people in payment, with payment_key, channel, applicant_id, transfer_date, amount_yen and the items
    of `ADDRESSED`.
    """
    withheld = pc.is_in(
        rows.column("person_id"),
        value_set=pa.array(sorted(guard.withheld_from_contractors), pa.string()),
    )
    fits = postcards.fits(rows, _profile(c))
    is_contractors = pc.and_(
        pc.and_(pc.equal(rows.column("channel"), "postal"), pc.invert(withheld)), fits
    )
    # a payment has one notice, whoever of its people is withheld
    kept_back = rows.filter(pc.invert(is_contractors)).column("payment_key")
    is_contractors = pc.invert(
        pc.is_in(rows.column("payment_key"), value_set=kept_back.combine_chunks())
    )
    try:
        made = _contractor(c, connection, guard, rows.filter(is_contractors), day)
    except PeriodClosed as error:
        tell_refusal(connection, c.programme.id, error)
        return [], _drafts(guard, rows), str(error)
    return made, _drafts(guard, rows.filter(pc.invert(is_contractors))), None


def _contractor(
    c: Campaign, connection: sa.Connection, guard: Guard, rows: pa.Table, day: date
) -> list[str]:
    if rows.num_rows == 0:
        return []
    notices = rows.group_by(["payment_key", *ADDRESSED, "transfer_date"]).aggregate(
        [("amount_yen", "sum")]
    )
    notices = notices.rename_columns({"amount_yen_sum": "decided_yen"})
    payload = postcards.build_postcards(notices, _profile(c))
    made = make_release(
        c.programme, guard, "notices", name=f"notices_{day:%Y%m%d}.csv", payload=payload, columns=_COLUMNS,
        people=frozenset(rows.column("person_id").to_pylist()), records=notices.num_rows, sum_yen=None, day=day,
    )  # fmt: skip
    outbox.keep(c, connection, made)
    return [made.name]


def _profile(c: Campaign) -> postcards.PostcardProfile:
    of = c.programme.postcard
    return postcards.PostcardProfile(
        encoding=of.encoding, line_end="\r\n" if of.line_break == "crlf" else "\n", address_lines=of.address_lines,
        line_characters=of.line_characters, name_characters=of.name_characters,
    )  # fmt: skip


def _drafts(guard: Guard, rows: pa.Table) -> list[Draft]:
    """A letter a payment, in the order of the payments."""
    payments: dict[str, list[dict[str, object]]] = {}
    columns = ["person_id", "payment_key", "applicant_id", "transfer_date", "amount_yen"]
    for row in rows.select(columns).to_pylist():
        payments.setdefault(row["payment_key"], []).append(row)
    found = []
    for key, members in sorted(payments.items()):
        ids = tuple(str(row["person_id"]) for row in members)
        applicant = members[0]["applicant_id"]
        to = letters.addressee(guard, str(applicant) if applicant else None, ids)
        yen = sum(int(str(row["amount_yen"])) for row in members)
        transfer = str(members[0]["transfer_date"])
        told = (
            ("給付決定額", f"{yen:,}円"),
            ("対象人数", f"{len(ids)}人"),
            ("振込予定日", print_day(transfer.replace("-", ""), transfer)),
        )
        found.append(Draft("decision", to, ids, key, told))
    return found
