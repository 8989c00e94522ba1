"""Deficiency letters (不備通知: 口座の訂正のお願い): who is asked for another account after a return.

One letter a returned payment, with the day's notices. It goes the way the household is served: by the contractor after
a postal claim, by the ward otherwise, and always by the ward, to the person or through the department, where the claim
is a protected person's own.
"""

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.disclosure.guard import Guard, PeriodClosed
from pipelines.disclosure.release import Release, make_release
from pipelines.ledger import tables
from pipelines.ledger.bulk import insert_rows
from pipelines.ledger.states import Entitlement
from pipelines.ledger.store import in_parts, tell_refusal
from pipelines.outputs.handover import build_handover
from pipelines.outputs.notices import build_notices
from pipelines.steps import forms, outbox
from pipelines.steps.campaign import Campaign

_CONTRACTORS = ("household_id", "head_name_kanji", "postal_code", "address", "address_supplement")
_DISCLOSURE = "deficiency_letters"


def unwritten(connection: sa.Connection, programme: str) -> list[Any]:
    """The returned payments nobody was written to about: payment_key, person_id, channel, applicant_id; in order."""
    p, i, e, t = tables.payment, tables.payment_item, tables.entitlement, tables.claim
    n = tables.deficiency_letter
    written = sa.exists().where(n.c.programme == p.c.programme, n.c.payment_key == p.c.payment_key)
    returned = (
        sa.select(p.c.payment_key)
        .where(p.c.programme == programme, p.c.result == sa.literal_column("'returned'"))
        .where(~written)  # a literal above: SQLite then knows that the partial index fits
    )
    query = (
        sa.select(p.c.payment_key, i.c.person_id, t.c.channel, t.c.applicant_id)
        .join(i, (i.c.programme == p.c.programme) & (i.c.payment_key == p.c.payment_key))
        .join(e, (e.c.programme == i.c.programme) & (e.c.person_id == i.c.person_id))
        .join(t, (t.c.programme == p.c.programme) & (t.c.claim_id == p.c.claim_id))
        .where(p.c.programme == programme, e.c.state == Entitlement.RETURNED)
        .order_by(p.c.payment_key, i.c.person_id)
    )
    found: list[Any] = []
    for keys in in_parts(connection.execute(returned).scalars()):
        found += connection.execute(query.where(p.c.payment_key.in_(keys)))
    return found


def build(
    c: Campaign, connection: sa.Connection, guard: Guard, rows: list[Any], day: date
) -> tuple[list[str], str | None]:
    """The day's letters about these rows of `unwritten`: (names of the releases, why the contractor got none).

    Outside the contractor's period the ward writes all of them.
    """
    to_ward, to_contractor = _sort(guard, rows)
    made = []
    refused = None
    if to_contractor:
        try:
            made.append(_contractor(c, guard, to_contractor, day))
        except PeriodClosed as error:
            tell_refusal(connection, c.programme.id, error)
            refused, to_ward = str(error), {**to_ward, **to_contractor}
    if to_ward:
        made.append(_ward(c, connection, guard, to_ward, day))
    for release in made:
        outbox.keep(c, connection, release)
    marks = [
        {"programme": c.programme.id, "payment_key": key, "business_date": day}
        for key in sorted({row.payment_key for row in rows})
    ]
    insert_rows(connection, tables.deficiency_letter, marks)
    return [release.name for release in made], refused


def _sort(guard: Guard, rows: list[Any]) -> tuple[dict[str, str], dict[str, str]]:
    """(the ward's letters, the contractor's): payment key -> whom the letter is addressed through."""
    newest = {row.person_id: row for row in rows}  # who was returned twice is asked once
    people: dict[str, list[Any]] = {}
    for row in newest.values():
        people.setdefault(row.payment_key, []).append(row)
    ward: dict[str, str] = {}
    contractor: dict[str, str] = {}
    for key, members in people.items():
        withheld = any(m.person_id in guard.withheld_from_contractors for m in members)
        chosen = ward if withheld or members[0].channel != "postal" else contractor
        chosen[key] = _addressee(guard, members)
    return ward, contractor


def _addressee(guard: Guard, members: list[Any]) -> str:
    """The applicant; else somebody who is not protected, so that a letter about others reaches no protected address."""
    ids = [m.person_id for m in members]
    if members[0].applicant_id in ids:
        return str(members[0].applicant_id)
    return str(min(ids, key=lambda person: (person in guard.protected, person)))


def _contractor(c: Campaign, guard: Guard, letters: dict[str, str], day: date) -> Release:
    table = _people(c, letters).select(list(_CONTRACTORS))
    return make_release(
        c.programme, guard, _DISCLOSURE, name=f"notices_account_{day:%Y%m%d}.csv", payload=build_notices(table),
        columns=_CONTRACTORS, people=frozenset(letters.values()), records=table.num_rows, sum_yen=None, day=day,
    )  # fmt: skip


def _ward(
    c: Campaign, connection: sa.Connection, guard: Guard, letters: dict[str, str], day: date
) -> Release:
    table = forms.with_route(connection, c.programme.id, _people(c, letters))
    columns = tuple(n for n in table.column_names if n != "person_id")
    return make_release(
        c.programme, guard, "inhouse", name=f"inhouse_account_{day:%Y%m%d}.csv",
        payload=build_handover(table.select(list(columns))), columns=columns,
        people=frozenset(letters.values()), records=table.num_rows, sum_yen=None, day=day,
    )  # fmt: skip


def _people(c: Campaign, letters: dict[str, str]) -> pa.Table:
    """The register's row of each letter's addressee, in the letters' order."""
    everybody = c.people()
    wanted = pa.array(list(letters.values()), pa.string())
    order = pc.index_in(wanted, value_set=everybody.column("person_id").combine_chunks())
    rows = everybody.take(order)
    for place, name in enumerate(rows.column_names):
        rows = rows.set_column(place, name, pc.fill_null(rows.column(name), ""))
    return rows
