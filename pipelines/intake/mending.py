"""Mending: rows of a source as somebody put them right, laid over the source's text before any check.

The source's bytes stay as they came. A mended row takes the place of the source's row with its number, in the source's
own words (its headers, its codes, its dates), so it goes through the very same mapping, checks and keys.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import KyufuError
from pipelines.intake.readers import TextTable

Key = tuple[str, int]  # (table, row number in the source)
_SCHEMA = pa.schema([("table", pa.string()), ("row", pa.int64()), ("cells", pa.list_(pa.string()))])
TABLE = "mending"  # its name in a staged version


@dataclass(frozen=True)
class Mending:
    """cells: (table, source row) -> the row's cells under the source's headers, in the layout's order."""

    cells: Mapping[Key, tuple[str, ...]] = field(default_factory=dict)

    def merged_with(self, later: "Mending") -> "Mending":
        """Both; where both mend a row, the later one counts."""
        return Mending({**self.cells, **later.cells})

    def without(self, keys: set[Key]) -> "Mending":
        """All but some rows."""
        return Mending({key: cells for key, cells in self.cells.items() if key not in keys})

    def rows_of(self, table: str) -> set[int]:
        """The mended rows of one table."""
        return {row for name, row in self.cells if name == table}

    @property
    def digest(self) -> str:
        """SHA-256 over every mended cell; empty where nothing is mended."""
        if not self.cells:
            return ""
        rows = [[table, row, *cells] for (table, row), cells in sorted(self.cells.items())]
        return hashlib.sha256(json.dumps(rows, ensure_ascii=False).encode()).hexdigest()

    def as_table(self) -> pa.Table:
        """As a staged version keeps it."""
        rows = [
            {"table": table, "row": row, "cells": list(cells)}
            for (table, row), cells in sorted(self.cells.items())
        ]
        return pa.Table.from_pylist(rows, _SCHEMA)

    @classmethod
    def from_table(cls, rows: pa.Table) -> "Mending":
        """The inverse of `as_table`."""
        return cls({(r["table"], r["row"]): tuple(r["cells"]) for r in rows.to_pylist()})


NONE = Mending()


def lay_over(text: TextTable, table: str, mending: Mending) -> TextTable:
    """The source's text with its mended rows in their places; a ragged row that is mended is a row like the others.

    Raises:
        KyufuError: a mended row is not in the source, or has another number of cells.
    """
    wanted = sorted(mending.rows_of(table))
    if not wanted:
        return text
    header = [name for name in text.rows.column_names if name != "row"]
    cells = [mending.cells[table, row] for row in wanted]
    known = {*text.ragged, *text.rows.column("row").to_pylist()}
    if any(len(row) != len(header) for row in cells) or not known.issuperset(wanted):
        raise KyufuError(
            f"{table}: 直した行が原本の行と合いません。処理を止めました。開発者に連絡してください。"
        )
    numbers = pa.array(wanted, pa.int64())
    mended = pa.table(
        {name: pa.array([row[i] for row in cells], pa.string()) for i, name in enumerate(header)}
        | {"row": numbers}
    ).select(text.rows.column_names)
    untouched = text.rows.filter(pc.invert(pc.is_in(text.rows.column("row"), value_set=numbers)))
    rows = pa.concat_tables([untouched, mended.cast(text.rows.schema)]).sort_by("row")
    left = pc.invert(pc.is_in(text.ragged_rows.column("row"), value_set=numbers))
    return replace(text, rows=rows, ragged_rows=text.ragged_rows.filter(left))
