"""Time and peak memory of taking in a register: the bare floor, pandas with pandera, and ours, side by side.

Each run is a process of its own, from the file's bytes to Parquet; the middle of three runs is shown. Imports are not
counted. The figures depend on the machine; the ratios, within one run, much less.

| name | does |
| --- | --- |
| floor | decodes, parses, writes Parquet: no checks, no keys, no row numbers |
| plain | `pandas.read_csv`, the same column checks in pandera, Parquet: nothing that needs another row or a table |
| ours | `receive.stage`: strict reading, every check, quarantine, match keys, staging with its manifest |
| clear | ours without the encryption of what it stores, for the cost of that: the ratio of the CPU time of both |
"""

import argparse
import hashlib
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import BinaryIO

from tests.bench.wards import make_ward

DAY = date(2020, 5, 18)
NAME = f"register_{DAY:%Y%m%d}.csv"
RUNS = 3
LIMITS = {
    "seconds": 5.0,
    "megabytes": 1000,
    "floors": 6.0,
    "growth": 11.0,
    "encryption": 1.3,
    "megabytes_tenfold": 2000,
}
_NUMBERS = slice(0, 21)  # 住民番号,世帯番号 at the start of each line


def floor(file: Path, out: Path) -> Callable[[], int]:
    """Decode, parse, write."""
    import pyarrow as pa
    import pyarrow.csv as pacsv
    import pyarrow.parquet as pq

    def run() -> int:
        text = file.read_bytes().decode("cp932")
        header = text[: text.index("\r\n")].split(",")
        table = pacsv.read_csv(
            io.BytesIO(text.encode()),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
            ),
        )
        pq.write_table(table, out / "rows.parquet", compression="zstd")
        return int(table.num_rows)

    return run


def plain(file: Path, out: Path) -> Callable[[], int]:
    """What one writes first: pandas reads, pandera checks the columns, pandas writes."""
    import pandas as pd
    import pandera.pandas as pa

    from schemas.register import ROWS

    columns = {
        name: pa.Column(str, [pa.Check(test, name=code) for code, test in field.checks])
        for name, field in ROWS.fields
    }
    pa.DataFrameSchema(columns).validate(pd.DataFrame(columns=list(columns), dtype=str))

    def run() -> int:
        rows = pd.read_csv(file, encoding="cp932", dtype=str, keep_default_na=False)
        rows.columns = list(ROWS.columns)
        try:
            pa.DataFrameSchema(columns, strict=True).validate(rows, lazy=True)
        except pa.errors.SchemaErrors as errors:
            errors.failure_cases.to_parquet(out / "problems.parquet")
        rows.to_parquet(out / "rows.parquet", compression="zstd")
        return len(rows)

    return run


def ours(file: Path, out: Path) -> Callable[[], int]:
    """The whole intake."""
    from pipelines.intake import checks, receive
    from pipelines.intake.staging import Staging
    from pipelines.programme import ROOT, load_programme

    checks.assert_validation_is_on()  # pandera imports its parts when it is first asked
    programme = load_programme(ROOT / "programmes" / "shinjuku-2020.toml")

    def run() -> int:
        files = {NAME: file.read_bytes()}
        return receive.stage(programme, Staging(out / "home"), "register", DAY, files).accepted

    return run


def clear(file: Path, out: Path) -> Callable[[], int]:
    """Ours, its files in the clear."""
    from pipelines.at_rest import store
    from pipelines.at_rest.cipher import EncryptingFile

    class Clear(EncryptingFile):
        def __init__(self, file: BinaryIO, _key: bytes, _name: str) -> None:
            self.closed, self._file, self.size = False, file, 0
            self._digest = hashlib.sha256()

        def write(self, data: bytes | memoryview) -> int:
            self._digest.update(data)
            written = self._file.write(data)
            self.size += written
            return written

        def close(self) -> None:
            self.closed = True

    store.EncryptingFile = Clear
    return ours(file, out)


CONTESTANTS = {"floor": floor, "plain": plain, "ours": ours, "clear": clear}


def run_one(name: str, file: Path) -> None:
    """Run one contestant in this process; print what it took as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        run = CONTESTANTS[name](file, Path(folder))
        started, cpu = time.monotonic(), time.process_time()
        rows = run()
        took = {"seconds": time.monotonic() - started, "cpu": time.process_time() - cpu}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**took, "megabytes": peak, "rows": rows}))  # noqa: T201


def measure(name: str, file: Path, runs: int) -> dict[str, float]:
    """The middle of some runs, each a process of its own; the peak is the highest."""
    command = [sys.executable, "-m", "tests.bench.intake", "--only", name, "--register", str(file)]
    found = [
        json.loads(subprocess.run(command, check=True, capture_output=True, env=os.environ).stdout)
        for _ in range(runs)
    ]
    middle = {
        key: statistics.median(run[key] for run in found) for key in ("seconds", "cpu", "rows")
    }
    return {**middle, "megabytes": max(run["megabytes"] for run in found)}


def multiply(register: Path, copies: int, out: Path) -> None:
    """Write a register of some copies of another, each with resident and household numbers of its own."""
    header, *lines = register.read_bytes().split(b"\r\n")[:-1]
    with out.open("wb") as file:
        file.write(header + b"\r\n")
        for copy in range(copies):
            file.writelines(_renumbered(lines, copy * len(lines)))


def _renumbered(lines: list[bytes], first: int) -> Iterator[bytes]:
    households: dict[bytes, int] = {}
    for number, line in enumerate(lines, first):
        household = households.setdefault(line[_NUMBERS][11:], first + len(households))
        yield b"%010d,%010d%s\r\n" % (number, household, line[_NUMBERS.stop :])


def _show(title: str, found: dict[str, dict[str, float]]) -> None:
    print(f"\n{title}")  # noqa: T201
    for name, took in found.items():
        print(  # noqa: T201
            f"{name:<10} {took['seconds']:8.2f} s   cpu {took['cpu']:8.2f} s   peak {took['megabytes']:6.0f} MB"
            f"   {took['seconds'] / found['floor']['seconds']:5.1f} x floor"
        )


def _verdict(what: str, value: float, limit: float) -> None:
    print(f"{what:<34} {value:8.1f}   aim {limit:6.1f}   {'met' if value <= limit else 'NOT MET'}")  # noqa: T201


def compare(register: Path, runs: int, tenfold: bool) -> None:
    """Run all contestants over a register, and over ten of it; print times, memory and the aims."""
    once = {name: measure(name, register, runs) for name in CONTESTANTS}
    _show(
        f"register of {once['ours']['rows']:,.0f} rows, CP932, {register.stat().st_size >> 20} MB",
        once,
    )
    _verdict("seconds", once["ours"]["seconds"], LIMITS["seconds"])
    _verdict("peak MB", once["ours"]["megabytes"], LIMITS["megabytes"])
    _verdict(
        "times the floor", once["ours"]["seconds"] / once["floor"]["seconds"], LIMITS["floors"]
    )
    cost = once["ours"]["cpu"] / once["clear"]["cpu"]
    print(f"encryption {cost:.2f} x the CPU time without   aim {LIMITS['encryption']}")  # noqa: T201
    if not tenfold:
        return
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "register.csv"
        multiply(register, 10, large)
        ten = {name: measure(name, large, runs) for name in ("floor", "ours")}
        _show(f"ten times that, {large.stat().st_size >> 20} MB", ten)
    _verdict(
        "times the small one", ten["ours"]["seconds"] / once["ours"]["seconds"], LIMITS["growth"]
    )
    _verdict("peak MB", ten["ours"]["megabytes"], LIMITS["megabytes_tenfold"])


def main() -> None:
    """Compare over a given register, or over one of a new synthetic ward."""
    parser = argparse.ArgumentParser(description="Time and peak memory of taking in a register.")
    parser.add_argument("--register", type=Path, help="a ready register extract (else one is made)")
    parser.add_argument("--residents", type=int, default=350_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--no-tenfold", dest="tenfold", action="store_false")
    parser.add_argument("--only", choices=CONTESTANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        run_one(options.only, options.register)
    elif options.register:
        compare(options.register, options.runs, options.tenfold)
    else:
        with tempfile.TemporaryDirectory() as folder:
            ward = make_ward(options.residents, options.seed, Path(folder))
            register = ward / "ward" / DAY.isoformat() / NAME
            compare(register, options.runs, options.tenfold)


if __name__ == "__main__":
    main()
