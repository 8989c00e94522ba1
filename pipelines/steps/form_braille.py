"""Braille households' envelopes: the embosser's file, large-print labels and the checking sheet, all the ward's own."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from pipelines.disclosure.guard import Guard
from pipelines.disclosure.release import Piece, make_release
from pipelines.ledger import people, tables
from pipelines.outputs.braille_envelopes import (
    Embosser,
    Envelope,
    build_brf,
    build_check_sheet,
    build_labels,
)
from pipelines.steps import outbox
from pipelines.steps.campaign import Campaign
from pipelines.steps.form_drafts import FormDraft

_NAMES = ("household_id", "name_kana", "name_kanji")
_BRAILLE = ("braille_kana", "braille_cells", "braille_brf", "check_by_person")
_ADDRESS = ("postal_code", "address", "address_supplement", "mailing_address")


def build(
    c: Campaign, connection: sa.Connection, guard: Guard, rows: pa.Table, draft: FormDraft
) -> list[str]:
    """Make and keep what goes on the envelopes of the Braille households among these people: the names of it.

    One envelope a household, to its head; one to each protected holder of the handbook, at that person's own address.
    """
    addressees = _addressees(c, connection, guard, rows)
    if not addressees:
        return []
    asked, day = c.programme.braille, draft.day
    embosser = Embosser(
        asked.sender, asked.title, asked.with_name, asked.cells_in_line, asked.lines_in_page
    )
    envelopes = [_envelope(number, row) for number, row in enumerate(addressees, start=1)]
    about = [row["person_id"] for row in addressees]
    made = (
        ("braille_{}.brf", build_brf(envelopes, embosser), (*_NAMES, *_BRAILLE), ()),
        ("braille_check_{}.pdf", build_check_sheet(envelopes, embosser, day), (*_NAMES, *_BRAILLE), ()),
        (
            "braille_labels_{}.pdf", build_labels(envelopes, asked.label_points, day), (*_NAMES, *_ADDRESS),
            [Piece(page, page, frozenset({person})) for page, person in enumerate(about, start=1)],
        ),
    )  # fmt: skip
    names = []
    for name, payload, columns, pieces in made:
        release = make_release(
            c.programme, guard, "inhouse", name=name.format(draft.stamp), payload=payload, columns=columns,
            people=frozenset(about), records=len(envelopes), sum_yen=None, day=day, pieces=pieces,
        )  # fmt: skip
        outbox.keep(c, connection, release)
        names.append(release.name)
    return names


def _addressees(
    c: Campaign, connection: sa.Connection, guard: Guard, rows: pa.Table
) -> list[dict[str, Any]]:
    """Whose envelopes they are: people's rows, and `mailing_address` where it is not the household's."""
    holders = people.braille_ids(connection, c.programme.id)
    listed = rows.to_pylist()
    households = {row["household_id"] for row in listed if row["person_id"] in holders} - {None}
    by_household: dict[str, dict[str, Any]] = {}
    protected = []
    for row in listed:
        if row["person_id"] in guard.protected:
            protected += [row] if row["person_id"] in holders else []
        elif row["household_id"] in households:
            is_head = (row["relationship"] or "").startswith("02")
            if is_head or row["household_id"] not in by_household:
                by_household[row["household_id"]] = row
    own = _mailing_addresses(c, connection, (row["person_id"] for row in protected))
    return [
        *({**row, "mailing_address": None} for row in by_household.values()),
        *({**row, "mailing_address": own.get(row["person_id"], "")} for row in protected),
    ]


def _mailing_addresses(
    c: Campaign, connection: sa.Connection, wanted: Iterable[str]
) -> dict[str, str]:
    p = tables.protection.c
    query = (
        sa.select(p.person_id, p.mailing_address)
        .where(
            p.programme == c.programme.id, p.person_id.in_(sorted(wanted)), p.mailing_address != ""
        )
        .order_by(p.person_id, p.mailing_address)
    )
    return {row.person_id: row.mailing_address for row in connection.execute(query)}


def _envelope(number: int, row: dict[str, Any]) -> Envelope:
    own = row["mailing_address"]
    at_home = own is None
    address = (row["address"], row["address_supplement"]) if at_home else (own,)
    return Envelope(
        number, row["household_id"] or "", row["name_kana"] or "", row["name_kanji"] or "",
        (row["postal_code"] or "") if at_home else "", tuple(line for line in address if line),
    )  # fmt: skip
