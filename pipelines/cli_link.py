"""`kyufu link`: who on a register is meant by a list, as a tool for the lists nobody foresaw."""

from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.markup import escape

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
    from pipelines.matching.linkage_tool import link_texts, unread_births

    if out.absolute() in (register.absolute(), listed.absolute()):
        raise InputRefused(f"{out}: 読むファイルには書きません。--out に別の名前を付けてください。")
    chosen = load_programme(programme or ROOT / "programmes" / "shinjuku-2020.toml")
    people, rows = _read(register, "resident_id"), _read(listed, "row_id")
    found = link_texts(people, rows, chosen.benefit.municipality_code)
    sink = pa.BufferOutputStream()
    pq.write_table(found, sink, compression="zstd")
    write_whole(out, sink.getvalue().to_pybytes())
    for path, table in ((register, people), (listed, rows)):
        if unread := unread_births(table):
            console.print(
                escape(f"{path}: 生年月日が読めない行({unread})は、不明として扱いました。")
            )
    outcomes = found["outcome"].to_pylist()
    console.print(
        f"{len(outcomes):,}行: 特定 {outcomes.count('linked'):,}、要確認 {outcomes.count('review'):,}、"
        f"該当なし {outcomes.count('absent'):,}"
    )


def _read(path: Path, id_column: str) -> pa.Table:
    from pipelines.matching.engine import MatchingError
    from pipelines.matching.linkage_tool import assert_readable

    if not path.is_file():
        raise InputMissing(f"{path}: ファイルがありません。")
    try:
        table = pq.ParquetFile(path).read()
        assert_readable(table, id_column)
    except (pa.ArrowException, OSError):
        raise InputRefused(
            f"{path}: Parquetとして読めません。ファイルを確認してください。"
        ) from None
    except MatchingError as error:
        raise InputRefused(f"{path}: {error}") from None
    return table
