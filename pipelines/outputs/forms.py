"""The application forms' file for the print contractor: one row a household.

A household with more members than a form has lines goes on in further rows (行 2, 3, …); nobody is
left out. A character that the printer has not is printed as another one, and 置換文字 says where and
what the register has (`print_characters`). `forms_check` reads the finished bytes back and compares
them with the register.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.outputs._csv import CsvProfile, encode_rows, first_bytes
from pipelines.outputs.barcode_columns import encode_codes
from pipelines.outputs.print_characters import CharacterSet, Kept, replace_column, write_notes

HOUSEHOLD_COLUMNS: Final = {
    "household_id": "世帯番号",
    "postal_code": "郵便番号",
    "address": "住所",
    "address_supplement": "方書",
    "head_name_kanji": "世帯主漢字氏名",
}
MEMBER_COLUMNS: Final = {
    "resident_id": "住民番号",
    "name_kana": "カナ氏名",
    "name_kanji": "漢字氏名",
    "relationship": "続柄",
    "birth_date": "生年月日",
}
DERIVED_COLUMNS: Final = {
    "line": "行",
    "barcode": "カスタマバーコード",
    "members": "世帯人数",
    "replaced": "置換文字",
}
AMOUNT_HEADING: Final = "給付額"
HOUSEHOLD_TEXTS: Final = ("address", "address_supplement", "head_name_kanji")
MEMBER_TEXTS: Final = ("name_kana", "name_kanji", "relationship", "birth_date")
"""The columns in which characters may be replaced; numbers and postal codes are never changed."""
_LINE: Final = len(HOUSEHOLD_COLUMNS)
_REPLACED: Final = _LINE + list(DERIVED_COLUMNS).index("replaced")
_ROWS_AT_ONCE: Final = 20_000


class FormsError(ValueError):
    """Register rows no form can be made of; names row (from 1) and column, never a value."""


@dataclass(frozen=True, slots=True)
class FormsProfile:
    """What the print contractor asks for.

    Attributes:
        csv: encoding, line end and quotes.
        max_members: members one row holds.
        characters: what the printer can print.
        amount_yen_per_person: adds the household's total (給付額, whole yen); None leaves it out.

    Raises:
        ValueError: no place for a member, or an amount that is not positive.
    """

    csv: CsvProfile = field(default_factory=CsvProfile)
    max_members: int = 12
    amount_yen_per_person: int | None = None
    characters: CharacterSet = field(default_factory=CharacterSet)

    def __post_init__(self) -> None:
        """Refuse settings that cannot be honoured."""
        if self.max_members < 1:
            raise ValueError("max_members is at least 1")
        if self.amount_yen_per_person is not None and self.amount_yen_per_person < 1:
            raise ValueError("amount_yen_per_person is more than zero")


_DEFAULT: Final = FormsProfile()


def heading(profile: FormsProfile) -> list[str]:
    """The file's heading row."""
    household = [*HOUSEHOLD_COLUMNS.values(), *DERIVED_COLUMNS.values()]
    if profile.amount_yen_per_person is not None:
        household.append(AMOUNT_HEADING)
    members = (
        f"{name}{slot}"
        for slot in range(1, profile.max_members + 1)
        for name in MEMBER_COLUMNS.values()
    )
    return [*household, *members]


def build_forms(rows: pa.Table, profile: FormsProfile = _DEFAULT) -> bytes:
    """Build the forms' file.

    Args:
        rows: one row a person who may appear, in register order, with text columns household_id,
            resident_id, name_kana, name_kanji, relationship, birth_date (as on the register),
            postal_code, address, address_supplement, head_name_kanji.
        profile: what the contractor asks for.

    Returns:
        CSV with a heading row, sorted by postal code, then household number; members in register
        order. The same rows always give the same bytes.

    Raises:
        FormsError: a missing column, a person without number, or members of one household whose
            household items differ.
        CsvError: a character of a number or postal code that the encoding cannot hold.
    """
    people = text_columns(rows)
    _check_numbers(people)
    order = pc.sort_indices(
        people.append_column("row", pa.array(np.arange(people.num_rows))),
        sort_keys=[("household_id", "ascending"), ("row", "ascending")],
    )
    people = people.take(order)
    starts = _household_starts(people, order)
    by_mail = _mail_order(people, starts)
    households = people.select(list(HOUSEHOLD_COLUMNS)).take(pa.array(starts[by_mail]))
    sizes = np.append(starts[1:], people.num_rows)[by_mail] - starts[by_mail]
    places = _Places.of(starts[by_mail], sizes, profile.max_members)
    barcode = barcodes(households)
    households, changed = _replace(households, HOUSEHOLD_TEXTS, profile.characters)
    people, changed_people = _replace(
        people.select(list(MEMBER_COLUMNS)), MEMBER_TEXTS, profile.characters
    )
    notes = _notes(places, changed, changed_people)
    cells = [*households.columns, barcode, _as_text(sizes)]
    if profile.amount_yen_per_person is not None:
        cells.append(_as_text(sizes * profile.amount_yen_per_person))
    return b"".join(_parts(cells, people, notes, places, profile))


def _mail_order(people: pa.Table, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The households, of people sorted by household, in the order of the mail: postal code, household number."""
    keys = people.select(["postal_code", "household_id"]).take(pa.array(starts))
    by = [("postal_code", "ascending"), ("household_id", "ascending")]
    return np.asarray(pc.sort_indices(keys, sort_keys=by)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class _Places:
    """Where everybody is printed.

    Attributes:
        household: of each row of the file, its place in the order of the mail.
        line: of each row, which one of its household it is, from 1.
        start: of each row, its first place among `person`; one more at the end.
        person: of each printed place, the row in the people's table.
    """

    household: npt.NDArray[np.int64]
    line: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    person: npt.NDArray[np.int64]

    @classmethod
    def of(cls, starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64], most: int) -> _Places:
        """Households whose people stand together from `starts` on, at most `most` in a row."""
        rows = -(-sizes // most)
        household = np.repeat(np.arange(len(sizes)), rows)
        before = np.arange(len(household)) - np.repeat(np.cumsum(rows) - rows, rows)
        here = np.minimum(sizes[household] - before * most, most)
        start = np.append(0, np.cumsum(here))
        first = starts[household] + before * most
        person = np.repeat(first - start[:-1], here) + np.arange(start[-1])
        return cls(household, before + 1, start, person)


def _replace(
    table: pa.Table, columns: tuple[str, ...], characters: CharacterSet
) -> tuple[pa.Table, dict[str, dict[int, list[Kept]]]]:
    """A table as it is printed; of each column, for each changed row, what was replaced."""
    changed = {}
    for name in columns:
        printed, notes = replace_column(_array(table[name]), characters)
        if notes:
            table = table.set_column(table.column_names.index(name), name, printed)
            changed[name] = notes
    return table, changed


def _notes(
    places: _Places,
    households: Mapping[str, Mapping[int, list[Kept]]],
    people: Mapping[str, Mapping[int, list[Kept]]],
) -> pa.Array:
    """置換文字 of each row of the file, in the order of its cells."""
    notes: dict[int, list[str]] = {}
    for name, changed in households.items():
        for row in np.flatnonzero(np.isin(places.household, list(changed))).tolist():
            kept = changed[int(places.household[row])]
            notes.setdefault(row, []).append(write_notes(HOUSEHOLD_COLUMNS[name], kept))
    of_person = np.empty(len(places.person), dtype=np.int64)
    of_person[places.person] = np.arange(len(places.person))
    found = sorted(
        (int(of_person[person]), name, kept)
        for name, changed in people.items()
        for person, kept in changed.items()
    )
    for place, name, kept in found:
        row = int(np.searchsorted(places.start, place, side="right")) - 1
        cell = f"{MEMBER_COLUMNS[name]}{place - int(places.start[row]) + 1}"
        notes.setdefault(row, []).append(write_notes(cell, kept))
    texts = (" ".join(notes.get(row, ())) for row in range(len(places.household)))
    return pa.array(texts, pa.large_string())


def _parts(
    cells: list[pa.Array], people: pa.Table, notes: pa.Array, places: _Places, profile: FormsProfile
) -> Iterator[bytes]:
    """The file's bytes, some rows at a time so that memory stays small.

    cells: of each household, its columns and the derived ones in the heading's order, without 行 and 置換文字.
    """
    headings = heading(profile)
    yield first_bytes(headings, profile.csv)
    shared = [_quoted(column, profile.csv) for column in cells]
    member = _joined([_text(""), *(_quoted(c, profile.csv) for c in people.columns)], ",")
    nothing = _text(',""' if profile.csv.quotes_all else ",")
    for first in range(0, len(places.household), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        columns = [column.take(pa.array(places.household[rows])) for column in shared]
        columns.insert(_LINE, _quoted(_as_text(places.line[rows]), profile.csv))
        columns.insert(_REPLACED, _quoted(notes[rows], profile.csv))
        start = places.start[first : first + _ROWS_AT_ONCE + 1]
        members = _run_together(
            member.take(pa.array(places.person[start[0] : start[-1]])), start - start[0]
        )
        free = (profile.max_members - np.diff(start)) * len(MEMBER_COLUMNS)
        gaps = pc.binary_repeat(nothing, pa.array(free))
        whole = _joined([_joined(columns, ","), members, gaps, _text(profile.csv.line_end)], "")
        text = _run_together(whole, np.array([0, len(whole)]))[0].as_buffer().to_pybytes()
        yield encode_rows(text, first + 2, headings, profile.csv)


def _run_together(texts: pa.Array, start: npt.NDArray[np.int64]) -> pa.Array:
    """Neighbouring texts as one each, from one start to the next; they lie so in memory already."""
    _, offsets, characters = texts.buffers()
    ends = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return pa.LargeStringArray.from_buffers(len(start) - 1, pa.py_buffer(ends[start]), characters)


def _quoted(column: pa.Array | pa.ChunkedArray, profile: CsvProfile) -> pa.Array:
    """A column's cells with the quotes that they need, or that the profile asks for."""
    column = _array(column)
    needed = (
        pa.repeat(True, len(column))
        if profile.quotes_all
        else pc.match_substring_regex(column, '[",\r\n]')
    )
    if not pc.any(needed).as_py():
        return column
    doubled = pc.replace_substring(column, '"', '""')
    return pc.if_else(needed, _joined([_text('"'), doubled, _text('"')], ""), column)


def _joined(columns: Sequence[Any], between: str) -> pa.Array:
    return pc.binary_join_element_wise(*columns, _text(between))


def _text(value: str) -> pa.Scalar:
    return pa.scalar(value, pa.large_string())


def _as_text(numbers: npt.NDArray[np.int64]) -> pa.Array:
    return pc.cast(pa.array(numbers), pa.large_string())


def barcodes(households: pa.Table) -> pa.Array:
    """The customer barcode's characters of each household, empty where it gets none."""
    address = _joined([households["address"], households["address_supplement"]], "　")
    codes = encode_codes(_array(households["postal_code"]), _array(address))
    return pc.fill_null(codes, "")


def text_columns(rows: pa.Table) -> pa.Table:
    """The ten columns a form is made of, as text; null is empty.

    Raises:
        FormsError: a column is missing.
    """
    columns = {}
    for name in (*HOUSEHOLD_COLUMNS, *MEMBER_COLUMNS):
        if name not in rows.column_names:
            raise FormsError(f"{name}: the column is missing")
        columns[name] = pc.fill_null(pc.cast(rows[name], pa.large_string()), "")
    return pa.table(columns)


def _array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _check_numbers(people: pa.Table) -> None:
    for name in ("resident_id", "household_id"):
        missing = pc.index(people[name], "").as_py()
        if missing >= 0:
            raise FormsError(f"row {missing + 1}: {name}: is missing")


def _household_starts(people: pa.Table, order: pa.Array) -> npt.NDArray[np.int64]:
    """Where each household begins in people sorted by household; its items must all agree.

    Raises:
        FormsError: somebody's postal code, address, supplement or head is not the household's.
    """
    if not people.num_rows:
        return np.zeros(0, dtype=np.int64)
    is_start = np.append(True, _differs_from_previous(people["household_id"]))
    for name in HOUSEHOLD_COLUMNS:
        wrong = np.flatnonzero(_differs_from_previous(people[name]) & ~is_start[1:])
        if wrong.size:
            row = order[int(wrong[0]) + 1].as_py() + 1
            raise FormsError(f"row {row}: {name}: is not the same as in the rest of the household")
    return np.flatnonzero(is_start)


def _differs_from_previous(column: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    values = _array(column)
    different: npt.NDArray[np.bool_] = pc.not_equal(values[1:], values[:-1]).to_numpy(
        zero_copy_only=False
    )
    return different
