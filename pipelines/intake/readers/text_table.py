"""What every reader gives: text columns with the source's row numbers, and the rows that do not fit, raw."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from pipelines.errors import InputRefused

RAGGED = pa.schema([("row", pa.int64()), ("text", pa.string())])


@dataclass(frozen=True)
class TextTable:
    """A file's rows.

    rows: text columns under the source's headers plus `row` (int64).
    ragged_rows: `row` (int64) and `text`, the raw row, of the rows with another number of cells or bytes.
    """

    rows: pa.Table
    ragged_rows: pa.Table

    @cached_property
    def ragged(self) -> tuple[int, ...]:
        """The numbers of the ragged rows, in order."""
        return tuple(self.ragged_rows.column("row").to_pylist())

    @property
    def rows_in(self) -> int:
        """Data rows in the file."""
        return int(self.rows.num_rows) + int(self.ragged_rows.num_rows)


def text_table(columns: pa.Table, ragged: Iterable[tuple[int, str]], first_row: int) -> TextTable:
    """Number the rows from `first_row` in the file's order, leaving out the numbers of the ragged rows."""
    odd = pa.Table.from_pylist([{"row": n, "text": text} for n, text in ragged], schema=RAGGED)
    out = set(odd.column("row").to_pylist())
    last = first_row + columns.num_rows + len(out)
    numbers = (n for n in range(first_row, last) if n not in out) if out else range(first_row, last)
    return TextTable(columns.append_column("row", pa.array(numbers, pa.int64())), odd)


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
