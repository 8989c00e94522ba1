"""Strict readers: bytes -> a text-only Arrow table with the row number of the source, nothing guessed.

Every reader returns the rows that have as many cells as the header, and the numbers of those that have not. Row
numbers count the header as row 1. A wrong byte refuses the whole file by offset and row, never by value.
"""

import csv
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import openpyxl
import pyarrow as pa
import pyarrow.csv as pacsv

from pipelines.errors import InputRefused

# NUL, and what Python's cp932 makes of the undefined bytes 80, A0, FD, FE, FF
NOT_TEXT = re.compile("[\x00\x80\uf8f0-\uf8f3]")
_QUOTED = re.compile('"[^"]*"')
_LONE_CR = re.compile("\r(?!\n)")
MAX_UNPACKED = 2 << 30
MAX_RATIO = 200
# what a damaged archive makes the standard library raise
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    IndexError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True)
class TextTable:
    """rows: text columns under the source's headers plus `row` (int64); ragged: row numbers with another length.

    ragged_text: what stands in the ragged rows, in the same order, for whoever mends them; never shown elsewhere.
    """

    rows: pa.Table
    ragged: tuple[int, ...]
    ragged_text: tuple[str, ...] = ()

    @property
    def rows_in(self) -> int:
        """Data rows in the file."""
        return int(self.rows.num_rows) + len(self.ragged)


def decode(data: bytes, encoding: str, file: str) -> str:
    """Decode strictly; a byte-order mark or a wrong byte refuses the file."""
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise InputRefused(
            f"{file}: 先頭にBOMがあります。{encoding} (BOMなし) で保存し直してください。"
        )
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        raise InputRefused(
            f"{file}: {error.start}バイト目({row}行目)が{encoding}として読めません。文字コードを確認してください。"
        ) from None
    if wrong := NOT_TEXT.search(text):
        row = text[: wrong.start()].count("\n") + 1
        raise InputRefused(
            f"{file}: {row}行目に文字ではない符号があります。提供元に再出力を依頼してください。"
        )
    return text


def read_csv(data: bytes, encoding: str, header: Sequence[str], file: str) -> TextTable:
    """Read a CSV file (RFC 4180) whose header must be exactly `header`.

    Raises:
        InputRefused: undecodable, empty, cut off, another header, broken quotes, or a lone CR between cells.
    """
    text = decode(data, encoding, file)
    if not text.endswith("\n"):
        raise InputRefused(
            f"{file}: 最後の行が改行で終わっていません。途中で切れた可能性があります。"
        )
    check_header(_header_of(text, file), header, file)
    _assert_well_quoted(text, file)
    ragged: list[int] = []
    ragged_text: list[str] = []

    def note_ragged(row: pacsv.InvalidRow) -> str:
        ragged.append(row.number)
        ragged_text.append(row.text)
        return "skip"

    try:
        table = pacsv.read_csv(
            io.BytesIO(text.encode()),
            read_options=pacsv.ReadOptions(use_threads=False, block_size=64 << 20),
            parse_options=pacsv.ParseOptions(
                newlines_in_values='"' in text,
                invalid_row_handler=note_ragged,
                ignore_empty_lines=False,  # a blank line is a row without cells: seen, not lost
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()),
                strings_can_be_null=False,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:  # its message may show a row
        raise InputRefused(
            f"{file}: CSVとして読めません。引用符と改行を確認してください。"
        ) from None
    return TextTable(_number(table, ragged), tuple(ragged), tuple(ragged_text))


def _assert_well_quoted(text: str, file: str) -> None:
    """Refuse quotes that would swallow a neighbouring row, and a lone CR, which splits one."""
    if '"' in text:
        try:
            for _ in csv.reader(io.StringIO(text, newline=""), strict=True):
                pass
        except csv.Error:
            raise InputRefused(
                f"{file}: 引用符が閉じていません。提供元に再出力を依頼してください。"
            ) from None
    if "\r" in text and _LONE_CR.search(_QUOTED.sub("", text)):
        raise InputRefused(
            f"{file}: 行の途中に改行(CR)があります。提供元に再出力を依頼してください。"
        )


def _header_of(text: str, file: str) -> list[str]:
    """The cells of the header row."""
    line = text.split("\n", 1)[0].rstrip("\r")
    if not line:
        raise InputRefused(f"{file}: 見出し行がありません。空のファイルです。")
    return next(csv.reader([line]))


def check_header(found: Sequence[str], expected: Sequence[str], file: str) -> None:
    """Refuse another header, naming what is missing, unknown or out of order (headers are no personal data)."""
    if list(found) == list(expected):
        return
    missing = [name for name in expected if name not in found]
    unknown = len([name for name in found if name not in expected])
    if missing or unknown:
        detail = f"足りない列: {'、'.join(missing) or 'なし'} / 予定にない列: {unknown}列"
    else:
        detail = "列の順序が違います"
    raise InputRefused(
        f"{file}: 見出しがレイアウトと違います。{detail}。レイアウトの列: {'、'.join(expected)}"
    )


def read_xlsx(data: bytes, header: Sequence[str], file: str) -> TextTable:
    """Read the first sheet of a workbook of text cells; blank rows after the last one are no rows.

    Raises:
        InputRefused: no workbook, another header, or a cell that is not text (a number may have lost zeros).
    """
    values = _cells(data, file)
    if not values:
        raise InputRefused(f"{file}: 見出し行がありません。空のファイルです。")
    check_header([str(cell or "") for cell in values[0]], header, file)
    ragged: list[int] = []
    ragged_text: list[str] = []
    rows = []
    for number, row in enumerate(values[1:], start=2):
        for name, cell in zip(header, row, strict=False):
            if cell is not None and not isinstance(cell, str):
                raise InputRefused(
                    f"{file}: {number}行目「{name}」が文字列ではありません。セルの書式を文字列にしてください。"
                )
        if len(row) > len(header):
            ragged.append(number)
            ragged_text.append("\t".join(str(cell or "") for cell in row))
        else:
            rows.append([cell or "" for cell in row] + [""] * (len(header) - len(row)))
    columns = {
        name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(header)
    }
    return TextTable(_number(pa.table(columns), ragged), tuple(ragged), tuple(ragged_text))


def _cells(data: bytes, file: str) -> list[list[object]]:
    """The first sheet's rows, each without the blank cells at its end."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        open_archive(data, file).close()
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        values = [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]
    except (
        Exception
    ):  # whatever a broken workbook makes openpyxl raise; its message may show a cell
        raise InputRefused(
            f"{file}: XLSXとして読めません。ファイルが壊れていないか確認してください。"
        ) from None
    for row in values:
        while row and row[-1] in (None, ""):
            row.pop()
    while values and not values[-1]:
        values.pop()
    return values


def open_archive(data: bytes, file: str) -> zipfile.ZipFile:
    """Open a ZIP after checking its members: plain relative names, once each, no links, no bomb.

    Raises:
        InputRefused: any of these does not hold; nothing is extracted.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _DAMAGED:
        raise InputRefused(f"{file}: ZIPとして読めません。途中で切れた可能性があります。") from None
    names = [info.filename for info in archive.infolist()]
    if len(names) != len(set(names)):
        raise InputRefused(f"{file}: 同じ名前のファイルが二つあります。")
    total = 0
    for info in archive.infolist():
        path = PurePosixPath(info.filename)
        if (
            path.is_absolute()
            or ".." in path.parts
            or "\\" in info.filename
            or ":" in info.filename
        ):
            raise InputRefused(f"{file}: 展開先の外を指す名前があります。")
        if (info.external_attr >> 16) & 0o170000 == 0o120000 or info.flag_bits & 0x1:
            raise InputRefused(f"{file}: リンクまたは暗号化されたファイルがあります。")
        total += info.file_size
        if info.file_size > MAX_RATIO * max(info.compress_size, 1 << 10):
            raise InputRefused(f"{file}: 圧縮率が異常です。")
    if total > MAX_UNPACKED:
        raise InputRefused(f"{file}: 展開後の大きさが上限を超えます。")
    return archive


def read_member(archive: zipfile.ZipFile, member: str, file: str) -> bytes:
    """The bytes of one member; a missing or damaged one refuses the archive."""
    try:
        return archive.read(member)
    except KeyError:
        raise InputRefused(f"{file}: {member} が入っていません。") from None
    except _DAMAGED:
        raise InputRefused(f"{file}: {member} が壊れています。") from None


def _number(table: pa.Table, ragged: Sequence[int]) -> pa.Table:
    """Add the source's row number, leaving out the numbers of the ragged rows."""
    if not ragged:
        return table.append_column("row", pa.array(range(2, table.num_rows + 2), pa.int64()))
    out = set(ragged)
    numbers = [n for n in range(2, table.num_rows + len(out) + 2) if n not in out]
    return table.append_column("row", pa.array(numbers, pa.int64()))
