"""Layouts: a source's file names, format, encoding, columns, codes and date styles, mapped to ours.

A layout is a file `schemas/layouts/<municipality>/<name>.toml`: another municipality is another file, not other code.
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, ValidationError, model_validator

from pipelines.errors import InputRefused
from pipelines.intake import readers
from pipelines.intake.date_styles import DateColumn, read_dates
from pipelines.intake.keys import date_key
from pipelines.intake.keys.columns import plain_strings
from pipelines.intake.readers import ENCODINGS, FixedWidth
from pipelines.programme import ROOT, Part
from schemas.datasets import COLUMNS, DATES

FOLDER = ROOT / "schemas" / "layouts"
UNKNOWN = (
    "?"  # stands before a code that the layout does not know, so that it breaks its column's rule
)


class TableLayout(Part):
    """One table.

    file: name pattern with {day} and perhaps {dataset} (`archive.zip#member.csv` for archives).
    columns: header -> our column, in file order. The rest is for fixed width: see `readers.FixedWidth`.
    """

    file: str
    columns: dict[str, str] = Field(min_length=1)
    record_bytes: int | None = Field(default=None, gt=0)
    separator: Literal["crlf", "lf", "none"] = "crlf"
    positions: dict[str, tuple[int, int]] = Field(default_factory=dict)
    padding: Literal["strip", "keep"] = "strip"
    keep: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _names_hold(self) -> "TableLayout":
        try:
            self.file_name("dataset", date(2020, 5, 18))
        except (KeyError, IndexError, ValueError):
            raise ValueError(
                f"file {self.file!r}: only {{dataset}} and {{day}} can stand in it"
            ) from None
        if "{day}" not in self.file:
            raise ValueError(f"file {self.file!r}: has no {{day}}")
        if unknown := sorted(set(self.columns.values()) - COLUMNS):
            raise ValueError(
                f"columns: {'、'.join(unknown)} is no column of ours (schemas/datasets.py)"
            )
        ours = list(self.columns.values())
        if twice := sorted({name for name in ours if ours.count(name) > 1}):
            raise ValueError(f"columns: {'、'.join(twice)} is given by two headers")
        return self

    @model_validator(mode="after")
    def _positions_hold(self) -> "TableLayout":
        if self.record_bytes is None:
            if self.positions or self.keep:
                raise ValueError("positions and keep need record_bytes")
            return self
        if list(self.positions) != list(self.columns):
            raise ValueError("positions: must name the same headers as columns, in the same order")
        if unknown := set(self.keep) - set(self.columns):
            raise ValueError(f"keep: unknown header {'、'.join(sorted(unknown))}")
        end = 0
        for header, (first, width) in self.positions.items():
            if first <= end or width < 1:
                raise ValueError(f"positions: {header} overlaps the column before it, or is empty")
            end = first + width - 1
        if end > self.record_bytes:
            raise ValueError(f"positions: {header} ends beyond record_bytes ({self.record_bytes})")
        return self

    def file_name(self, dataset: str, day: date) -> str:
        """The name the file must have on that day."""
        return self.file.format(dataset=dataset, day=f"{day:%Y%m%d}")

    @property
    def fixed(self) -> FixedWidth:
        """The record of a fixed-width table."""
        if self.record_bytes is None:
            raise TypeError("no fixed-width table")
        return FixedWidth(
            self.record_bytes, self.separator, self.positions, self.padding, self.keep
        )


class Layout(Part):
    """A source's layout.

    codes: our column -> the source's code -> ours; chained: our column -> length of one source code where several
    stand in a row (続柄). dates: our column -> how the source writes its dates. others: patterns of an archive's
    members that are no tables.
    """

    name: str
    format: Literal["csv", "xlsx", "zip", "fixed"]
    encoding: str
    delimiter: Literal[",", "\t"] = ","
    tables: dict[str, TableLayout] = Field(min_length=1)
    codes: dict[str, dict[str, str]] = Field(default_factory=dict)
    chained: dict[str, int] = Field(default_factory=dict)
    dates: dict[str, DateColumn] = Field(default_factory=dict)
    others: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _format_holds(self) -> "Layout":
        if self.encoding not in ENCODINGS:
            raise ValueError(f"encoding {self.encoding!r}: must be one of {'、'.join(ENCODINGS)}")
        if self.format == "fixed" and self.encoding.startswith("utf-16"):
            raise ValueError("encoding: a fixed-width file counts bytes of cp932 or utf-8")
        for key, table in self.tables.items():
            if (table.record_bytes is not None) != (self.format == "fixed"):
                raise ValueError(f"tables.{key}: record_bytes goes with format 'fixed'")
            if ("#" in table.file) != (self.format == "zip"):
                raise ValueError(f"tables.{key}: '#member' in the file name goes with format 'zip'")
        return self

    @model_validator(mode="after")
    def _columns_are_given(self) -> "Layout":
        given = {name for table in self.tables.values() for name in table.columns.values()}
        for part in ("codes", "dates"):
            if unknown := sorted(set(getattr(self, part)) - given):
                raise ValueError(f"{part}: no table has the column {'、'.join(unknown)}")
        if unknown := sorted(set(self.dates) - DATES):
            raise ValueError(
                f"dates: {'、'.join(unknown)} is no date of ours (schemas/datasets.py)"
            )
        if unknown := sorted(set(self.chained) - set(self.codes)):
            raise ValueError(f"chained: {'、'.join(unknown)} has no codes")
        for column, width in self.chained.items():
            if odd := [code for code in self.codes[column] if len(code) not in (0, width)]:
                raise ValueError(f"chained: code {odd[0]!r} of {column} is not {width} long")
        return self

    def code(self, column: str, word: str) -> str | None:
        """Our code for one of the source's; None where the table does not have it."""
        codes, width = self.codes[column], self.chained.get(column)
        if width is None or not word:
            return codes.get(word)
        parts = [codes.get(word[i : i + width]) for i in range(0, len(word), width)]
        return None if None in parts else "".join(part or "" for part in parts)

    def table_of(self, file_name: str) -> str | None:
        """The table whose name pattern fits the file's name; archives by their own name."""
        for key, table in self.tables.items():
            pattern = re.escape(table.file.partition("#")[0])
            pattern = pattern.replace(r"\{day\}", "[0-9]{8}").replace(r"\{dataset\}", "[a-z_]+")
            if re.fullmatch(pattern, file_name):
                return key
        return None


@lru_cache
def load_layout(name: str) -> Layout:
    """Read and check `schemas/layouts/<name>.toml`.

    Raises:
        InputRefused: there is no such layout, or a key of it is wrong; the message names the key.
    """
    path = FOLDER / f"{name}.toml"
    if not path.is_file():
        raise InputRefused(f"レイアウト {name} がありません: {path} を作成してください。")
    return read_layout(path, name)


def read_layout(path: Path, name: str) -> Layout:
    """Read and check a layout file.

    Raises:
        InputRefused: it is no TOML (a header given twice, too), or a key of it is unknown, missing or wrong.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        return Layout.model_validate({**raw, "name": name})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputRefused(
            f"{path}: TOMLとして読めません(同じ見出しが二度あるときも)。{error}"
        ) from None
    except ValidationError as error:
        told = "\n".join(
            f"  {'.'.join(map(str, e['loc'])) or 'layout'}: {e['msg']}" for e in error.errors()
        )
        raise InputRefused(f"{path}: レイアウトを直してください。\n{told}") from None


def read_text(data: bytes, file: str, layout: Layout, table: TableLayout) -> readers.TextTable:
    """A table's file as text under the source's own headers; of an archive, the member's bytes.

    Raises:
        InputRefused: it is not in the layout's format, encoding or columns.
    """
    header = list(table.columns)
    if layout.format == "xlsx":
        return readers.read_xlsx(data, header, file)
    if layout.format == "fixed":
        return readers.read_fixed(data, layout.encoding, table.fixed, file)
    return readers.read_csv(data, layout.encoding, header, file, layout.delimiter)


def map_codes(rows: pa.Table, layout: Layout) -> pa.Table:
    """The source's codes as ours; a code that the layout does not know keeps its text after a `?`."""
    for column in layout.codes:
        if column in rows.column_names:
            encoded = plain_strings(rows.column(column)).dictionary_encode()
            words = [
                UNKNOWN + word if (ours := layout.code(column, word)) is None else ours
                for word in encoded.dictionary.to_pylist()
            ]
            mapped = pa.array(words, pa.string()).take(encoded.indices)
            rows = rows.set_column(rows.column_names.index(column), column, mapped)
    return rows


def map_dates(rows: pa.Table, layout: Layout, keys: Mapping[str, str]) -> tuple[pa.Table, pa.Table]:
    """Read every date column, once: in the layout's styles where it declares them, else in any style.

    keys: date column -> the name of its key (`Table.date_keys`).

    Returns:
        (the rows with each date's key beside the text, null where there is no date or it cannot be read; what the
        checks look at). The checks see YYYYMMDD in the columns whose styles are declared, where a text in none of them
        keeps itself after a `?` and so breaks its column's rule.
    """
    seen = rows
    for column, name in keys.items():
        raw = plain_strings(rows.column(column))
        if (style := layout.dates.get(column)) is None:
            key = date_key(raw)
        else:
            found = read_dates(raw, style)
            told = pc.coalesce(found, pc.binary_join_element_wise(UNKNOWN, raw, ""))
            seen = seen.set_column(seen.column_names.index(column), column, told)
            key = pc.if_else(pc.equal(found, ""), pa.scalar(None, pa.string()), found)
        rows = rows.append_column(name, key)
        seen = seen.append_column(name, key)
    return rows, seen
