"""Damaged files through intake: `python -m tests.soak.intake --mutations 5000 --seed 1`.

Every outcome must be a clear refusal, or a staged day whose rows are truly the file's: read again here by other means
(Python's csv, ElementTree, slices), cell by cell and row by row. A run is repeated by its seed; a failure names the
mutation's own.
"""

import argparse
import csv
import io
import random
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

from pipelines.errors import InputRefused
from pipelines.intake import receive
from pipelines.intake.layouts import Layout, load_layout
from pipelines.intake.staging import Manifest, Staging
from schemas.datasets import DATASETS
from schemas.tables import date_key_of
from tests.bad_files import make as bad
from tests.intake_files import (
    PEOPLE,
    lines_of,
    register_file,
    with_layout,
    write_table,
    write_xlsx,
    write_zip,
)
from tests.soak.mutations import PLAIN, damage_archive

DAY = date(2020, 5, 20)
SECRETS = ("花子", "太郎", "さくら", "一郎", "ハナコ", "タロウ", "新宿１丁目", "大久保２丁目")


@dataclass(frozen=True)
class Good:
    """A file that enters whole."""

    dataset: str
    layout: str
    data: bytes


def good_files() -> list[Good]:
    """One of each kind of file."""
    book = load_layout("mihon/facility_children")
    row = ["見本花子", "女", "平成２０年１２月３日", "新宿１", "新宿２", "2019/4/1", "入所中"]
    rows = [list(book.tables["rows"].columns), row, ["見本太郎", "男", *row[2:5], "2019/4/1", ""]]
    changes = load_layout("mihon/register_changes")
    change = {
        **PEOPLE[0],
        "change_reason": "birth",
        "changed_on": "20200427",
        "notified_on": "20200501",
        "birth_date": "20200427",
    }
    quoted = register_file("shinjuku/register").replace(
        "見本荘\u3000１０１".encode("cp932"), '"見本荘,""１０１""\r\n二行目"'.encode("cp932")
    )
    return [
        Good("register", "shinjuku/register", register_file("shinjuku/register")),
        Good("register", "shinjuku/register", quoted),
        Good("register", "mihon/register", register_file("mihon/register")),
        Good("register", "mihon/register_fixed", register_file("mihon/register_fixed")),
        Good(
            "register_changes", "mihon/register_changes",
            write_table(changes, lines_of(changes, [change, {**change, "resident_id": "0000000009"}])),
        ),
        Good("facility_children", "mihon/facility_children", write_xlsx(rows)),
        Good("online_claims", "shinjuku/mynaportal", write_zip(*bad.portal_tables(("N1", "N2"), ("N1", "N2")))),
    ]  # fmt: skip


def mutate(rng: random.Random, good: Good) -> bytes:
    """Damage a good file once, sometimes twice."""
    data = good.data
    kind = load_layout(good.layout).format
    for _ in range(rng.choice((1, 1, 1, 2))):
        if kind in ("zip", "xlsx"):
            return damage_archive(rng, data, plain=kind == "zip")
        data = rng.choice(PLAIN)(rng, data)
    return data


def run_one(good: Good, data: bytes) -> str:
    """Stage one file and prove the outcome; "refused" or "staged".

    Raises:
        AssertionError: the outcome is neither a clear refusal nor the file's rows.
    """
    programme = with_layout(good.dataset, good.layout)
    (name,) = receive.expected_files(programme, good.dataset, DAY)
    with tempfile.TemporaryDirectory() as home:
        staging = Staging(Path(home))
        try:
            manifest = receive.stage(programme, staging, good.dataset, DAY, {name: data})
        except InputRefused as error:
            assert_clear(str(error), name, staging)
            return "refused"
        assert_true_to_the_file(staging, manifest, load_layout(good.layout), good.dataset, data)
    return "staged"


def assert_clear(message: str, name: str, staging: Staging) -> None:
    """A refusal names the file, shows no value, and leaves nothing behind."""
    assert message.startswith(name), "the refusal does not name the file"
    assert not any(secret in message for secret in SECRETS), "the refusal shows a value"
    assert not staging.root.exists(), "a refused file was staged"


def assert_true_to_the_file(
    staging: Staging, manifest: Manifest, layout: Layout, dataset: str, data: bytes
) -> None:
    """Every row of the file went exactly one way, and what was accepted is what the file says."""
    total = 0
    for table in DATASETS[dataset]:
        cells = reread(layout, table.name, data)
        total += len(cells)
        columns = layout.tables[table.name].columns
        good, waits = (staging.read(dataset, DAY, f"{p}{table.name}") for p in ("", "quarantine_"))
        ragged = staging.read(dataset, DAY, f"ragged_{table.name}").to_pylist()
        ways = Counter(
            [
                *good.column("row").to_pylist(),
                *waits.column("row").to_pylist(),
                *(r["row"] for r in ragged),
            ]
        )
        assert set(ways) <= set(cells), "a row that the file does not have"
        assert max(ways.values(), default=1) == 1, "a row that went two ways"
        for row in good.to_pylist():
            expected = _ours(layout, dict(zip(columns.values(), cells[row["row"]], strict=True)))
            assert {name: row[name] for name in expected} == expected, (
                "a cell that the file does not have"
            )
            _assert_dates(layout, row)
        kept = {
            _whole(layout, columns.values(), cells[row]) for row in good.column("row").to_pylist()
        }
        for row in set(cells) - set(ways):
            assert _whole(layout, columns.values(), cells[row]) in kept, "a row was lost"
        for odd in ragged:
            assert len(cells[odd["row"]]) != len(columns) or layout.format == "fixed"
    assert manifest.rows_in == total, "rows in are not the file's rows"
    manifest.assert_balanced()


def _ours(layout: Layout, row: Mapping[str, str]) -> dict[str, str | None]:
    """The file's cells with our codes."""
    return {c: layout.code(c, v) if c in layout.codes else v for c, v in row.items()}


def _whole(layout: Layout, columns: object, cells: list[str]) -> tuple[str, ...]:
    """A row as the search for exact duplicates sees it: dates by what they mean."""
    return tuple(
        (layout.dates[c].read(v) or (v,))[0] if c in layout.dates else v
        for c, v in zip(columns, cells, strict=False)  # type: ignore[call-overload]
    )


def _assert_dates(layout: Layout, row: Mapping[str, str | None]) -> None:
    for column in layout.dates.keys() & row.keys():
        read = layout.dates[column].read(row[column] or "")
        assert row[date_key_of(column)] == ((read and read[0]) or None), "a key of another date"


def reread(layout: Layout, table: str, data: bytes) -> dict[int, list[str]]:
    """The file's rows by number, read without anything of the readers."""
    if layout.format == "fixed":
        return _reread_fixed(layout, table, data)
    if layout.format == "xlsx":
        return _reread_xlsx(data)
    if layout.format == "zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            data = archive.read(layout.tables[table].file.partition("#")[2])
    codec = layout.encoding
    text = io.StringIO(data.decode(codec), newline="")
    rows = list(csv.reader(text, delimiter=layout.delimiter, strict=True))
    width = len(layout.tables[table].columns)
    return {n: row or [""] * width for n, row in enumerate(rows[1:], 2)}


def _reread_fixed(layout: Layout, table: str, data: bytes) -> dict[int, list[str]]:
    form = layout.tables[table]
    rows = {}
    for number, record in enumerate(data.split(b"\r\n")[:-1], 1):
        if len(record) != form.record_bytes:
            rows[number] = [record.decode("cp932")]
            continue
        cut = [record[first - 1 : first - 1 + width] for first, width in form.positions.values()]
        rows[number] = [cell.decode("cp932").rstrip(" \u3000") for cell in cut]
    return rows


def _reread_xlsx(data: bytes) -> dict[int, list[str]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheet = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))  # noqa: S314
    main = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    rows: dict[int, list[str]] = {}
    last = 0
    for row in sheet.iter(f"{main}row"):
        last = int(row.get("r", last + 1))
        cells: dict[int, str] = {}
        column = 0
        for cell in row.iter(f"{main}c"):
            place = cell.get("r")
            column = ord(place[0]) - ord("A") if place else column
            cells[column] = "".join(
                t.text or "" for t in cell.iter() if t.tag in (f"{main}t", f"{main}v")
            )
            column += 1
        filled = [n for n, text in cells.items() if text]
        rows[last] = [cells.get(n, "") for n in range(max([6, *filled]) + 1)]
    while rows and not any(rows[max(rows)]):
        del rows[max(rows)]
    end = max(rows, default=1)
    return {n: rows.get(n, [""] * 7) for n in range(2, end + 1)}


def soak(mutations: int, seed: int) -> Counter[str]:
    """Run that many mutations; the outcomes by kind of file. A failure names its own seed.

    Raises:
        AssertionError: an outcome that must not be.
    """
    files = good_files()
    for good in files:
        assert run_one(good, good.data) == "staged", "a good file does not enter"
    found: Counter[str] = Counter()
    for number in range(mutations):
        rng = random.Random(f"{seed}/{number}")
        good = files[number % len(files)]
        try:
            outcome = run_one(good, mutate(rng, good))
        except Exception as error:
            raise AssertionError(
                f"seed {seed}, mutation {number}, {good.layout}: {error!r}"
            ) from error
        found[f"{good.layout} {outcome}"] += 1
    return found


def main() -> None:
    """Run from the command line and print the outcomes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.monotonic()
    found = soak(options.mutations, options.seed)
    for what, count in sorted(found.items()):
        sys.stdout.write(f"{what:<44}{count:>7,}\n")
    seconds = time.monotonic() - started
    sys.stdout.write(
        f"{sum(found.values()):,} mutations, seed {options.seed}, {seconds:.0f} s: no outcome is wrong\n"
    )


if __name__ == "__main__":
    main()
