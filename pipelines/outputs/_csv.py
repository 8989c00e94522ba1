"""CSV as machines exchange it (RFC 4180): text in, bytes out, and back again without loss."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import pyarrow as pa

_ROWS_AT_ONCE: Final = 20_000


class CsvError(ValueError):
    """A file that cannot be written or read without loss; names row and column, never a value.

    Attributes:
        row: row of the file, the header being 1; 0 for the file as a whole.
        column: heading, or empty for the whole row.
    """

    def __init__(self, row: int, column: str, rule: str) -> None:
        """Say where and why; never put a value into `rule`."""
        super().__init__(f"row {row}: {column + ': ' if column else ''}{rule}")
        self.row = row
        self.column = column


@dataclass(frozen=True, slots=True)
class CsvProfile:
    r"""What the receiver of a CSV file asks for.

    Attributes:
        encoding: a Python codec: `utf-8`, `utf-8-sig` (with byte-order mark), `cp932`.
        line_end: `"\r\n"` or `"\n"`.
        quotes_all: every cell stands in quotes, not only those that must.

    Raises:
        ValueError: another line end, or an encoding nobody has.
    """

    encoding: str = "utf-8"
    line_end: str = "\r\n"
    quotes_all: bool = False

    def __post_init__(self) -> None:
        """Refuse settings that cannot be honoured."""
        if self.line_end not in ("\r\n", "\n"):
            raise ValueError("line_end is CR LF or LF")
        if self.encoding not in ("utf-8", "utf-8-sig", "cp932"):
            raise ValueError("encoding is utf-8, utf-8-sig or cp932")


def write_csv(heading: Sequence[str], rows: Iterable[Sequence[str]], profile: CsvProfile) -> bytes:
    """Write a heading row and rows of text.

    Raises:
        CsvError: a row has not one cell a heading, or a character the encoding cannot hold or
            would give back changed.
    """
    parts = [first_bytes(heading, profile)]
    row_number = 2
    iterator = iter(rows)
    while chunk := list(islice(iterator, _ROWS_AT_ONCE)):
        parts.append(_encoded(chunk, row_number, heading, profile))
        row_number += len(chunk)
    return b"".join(parts)


def first_bytes(heading: Sequence[str], profile: CsvProfile) -> bytes:
    """What a file begins with: the mark its encoding asks for, and the heading row."""
    mark = codecs.BOM_UTF8 if profile.encoding == "utf-8-sig" else b""
    return mark + _encoded([heading], 1, heading, profile)


def encode_rows(text: bytes, first: int, heading: Sequence[str], profile: CsvProfile) -> bytes:
    """Finished rows, as UTF-8 with the profile's quotes and line ends, in the profile's encoding.

    first: the file's row of the first of them, for the error.

    Raises:
        CsvError: a character the encoding cannot hold or would give back changed.
    """
    if profile.encoding in ("utf-8", "utf-8-sig"):
        return text
    rows = text.decode()
    encoded = _round_trip(rows, profile.encoding)
    if encoded is None:
        cells = list(csv.reader(io.StringIO(rows, newline=""), strict=True))
        raise _unwritable(cells, first, heading, profile.encoding)
    return encoded


def read_csv(data: bytes, profile: CsvProfile) -> Iterator[tuple[int, list[str]]]:
    """Read (row number, cells), the heading being row 1.

    Raises:
        CsvError: bytes that are not in the encoding, or quotes that do not close.
    """
    try:
        text = data.decode(profile.encoding)
    except UnicodeDecodeError:
        raise CsvError(0, "", f"is not {profile.encoding}") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            yield number, cells
    except csv.Error:
        raise CsvError(number + 1, "", "is not CSV") from None


def text_rows(table: pa.Table) -> Iterator[tuple[str, ...]]:
    """A table's rows as text, a slice at a time; null is empty, numbers are written plainly."""
    for start in range(0, table.num_rows, _ROWS_AT_ONCE):
        part = table.slice(start, _ROWS_AT_ONCE)
        yield from zip(*(map(_text, column.to_pylist()) for column in part.columns), strict=True)


class _LineFeeds(io.StringIO):
    """Ends rows with LF; Python 3.11 quotes a CR in a cell only if the line end holds one."""

    def write(self, row: str) -> int:
        """Take one row, which ends with CR LF."""
        return super().write(row.removesuffix("\r\n") + "\n")


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _encoded(
    rows: Sequence[Sequence[str]], first: int, heading: Sequence[str], profile: CsvProfile
) -> bytes:
    """Some rows as bytes, checked to come back as they were."""
    for number, row in enumerate(rows, start=first):
        if len(row) != len(heading):
            raise CsvError(number, "", "has not one cell for each heading")
    codec = "utf-8" if profile.encoding == "utf-8-sig" else profile.encoding
    buffer = io.StringIO(newline="") if profile.line_end == "\r\n" else _LineFeeds(newline="")
    if profile.quotes_all:
        csv.writer(buffer, lineterminator="\r\n", quoting=csv.QUOTE_ALL).writerows(rows)
    else:
        csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    text = buffer.getvalue()
    encoded = _round_trip(text, codec)
    if encoded is None:
        raise _unwritable(rows, first, heading, codec)
    return encoded


def _round_trip(text: str, codec: str) -> bytes | None:
    """The text's bytes, or None if they are not the text: CP932 turns 〜 − ∥ into others."""
    try:
        encoded = text.encode(codec)
    except UnicodeEncodeError:
        return None
    if codec == "cp932" and encoded.decode(codec, "replace") != text:
        return None
    return encoded


def _unwritable(
    rows: Sequence[Sequence[str]], first: int, heading: Sequence[str], codec: str
) -> CsvError:
    """The error for the first cell the encoding refuses; there is one."""
    return next(
        CsvError(number, name, f"has a character {codec} cannot hold")
        for number, row in enumerate(rows, start=first)
        for name, cell in zip(heading, row, strict=True)
        if _round_trip(cell, codec) is None
    )
