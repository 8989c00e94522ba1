"""The forms' file read back from its bytes and compared with the register, field by field.

Saitama misprinted 9,007 forms in 2020 (7,753 with the eldest member's birth date as the head's).
This module shares none of the code that puts a form together: it takes the printed cells as they
stand and looks each person up on the register by resident number.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.outputs._csv import CsvError, read_csv
from pipelines.outputs.forms import (
    AMOUNT_HEADING,
    DERIVED_COLUMNS,
    HOUSEHOLD_COLUMNS,
    MEMBER_COLUMNS,
    FormsProfile,
    barcodes,
    heading,
    text_columns,
)

_DEFAULT: Final = FormsProfile()
_PEOPLE_AT_ONCE: Final = 50_000
_WIDTH: Final = len(MEMBER_COLUMNS)


def read_forms(data: bytes, profile: FormsProfile = _DEFAULT) -> pa.Table:
    """The people a forms' file names.

    Args:
        data: the file's bytes.
        profile: what it was built with.

    Returns:
        One row a printed member: the ten register columns, `barcode`, `members` and `line` as
        text, `amount_yen` as text (empty if the file has none), and `file_row` (int, the heading
        being row 1) and `slot` (int, from 1).

    Raises:
        CsvError: another heading, a row of another width, a row without members, or a member after
            an empty place.
    """
    rows = read_csv(data, profile.csv)
    _, found = next(rows, (1, []))
    if found != heading(profile):
        raise CsvError(1, "", "is not the heading of a forms' file")
    names = [*_shared_names(profile), *MEMBER_COLUMNS]
    if profile.amount_yen_per_person is None:
        names.append("amount_yen")
    people = _people(rows, profile)
    schema = pa.schema(
        [
            ("file_row", pa.int64()),
            ("slot", pa.int64()),
            *((name, pa.large_string()) for name in names),
        ]
    )
    parts = []
    while chunk := list(islice(people, _PEOPLE_AT_ONCE)):
        arrays = zip(*chunk, strict=True)
        parts.append(
            pa.table(
                [pa.array(values, item.type) for values, item in zip(arrays, schema, strict=True)],
                schema=schema,
            )
        )
    return pa.concat_tables(parts) if parts else schema.empty_table()


def count_rows(data: bytes, profile: FormsProfile = _DEFAULT) -> int:
    """The data rows of a forms' file: every row ends with a line end outside quotes.

    Raises:
        CsvError: the file is no forms' file.
    """
    if b'"' in data:
        return sum(1 for _ in read_csv(data, profile.csv)) - 1
    return data.count(profile.csv.line_end.encode()) - 1


def compare_forms(rows: pa.Table, data: bytes, profile: FormsProfile = _DEFAULT) -> list[str]:
    """Every difference between a forms' file and the register.

    Args:
        rows: the rows the forms were to be built from (see `build_forms`).
        data: the finished file's bytes.
        profile: what it was built with.

    Returns:
        Differences as `file row N: column: what`, `register row N: what`; empty if every person is
        printed exactly once and every printed field is the register's. No values.

    Raises:
        CsvError: the file is no forms' file.
        FormsError: a column of `rows` is missing.
    """
    register = text_columns(rows)
    printed = read_forms(data, profile)
    at = pc.index_in(printed["resident_id"], value_set=register["resident_id"])
    known = printed.filter(pc.is_valid(at))
    beside = register.take(pc.drop_null(at))
    return [
        *_unknown_or_twice(printed, at),
        *_missing(register, printed),
        *_different_items(known, beside),
        *_different_counts(printed, register, profile),
        *_different_barcodes(printed),
        *_out_of_order(printed),
    ]


def _shared_names(profile: FormsProfile) -> list[str]:
    names = [*HOUSEHOLD_COLUMNS, *DERIVED_COLUMNS]
    return names if profile.amount_yen_per_person is None else [*names, "amount_yen"]


def _people(
    rows: Iterator[tuple[int, list[str]]], profile: FormsProfile
) -> Iterator[tuple[int | str, ...]]:
    """The members of each row, with the row's own items before them."""
    shared_width = len(_shared_names(profile))
    width = shared_width + _WIDTH * profile.max_members
    no_amount = ("",) if profile.amount_yen_per_person is None else ()
    for number, cells in rows:
        if len(cells) != width:
            raise CsvError(number, "", "has not one cell for each heading")
        members = cells[shared_width:]
        filled = [start for start in range(0, len(members), _WIDTH) if members[start]]
        if not filled or filled[-1] != _WIDTH * (len(filled) - 1):
            raise CsvError(number, "", "has an empty place before or instead of a member")
        if any(members[_WIDTH * len(filled) :]):
            raise CsvError(number, "", "has items of a member without a number")
        shared = cells[:shared_width]
        for slot, start in enumerate(filled, start=1):
            yield number, slot, *shared, *members[start : start + _WIDTH], *no_amount


def _unknown_or_twice(printed: pa.Table, at: pa.ChunkedArray) -> list[str]:
    """People on a form who are not on the register, or who were printed before."""
    unknown = [
        _at_slot(row, slot, "resident_id", "is not on the register")
        for row, slot in _where(printed, pc.is_null(at))
    ]
    seen: set[int] = set()
    twice = []
    for row, slot, number in zip(
        printed["file_row"].to_pylist(), printed["slot"].to_pylist(), at.to_pylist(), strict=True
    ):
        if number in seen:
            twice.append(_at_slot(row, slot, "resident_id", "was printed before"))
        elif number is not None:
            seen.add(number)
    return unknown + twice


def _missing(register: pa.Table, printed: pa.Table) -> list[str]:
    """People of the register who are on no form, or twice on the register itself."""
    found = pc.is_in(register["resident_id"], value_set=printed["resident_id"])
    missing = pc.indices_nonzero(pc.invert(found)).to_pylist()
    differences = [f"register row {row + 1}: is on no form" for row in missing]
    first = pc.index_in(register["resident_id"], value_set=register["resident_id"]).to_pylist()
    differences += [
        f"register row {row + 1}: has the number of an earlier row"
        for row, earlier in enumerate(first)
        if earlier != row
    ]
    return differences


def _different_items(known: pa.Table, beside: pa.Table) -> list[str]:
    """Printed items that are not the register's, for people who are on both."""
    differences = []
    for name in (*HOUSEHOLD_COLUMNS, *MEMBER_COLUMNS):
        wrong = pc.not_equal(known[name], beside[name])
        differences += [
            _at_slot(row, slot, name, "is not what the register says")
            for row, slot in _where(known, wrong)
        ]
    return differences


def _different_counts(printed: pa.Table, register: pa.Table, profile: FormsProfile) -> list[str]:
    """Printed numbers of members, totals and line numbers that the register does not give."""
    counts = dict(
        zip(
            *(
                column.to_pylist()
                for column in register.group_by("household_id")
                .aggregate([([], "count_all")])
                .select(["household_id", "count_all"])
                .columns
            ),
            strict=True,
        )
    )
    differences = []
    printed_before: dict[str, int] = {}
    names = ("file_row", "slot", "household_id", "members", "line", "amount_yen")
    for row, slot, household, members, line, amount in zip(
        *(printed[name].to_pylist() for name in names), strict=True
    ):
        position = printed_before.get(household, 0)
        printed_before[household] = position + 1
        if slot != position % profile.max_members + 1:
            differences.append(f"file row {row}: slot {slot}: is not the household's next place")
        if line != str(position // profile.max_members + 1):
            differences.append(f"file row {row}: {DERIVED_COLUMNS['line']}: is wrong")
        count = counts.get(household, 0)
        if members != str(count):
            differences.append(f"file row {row}: {DERIVED_COLUMNS['members']}: is wrong")
        each = profile.amount_yen_per_person
        if amount != ("" if each is None else str(each * count)):
            differences.append(f"file row {row}: {AMOUNT_HEADING}: is wrong")
    return list(dict.fromkeys(differences))


def _different_barcodes(printed: pa.Table) -> list[str]:
    """Barcodes that are not those of the address printed beside them."""
    first = printed.filter(pc.equal(printed["slot"], 1))
    wrong = pc.not_equal(first["barcode"], barcodes(first))
    heading_text = DERIVED_COLUMNS["barcode"]
    return [
        f"file row {row}: {heading_text}: is not that of the address"
        for row, _ in _where(first, wrong)
    ]


def _out_of_order(printed: pa.Table) -> list[str]:
    """Rows that do not follow the mail's order: postal code, household number, line."""
    first = printed.filter(pc.equal(printed["slot"], 1))
    names = ("postal_code", "household_id", "line")
    keys = [
        (postal_code, household, int(line) if line.isascii() and line.isdigit() else 0)
        for postal_code, household, line in zip(
            *(first[name].to_pylist() for name in names), strict=True
        )
    ]
    rows = first["file_row"].to_pylist()
    return [
        f"file row {rows[place]}: is out of order"
        for place in range(1, len(keys))
        if keys[place] <= keys[place - 1]
    ]


def _where(table: pa.Table, mask: pa.ChunkedArray) -> list[tuple[int, int]]:
    """File row and slot where the mask holds."""
    chosen = table.select(["file_row", "slot"]).filter(mask)
    return list(zip(chosen["file_row"].to_pylist(), chosen["slot"].to_pylist(), strict=True))


def _at_slot(row: int, slot: int, name: str, what: str) -> str:
    if name in MEMBER_COLUMNS:
        return f"file row {row}: {MEMBER_COLUMNS[name]}{slot}: {what}"
    return f"file row {row}: {HOUSEHOLD_COLUMNS[name]}: {what}"
