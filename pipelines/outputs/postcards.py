"""Decision notices for the contractor's postcards (圧着ハガキ): a row a notice, laid out as the contractor asks.

An address is cut into lines of the postcard's width, the supplement (方書) beginning a line of its own; nothing is ever
cut off: what does not fit is told beforehand (`fits`) and refused here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.outputs._csv import CsvProfile, write_csv
from pipelines.outputs.ward_sheets import print_day

_HEADING: Final = ("世帯番号", "郵便番号", "宛名", "給付決定額", "振込予定日")


class PostcardError(ValueError):
    """A notice that does not fit the postcard; names its row, never a value."""


@dataclass(frozen=True, slots=True)
class PostcardProfile:
    """What the contractor asks for: encoding, line end, the address's lines, characters of a line and of the name."""

    encoding: str = "utf-8"
    line_end: str = "\r\n"
    address_lines: int = 3
    line_characters: int = 22
    name_characters: int = 25


def fits(rows: pa.Table, profile: PostcardProfile) -> pa.ChunkedArray:
    """Whether each row's name and address fit. rows: with head_name_kanji, address, address_supplement."""
    width = profile.line_characters
    lines = pc.add(
        _lines_of(rows.column("address"), width),
        _lines_of(rows.column("address_supplement"), width),
    )
    name = _length_of(rows.column("head_name_kanji"))
    return pc.and_(
        pc.less_equal(lines, profile.address_lines), pc.less_equal(name, profile.name_characters)
    )


def _lines_of(column: pa.ChunkedArray, width: int) -> pa.ChunkedArray:
    return pc.divide(pc.add(_length_of(column), width - 1), width)


def _length_of(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_length(pc.fill_null(pc.cast(column, pa.string()), ""))


def build_postcards(notices: pa.Table, profile: PostcardProfile) -> bytes:
    """The contractor's file.

    Args:
        notices: one row a notice, with household_id, postal_code, address, address_supplement, head_name_kanji,
            decided_yen (whole yen), transfer_date (YYYY-MM-DD).
        profile: what the contractor asks for.

    Returns:
        CSV with a heading row, by postal code, then household number, then payment; the same notices always give the
        same bytes.

    Raises:
        PostcardError: a name or an address does not fit.
        CsvError: a character the encoding cannot hold.
    """
    ordered = notices.sort_by(
        [(name, "ascending") for name in ("postal_code", "household_id", "payment_key")]
    )
    fitting = fits(ordered, profile)
    if not pc.all(fitting).as_py():
        row = pc.index(fitting, False).as_py() + 1
        raise PostcardError(f"row {row}: the name or the address does not fit the postcard")
    lines = [f"住所{number}" for number in range(1, profile.address_lines + 1)]
    heading = [*_HEADING[:2], *lines, *_HEADING[2:]]
    cells = (_cells(row, profile) for row in ordered.to_pylist())
    return write_csv(heading, cells, CsvProfile(profile.encoding, profile.line_end))


def _cells(row: dict[str, object], profile: PostcardProfile) -> list[str]:
    width = profile.line_characters
    parts = [str(row[name] or "") for name in ("address", "address_supplement")]
    lines = [part[at : at + width] for part in parts for at in range(0, len(part), width)]
    lines += [""] * (profile.address_lines - len(lines))
    transfer = str(row["transfer_date"])
    return [
        str(row["household_id"] or ""), str(row["postal_code"] or ""), *lines, str(row["head_name_kanji"] or ""),
        str(row["decided_yen"]), print_day(transfer.replace("-", ""), transfer),
    ]  # fmt: skip
