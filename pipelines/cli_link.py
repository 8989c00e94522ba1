"""`kyufu link`: who on a register is meant by a list, as a tool for the lists nobody foresaw."""

from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer

from pipelines.errors import InputMissing, InputRefused
from pipelines.files import write_whole
from pipelines.programme import ROOT, load_programme
from pipelines.terminal import Programme, console


def link(
    register: Annotated[
        Path,
        typer.Option(help="Parquet: resident_id, name_kanji, name_kana, birth_date, address …"),
    ],
    listed: Annotated[
        Path, typer.Option("--list", help="Parquet: row_id and the same columns, as far as known.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="Parquet to write: row_id, outcome, resident_id, rule, score, explanation."
        ),
    ],
    programme: Programme = None,
) -> None:
    """Find who on a register each row of a list means: linked, review or absent. Personal data stay in the files."""
    from pipelines.matching.linkage_tool import link_texts

    chosen = load_programme(programme or ROOT / "programmes" / "shinjuku-2020.toml")
    found = link_texts(_read(register), _read(listed), chosen.benefit.municipality_code)
    sink = pa.BufferOutputStream()
    pq.write_table(found, sink, compression="zstd")
    write_whole(out, sink.getvalue().to_pybytes())
    outcomes = found["outcome"].to_pylist()
    console.print(
        f"{len(outcomes):,}行: 特定 {outcomes.count('linked'):,}、要確認 {outcomes.count('review'):,}、"
        f"該当なし {outcomes.count('absent'):,}"
    )


def _read(path: Path) -> pa.Table:
    if not path.is_file():
        raise InputMissing(f"{path}: ファイルがありません。")
    try:
        return pq.read_table(path)
    except pa.ArrowInvalid:
        raise InputRefused(
            f"{path}: Parquetとして読めません。ファイルを確認してください。"
        ) from None
