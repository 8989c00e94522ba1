"""Staging: a day's folder exists whole or not at all, the same bytes give the same bytes, others are refused."""

import signal
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest

from pipelines.at_rest.store import STAGING, AtRest
from pipelines.errors import InputMissing, KyufuError
from pipelines.intake import staging as staging_module
from pipelines.intake.staging import Manifest, Staging, partition_name, sha256, write_parquet
from pipelines.programme import ROOT

DAY = date(2020, 5, 18)
ROWS = pa.table({"resident_id": ["0000000001", "0000000002"], "row": [2, 3]})
FILES = {"register_20200518.csv": b"bytes"}
MANIFEST = Manifest(
    "register",
    "2020-05-18",
    {"register_20200518.csv": sha256(b"bytes")},
    4,
    2,
    1,
    1,
    0,
    {"REQUIRED": 1},
)


def _write(home, manifest=MANIFEST, files=FILES):
    return Staging(home).write(manifest, {"rows": ROWS}, files)


def _bytes(home):
    return {p.relative_to(home): p.read_bytes() for p in sorted(home.rglob("*")) if p.is_file()}


def test_a_staged_day_is_read_back(tmp_path):
    made = _write(tmp_path)
    staging = Staging(tmp_path)
    assert replace(made, tables={}) == MANIFEST
    assert staging.manifest("register", DAY) == made
    assert staging.read("register", DAY).equals(ROWS)
    assert staging.days("register", DAY) == [DAY]
    assert staging.days("register", date(2020, 5, 17)) == []


def test_the_files_are_kept_as_they_came(tmp_path):
    _write(tmp_path)
    kept = Staging(tmp_path).folder("register", DAY) / "source" / "register_20200518.csv"
    assert b"bytes" not in kept.read_bytes()
    assert Staging(tmp_path).source_size("register", DAY, kept.name) == len(b"bytes")
    assert Staging(tmp_path).sources("register", DAY) == FILES


def test_a_kept_file_that_was_changed_is_found(tmp_path):
    _write(tmp_path)
    kept = Staging(tmp_path).folder("register", DAY) / "source" / "register_20200518.csv"
    kept.write_bytes(b"other")
    with pytest.raises(KyufuError, match="SHA-256"):
        Staging(tmp_path).sources("register", DAY)


def test_the_same_bytes_again_change_nothing(tmp_path):
    first = _write(tmp_path)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
    assert _write(tmp_path) == first
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()} == before


def test_the_same_rows_give_the_same_bytes_under_the_same_keys(tmp_path):
    for home in ("one", "two"):
        staging = Staging(tmp_path / home, keys=tmp_path / "keys")
        staging.write(MANIFEST, {"rows": ROWS}, FILES)
    assert _bytes(tmp_path / "one") == _bytes(tmp_path / "two")


def test_under_other_keys_the_bytes_differ_and_the_manifest_does_not(tmp_path):
    _write(tmp_path / "one")
    _write(tmp_path / "two")
    one, two = _bytes(tmp_path / "one"), _bytes(tmp_path / "two")
    staged = {name for name in one if name.parts[0] == "staging"}
    assert {n for n in staged if one[n] == two[n]} == {n for n in staged if n.suffix == ".json"}


def test_the_manifest_names_its_tables_by_hash(tmp_path):
    made = _write(tmp_path)
    path = Staging(tmp_path).folder("register", DAY) / "rows.parquet"
    parquet = AtRest(tmp_path).read(STAGING, partition_name("register", DAY), path)
    assert parquet.startswith(b"PAR1")
    assert made.tables == {"rows": sha256(parquet)}


OTHER = replace(MANIFEST, sources={"register_20200518.csv": sha256(b"others")})


def test_f29_other_bytes_for_a_staged_day_are_a_new_version_and_the_old_one_stays(tmp_path):
    first = _write(tmp_path)
    before = _bytes(tmp_path)
    second = _write(tmp_path, OTHER, {"register_20200518.csv": b"others"})
    staging = Staging(tmp_path)
    assert (first.version, second.version) == (1, 2)
    assert staging.versions("register", DAY) == [1, 2]
    assert staging.manifest("register", DAY) == second
    assert staging.manifest("register", DAY, 1) == first
    after = _bytes(tmp_path)
    assert {name: after[name] for name in before} == before
    assert staging.sources("register", DAY, 1) == FILES
    assert staging.days("register", DAY) == [DAY]


def test_rows_are_named_by_the_first_version_of_their_bytes(tmp_path):
    others = {"register_20200518.csv": b"others"}
    _write(tmp_path)
    _write(tmp_path, replace(MANIFEST, mended=1, mending="a"))
    _write(tmp_path, OTHER, others)
    _write(tmp_path, replace(OTHER, mended=1, mending="b"), others)
    staging = Staging(tmp_path)
    assert [staging.first_of("register", DAY, n) for n in (1, 2, 3, 4)] == [1, 1, 3, 3]


def test_the_same_bytes_that_give_other_tables_stop_and_say_which(tmp_path):
    _write(tmp_path)
    before = _bytes(tmp_path)
    other = ROWS.slice(1)
    fewer = replace(MANIFEST, accepted=1, quarantined=2)
    with pytest.raises(KyufuError, match=r"受入 2行 → 1行.*rows\.parquet"):
        Staging(tmp_path).write(fewer, {"rows": other}, FILES)
    assert _bytes(tmp_path) == before


def test_other_rules_that_give_other_tables_are_a_new_version(tmp_path):
    _write(tmp_path)
    fewer = replace(MANIFEST, accepted=1, quarantined=2, schema_version="new")
    assert Staging(tmp_path).write(fewer, {"rows": ROWS.slice(1)}, FILES).version == 2


def test_other_rules_that_give_the_same_are_no_new_version(tmp_path):
    first = _write(tmp_path)
    assert _write(tmp_path, replace(MANIFEST, schema_version="new")) == first


@pytest.mark.parametrize(
    "change", [{"rows_in": 5}, {"accepted": 1}, {"quarantined": 0}, {"duplicates": 2}]
)
def test_f31_counts_that_do_not_add_up_fail(tmp_path, change):
    with pytest.raises(KyufuError, match="≠"):
        _write(tmp_path, replace(MANIFEST, **change))
    assert list(tmp_path.iterdir()) == []


def test_a_day_that_is_not_staged_is_missing(tmp_path):
    with pytest.raises(InputMissing, match="register 2020-05-18"):
        Staging(tmp_path).read("register", DAY)
    assert Staging(tmp_path).manifest("register", DAY) is None


KILLED = """
import os, signal
from pathlib import Path
from tests.unit.intake.test_staging import _write
real = Path.rename
def rename(self, target):
    if Path(target).name == {name!r}:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, target)
Path.rename = rename
_write(Path({home!r}))
"""


def test_f30_killed_before_the_last_rename_the_day_does_not_exist(tmp_path):
    code = KILLED.format(name="v=001", home=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    staging = Staging(tmp_path)
    assert staging.manifest("register", DAY) is None
    assert staging.days("register", DAY) == []
    with pytest.raises(InputMissing):
        staging.read("register", DAY)
    assert _write(tmp_path).version == 1
    assert staging.read("register", DAY).equals(ROWS)


def test_f30_what_a_killed_run_left_is_gone_after_the_next(tmp_path):
    left = tmp_path / "staging" / ".register.dt=2020-05-18.1"
    left.mkdir(parents=True)
    (left / "rows.parquet").write_bytes(b"half")
    _write(tmp_path)
    assert [p.name for p in (tmp_path / "staging").iterdir()] == ["register"]


def test_f30_a_short_footer_never_gets_the_final_name(tmp_path, monkeypatch):
    class Short:
        num_rows = 1

    monkeypatch.setattr(staging_module.pq, "read_metadata", lambda _path: Short)
    with pytest.raises(KyufuError, match=r"rows\.parquet"):
        write_parquet(ROWS, tmp_path / "rows.parquet", AtRest(tmp_path), "register/dt=2020-05-18")
    assert not (tmp_path / "rows.parquet").exists()


def test_f30_a_full_disk_leaves_no_day(tmp_path, monkeypatch):
    def full(table, sink, **options):
        sink.write(b"PAR1")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(staging_module.pq, "write_table", full)
    with pytest.raises(OSError, match="No space"):
        _write(tmp_path)
    assert Staging(tmp_path).manifest("register", DAY) is None


def test_f43_a_staged_day_is_readable_by_nobody_else(tmp_path):
    _write(tmp_path)
    assert stat.S_IMODE(Staging(tmp_path).folder("register", DAY).stat().st_mode) == 0o700
