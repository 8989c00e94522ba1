"""The application forms' file for the print contractor: one row a household.

A household with more members than a form has lines goes on in further rows (行 2, 3, …); nobody is
left out. `forms_check` reads the finished bytes back and compares them with the register.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.outputs._csv import CsvProfile, write_csv
from pipelines.outputs.barcode import encode_codes

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
DERIVED_COLUMNS: Final = {"line": "行", "barcode": "カスタマバーコード", "members": "世帯人数"}
AMOUNT_HEADING: Final = "給付額"
_HOUSEHOLDS_AT_ONCE: Final = 10_000


class FormsError(ValueError):
    """Register rows no form can be made of; names row (from 1) and column, never a value."""


@dataclass(frozen=True, slots=True)
class FormsProfile:
    """What the print contractor asks for.

    Attributes:
        csv: encoding and line end.
        max_members: members one row holds.
        amount_yen_per_person: adds the household's total (給付額, whole yen); None leaves it out.

    Raises:
        ValueError: no place for a member, or an amount that is not positive.
    """

    csv: CsvProfile = field(default_factory=CsvProfile)
    max_members: int = 12
    amount_yen_per_person: int | None = None

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
        CsvError: a character the encoding cannot hold.
    """
    people = text_columns(rows)
    _check_numbers(people)
    order = pc.sort_indices(
        people.append_column("row", pa.array(np.arange(people.num_rows))),
        sort_keys=[("household_id", "ascending"), ("row", "ascending")],
    )
    people = people.take(order)
    starts = _household_starts(people, order)
    households = people.select(list(HOUSEHOLD_COLUMNS)).take(pa.array(starts))
    households = households.append_column("barcode", barcodes(households))
    ends = np.append(starts[1:], people.num_rows)
    by_mail = pc.sort_indices(
        households, sort_keys=[("postal_code", "ascending"), ("household_id", "ascending")]
    ).to_numpy()
    lines = _lines(people, households, (starts, ends), by_mail, profile)
    return write_csv(heading(profile), lines, profile.csv)


def barcodes(households: pa.Table) -> pa.Array:
    """The customer barcode's characters of each household, empty where it gets none."""
    address = pc.binary_join_element_wise(
        households["address"],
        households["address_supplement"],
        pa.scalar("　", pa.large_string()),
    )
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


def _lines(
    people: pa.Table,
    households: pa.Table,
    bounds: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    by_mail: npt.NDArray[np.uint64],
    profile: FormsProfile,
) -> Iterator[list[str]]:
    """The file's rows, some households at a time so that memory stays small."""
    starts, ends = bounds
    for first in range(0, len(by_mail), _HOUSEHOLDS_AT_ONCE):
        chosen = by_mail[first : first + _HOUSEHOLDS_AT_ONCE]
        sizes = (ends - starts)[chosen].tolist()
        members = np.concatenate(
            [np.arange(starts[number], ends[number]) for number in chosen.tolist()]
        )
        part = people.select(list(MEMBER_COLUMNS)).take(pa.array(members))
        people_rows = list(zip(*(column.to_pylist() for column in part.columns), strict=True))
        part = households.take(pa.array(chosen))
        shared = zip(*(column.to_pylist() for column in part.columns), strict=True)
        start = 0
        for items, size in zip(shared, sizes, strict=True):
            yield from _household_lines(items, people_rows[start : start + size], profile)
            start += size


def _household_lines(
    items: tuple[str, ...], members: Sequence[tuple[str, ...]], profile: FormsProfile
) -> Iterator[list[str]]:
    """One household: its first row, and as many more as its members need."""
    *shared, barcode = items
    amount_yen = profile.amount_yen_per_person
    total = [] if amount_yen is None else [str(amount_yen * len(members))]
    for line, start in enumerate(range(0, len(members), profile.max_members), start=1):
        here = members[start : start + profile.max_members]
        cells = [*shared, str(line), barcode, str(len(members)), *total]
        for member in here:
            cells += member
        cells += [""] * (len(MEMBER_COLUMNS) * (profile.max_members - len(here)))
        yield cells
