"""Lists that the ward's own staff open in a spreadsheet: in-house forms, handover sheets.

A spreadsheet runs a cell that begins like a formula, so such cells get a leading apostrophe. This
is only for files a person opens; machine files carry the text as it is.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from pipelines.outputs._csv import CsvProfile, text_rows, write_csv

_FORMULA_STARTS: Final = tuple("=+-@\t\r\n＝＋－＠")
"""The last four: Japanese spreadsheets read the full-width forms alike (OWASP, CSV injection)."""
_DEFAULT: Final = CsvProfile(encoding="utf-8-sig")


def build_handover(rows: pa.Table, profile: CsvProfile = _DEFAULT) -> bytes:
    """A list for staff.

    Args:
        rows: the list; the table's column names, in their order, become the heading.
        profile: encoding (by default with a byte-order mark, so that a spreadsheet knows it).

    Returns:
        CSV with a heading row; no cell begins like a formula.

    Raises:
        CsvError: a character the encoding cannot hold.
    """
    lines = (tuple(map(neutralise, row)) for row in text_rows(rows))
    return write_csv([neutralise(name) for name in rows.column_names], lines, profile)


def neutralise(cell: str) -> str:
    """The cell, with an apostrophe before anything a spreadsheet would run."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
