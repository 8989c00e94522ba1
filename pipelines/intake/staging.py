"""Staging: one folder a dataset and day, with its tables in Parquet, its quarantine and its manifest.

`HOME/staging/<dataset>/dt=YYYY-MM-DD/` holds `<table>.parquet`, `quarantine_<table>.parquet`, `problems.parquet`,
`manifest.json` and, under `source/`, the files as they came. A folder is written beside its final name and renamed, so
it exists whole or not at all. Staging the same bytes again changes nothing; other bytes for a day that is staged
already are refused.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import InputMissing, InputRefused, KyufuError
from pipelines.files import write_whole

# rows that get their further columns, and are written, at once
_SLICE = 100_000


@dataclass(frozen=True)
class Manifest:
    """What a staged day holds. sources: file name -> SHA-256. Counts over all tables of the dataset."""

    dataset: str
    day: str
    sources: dict[str, str]
    rows_in: int
    accepted: int
    quarantined: int
    duplicates: int
    warnings: int
    rules: dict[str, int]

    def assert_balanced(self) -> None:
        """Rows in = accepted + quarantined + exact duplicates, or the run fails."""
        if self.rows_in != self.accepted + self.quarantined + self.duplicates:
            raise KyufuError(
                f"{self.dataset} {self.day}: 入力{self.rows_in}行 ≠ 受入{self.accepted} + 保留{self.quarantined}"
                f" + 重複{self.duplicates}。処理を止めました。開発者に連絡してください。"
            )


@dataclass(frozen=True)
class WithColumns:
    """Rows that get further columns slice by slice while they are written, so that these never lie in memory at once.

    add: takes a slice of `rows` and gives it with the columns, the same ones each time.
    """

    rows: pa.Table
    add: Callable[[pa.Table], pa.Table]

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return int(self.rows.num_rows)

    def slices(self) -> Iterator[pa.Table]:
        """The rows with their columns, in order; one empty slice where there are none."""
        for start in range(0, max(self.num_rows, 1), _SLICE):
            yield self.add(self.rows.slice(start, _SLICE))


class Staging:
    """The staging area below a home folder."""

    def __init__(self, home: Path) -> None:
        """Remember where staging lies; nothing is created yet."""
        self.root = home / "staging"

    def folder(self, dataset: str, day: date) -> Path:
        """Where that day's tables lie."""
        return self.root / dataset / f"dt={day.isoformat()}"

    def manifest(self, dataset: str, day: date) -> Manifest | None:
        """The day's manifest, or None if nothing is staged."""
        path = self.folder(dataset, day) / "manifest.json"
        return Manifest(**json.loads(path.read_text())) if path.is_file() else None

    def days(self, dataset: str, until: date) -> list[date]:
        """The staged days of a dataset up to and including `until`, in order."""
        folders = (self.root / dataset).glob("dt=*/manifest.json")
        days = (date.fromisoformat(path.parent.name[3:]) for path in folders)
        return sorted(day for day in days if day <= until)

    def read(self, dataset: str, day: date, table: str = "rows") -> pa.Table:
        """A staged table.

        Raises:
            InputMissing: the day is not staged.
        """
        path = self.folder(dataset, day) / f"{table}.parquet"
        if not path.is_file():
            raise InputMissing(
                f"{dataset} {day} は取り込まれていません。先に取り込みを実行してください。"
            )
        return pq.read_table(path, partitioning=None)

    def write(
        self,
        manifest: Manifest,
        tables: Mapping[str, pa.Table | WithColumns],
        sources: Mapping[str, bytes],
    ) -> Manifest:
        """Publish a day's tables with their manifest and the files as they came, whole or not at all.

        Raises:
            InputRefused: other content is staged for that day.
        """
        manifest.assert_balanced()
        final = self.folder(manifest.dataset, date.fromisoformat(manifest.day))
        if existing := self.manifest(manifest.dataset, date.fromisoformat(manifest.day)):
            if existing.sources != manifest.sources:
                raise InputRefused(
                    f"{manifest.dataset} {manifest.day}: 別の内容が取り込み済みです。"
                    "ファイルを差し替えた理由を確認し、新しい日付で受け取ってください。"
                )
            return existing
        beside = final.with_name(f".{final.name}.{os.getpid()}")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True, mode=0o700)
        for name, table in tables.items():
            write_parquet(table, beside / f"{name}.parquet")
        for name, data in sources.items():
            write_whole(beside / "source" / name, data)
        (beside / "manifest.json").write_text(
            json.dumps(asdict(manifest), sort_keys=True, indent=1)
        )
        beside.rename(final)
        for left in final.parent.glob(f".{final.name}.*"):  # of a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        return manifest


def write_parquet(table: pa.Table | WithColumns, path: Path) -> None:
    """Write a Parquet file beside its name, read its footer back, then rename it."""
    beside = path.with_name(f".{path.name}.tmp")
    if isinstance(table, WithColumns):
        _write_slices(table.slices(), beside)
    else:
        pq.write_table(table, beside, compression="zstd")
    if pq.read_metadata(beside).num_rows != table.num_rows:
        raise KyufuError(
            f"{path.name}: 書き込んだ行数が合いません。ディスクの空きを確認してください。"
        )
    beside.rename(path)


def _write_slices(slices: Iterator[pa.Table], path: Path) -> None:
    """Write one slice in a thread of its own while the next one is made; a row group each."""
    first = next(slices)
    with (
        pq.ParquetWriter(path, first.schema, compression="zstd") as writer,
        ThreadPoolExecutor(max_workers=1) as thread,
    ):
        writing = thread.submit(writer.write_table, first)
        for rows in slices:
            writing.result()
            writing = thread.submit(writer.write_table, rows)
        writing.result()


def sha256(data: bytes) -> str:
    """Lower-case hex digest."""
    return hashlib.sha256(data).hexdigest()
