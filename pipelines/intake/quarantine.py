"""Quarantine: which rows wait and why, what a steward gets to mend them, and what came back of it.

Pure but for reading staging. A row waits in the newest staged version of its day; its text is read again from the
source as it came, so a steward sees the source's own words and a mended row is checked like any other.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from pipelines.errors import InputMissing, InputRefused, KyufuError
from pipelines.intake import mending, receive
from pipelines.intake.layouts import load_layout
from pipelines.intake.mending import Key, Mending
from pipelines.intake.mending_book import Returned, Sheet, SheetRow
from pipelines.intake.readers import TextTable
from pipelines.intake.staging import Manifest, Staging
from pipelines.programme import Programme
from schemas.rules import RULES

_OF = ("programme", "dataset", "day", "version", "run_key")  # what a workbook says it is of


@dataclass(frozen=True)
class Waiting:
    """Rows that wait under one rule: how many, since which day's delivery."""

    dataset: str
    day: date
    version: int
    rule: str
    rows: int


@dataclass(frozen=True)
class Change:
    """A row as it came back: its new cells, and the names of the columns that were changed."""

    cells: tuple[str, ...]
    columns: tuple[str, ...]


def waiting_rows(
    staging: Staging,
    datasets: list[str],
    until: date,
    excepted: Callable[[Manifest], frozenset[Key]],
) -> list[Waiting]:
    """What waits in the newest version of every staged day, a row once under each rule that keeps it out.

    excepted: the rows of a version that nobody waits for any more.
    """
    found = []
    for dataset in datasets:
        for day in staging.days(dataset, until):
            manifest = staging.manifest(dataset, day)
            if manifest is None or manifest.quarantined == 0:
                continue
            problems = staging.read(dataset, day, "problems", manifest.version)
            without = excepted(manifest)
            rows: dict[str, set[Key]] = defaultdict(set)
            for key, broken in rejections(problems).items():
                for rule in (rule for _, rule in broken if key not in without):
                    rows[rule].add(key)
            found += [
                Waiting(dataset, day, manifest.version, rule, len(keys))
                for rule, keys in sorted(rows.items())
            ]
    return found


def rejections(problems: pa.Table) -> dict[Key, list[tuple[str, str]]]:
    """(table, row) -> the (column, rule) pairs that keep the row out, in the order found."""
    found: dict[Key, list[tuple[str, str]]] = defaultdict(list)
    for row in problems.to_pylist():
        if RULES[row["rule"]].severity == "reject":
            found[row["table"], row["row"]].append((row["column"], row["rule"]))
    return dict(found)


def sheets(
    programme: Programme, staging: Staging, manifest: Manifest
) -> tuple[dict[str, str], dict[str, Sheet]]:
    """(what it is of, the sheets) of the rows that wait in a staged version.

    Raises:
        InputMissing: no row waits.
        KyufuError: the rows that wait are not as many as the manifest counts.
    """
    dataset, day = manifest.dataset, date.fromisoformat(manifest.day)
    files = staging.sources(dataset, day, manifest.version)
    laid = Mending.from_table(staging.read(dataset, day, mending.TABLE, manifest.version))
    text = receive.read_source(programme, dataset, day, files, laid)
    broken = rejections(staging.read(dataset, day, "problems", manifest.version))
    if not broken:
        raise InputMissing(f"{dataset} {day}: 保留されている行はありません。")
    if len(broken) != manifest.quarantined:
        raise KyufuError(
            f"{dataset} {day}: 保留{manifest.quarantined}行に対して理由のある行が{len(broken)}行です。"
            "処理を止めました。開発者に連絡してください。"
        )
    layout = load_layout(programme.source(dataset).layout)
    made = {}
    for name, (_, found) in text.items():
        items = {ours: title for title, ours in layout.tables[name].columns.items()}
        rows = {row: rules for (table, row), rules in broken.items() if table == name}
        if rows:
            made[name] = _sheet(name, found, rows, items, manifest.run_key)
    return about(programme, manifest), made


def about(programme: Programme, manifest: Manifest) -> dict[str, str]:
    """What a workbook of this version says it is of."""
    values = (
        programme.id, manifest.dataset, manifest.day, str(manifest.version), manifest.run_key,
    )  # fmt: skip
    return dict(zip(_OF, values, strict=True))


def _sheet(
    name: str, text: TextTable, broken: Mapping[int, list[tuple[str, str]]], items: Mapping[str, str], run_key: str
) -> Sheet:  # fmt: skip
    header = tuple(column for column in text.rows.column_names if column != "row")
    mask = pa.compute.is_in(text.rows.column("row"), value_set=pa.array(sorted(broken), pa.int64()))
    chosen = text.rows.filter(mask).to_pylist()
    cells = {row["row"]: tuple(row[column] for column in header) for row in chosen}
    raw = dict(zip(text.ragged, text.ragged_rows.column("text").to_pylist(), strict=True))
    rows = []
    for row, rules in sorted(broken.items()):
        codes = tuple(dict.fromkeys(rule for _, rule in rules))
        rows.append(
            SheetRow(
                row,
                tuple(
                    f"{items.get(column, column)}: {rule}" if column else rule
                    for column, rule in rules
                ),
                tuple(RULES[rule].remedy for rule in codes),
                cells.get(row),
                raw.get(row, ""),
                _check_word(run_key, name, row, cells.get(row), raw.get(row, "")),
            )
        )
    return Sheet(header, tuple(rows))


def _check_word(run_key: str, table: str, row: int, cells: tuple[str, ...] | None, raw: str) -> str:
    """Ties a row of the workbook to the row of the staged version: 16 hex characters."""
    parts = json.dumps([run_key, table, row, cells, raw], ensure_ascii=False)
    return hashlib.sha256(parts.encode(errors="surrogatepass")).hexdigest()[:16]


def of_version(returned: Returned, programme: Programme, file: str) -> tuple[str, date, int]:
    """(dataset, day, version) that a returned workbook is of.

    Raises:
        InputRefused: it is of another programme, or says nothing usable.
    """
    if returned.about.get("programme") != programme.id:
        raise InputRefused(
            f"{file}: 別の事業の保留行です。{programme.id}のファイルを戻してください。"
        )
    try:
        day, version = date.fromisoformat(returned.about["day"]), int(returned.about["version"])
        return programme.source(returned.about["dataset"]).dataset, day, version
    except (KeyError, ValueError):
        raise InputRefused(
            f"{file}: どの保留行か分かりません。もう一度書き出して直してください。"
        ) from None


def changes(
    returned: Returned, expected_about: Mapping[str, str], expected: Mapping[str, Sheet], file: str
) -> dict[Key, Change]:
    """(table, row) -> how a returned row was changed; rows that came back as they went are left out.

    Raises:
        InputRefused: the workbook is of another version, or a sheet, header, row number or check word is not as it
            went. Nothing of it is taken.
    """
    if returned.about != dict(expected_about):
        raise InputRefused(
            f"{file}: 書き出したあとに取り込みの内容が変わっています。もう一度書き出して直してください。"
        )
    found: dict[Key, Change] = {}
    seen: set[Key] = set()
    for table, (header, rows) in returned.tables.items():
        sheet = expected.get(table)
        if sheet is None or header != sheet.header:
            raise InputRefused(
                f"{file}: {table} の列が書き出したときと違います。列を足したり消したりしないでください。"
            )
        known = {str(row.row): row for row in sheet.rows}
        for number, check, cells in rows:
            row = known.get(number)
            if row is None or row.check != check or (table, row.row) in seen:
                raise InputRefused(
                    f"{file}: {table} の行番号か照合が書き出したときと違います。"
                    "灰色の列は変えず、もう一度書き出して直してください。"
                )
            seen.add((table, row.row))
            before = row.cells or ("",) * len(header)
            columns = tuple(t for t, a, b in zip(header, before, cells, strict=True) if a != b)
            if columns:
                found[table, row.row] = Change(cells, columns)
    return found
