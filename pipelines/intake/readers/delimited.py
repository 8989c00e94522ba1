"""CSV (RFC 4180) and tab-separated files."""

import csv
import io
import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.csv as pacsv

from pipelines.errors import InputRefused
from pipelines.intake.readers.encodings import decode
from pipelines.intake.readers.text_table import TextTable, check_header, text_table

_QUOTED = re.compile('"[^"]*"')
_LONE_CR = re.compile("\r(?!\n)")
_BLOCK = 64 << 20


def read_csv(
    data: bytes, encoding: str, header: Sequence[str], file: str, delimiter: str = ","
) -> TextTable:
    """Read a CSV file whose header must be exactly `header`; the header is row 1.

    Raises:
        InputRefused: undecodable, empty, cut off, another header, broken quotes, or a lone CR between cells.
    """
    text = decode(data, encoding, file)
    if text and not text.endswith("\n"):
        raise InputRefused(
            f"{file}: 最後の行が改行で終わっていません。途中で切れた可能性があります。"
        )
    check_header(header_of(text, file, delimiter), header, file)
    _assert_well_quoted(text, file, delimiter)
    ragged: list[tuple[int, str]] = []

    def note_ragged(row: pacsv.InvalidRow) -> str:
        ragged.append((row.number, row.text))
        return "skip"

    raw = text.encode()
    try:
        table = pacsv.read_csv(
            io.BytesIO(raw),
            read_options=pacsv.ReadOptions(use_threads=False, block_size=_BLOCK),
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
    return text_table(table, ragged, 2)


def header_of(text: str, file: str, delimiter: str = ",") -> list[str]:
    """The cells of the header row."""
    line = text.split("\n", 1)[0].rstrip("\r")
    if not line:
        raise InputRefused(f"{file}: 見出し行がありません。空のファイルです。")
    return next(csv.reader([line], delimiter=delimiter))


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
    if "\r" in text and _LONE_CR.search(_QUOTED.sub("", text)):
        raise InputRefused(
            f"{file}: 行の途中に改行(CR)があります。提供元に再出力を依頼してください。"
        )
