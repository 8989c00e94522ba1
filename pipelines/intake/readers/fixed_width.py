"""Fixed-width files: columns at byte positions of the declared encoding, records of one length."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import InputRefused
from pipelines.intake.readers.encodings import ENCODINGS, decode, find_not_text
from pipelines.intake.readers.text_table import TextTable, text_table

Grid = npt.NDArray[np.uint8]
SEPARATORS = {"crlf": b"\r\n", "lf": b"\n", "none": b""}
_PADDING = " \u3000"
_BLANK = (b" ", "\u3000".encode("cp932"), "\u3000".encode())


@dataclass(frozen=True)
class FixedWidth:
    """A record. positions: column -> (first byte, counted from 1; bytes); keep: columns whose padding is data.

    Bytes that no column covers must be blank. `strip` takes the half-width and full-width spaces off a cell's end.
    """

    record_bytes: int
    separator: Literal["crlf", "lf", "none"]
    positions: Mapping[str, tuple[int, int]]
    padding: Literal["strip", "keep"] = "strip"
    keep: Sequence[str] = ()


def read_fixed(data: bytes, encoding: str, form: FixedWidth, file: str) -> TextTable:
    """Read a file of records without a header; the first record is row 1.

    Raises:
        InputRefused: a wrong byte, a character across two columns, another separator, a cut-off file, or text
            where the layout has no column.
    """
    text = decode(data, encoding, file)  # every byte, before any is cut out
    codec, marks = ENCODINGS[encoding]
    body = data[3:] if marks else data
    _assert_ends(body, text, form, file)
    grid, numbers, ragged = _records(body, form, codec, file)
    _assert_blank_between(grid, numbers, form, file)
    columns = {name: _cells(grid, numbers, name, form, codec, file) for name in form.positions}
    return text_table(pa.table(columns), ragged, 1)


def _assert_ends(body: bytes, text: str, form: FixedWidth, file: str) -> None:
    """The declared separator ends every record, the last too, and no other line end stands anywhere."""
    separator = SEPARATORS[form.separator]
    if not body:
        raise InputRefused(f"{file}: 空のファイルです。")
    if separator and not body.endswith(separator):
        raise InputRefused(
            f"{file}: 最後のレコードが区切り({form.separator})で終わっていません。途中で切れた可能性があります。"
        )
    if not separator and len(body) % form.record_bytes:
        raise InputRefused(
            f"{file}: 大きさがレコード長{form.record_bytes}バイトの倍数ではありません。途中で切れた可能性があります。"
        )
    rest = text.replace("\r\n", "") if form.separator == "crlf" else text
    stray = ("\r",) if form.separator == "lf" else ("\r", "\n")
    if any(end in rest for end in stray):
        raise InputRefused(
            f"{file}: レコードの区切りが{form.separator}ではない箇所があります。提供元に再出力を依頼してください。"
        )


def _records(
    body: bytes, form: FixedWidth, codec: str, file: str
) -> tuple[Grid, npt.NDArray[np.int64], list[tuple[int, str]]]:
    """(records by bytes, their row numbers, records of another length)."""
    separator = SEPARATORS[form.separator]
    step = form.record_bytes + len(separator)
    if len(body) % step == 0:
        grid = np.frombuffer(body, np.uint8).reshape(-1, step)
        ends = grid[:, form.record_bytes :] == np.frombuffer(separator, np.uint8)
        if ends.all() and body.count(separator or b"\n") == (len(grid) if separator else 0):
            return grid[:, : form.record_bytes], np.arange(1, len(grid) + 1), []
    lines = body[: -len(separator)].split(separator)
    right = [n for n, line in enumerate(lines, 1) if len(line) == form.record_bytes]
    if not right:
        raise InputRefused(
            f"{file}: {form.record_bytes}バイトのレコードが一つもありません。レコード長を確認してください。"
        )
    kept = np.frombuffer(b"".join(lines[n - 1] for n in right), np.uint8)
    ragged = [
        (n, line.decode(codec)) for n, line in enumerate(lines, 1) if len(line) != form.record_bytes
    ]
    return kept.reshape(-1, form.record_bytes), np.array(right, np.int64), ragged


def _assert_blank_between(
    grid: Grid, numbers: npt.NDArray[np.int64], form: FixedWidth, file: str
) -> None:
    """Bytes outside every column hold spaces only: nothing enters that the layout does not name."""
    covered = np.zeros(form.record_bytes, bool)
    for first, width in form.positions.values():
        covered[first - 1 : first - 1 + width] = True
    for start, stop in _gaps(covered):
        between = grid[:, start:stop]
        for index in np.flatnonzero((between != ord(" ")).any(axis=1)):
            left = between[index].tobytes()
            for blank in _BLANK:
                left = left.replace(blank, b"")
            if left:
                raise InputRefused(
                    f"{file}: {numbers[index]}行目の{start + 1}~{stop}バイト目は、レイアウトに列がないのに"
                    "空白ではありません。レイアウトの位置を確認してください。"
                )


def _gaps(covered: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Half-open runs of bytes that no column covers."""
    edges = np.flatnonzero(np.diff(np.r_[True, covered, True].astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _cells(
    grid: Grid, numbers: npt.NDArray[np.int64], name: str, form: FixedWidth, codec: str, file: str
) -> pa.Array:
    """One column of every record, decoded together."""
    first, width = form.positions[name]
    lines = np.full((len(grid), width + 1), ord("\n"), np.uint8)
    lines[:, :width] = grid[:, first - 1 : first - 1 + width]
    try:
        text = lines.tobytes()[:-1].decode(codec)
    except UnicodeDecodeError as error:
        number = numbers[error.start // (width + 1)]
        raise InputRefused(
            f"{file}: {number}行目「{name}」({first}バイト目から{width}バイト)の境目で文字が割れています。"
            "レイアウトの位置を確認してください。"
        ) from None
    cells = pc.split_pattern(pa.array([text], pa.large_string()), "\n").values.cast(pa.string())
    if form.padding == "strip" and name not in form.keep:
        cells = pc.utf8_rtrim(cells, _PADDING)
    if len(cells) != len(grid) or find_not_text(text):  # two halves that meet as another character
        raise InputRefused(f"{file}: 「{name}」を読めません。レイアウトの位置を確認してください。")
    return cells
