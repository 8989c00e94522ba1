"""Staging: one folder a dataset and day, in it one folder a version, with its tables in Parquet and its manifest.

`HOME/staging/<dataset>/dt=YYYY-MM-DD/v=001/` holds `<table>.parquet`, `quarantine_<table>.parquet`, `problems.parquet`,
`manifest.json` and, under `source/`, the files as they came. All but the manifest are encrypted (`pipelines.at_rest`):
the partition's tables, what is in quarantine, and the files as they came, each under a key of its own. A version is
written beside its final name, synced to the disk and renamed, so it exists whole or not at all, and it is never changed
afterwards. The newest version is the highest one. Staging the same bytes under the same rules with the same mending
again changes nothing and must give the same tables; other bytes, a mending, or other rules that give something else
make the next version. The old ones stay until they are erased.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.at_rest.cipher import EncryptingFile, plain_size
from pipelines.at_rest.store import QUARANTINE, RAW_INPUTS, STAGING, AtRest, Erased
from pipelines.errors import InputMissing, KyufuError
from pipelines.files import sync_folder, write_whole
from pipelines.intake.locks import DatasetLocks
from schemas.datasets import DATASETS

# rows that get their further columns, and are written, at once
_SLICE = 100_000


@dataclass(frozen=True)
class Manifest:
    """What a staged version holds. sources: file name -> SHA-256. Counts over all tables of the dataset.

    file_rows: file, or archive#member -> data rows read of it. mended: rows of the source that stand as somebody mended
    them; mending: SHA-256 over these, empty without any. schema_version: of the rules and the layout that were applied.
    against: dataset -> [day, version] of the staged partitions that hold what its rows name; restaging the same bytes
    is judged against the same ones. run_key: names what the version is made of, so that equal runs have equal keys.
    tables: table name -> SHA-256 of its Parquet file, before it is encrypted.
    """

    dataset: str
    day: str
    sources: dict[str, str]
    rows_in: int
    accepted: int
    quarantined: int
    duplicates: int
    warnings: int
    rules: dict[str, int]
    version: int = 1
    mended: int = 0
    mending: str = ""
    schema_version: str = ""
    against: dict[str, list[Any]] = field(default_factory=dict)
    run_key: str = ""
    tables: dict[str, str] = field(default_factory=dict)
    file_rows: dict[str, int] = field(default_factory=dict)

    def assert_balanced(self) -> None:
        """Rows in = accepted + quarantined + exact duplicates, or the run fails."""
        if self.rows_in != self.accepted + self.quarantined + self.duplicates:
            raise KyufuError(
                f"{self.dataset} {self.day}: 入力{self.rows_in}行 ≠ 受入{self.accepted} + 保留{self.quarantined}"
                f" + 重複{self.duplicates}。処理を止めました。開発者に連絡してください。"
            )

    def is_made_of(self, other: "Manifest") -> bool:
        """Whether both are made of the same source bytes with the same mending."""
        return (self.sources, self.mending) == (other.sources, other.mending)

    def differences(self, other: "Manifest") -> list[str]:
        """What another version has otherwise, as names and counts for people."""
        counts = {
            "rows_in": "入力", "accepted": "受入", "quarantined": "保留", "duplicates": "重複", "warnings": "注意"
        }  # fmt: skip
        return [
            f"{word} {getattr(self, name):,}行 → {getattr(other, name):,}行"
            for name, word in counts.items()
            if getattr(self, name) != getattr(other, name)
        ]


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

    def __init__(self, home: Path, wait_seconds: float = 600, keys: Path | None = None) -> None:
        """Remember where staging lies, and how long to wait for another process; nothing is created yet."""
        self.root = home / "staging"
        self.at_rest = AtRest(home, keys)
        self._locks = DatasetLocks(home, wait_seconds)

    def holding(self, dataset: str) -> AbstractContextManager[None]:
        """Keep every other process from a dataset until the block ends: whoever looks at it to publish a version.

        Raises:
            DatasetBusy: another process held it all the time.
        """
        return self._locks.holding(dataset)

    def day_folder(self, dataset: str, day: date) -> Path:
        """Where that day's versions lie."""
        return self.root / dataset / f"dt={day.isoformat()}"

    def folder(self, dataset: str, day: date, version: int | None = None) -> Path:
        """Where a version's tables lie: the newest one unless told; version 1 of a day that is not staged."""
        chosen = version or max(self.versions(dataset, day), default=1)
        return self.day_folder(dataset, day) / f"v={chosen:03d}"

    def versions(self, dataset: str, day: date) -> list[int]:
        """The numbers of a day's complete versions, in order."""
        found = self.day_folder(dataset, day).glob("v=*/manifest.json")
        return sorted(int(path.parent.name[2:]) for path in found)

    def manifest(self, dataset: str, day: date, version: int | None = None) -> Manifest | None:
        """The manifest of a version (the newest one unless told), or None if it is not staged."""
        path = self.folder(dataset, day, version) / "manifest.json"
        return Manifest(**json.loads(path.read_text())) if path.is_file() else None

    def first_of(self, dataset: str, day: date, version: int) -> int:
        """The first of the versions up to `version` that are all made of its source bytes: what names its rows."""
        numbers = [n for n in self.versions(dataset, day) if n <= version]
        found = {n: self.manifest(dataset, day, n) for n in numbers}
        first = version
        for number in reversed(numbers):
            here, there = found[version], found[number]
            if here is None or there is None or there.sources != here.sources:
                break
            first = number
        return first

    def days(self, dataset: str, until: date) -> list[date]:
        """The staged days of a dataset up to and including `until`, in order."""
        folders = {
            path.parent.parent for path in (self.root / dataset).glob("dt=*/v=*/manifest.json")
        }
        days = (date.fromisoformat(folder.name[3:]) for folder in folders)
        return sorted(day for day in days if day <= until)

    def read(
        self,
        dataset: str,
        day: date,
        table: str = "rows",
        version: int | None = None,
        columns: list[str] | None = None,
    ) -> pa.Table:
        """A staged table, of the newest version unless told; all its columns unless told.

        Raises:
            InputMissing: the day, or that version of it, is not staged.
            Erased: it was erased.
            KyufuError: an older Kyufu staged the newest version without a column that is read.
        """
        path = self.folder(dataset, day, version) / f"{table}.parquet"
        self._assert_not_erased(kind_of(table), dataset, day)
        if not path.is_file():
            raise InputMissing(
                f"{dataset} {day} は取り込まれていません。先に取り込みを実行してください。"
            )
        parquet = self._open(path, dataset, day)
        if version in (None, max(self.versions(dataset, day), default=None)):
            _assert_whole(pq.read_schema(parquet), dataset, day, table, columns)
            parquet.seek(0)
        return pq.read_table(parquet, columns=columns, partitioning=None)

    def is_erased(self, dataset: str, day: date, kind: str = STAGING) -> bool:
        """Whether a day's tables (or its files as they came, or its quarantine) were erased."""
        return self.at_rest.is_erased(kind, partition_name(dataset, day))

    def source_size(self, dataset: str, day: date, name: str) -> int | None:
        """How many bytes a file of the newest version had; None where it is not there, or no longer."""
        path = self.folder(dataset, day) / "source" / name
        return plain_size(path) if path.is_file() else None

    def _assert_not_erased(self, kind: str, dataset: str, day: date) -> None:
        if self.is_erased(dataset, day, kind):
            raise Erased(f"{dataset} {day}: 保存期間が終わり、消去されました。もう読めません。")

    def _open(self, path: Path, dataset: str, day: date) -> pa.BufferReader:
        kind = kind_of(path.stem)
        return pa.BufferReader(self.at_rest.read(kind, partition_name(dataset, day), path))

    def sources(self, dataset: str, day: date, version: int | None = None) -> dict[str, bytes]:
        """The files of a version as they came, by name.

        Raises:
            InputMissing: it is not staged.
            Erased: it was erased.
            KyufuError: a kept file is not the one that the manifest names.
        """
        manifest = self.manifest(dataset, day, version)
        if manifest is None:
            raise InputMissing(f"{dataset} {day} は取り込まれていません。")
        self._assert_not_erased(RAW_INPUTS, dataset, day)
        folder = self.folder(dataset, day, manifest.version) / "source"
        partition = partition_name(dataset, day)
        files = {
            name: self.at_rest.read(RAW_INPUTS, partition, folder / name)
            for name in manifest.sources
        }
        for name, data in files.items():
            if sha256(data) != manifest.sources[name]:
                raise KyufuError(
                    f"{name}: 保管した原本のSHA-256が記録と違います。バックアップから戻してください。"
                )
        return files

    def write(
        self,
        manifest: Manifest,
        tables: Mapping[str, pa.Table | WithColumns],
        sources: Mapping[str, bytes],
    ) -> Manifest:
        """Publish a day's tables as a version with their manifest and the files as they came, whole or not at all.

        What is staged already from the same bytes and mending is not written again.

        Returns:
            The manifest as it stands in staging.

        Raises:
            KyufuError: the counts do not add up, or the same bytes under the same rules gave something else than what
                is staged; the message says what differs. The staged version stays.
            DatasetBusy: another process held the dataset all the time.
        """
        manifest.assert_balanced()
        with self.holding(manifest.dataset):
            return self._write(manifest, tables, sources)

    def _write(
        self,
        manifest: Manifest,
        tables: Mapping[str, pa.Table | WithColumns],
        sources: Mapping[str, bytes],
    ) -> Manifest:
        """`write` by the one process that holds the dataset."""
        day = date.fromisoformat(manifest.day)
        newest = self.manifest(manifest.dataset, day)
        final = self.day_folder(manifest.dataset, day)
        beside = self.root / f".{manifest.dataset}.{final.name}.{os.getpid()}"
        self._clear(f".{manifest.dataset}.{final.name}.*")
        beside.mkdir(parents=True, mode=0o700)
        try:
            hashes = {
                name: write_parquet(
                    table,
                    beside / f"{name}.parquet",
                    self.at_rest,
                    partition_name(manifest.dataset, day),
                )
                for name, table in tables.items()
            }
            made = replace(manifest, tables=hashes)
            if newest and newest.is_made_of(made):
                different = self._different(newest, made, beside)
                if not different:
                    return newest
                _assert_other_rules(newest, made, different)
            made = replace(made, version=newest.version + 1 if newest else 1)
            for name, data in sources.items():
                self.at_rest.write(
                    RAW_INPUTS, partition_name(made.dataset, day), beside / "source" / name, data
                )
            text = json.dumps(asdict(made), sort_keys=True, indent=1)
            write_whole(beside / "manifest.json", text.encode())
            self._publish(beside, final / f"v={made.version:03d}")
            return made
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _different(self, staged: Manifest, made: Manifest, beside: Path) -> list[str]:
        """What is otherwise than it is staged; a table whose bytes alone are otherwise is not."""
        folder = self.folder(made.dataset, date.fromisoformat(made.day), staged.version)
        names = [
            name
            for name in sorted({*staged.tables, *made.tables})
            if staged.tables.get(name) != made.tables.get(name)
        ]
        changed = [
            f"{name}.parquet"
            for name in names
            if name not in staged.tables
            or name not in made.tables
            or not self._table(folder, made, name).equals(self._table(beside, made, name))
        ]
        return staged.differences(made) + changed

    def _table(self, folder: Path, made: Manifest, name: str) -> pa.Table:
        day = date.fromisoformat(made.day)
        parquet = self._open(folder / f"{name}.parquet", made.dataset, day)
        return pq.read_table(parquet, partitioning=None)

    def _publish(self, beside: Path, final: Path) -> None:
        """Sync a folder and rename it, so that the name never stands for less than the whole."""
        for folder in (beside / "source", beside):
            sync_folder(folder)
        final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside.rename(final)
        for folder in (final.parent, final.parent.parent, self.root):
            sync_folder(folder)

    def _clear(self, pattern: str) -> None:
        """Remove what runs that were killed left beside; only who holds the dataset may: no other is at work."""
        for left in self.root.glob(pattern):
            shutil.rmtree(left, ignore_errors=True)


def partition_name(dataset: str, day: date) -> str:
    """What names a partition's keys."""
    return f"{dataset}/dt={day.isoformat()}"


def kind_of(table: str) -> str:
    """The class of stored bytes that a staged table belongs to: what waits to be mended may end on another day."""
    return QUARANTINE if table.startswith(("quarantine_", "mending")) else STAGING


def _assert_whole(
    schema: pa.Schema, dataset: str, day: date, table: str, columns: list[str] | None
) -> None:
    """The columns to be read, and the key beside every date, are there; rechecking adds what a later Kyufu makes."""
    there = set(schema.names)
    wanted = set(columns or ())
    if columns is None:
        keys = {t.name: t.date_keys for t in DATASETS.get(dataset, ())}
        of_table = keys.get(table.removeprefix("quarantine_"), {})
        wanted = {key for column, key in of_table.items() if column in there}
    if lacking := sorted(wanted - there):
        raise KyufuError(
            f"{dataset} {day}: 前の版のKyufuで取り込んだため、{table} に列がありません({'、'.join(lacking)})。"
            f"kyufu quarantine recheck {dataset} {day} を実行してから、もう一度この処理を実行してください。"
        )


def _assert_other_rules(staged: Manifest, made: Manifest, different: list[str]) -> None:
    """Only other rules may make something else of the same bytes; that is then the next version."""
    if staged.schema_version == made.schema_version:
        raise KyufuError(
            f"{staged.dataset} {staged.day}: 同じファイルと同じ規則から前と違う結果になりました"
            f"({'、'.join(different)})。取り込み済みの第{staged.version}版はそのまま残しています。"
            "開発者に連絡してください。"
        )


def write_parquet(
    table: pa.Table | WithColumns, path: Path, at_rest: AtRest, partition: str
) -> str:
    """Write a Parquet file encrypted beside its name, read its footer back, and rename it.

    Returns the SHA-256 of what was encrypted: the same table has the same one on every installation.
    """
    beside, kind = path.with_name(f".{path.name}.tmp"), kind_of(path.stem)
    with at_rest.writing(kind, partition, beside, path.name) as file:
        if isinstance(table, WithColumns):
            _write_slices(table.slices(), file)
        else:
            pq.write_table(table, pa.PythonFile(file, "w"), compression="zstd")
    with at_rest.reading(kind, partition, beside, path.name) as written:
        rows = pq.read_metadata(written).num_rows
    if rows != table.num_rows:
        raise KyufuError(
            f"{path.name}: 書き込んだ行数が合いません。ディスクの空きを確認してください。"
        )
    beside.rename(path)
    return file.sha256


def _write_slices(slices: Iterator[pa.Table], file: EncryptingFile) -> None:
    """Write one slice in a thread of its own while the next one is made; a row group each."""
    first = next(slices)
    with (
        pq.ParquetWriter(pa.PythonFile(file, "w"), first.schema, compression="zstd") as writer,
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
