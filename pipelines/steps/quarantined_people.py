"""Whom quarantined rows are about, as far as their cells say: for the record of an export.

A row is about whoever has its resident number, is in its household, made or is named by its claim, or has its name and
birth date. A row that says nothing of it usable is counted: it is nobody's on the record.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.intake import keys
from pipelines.intake.layouts import load_layout
from pipelines.intake.mending_book import Sheet, SheetRow
from pipelines.ledger import whose
from pipelines.steps.campaign import Campaign

_NUMBER = re.compile(
    r"(?<![0-9])[0-9]{10}(?![0-9])"
)  # of a resident, in a row with a wrong number of cells
_RESIDENT = ("resident_id", "applicant_resident_id")
_NAMED = (("name_kanji", "birth_date"), ("applicant_name_kanji", "applicant_birth_date"))

Row = Mapping[str, str]  # our column -> the cell's text


def people_in(
    c: Campaign, connection: sa.Connection, dataset: str, sheets: Mapping[str, Sheet]
) -> tuple[list[str], int]:
    """(person ids of whom the rows are about, rows that are nobody's)."""
    rows = list(_rows(c, dataset, sheets))
    register = _Register(c, rows)
    found = [
        register.people_of(row)
        | set(whose.people_of_claims(connection, c.programme.id, _cells(row, ("claim_no",))))
        for row in rows
    ]
    return sorted(set().union(*found)), sum(not people for people in found)


def _rows(c: Campaign, dataset: str, sheets: Mapping[str, Sheet]) -> Iterator[Row]:
    layout = load_layout(c.programme.source(dataset).layout)
    for name, sheet in sheets.items():
        ours = layout.tables[name].columns
        for row in sheet.rows:
            yield _cells_of(sheet, row, ours)


def _cells_of(sheet: Sheet, row: SheetRow, ours: Mapping[str, str]) -> Row:
    if row.cells is None:
        return {f"number_{n}": word for n, word in enumerate(_NUMBER.findall(_plain(row.raw)))}
    cells = zip(sheet.header, row.cells, strict=True)
    return {ours.get(title, title): _plain(cell) for title, cell in cells}


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def _cells(row: Row, columns: Collection[str]) -> set[str]:
    return {row[name] for name in columns if row.get(name)}


class _Register:
    """Who has the numbers and names that stand in some rows."""

    def __init__(self, c: Campaign, rows: list[Row]) -> None:
        names = [(row, *pair) for row in rows for pair in _NAMED if row.get(pair[0])]
        made = keys.name_key(pa.array([row[name] for row, name, _ in names], pa.string()))
        births = keys.date_key(
            pa.array([row.get(birth, "") for row, _, birth in names], pa.string())
        )
        self._named: dict[int, set[tuple[str, str]]] = defaultdict(set)
        for (row, _, _), name, birth in zip(
            names, made.to_pylist(), births.to_pylist(), strict=True
        ):
            if name and birth:
                self._named[id(row)].add((name, birth))
        numbers = {word for row in rows for word in row.values() if _NUMBER.fullmatch(word)}
        self._people: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for person in _known(
            c.people(), numbers, {n for of in self._named.values() for n, _ in of}
        ):
            self._people["resident", person["resident_id"]].add(person["person_id"])
            self._people["household", person["household_id"]].add(person["person_id"])
            self._people[person["name_key"], person["date_key"]].add(person["person_id"])

    def people_of(self, row: Row) -> set[str]:
        """The person ids that the row's own cells lead to."""
        residents = {
            n for name, n in row.items() if name in _RESIDENT or name.startswith("number_")
        }
        asked: list[tuple[str, ...]] = [("resident", number) for number in residents]
        if not residents:
            asked += [("household", number) for number in _cells(row, ("household_id",))]
        asked += self._named.get(id(row), set())
        return set().union(*(self._people.get(key, set()) for key in asked))


def _known(people: pa.Table, numbers: set[str], names: set[str]) -> list[dict[str, str]]:
    def among(column: str, wanted: set[str]) -> pa.ChunkedArray:
        return pc.is_in(people.column(column), value_set=pa.array(sorted(wanted), pa.string()))

    mask = pc.or_(
        pc.or_(among("resident_id", numbers), among("household_id", numbers)),
        among("name_key", names),
    )
    chosen = people.filter(mask)
    found: list[dict[str, str]] = chosen.select(
        ["person_id", "resident_id", "household_id", "name_key", "date_key"]
    ).to_pylist()
    return found
