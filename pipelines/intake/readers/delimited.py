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

_QUOTED = re.compile('"[^"]*"')
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
    lines = 0
    with ThreadPoolExecutor(max_workers=1) as thread:  # parses a block while the next is decoded
        parsing: Future[pa.Table] | None = None
        for text in _decoded_blocks(data, encoding, file):
            if not lines:
                check_header(header_of(text, file, delimiter), header, file)
            _assert_well_quoted(text, file, delimiter)
            if parsing is not None:
                tables.append(parsing.result())
            parsing = thread.submit(_parse, text, header, file, delimiter, lines, ragged)
            lines += text.count("\n")
        if parsing is not None:
            tables.append(parsing.result())
    return text_table(pa.concat_tables(tables), ragged, 2)


def _decoded_blocks(data: bytes, encoding: str, file: str) -> Iterator[str]:
    """The text in blocks of whole rows; all in one where quotes may hold line breaks, or a line break is two bytes."""
    if encoding.startswith("utf-16") or b'"' in data:
        text = decode(data, encoding, file)
        _assert_whole(not text or text.endswith("\n"), file)
        yield text
        return
    start, codec = 0, encoding
    while start < max(len(data), 1):
        end = data.rfind(b"\n", start, start + _BLOCK) + 1 or data.find(b"\n", start) + 1
        try:
            text = decode(data[start : end or len(data)], codec, file)
        except InputRefused:
            decode(data, encoding, file)  # the same refusal, with the row and offset in the file
            raise
        _assert_whole(not text or end > 0, file)
        yield text
        start, codec = end or len(data) + 1, ENCODINGS[encoding][0]


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
    lines: int,
    ragged: list[tuple[int, str]],
) -> pa.Table:
    """One block as text columns. lines: how many stand before it; ragged: takes the rows of another length."""

    def note_ragged(row: pacsv.InvalidRow) -> str:
        ragged.append((lines + row.number, row.text))
        return "skip"

    try:
        return pacsv.read_csv(
            io.BytesIO(text.encode()),
            read_options=pacsv.ReadOptions(
                use_threads=False, block_size=_ONE_BLOCK, column_names=header if lines else None
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


def _assert_well_quoted(text: str, file: str, delimiter: str) -> None:
    """Refuse quotes that would swallow a neighbouring row, and a lone CR, which splits one."""
    if '"' in text:
        try:
            for _ in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
                pass
        except csv.Error:
            raise InputRefused(
                f"{file}: 引用符が閉じていません。提供元に再出力を依頼してください。"
            ) from None
    if text.count("\r") != text.count("\r\n") and _LONE_CR.search(_QUOTED.sub("", text)):
        raise InputRefused(
            f"{file}: 行の途中に改行(CR)があります。提供元に再出力を依頼してください。"
        )
