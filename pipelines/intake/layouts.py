"""Layouts: a source's file names, encoding, column headers and codes, mapped to ours."""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

from pipelines.errors import InputRefused
from pipelines.programme import ROOT

FOLDER = ROOT / "schemas" / "layouts"


@dataclass(frozen=True)
class TableLayout:
    """One table: file name pattern (`archive.zip#member.csv` for archives) and header -> our column, in file order."""

    file: str
    columns: dict[str, str]

    def file_name(self, dataset: str, day: date) -> str:
        """The name the file must have on that day."""
        return self.file.format(dataset=dataset, day=f"{day:%Y%m%d}")


@dataclass(frozen=True)
class Layout:
    """A source's layout. codes: our column -> the source's code -> ours."""

    name: str
    format: Literal["csv", "xlsx", "zip"]
    encoding: str
    tables: dict[str, TableLayout]
    codes: dict[str, dict[str, str]]


@lru_cache
def load_layout(name: str) -> Layout:
    """Read `schemas/layouts/<name>.toml`.

    Raises:
        InputRefused: there is no such layout.
    """
    path = FOLDER / f"{name}.toml"
    if not path.is_file():
        raise InputRefused(f"レイアウト {name} がありません: {path} を作成してください。")
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    tables = {
        key: TableLayout(table["file"], table["columns"]) for key, table in raw["tables"].items()
    }
    return Layout(name, raw["format"], raw["encoding"], tables, raw.get("codes", {}))
