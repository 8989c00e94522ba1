"""Decision notices (給付決定通知) for the contractor who prints them; every cell raw."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from pipelines.outputs._csv import CsvProfile, text_rows, write_csv

_DEFAULT: Final = CsvProfile()


def build_notices(rows: pa.Table, profile: CsvProfile = _DEFAULT) -> bytes:
    """The notices' file.

    Args:
        rows: one row a notice; the table's column names, in their order, become the heading.
        profile: encoding and line end.

    Returns:
        CSV with a heading row, in the order of the rows.

    Raises:
        CsvError: a character the encoding cannot hold.
    """
    return write_csv(rows.column_names, text_rows(rows), profile)
