"""`make run`, on real Airflow and the real link: the first days of the sample, then the same again and more."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.rehearsal.errors import AlreadyRunning
from pipelines.rehearsal.place import take_place
from tests.soak.backfills import SAMPLE, copy_sample

ROOT = Path(__file__).resolve().parents[2]
DAYS = ("2020-05-18", "2020-05-20")  # forms go out; the first online claims are paid
SECONDS = 1200  # a limit for what never ends, not a speed


@dataclass(frozen=True)
class Place:
    """A home of its own for one rehearsal after another."""

    folder: Path

    def environment(self):
        inputs = {"KYUFU_HOME": self.folder / "run", "KYUFU_INPUTS": self.folder / "inputs"}
        plain = {name: value for name, value in os.environ.items() if not name.startswith("KYUFU")}
        return {**plain, **{name: str(path) for name, path in inputs.items()}}

    def command(self, name):
        return self.module("pipelines.rehearsal", name)

    def module(self, *arguments):
        return [sys.executable, "-m", *arguments, "--airflow-home", str(self.folder / "airflow")]

    def run(self, command=None):
        return subprocess.run(
            command or self.command("run"),
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def summary(self):
        return json.loads((self.folder / "run" / "summary.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Rehearsed:
    """What two runs in the same place said and left."""

    place: Place
    first: subprocess.CompletedProcess
    first_summary: dict
    second: subprocess.CompletedProcess
    second_summary: dict


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("rehearsal"))
    copy_sample(place.folder / "inputs", DAYS)
    first = place.run()
    assert first.returncode == 0, first.stdout + first.stderr
    first_summary = place.summary()
    second = place.run(place.module("tests.soak.backfills", "--repeats", "3", "--seed", "20200427"))
    assert second.returncode == 0, second.stdout + second.stderr
    return Rehearsed(place, first, first_summary, second, place.summary())


def test_everybody_is_accounted_for(rehearsed):
    summary = rehearsed.first_summary
    assert summary["balanced"]
    assert summary["faults"] == []
    assert sum(summary["entitlements"].values()) > 3000


def test_people_are_paid_and_files_acknowledged(rehearsed):
    summary = rehearsed.first_summary
    assert summary["payments"]["people"] > 0
    assert summary["payments"]["sum_yen"] == summary["payments"]["people"] * 100_000
    outside = [file for file in summary["files"] if file["recipient"] in ("bank", "contractor")]
    assert {file["recipient"] for file in outside} == {"bank", "contractor"}
    assert all(file["acknowledged"] for file in outside)


def test_the_demonstration_says_that_it_approves_by_itself(rehearsed):
    out = rehearsed.first.stdout
    assert "実演です" in out
    assert "実演用の職員 approver1 が payments (1人目) を承認しました(自動応答)" in out
    assert "実演用の職員 approver2 が payments (2人目) を承認しました(自動応答)" in out


def test_a_second_run_pays_nobody_and_says_so(rehearsed):
    assert "今回の新規支払: 0人" in rehearsed.second.stdout
    assert "今回の新規支払: 0人" not in rehearsed.first.stdout
    same = ("entitlements", "holds", "payments", "files", "intake", "balanced")
    first, second = rehearsed.first_summary, rehearsed.second_summary
    assert {name: first[name] for name in same} == {name: second[name] for name in same}


def test_f11_a_backfill_a_clear_and_a_re_run_change_nothing(rehearsed):
    said = rehearsed.second.stdout
    for kind in ("backfill", "clear", "re-run"):
        assert re.search(rf"^{kind} \w+ 2020-05-\d\d: nothing changed$", said, re.MULTILINE), said


def test_a_second_run_asks_nobody_again(rehearsed):
    assert "自動応答" in rehearsed.first.stdout
    assert "を承認しました" not in rehearsed.second.stdout


def test_secrets_are_the_owners_alone(rehearsed):
    for name in ("secrets.json", "passwords.json", "environment"):
        assert (rehearsed.place.folder / "airflow" / name).stat().st_mode & 0o077 == 0


def test_no_name_of_a_person_is_in_airflows_logs_and_database(rehearsed):
    register = SAMPLE / "ward" / DAYS[0] / f"register_{DAYS[0].replace('-', '')}.csv"
    rows = register.read_bytes().decode("cp932").splitlines()[1:200]
    names = {row.split(",")[3].strip('"').encode() for row in rows}
    names = {name for name in names if len(name) >= 9}
    assert names
    airflow = rehearsed.place.folder / "airflow"
    for path in (*airflow.rglob("*.log"), airflow / "airflow.db"):
        content = path.read_bytes()
        assert not [name for name in names if name in content], path


def test_a_second_airflow_on_the_same_folder_is_refused(tmp_path):
    with take_place(tmp_path), pytest.raises(AlreadyRunning, match=str(os.getpid())):
        take_place(tmp_path)


def test_what_was_started_dies_with_a_killed_parent(tmp_path):
    place = Place(tmp_path)
    airflow_home, log = tmp_path / "airflow", tmp_path / "serve.log"
    with log.open("wb") as output:
        served = subprocess.Popen(
            place.command("serve"), cwd=ROOT, env=place.environment(), stdout=output, stderr=output
        )
    wait_for((airflow_home / "logs" / "migrate.log").exists, 60)
    served.send_signal(signal.SIGKILL)
    served.wait()
    wait_for(lambda: is_free(airflow_home), 30)


def is_free(airflow_home):
    """Whether the last process that inherited the lock has ended."""
    try:
        take_place(airflow_home).close()
    except AlreadyRunning:
        return False
    return True


def wait_for(condition, seconds):
    last_moment = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < last_moment
        time.sleep(0.2)
