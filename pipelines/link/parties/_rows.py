"""Counting the data rows of a table file."""

import csv
import io
import zipfile


class NotATable(Exception):
    """The bytes are no CSV table and no ZIP of such tables."""


def count_rows(content: bytes, *, ragged: bool = False) -> int:
    """Return the number of rows below the header of a CSV file (CP932 or UTF-8).

    Neither encoding has a quote, comma or line end inside a longer character, so single bytes do.
    ragged: rows may differ in width, as in a file that its sender has not looked into.

    Raises:
        NotATable: a quote is not closed, rows differ in width, or the file is empty.
    """
    text = io.TextIOWrapper(io.BytesIO(content), encoding="latin-1", newline="")
    try:
        rows = csv.reader(text, strict=True)
        width = len(next(rows))
        count = 0
        for row in rows:
            if len(row) != width and not ragged:
                raise NotATable(f"row {count + 1} has another number of columns than the header")
            count += 1
    except (csv.Error, StopIteration) as error:
        raise NotATable("not a CSV table with a header") from error
    return count


def count_records(content: bytes) -> int:
    """Return the data rows of a CSV file, or of all CSV files in a ZIP.

    Raises:
        NotATable: it is neither, or one of the tables is broken.
    """
    if not content.startswith(b"PK\x03\x04"):
        return count_rows(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as bundle:
            tables = [name for name in bundle.namelist() if name.lower().endswith(".csv")]
            return sum(count_rows(bundle.read(name)) for name in tables)
    except (zipfile.BadZipFile, RuntimeError) as error:
        raise NotATable("a damaged ZIP") from error
