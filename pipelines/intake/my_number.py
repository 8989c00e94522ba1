"""My Numbers (個人番号): the programme may not hold one, so a file with one in any cell is refused whole.

The check digit is that of 平成26年総務省令第85号 (行政手続における特定の個人を識別するための番号の利用等に関する法律の
規定による通知カード及び個人番号カード並びに情報提供ネットワークシステムによる特定個人情報の提供等に関する省令) 第5条:
11 - (Σ Pn × Qn mod 11), or 0 where that remainder is 0 or 1; Pn is the n-th of the eleven digits before it, from the
lowest, and Qn is n + 1 for n = 1..6 and n - 5 for n = 7..11.

One in eleven numbers of twelve digits has that digit by chance. A column whose declared form is a number of twelve
digits is therefore left out by its own declaration (`Field.holds_12_digits`).
"""

import re
import struct
import unicodedata
from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import MyNumberRefused

RULE = "MY_NUMBER"
_LENGTH = 12
_WEIGHTS = tuple(n + 1 if n <= 6 else n - 5 for n in range(1, _LENGTH))  # Q1..Q11
_SHOWN_PLACES = 10

_DIGIT = "[0-9０-９]"
_SPACE_OR_DASH = "[ 　\u00a0\t‐‑‒–—―−－ーｰ-]"
_FOURS = f"{_DIGIT}{{4}}"
_MAYBE = f"{_FOURS}{_SPACE_OR_DASH}?{_FOURS}{_SPACE_OR_DASH}?{_FOURS}"
# RE2 looks neither back nor ahead: it finds the cells that are worth a closer look, all of them and few others
_MAYBE_CELL = f"(?:^|[^0-9０-９]){_MAYBE}(?:[^0-9０-９]|$)"
_STANDALONE = re.compile(
    f"(?<!{_DIGIT})(?:{_DIGIT}{{{_LENGTH}}}"
    f"|(?<!{_DIGIT}{_SPACE_OR_DASH}){_FOURS}(?P<mark>{_SPACE_OR_DASH}){_FOURS}(?P=mark){_FOURS}"
    f"(?!{_SPACE_OR_DASH}{_DIGIT}))(?!{_DIGIT})"
)


def is_my_number(text: str) -> bool:
    """Whether a text is a My Number: twelve digits with the right check digit, and nothing else.

    Full-width digits count, and groups of four with one kind of space or dash between them. Twelve zeros, with which
    systems fill an empty field, are no number.
    """
    return bool(_STANDALONE.fullmatch(text)) and _has_check_digit(text)


def has_my_number(text: str) -> bool:
    """Whether a My Number stands anywhere in a text; a part of a longer run of digits is none."""
    return any(_has_check_digit(found[0]) for found in _STANDALONE.finditer(text))


def find_my_numbers(rows: pa.Table, exempt: Collection[str] = ()) -> list[tuple[int, str]]:
    """Find the cells that hold a My Number.

    Args:
        rows: text columns and `row` (int64), the source's row number.
        exempt: columns that are left out.

    Returns:
        (row number, column name), by row; empty where there is none.
    """
    found = [
        (number, name)
        for name in rows.column_names
        if name != "row" and name not in exempt
        for number in _rows_with(rows.column(name), rows.column("row"))
    ]
    return sorted(found)


def _rows_with(column: pa.ChunkedArray, numbers: pa.ChunkedArray) -> list[int]:
    """The row numbers of the cells of one column that hold a My Number."""
    if (pc.max(pc.binary_length(column)).as_py() or 0) < _LENGTH:
        return []
    if not any(_may_have_any(chunk) for chunk in column.chunks):
        return []
    maybe = pc.fill_null(pc.match_substring_regex(column, _MAYBE_CELL), False)
    pairs = zip(numbers.filter(maybe).to_pylist(), column.filter(maybe).to_pylist(), strict=True)
    return [number for number, text in pairs if has_my_number(text)]


def _may_have_any(chunk: pa.Array) -> bool:
    """Whether the pattern stands anywhere in all cells run together: one search instead of one a row."""
    binary = chunk.cast(pa.large_binary())
    if not len(binary):
        return False
    _, offsets, data = binary.buffers()
    if data is None:  # nothing but nulls
        return False
    first, last = (
        struct.unpack_from("<q", offsets, 8 * (binary.offset + at))[0] for at in (0, len(binary))
    )
    run_together = pa.LargeStringArray.from_buffers(
        1, pa.py_buffer(struct.pack("<2q", first, last)), data
    )
    return bool(pc.match_substring_regex(run_together, _MAYBE)[0].as_py())


def assert_no_my_number(rows: pa.Table, file: str, exempt: Collection[str] = ()) -> None:
    """Refuse a file that holds a My Number, by row and column, never by its digits.

    Args:
        rows: as for `find_my_numbers`, under the source's own headers.
        file: the file's name, for the message.
        exempt: columns that are left out.

    Raises:
        MyNumberRefused: there is one.
    """
    if found := find_my_numbers(rows, exempt):
        places = "、".join(f"{row}行目「{column}」" for row, column in found[:_SHOWN_PLACES])
        more = "" if len(found) <= _SHOWN_PLACES else f" ほか{len(found) - _SHOWN_PLACES}か所"
        raise MyNumberRefused(
            f"{file}: {places}{more}に個人番号(マイナンバー)があります({RULE})。この事務では保有できないため、"
            "ファイル全体を受け取りません。ファイルを消去し、提供元に個人番号を除いた再出力を依頼してください。"
        )


def _has_check_digit(text: str) -> bool:
    digits = [int(char) for char in unicodedata.normalize("NFKC", text) if char.isdecimal()]
    if not any(digits):
        return False
    *body, check = digits
    rest = sum(p * q for p, q in zip(reversed(body), _WEIGHTS, strict=True)) % 11
    return check == (0 if rest <= 1 else 11 - rest)
