"""The forms' file read back from its bytes and compared with the register, field by field.

Saitama misprinted 9,007 forms in 2020 (7,753 with the eldest member's birth date as the head's).
This module shares none of the code that puts a form together: it takes the printed cells as they
stand, puts the register's characters back where 置換文字 says so, and looks each person up on the
register by resident number.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from pipelines.outputs._csv import CsvError, read_csv
from pipelines.outputs.forms import (
    AMOUNT_HEADING,
    DERIVED_COLUMNS,
    HOUSEHOLD_COLUMNS,
    HOUSEHOLD_TEXTS,
    MEMBER_COLUMNS,
    MEMBER_TEXTS,
    FormsProfile,
    barcodes,
    heading,
    text_columns,
)
from pipelines.outputs.print_characters import (
    CharacterSet,
    NoteError,
    read_notes,
    replace_column,
    replace_text,
    restore_text,
)

_DEFAULT: Final = FormsProfile()
_WIDTH: Final = len(MEMBER_COLUMNS)
_BLOCK: Final = 8 << 20
_QUOTED: Final = re.compile(b'"[^"]*"')
_NOTED: Final = {MEMBER_COLUMNS[name] for name in MEMBER_TEXTS}
_LONGEST_LINE: Final = 9


def read_forms(data: bytes, profile: FormsProfile = _DEFAULT) -> pa.Table:
    """The people a forms' file names.

    Args:
        data: the file's bytes.
        profile: what it was built with.

    Returns:
        One row a printed member, in the file's order: the ten register columns, `barcode`, `members`, `line` and
        `replaced` as text, as printed; `amount_yen` as text (empty if the file has none), and `file_row` (int, the
        heading being row 1) and `slot` (int, from 1).

    Raises:
        CsvError: another heading, a row of another width, a row without members, or a member after
            an empty place.
    """
    parts = []
    rows = 0
    for cells in _cells(data, profile):
        parts.append(_people_of(cells, rows, profile))
        rows += cells.num_rows
    people = pa.concat_tables(parts)
    if profile.amount_yen_per_person is None:
        nothing = pa.repeat(pa.scalar("", pa.large_string()), people.num_rows)
        people = people.append_column("amount_yen", nothing)
    return people.combine_chunks()


def _people_of(cells: pa.Table, before: int, profile: FormsProfile) -> pa.Table:
    """The people of some rows of a file, in its order; before: how many rows stand before them."""
    names = _shared_names(profile)
    shared = dict(zip(names, cells.columns, strict=False))
    numbers = np.arange(before + 2, before + 2 + cells.num_rows)
    parts = []
    for slot, is_filled in enumerate(_assert_members_in_order(cells, len(names), before)):
        at = pa.array(np.flatnonzero(is_filled))
        first = len(names) + slot * _WIDTH
        member = dict(zip(MEMBER_COLUMNS, cells.columns[first : first + _WIDTH], strict=True))
        place = {"file_row": numbers, "slot": np.full(cells.num_rows, slot + 1)}
        parts.append(pa.table({**place, **shared, **member}).take(at))
    by_place = [("file_row", "ascending"), ("slot", "ascending")]
    return pa.concat_tables(parts).sort_by(by_place)


def count_rows(data: bytes, profile: FormsProfile = _DEFAULT) -> int:
    """The data rows of a forms' file: every row ends with a line end outside quotes."""
    plain = _QUOTED.sub(b"", data) if b'"' in data else data
    return plain.count(profile.csv.line_end.encode()) - 1


def compare_forms(rows: pa.Table, data: bytes, profile: FormsProfile = _DEFAULT) -> list[str]:
    """Every difference between a forms' file and the register.

    Args:
        rows: the rows the forms were to be built from (see `build_forms`).
        data: the finished file's bytes.
        profile: what it was built with.

    Returns:
        Differences as `file row N: column: what`, `register row N: what`; empty if every person is
        printed exactly once, every printed field is the register's but for the characters that 置換文字 names,
        and each of those is what the rule prints for it. No values.

    Raises:
        CsvError: the file is no forms' file.
        FormsError: a column of `rows` is missing.
    """
    return compare_printed(rows, read_forms(data, profile), profile)


def compare_printed(
    rows: pa.Table, printed: pa.Table, profile: FormsProfile = _DEFAULT
) -> list[str]:
    """`compare_forms` of a file that was read already (see `read_forms`)."""
    register = text_columns(rows)
    wrong_characters = _unprintable(printed, profile)
    printed, wrong_notes = restore(printed, profile)
    at = pc.index_in(printed["resident_id"], value_set=register["resident_id"])
    return [
        *wrong_characters,
        *wrong_notes,
        *_unknown_or_twice(printed, at),
        *_missing(register, printed),
        *_different_items(printed, register, at),
        *_different_counts(printed, register, profile),
        *_different_barcodes(printed),
        *_out_of_order(printed),
    ]


def restore(printed: pa.Table, profile: FormsProfile = _DEFAULT) -> tuple[pa.Table, list[str]]:
    """A file's people (see `read_forms`) with the register's characters again, and what is wrong with its notes."""
    noted = np.flatnonzero(np.asarray(pc.not_equal(printed["replaced"], "")))
    changes: dict[str, dict[int, str]] = {}
    wrong = []
    part = printed.take(pa.array(noted))
    for place, row in zip(noted.tolist(), part.to_pylist(), strict=True):
        try:
            found = _restored(row, profile.characters)
        except NoteError as error:
            wrong.append(f"file row {row['file_row']}: {DERIVED_COLUMNS['replaced']}: {error}")
            continue
        for name, text in found.items():
            changes.setdefault(name, {})[place] = text
    for name, texts in changes.items():
        mask = np.zeros(printed.num_rows, dtype=bool)
        mask[list(texts)] = True
        column = printed[name].combine_chunks()
        new = pc.replace_with_mask(column, pa.array(mask), pa.array(texts.values(), column.type))
        printed = printed.set_column(printed.column_names.index(name), name, new)
    return printed, list(dict.fromkeys(wrong))


def _restored(row: dict[str, Any], characters: CharacterSet) -> dict[str, str]:
    """A printed member's columns that had characters replaced, as the register has them.

    Raises:
        NoteError: a note that cannot be read, names no cell or place of the row, or a character that is printed as
            another one than the rule says.
    """
    headings = {HOUSEHOLD_COLUMNS[name]: name for name in HOUSEHOLD_TEXTS}
    members = {f"{MEMBER_COLUMNS[name]}{row['slot']}": name for name in MEMBER_TEXTS}
    found = {}
    for cell, notes in read_notes(row["replaced"]).items():
        name = headings.get(cell) or members.get(cell)
        if name is None:
            if cell.rstrip("0123456789") not in _NOTED:
                raise NoteError("a note names a cell that has none")
            continue
        text = restore_text(row[name], notes)
        if replace_text(text, characters) != (row[name], notes):
            raise NoteError("a character is not printed by the rule")
        found[name] = text
    return found


def _unprintable(printed: pa.Table, profile: FormsProfile) -> list[str]:
    """Printed cells with a character that the printer has not."""
    differences = []
    for name in (*HOUSEHOLD_TEXTS, *MEMBER_TEXTS):
        _, notes = replace_column(printed[name].combine_chunks(), profile.characters)
        mask = np.zeros(printed.num_rows, dtype=bool)
        mask[list(notes)] = True
        differences += [
            _at_slot(row, slot, name, "has a character that the printer has not")
            for row, slot in _where(printed, pa.array(mask))
        ]
    return differences


def _shared_names(profile: FormsProfile) -> list[str]:
    names = [*HOUSEHOLD_COLUMNS, *DERIVED_COLUMNS]
    return names if profile.amount_yen_per_person is None else [*names, "amount_yen"]


def _cells(data: bytes, profile: FormsProfile) -> Iterator[pa.Table]:
    """The file's rows below the heading, some at a time, as text columns whose names are their places.

    Raises:
        CsvError: see `read_forms`.
    """
    _, found = next(read_csv(data.split(b"\n", 1)[0], profile.csv), (1, []))
    if found != heading(profile):
        raise CsvError(1, "", "is not the heading of a forms' file")
    if b'"' in data and b'"' in _QUOTED.sub(b"", data):
        for _ in read_csv(data, profile.csv):  # says in which row a quote is wrong
            pass
        raise CsvError(0, "", "is not CSV")
    ragged: list[int] = []

    def note_ragged(row: pacsv.InvalidRow) -> str:
        ragged.append(row.number)
        return "skip"

    places = [str(place) for place in range(len(found))]
    reader = pacsv.open_csv(
        pa.py_buffer(_utf8(data, profile.csv.encoding)),
        read_options=pacsv.ReadOptions(
            use_threads=False, skip_rows_after_names=1, column_names=places, block_size=_BLOCK
        ),
        parse_options=pacsv.ParseOptions(
            newlines_in_values=b'"' in data,
            invalid_row_handler=note_ragged,
            ignore_empty_lines=False,
        ),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(places, pa.large_string()),
            strings_can_be_null=False,
            quoted_strings_can_be_null=False,
        ),
    )
    yield reader.schema.empty_table()
    for batch in reader:
        if ragged:
            break
        yield pa.Table.from_batches([batch])
    if ragged:
        raise CsvError(ragged[0], "", "has not one cell for each heading")


def _utf8(data: bytes, encoding: str) -> bytes:
    """The text of the file as UTF-8 without a mark.

    Raises:
        CsvError: bytes that are not in the encoding.
    """
    parts = (data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK))
    try:
        return b"".join(text.encode() for text in codecs.iterdecode(parts, encoding))
    except UnicodeDecodeError:
        raise CsvError(0, "", f"is not {encoding}") from None


def _assert_members_in_order(
    cells: pa.Table, shared: int, before: int
) -> list[npt.NDArray[np.bool_]]:
    """Which rows have a member in each place; a row's members stand in its first places.

    before: how many rows of the file stand before these.

    Raises:
        CsvError: a row without members, a member after an empty place, or items without a number.
    """
    given = [
        pc.not_equal(column, "").combine_chunks().to_numpy(zero_copy_only=False)
        for column in cells.columns[shared:]
    ]
    filled = given[::_WIDTH]
    for gap in (~filled[0], *(later & ~earlier for earlier, later in pairwise(filled))):
        _assert_none(gap, before, "has an empty place before or instead of a member")
    for place, item in enumerate(given):
        without = item & ~filled[place // _WIDTH]
        _assert_none(without, before, "has items of a member without a number")
    return filled


def _assert_none(wrong: npt.NDArray[np.bool_], before: int, what: str) -> None:
    if wrong.any():
        raise CsvError(before + int(wrong.argmax()) + 2, "", what)


def _unknown_or_twice(printed: pa.Table, at: pa.ChunkedArray) -> list[str]:
    """People on a form who are not on the register, or who were printed before."""
    unknown = [
        _at_slot(row, slot, "resident_id", "is not on the register")
        for row, slot in _where(printed, pc.is_null(at))
    ]
    twice = [
        _at_slot(row, slot, "resident_id", "was printed before")
        for row, slot in _where(printed, _seen_before(at))
    ]
    return unknown + twice


def _seen_before(keys: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Where a value stands that stood before; null is no value."""
    order = pc.array_sort_indices(keys).to_numpy()
    ordered = keys.take(pa.array(order))
    repeated = np.zeros(len(order), dtype=bool)
    same = pc.fill_null(pc.equal(ordered[1:], ordered[:-1]), False)
    repeated[order[1:]] = np.asarray(same)
    return pa.array(repeated)


def _missing(register: pa.Table, printed: pa.Table) -> list[str]:
    """People of the register who are on no form, or twice on the register itself."""
    found = pc.is_in(register["resident_id"], value_set=printed["resident_id"])
    missing = pc.indices_nonzero(pc.invert(found)).to_pylist()
    differences = [f"register row {row + 1}: is on no form" for row in missing]
    differences += [
        f"register row {row + 1}: has the number of an earlier row"
        for row in pc.indices_nonzero(_seen_before(register["resident_id"])).to_pylist()
    ]
    return differences


def _different_items(printed: pa.Table, register: pa.Table, at: pa.ChunkedArray) -> list[str]:
    """Printed items that are not the register's, for people who are on both; at: where each stands on the register."""
    is_known, place = pc.is_valid(at), pc.drop_null(at)
    known = printed.select(["file_row", "slot"]).filter(is_known)
    differences = []
    for name in (*HOUSEHOLD_COLUMNS, *MEMBER_COLUMNS):
        wrong = pc.not_equal(printed[name].filter(is_known), register[name].take(place))
        differences += [
            _at_slot(row, slot, name, "is not what the register says")
            for row, slot in _where(known, wrong)
        ]
    return differences


def _different_counts(printed: pa.Table, register: pa.Table, profile: FormsProfile) -> list[str]:
    """Printed numbers of members, totals and line numbers that the register does not give."""
    counts = register.group_by("household_id").aggregate([([], "count_all")])
    found = pc.index_in(printed["household_id"], value_set=counts["household_id"])
    count = pc.fill_null(counts["count_all"].take(found), 0)
    position = _places_in_household(printed["household_id"])
    line, slot = np.divmod(position, profile.max_members)
    each = profile.amount_yen_per_person
    amount = pc.cast(pc.multiply(count, each or 0), pa.large_string())
    wrong = {
        DERIVED_COLUMNS["line"]: pc.not_equal(printed["line"], _as_text(line + 1)),
        DERIVED_COLUMNS["members"]: pc.not_equal(printed["members"], _as_text(count)),
        AMOUNT_HEADING: pc.not_equal(printed["amount_yen"], "" if each is None else amount),
    }
    differences = [
        f"file row {row}: slot {place}: is not the household's next place"
        for row, place in _where(printed, pc.not_equal(printed["slot"], pa.array(slot + 1)))
    ]
    differences += [
        f"file row {row}: {name}: is wrong"
        for name, mask in wrong.items()
        for row, _ in _where(printed, mask)
    ]
    return list(dict.fromkeys(differences))


def _places_in_household(households: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """How many printed members of the same household stand before each."""
    codes = pc.rank(households, tiebreaker="dense").to_numpy()
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    place = np.arange(len(order))
    begins = np.append(True, ordered[1:] != ordered[:-1])[: len(order)]
    within = np.empty(len(order), dtype=np.int64)
    within[order] = place - np.maximum.accumulate(np.where(begins, place, 0))
    return within


def _as_text(numbers: pa.ChunkedArray | npt.NDArray[np.int64]) -> pa.Array | pa.ChunkedArray:
    values = pa.array(numbers) if isinstance(numbers, np.ndarray) else numbers
    return pc.cast(values, pa.large_string())


def _different_barcodes(printed: pa.Table) -> list[str]:
    """Barcodes that are not those of the address printed beside them."""
    columns = ["file_row", "slot", "barcode", "postal_code", "address", "address_supplement"]
    first = printed.select(columns).filter(pc.equal(printed["slot"], 1))
    wrong = pc.not_equal(first["barcode"], barcodes(first))
    heading_text = DERIVED_COLUMNS["barcode"]
    return [
        f"file row {row}: {heading_text}: is not that of the address"
        for row, _ in _where(first, wrong)
    ]


def _out_of_order(printed: pa.Table) -> list[str]:
    """Rows that do not follow the mail's order: postal code, household number, line."""
    columns = ["file_row", "slot", "line", "household_id", "postal_code"]
    first = printed.select(columns).filter(pc.equal(printed["slot"], 1))
    rows = first["file_row"].to_pylist()
    not_behind = np.ones(max(len(rows) - 1, 0), dtype=bool)
    for name in ("line", "household_id", "postal_code"):
        key = first[name].combine_chunks()
        if name == "line":
            key = pc.utf8_lpad(key, _LONGEST_LINE, "0")
        after = pc.greater(key[1:], key[:-1]).to_numpy(zero_copy_only=False)
        same = pc.equal(key[1:], key[:-1]).to_numpy(zero_copy_only=False)
        not_behind = ~after & (~same | not_behind)
    return [f"file row {rows[place + 1]}: is out of order" for place in np.flatnonzero(not_behind)]


def _where(table: pa.Table, mask: pa.ChunkedArray) -> list[tuple[int, int]]:
    """File row and slot where the mask holds."""
    chosen = table.select(["file_row", "slot"]).filter(mask)
    return list(zip(chosen["file_row"].to_pylist(), chosen["slot"].to_pylist(), strict=True))


def _at_slot(row: int, slot: int, name: str, what: str) -> str:
    if name in MEMBER_COLUMNS:
        return f"file row {row}: {MEMBER_COLUMNS[name]}{slot}: {what}"
    return f"file row {row}: {HOUSEHOLD_COLUMNS[name]}: {what}"
