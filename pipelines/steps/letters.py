"""Deficiency letters (不備通知): who is asked for another account after a return, and for what a claim lacks.

One letter a returned payment, one a deficient claim, with the day's notices. It goes the way the household is served:
by the contractor after a postal claim, by the ward otherwise, and always by the ward, to the person or through the
department, where the claim is a protected person's own.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.disclosure.guard import Guard, PeriodClosed
from pipelines.disclosure.release import Release, make_release
from pipelines.ledger import holds, tables
from pipelines.ledger.bulk import insert_rows
from pipelines.ledger.holds import Hold
from pipelines.ledger.states import Entitlement
from pipelines.ledger.store import in_parts, tell_refusal
from pipelines.outputs.notices import build_notices
from pipelines.programme import Programme
from pipelines.steps import hold_sides, outbox
from pipelines.steps.campaign import Campaign
from pipelines.steps.ward_mail import Draft

_CONTRACTORS = ("household_id", "head_name_kanji", "postal_code", "address", "address_supplement")
_DISCLOSURE = "deficiency_letters"
_RETURNED = "金融機関から振込ができない旨の連絡がありました。"


@dataclass(frozen=True)
class Letter:
    """One letter before it is addressed. kind: `account` or `deficiency`; reference: the payment or the claim."""

    kind: str
    reference: str
    channel: str
    addressee: str
    people: tuple[str, ...]
    lacking: str


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


def deficient(connection: sa.Connection, programme: str) -> list[Hold]:
    """Who waits for a correction of a claim that nobody was written to about; in order."""
    written = set(
        connection.execute(
            sa.select(tables.claim_letter.c.claim_id).filter_by(programme=programme)
        ).scalars()
    )
    waiting = (h for h in holds.open_holds(connection, programme) if h.claim_id not in written)
    return [hold for hold in waiting if hold.state == Entitlement.CLAIMED]


def build(
    c: Campaign, connection: sa.Connection, guard: Guard, rows: list[Any], lacking: Sequence[Hold], day: date
) -> tuple[list[str], list[Draft], str | None]:  # fmt: skip
    """The day's letters: (names of the contractor's releases, the ward's drafts, why the contractor got none).

    rows: of `unwritten`; lacking: of `deficient`. Outside the contractor's period the ward writes all of them.
    """
    letters = [*_about_returns(guard, rows), *_about_claims(c, connection, guard, lacking)]
    by_contractor: list[Letter] = []
    own: list[Letter] = []
    for letter in letters:
        (by_contractor if _is_contractors(guard, letter) else own).append(letter)
    made = []
    refused = None
    try:
        made = _contractor(c, guard, by_contractor, day)
    except PeriodClosed as error:
        tell_refusal(connection, c.programme.id, error)
        refused, own = str(error), letters
    for release in made:
        outbox.keep(c, connection, release)
    _mark_written(c, connection, letters, rows, day)
    return [release.name for release in made], [_draft(letter) for letter in own], refused


def _about_returns(guard: Guard, rows: list[Any]) -> list[Letter]:
    newest = {row.person_id: row for row in rows}  # who was returned twice is asked once
    groups: dict[str, list[Any]] = defaultdict(list)
    for row in newest.values():
        groups[row.payment_key].append(row)
    return [
        Letter(
            "account", key, members[0].channel, addressee(guard, members[0].applicant_id, ids), tuple(ids), _RETURNED
        )
        for key, members in groups.items()
        for ids in [[member.person_id for member in members]]
    ]  # fmt: skip


def _about_claims(
    c: Campaign, connection: sa.Connection, guard: Guard, waiting: Sequence[Hold]
) -> list[Letter]:
    groups: dict[str, list[Hold]] = defaultdict(list)
    for hold in waiting:
        groups[hold.claim_id].append(hold)
    claims = {
        claim_id: (staged.channel, rows[number])
        for staged in hold_sides.staged_claims(c, connection, waiting)
        for rows in [{row["claim_no"]: row for row in staged.claims.to_pylist()}]
        for claim_id, number in staged.numbers.items()
    }
    found = []
    for claim_id, members in groups.items():
        channel, claim = claims[claim_id]
        ids = [holds.person_of(hold) for hold in members]
        to = addressee(guard, members[0].applicant_id, ids)
        lacks = _lacking(c.programme, claim)
        found.append(Letter("deficiency", claim_id, channel, to, tuple(ids), lacks))
    return found


def _lacking(programme: Programme, claim: Mapping[str, Any]) -> str:
    """What the applicant is asked for."""
    texts = programme.mail.deficiencies
    code = claim.get("deficiency_code") or ("attachments" if "attachments" in claim else "")
    return texts.get(code, programme.mail.deficiency_default)


def _is_contractors(guard: Guard, letter: Letter) -> bool:
    about = {letter.addressee, *letter.people}
    return letter.channel == "postal" and not about & guard.withheld_from_contractors


def addressee(guard: Guard, applicant: str | None, ids: Sequence[str]) -> str:
    """The applicant; else somebody who is not protected, so that a letter about others reaches no protected address.

    A letter about protected people alone goes to one of them, whoever claimed.
    """
    open_to_all = [person for person in ids if person not in guard.protected]
    if applicant is not None:
        is_open = open_to_all and applicant not in guard.protected
        if applicant in ids or is_open:
            return applicant
    return min(open_to_all or ids)


def _draft(letter: Letter) -> Draft:
    rows = (
        (("理由", letter.lacking),) if letter.kind == "account" else (("お願い", letter.lacking),)
    )
    return Draft(letter.kind, letter.addressee, letter.people, letter.reference, rows)


def _contractor(c: Campaign, guard: Guard, letters: Sequence[Letter], day: date) -> list[Release]:
    """A file a kind: who is asked for another account, and who is asked for what a claim lacks."""
    made = []
    for kind, name in (("account", "notices_account"), ("deficiency", "notices_deficient")):
        of_kind = [letter for letter in letters if letter.kind == kind]
        if not of_kind:
            continue
        table = _people(c, [letter.addressee for letter in of_kind]).select(list(_CONTRACTORS))
        if kind == "deficiency":
            lacking = pa.array([letter.lacking for letter in of_kind], pa.string())
            table = table.append_column("lacking", lacking)
        made.append(
            make_release(
                c.programme, guard, _DISCLOSURE, name=f"{name}_{day:%Y%m%d}.csv", payload=build_notices(table),
                columns=tuple(table.column_names), people=frozenset(letter.addressee for letter in of_kind),
                records=table.num_rows, sum_yen=None, day=day,
            )
        )  # fmt: skip
    return made


def _mark_written(
    c: Campaign, connection: sa.Connection, letters: Sequence[Letter], rows: list[Any], day: date
) -> None:
    payments = [
        {"programme": c.programme.id, "payment_key": key, "business_date": day}
        for key in sorted({row.payment_key for row in rows})
    ]
    insert_rows(connection, tables.deficiency_letter, payments)
    claims = [
        {"programme": c.programme.id, "claim_id": letter.reference, "business_date": day}
        for letter in letters
        if letter.kind == "deficiency"
    ]
    insert_rows(connection, tables.claim_letter, claims)


def _people(c: Campaign, ids: Sequence[str]) -> pa.Table:
    """The register's row of each of these people, in their order."""
    everybody = c.people()
    wanted = pa.array(ids, pa.string())
    order = pc.index_in(wanted, value_set=everybody.column("person_id").combine_chunks())
    rows = everybody.take(order)
    for place, name in enumerate(rows.column_names):
        rows = rows.set_column(place, name, pc.fill_null(rows.column(name), ""))
    return rows
