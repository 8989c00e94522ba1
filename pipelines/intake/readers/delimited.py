"""CSV (RFC 4180) and tab-separated files."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa
import pyarrow.csv as pacsv

from pipelines.errors import InputRefused
from pipelines.intake.readers.encodings import ENCODINGS, decode
from pipelines.intake.readers.text_table import TextTable, check_header, text_table

_LONE_CR = re.compile("\r(?!\n)")
_BLOCK = 16 << 20
_ONE_BLOCK = 64 << 20  # for the parser, where quotes may hold line breaks


def read_csv(
    data: bytes, encoding: str, header: Sequence[str], file: str, delimiter: str = ","
) -> TextTable:
    """Read a CSV file whose header must be exactly `header`; the header is row 1.

    Raises:
        InputRefused: undecodable, empty, cut off, another header, broken quotes, or a lone CR between cells.
    """
    ragged: list[tuple[int, str]] = []
    tables: list[pa.Table] = []
    before = 0
    with ThreadPoolExecutor(max_workers=1) as thread:  # parses a block while the next is decoded
        parsing: Future[pa.Table] | None = None
        for text, records in _decoded_blocks(data, encoding, file, delimiter):
            if not before:
                check_header(header_of(text, file, delimiter), header, file)
            _assert_well_formed(text, records, file, delimiter)
            if parsing is not None:
                tables.append(parsing.result())
            parsing = thread.submit(_parse, text, header, file, delimiter, before, ragged)
            before += records or 0
        if parsing is not None:
            tables.append(parsing.result())
    return text_table(pa.concat_tables(tables), ragged, 2)


def _decoded_blocks(
    data: bytes, encoding: str, file: str, delimiter: str
) -> Iterator[tuple[str, int | None]]:
    """The text in blocks of whole records, each with their number, None where its quotes are broken.

    All in one where a line break is two bytes. The last byte of a line break and a quote are never part of another
    character in the other encodings.
    """
    if encoding.startswith("utf-16"):
        text = decode(data, encoding, file)
        _assert_whole(not text or text.endswith("\n"), file)
        yield text, _count_records(text, delimiter)[0]
        return
    start, size, codec = 0, _BLOCK, encoding
    while start < max(len(data), 1):
        end = _probable_end(data, start, size)
        try:
            text = decode(data[start:end], codec, file)
        except InputRefused:
            decode(data, encoding, file)  # the same refusal, with the row and offset in the file
            raise
        records, is_open = _count_records(text, delimiter)
        if is_open and end < len(data):  # the line break was one inside quotes
            size *= 2
            continue
        _assert_whole(not text or text.endswith("\n"), file)
        yield text, records
        start, size, codec = end or 1, _BLOCK, ENCODINGS[encoding][0]


def _probable_end(data: bytes, start: int, size: int) -> int:
    """Behind the last line break of a block with an even number of quotes before it, or behind its last one.

    Even is outside quotes, unless a quote stands within an unquoted cell.
    """
    if start + size >= len(data):
        return len(data)
    last = data.rfind(b"\n", start, start + size) + 1 or data.find(b"\n", start) + 1 or len(data)
    if data.find(b'"', start, last) < 0:  # far faster than counting
        return last
    end, odd = last, data.count(b'"', start, last) % 2
    while odd and end > start:
        earlier = max(data.rfind(b"\n", start, end - 1) + 1, start)
        odd ^= data.count(b'"', earlier, end) % 2
        end = earlier
    return end if end > start else last


def _count_records(text: str, delimiter: str) -> tuple[int | None, bool]:
    """(records, None where quotes would swallow a neighbouring one; whether the text ends inside quotes)."""
    if '"' not in text:
        return text.count("\n"), False
    lines = io.StringIO(text, newline="")
    try:
        return sum(1 for _ in csv.reader(lines, delimiter=delimiter, strict=True)), False
    except csv.Error:
        return None, not lines.read(1)


def _assert_whole(is_whole: bool, file: str) -> None:
    if not is_whole:
        raise InputRefused(
            f"{file}: 最後の行が改行で終わっていません。途中で切れた可能性があります。"
        )


def _parse(
    text: str,
    header: Sequence[str],
    file: str,
    delimiter: str,
    before: int,
    ragged: list[tuple[int, str]],
) -> pa.Table:
    """One block as text columns. before: records before it and the header; ragged: takes the rows of another length."""

    def note_ragged(row: pacsv.InvalidRow) -> str:
        ragged.append((before + row.number, row.text))
        return "skip"

    try:
        return pacsv.read_csv(
            io.BytesIO(text.encode()),
            read_options=pacsv.ReadOptions(
                use_threads=False, block_size=_ONE_BLOCK, column_names=header if before else None
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=delimiter,
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


def header_of(text: str, file: str, delimiter: str = ",") -> list[str]:
    """The cells of the header row."""
    end = text.find("\n")
    line = text[: end if end >= 0 else len(text)].rstrip("\r")
    if not line:
        raise InputRefused(f"{file}: 見出し行がありません。空のファイルです。")
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except csv.Error:
        raise InputRefused(
            f"{file}: 見出し行の途中に改行(CR)があります。提供元に再出力を依頼してください。"
        ) from None


def _assert_well_formed(text: str, records: int | None, file: str, delimiter: str) -> None:
    """Refuse quotes that would swallow a neighbouring row, and a lone CR, which splits one."""
    if records is None:
        raise InputRefused(f"{file}: 引用符が閉じていません。提供元に再出力を依頼してください。")
    if text.count("\r") != text.count("\r\n"):
        quoted_cell = rf'(?:^|(?<=[{delimiter}\n]))"(?:[^"]|"")*"'
        if _LONE_CR.search(re.sub(quoted_cell, "", text)):
            raise InputRefused(
                f"{file}: 行の途中に改行(CR)があります。提供元に再出力を依頼してください。"
            )
