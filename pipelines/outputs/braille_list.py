"""The list from which the ward's own embosser dots the envelopes of visually impaired people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from pipelines.outputs._csv import CsvProfile, write_csv
from pipelines.outputs.braille import BrailleError, doubtful, to_brf, to_cells, to_kana

HEADING: Final = ("世帯番号", "点字かな", "点字", "BRF")
_COLUMNS: Final = ("household_id", "name_kana", "name_kanji")
_DEFAULT: Final = CsvProfile()


def build_braille_list(rows: pa.Table, profile: CsvProfile = _DEFAULT) -> bytes:
    """The embosser's file.

    Args:
        rows: one row an envelope, with text columns household_id, name_kana, name_kanji. A name
            that a person has corrected is passed as the kana, with an empty kanji name.
        profile: encoding and line end; braille cells need UTF-8.

    Returns:
        CSV with a heading row: household number, braille kana, Unicode cells, BRF. It is a machine
        file: BRF cells may begin with any character.

    Raises:
        BrailleError: a name is empty or has a character without a cell; the message gives its
            row, from 1.
        CsvError: the encoding has no braille cells.
    """
    return write_csv(HEADING, _lines(rows), profile)


def rows_to_check(rows: pa.Table) -> list[int]:
    """Rows, counted from 1, whose braille a person must check before it is embossed."""
    return [
        number
        for number, (_, kana, kanji) in enumerate(_names(rows), start=1)
        if doubtful(kana, kanji)
    ]


def _lines(rows: pa.Table) -> Iterator[tuple[str, str, str, str]]:
    for number, (household_id, kana, kanji) in enumerate(_names(rows), start=1):
        braille_kana = to_kana(kana, kanji)
        if not braille_kana:
            raise BrailleError(f"row {number}: there is no kana name")
        try:
            cells = to_cells(braille_kana)
            yield household_id, braille_kana, cells, to_brf(cells)
        except BrailleError as error:
            raise BrailleError(f"row {number}: {error}") from None


def _names(rows: pa.Table) -> Iterator[tuple[str, str, str]]:
    columns = ([value or "" for value in rows[name].to_pylist()] for name in _COLUMNS)
    return zip(*columns, strict=True)
