"""Strict readers: bytes -> a text-only Arrow table with the row number of the source, nothing guessed.

Every reader returns the rows that have as many cells as the layout says and, apart, the raw text of those that have
not. A wrong byte refuses the whole file by offset and row, never by value.
"""

from pipelines.intake.readers.archive import assert_declared, open_archive, read_member
from pipelines.intake.readers.delimited import read_csv
from pipelines.intake.readers.encodings import ENCODINGS, decode
from pipelines.intake.readers.fixed_width import FixedWidth, read_fixed
from pipelines.intake.readers.text_table import TextTable, check_header
from pipelines.intake.readers.workbook import read_xlsx

__all__ = [
    "ENCODINGS",
    "FixedWidth",
    "TextTable",
    "assert_declared",
    "check_header",
    "decode",
    "open_archive",
    "read_csv",
    "read_fixed",
    "read_member",
    "read_xlsx",
]
