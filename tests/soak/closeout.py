"""A campaign through real Airflow to its erasure, killed again and again: `python -m tests.soak.closeout --kills 20`.

A small ward's days are played as `make run` does, its staff settle what is open, then the closeout's days are played:
the parties are asked to return and to erase, everything is erased, certified, and years later the payments' records
too. On the way every process of it, Airflow's, the link's and the parties', is killed by SIGKILL at seeded random
moments and started again. In the end nothing of anybody stands in any byte that is left, here, at Airflow or at the
parties; the certificates name every class; the audit chain and a pack of evidence verify elsewhere with `openssl`.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pipelines.at_rest.store import beside
from pipelines.campaign import campaign_days
from pipelines.evidence.audit import verify
from pipelines.evidence.pack import make_pack
from pipelines.ledger.personal import CLASSES_JA
from pipelines.outputs.paper.reading import page_texts
from pipelines.programme import Period
from pipelines.rehearsal.__main__ import staffed
from pipelines.rehearsal.days import CHAINS
from pipelines.rehearsal.errors import AlreadyRunning
from pipelines.rehearsal.place import take_place
from pipelines.rehearsal.screen import Screen
from pipelines.rehearsal.start import everything
from pipelines.steps import closeout, rosters
from tests.campaign_home import THREE_DAYS, environment, make_ward
from tests.components import require
from tests.erasure_world import (
    ASKED,
    BANK_ASKED,
    FIRST_END,
    LAST_END,
    STEWARD,
    canaries,
    erase_at,
    finish,
    opened,
    standing,
)

RESIDENTS, WARD_SEED = 150, 7
CLOSING = (
    ASKED,
    FIRST_END,
    BANK_ASKED,
)  # after them the contracts are over: the last is the command line's
PHASES = ("days", "closing", "last")
FIRST_WINDOW, WIDER = (
    6.0,
    1.4,
)  # seconds of work before a kill; widened when a kill let nothing be done
LONGEST_SECONDS = 900.0
END_SECONDS = 120.0
MOST_RACES = 3
_RACE = "TI was not in the running state so it cannot be updated"
_UP = "Airflowが起動しました"


# --- what is killed: a process that plays one phase, from wherever it stopped ---


def play(phase: str, folder: Path) -> None:
    """Play a phase to its end."""
    home, inputs = folder / "run", folder / "inputs"
    if phase == "last":
        erase_at(home, inputs, LAST_END)
        return
    days = campaign_days(inputs) if phase == "days" else list(CLOSING)
    chains: Sequence[Sequence[str]] = CHAINS if phase == "days" else (("closeout",),)
    done = folder / f"{phase}.done"
    with Screen() as screen, everything(folder / "airflow", screen) as running:
        if phase == "days":
            rosters.rehearse(running.campaign, days[0])
        with staffed(running, screen) as (_, player):
            attempt = player.prepare(days)
            for day in days:
                if done.is_file() and day.isoformat() in done.read_text().split():
                    continue  # an operator starts no day again that has ended
                running.relay.set_business_date(day)
                player.play(day, attempt, chains)
                with done.open("a") as file:
                    file.write(f"{day}\n")


# --- the killing ---


@dataclass
class Killed:
    """What was done. kills: by phase; races: how often Airflow 3.3 failed a healthy task by itself (#69336)."""

    kills: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    races: int = 0

    def __str__(self) -> str:
        by = ", ".join(f"{self.kills[phase]} in {phase}" for phase in PHASES)
        races = f", {self.races} healthy tasks failed by Airflow" if self.races else ""
        return f"{self.kills.total()} kills ({by}), {self.starts} starts{races}"


def play_killed(phase: str, folder: Path, kills: int, rng: random.Random, done: Killed) -> None:
    """Play a phase, killed up to that many times.

    Raises:
        AssertionError: it fails by itself, or does not end.
    """
    window, before = FIRST_WINDOW, _progress(folder)
    while True:
        seconds = rng.uniform(0.0, window) if done.kills[phase] < kills else LONGEST_SECONDS
        done.starts += 1
        ended = _run_once(phase, folder, seconds)
        if ended == "done":
            return
        if ended == "race":
            done.races += 1
            assert done.races <= MOST_RACES, f"Airflow failed {done.races} healthy tasks"
            continue  # an operator starts it again
        done.kills[phase] += 1
        window = window * WIDER if _progress(folder) == before else FIRST_WINDOW
        before = _progress(folder)
        sys.stdout.write(f"{done}\n")
        sys.stdout.flush()


def _progress(folder: Path) -> int:
    """How much the ledger holds: it only grows."""
    import sqlite3

    path = folder / "run" / "ledger.sqlite"
    if not path.is_file():
        return 0
    with sqlite3.connect(path) as connection:
        try:
            return int(connection.execute("select count(*) from audit").fetchone()[0])
        except sqlite3.OperationalError:  # not migrated yet
            return 0


def _run_once(phase: str, folder: Path, seconds: float) -> str:
    """Start a phase, to be killed so many seconds after it is up: "killed", "done", or "race"."""
    said = folder / f"{phase}.said"
    own = {"KYUFU_HOME": str(folder / "run"), "KYUFU_INPUTS": str(folder / "inputs")}
    command = [
        sys.executable,
        "-m",
        "tests.soak.closeout",
        "--play",
        phase,
        "--folder",
        str(folder),
    ]
    with said.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment(**own), stdout=output, stderr=output, start_new_session=True
        )
        last_moment = time.monotonic() + LONGEST_SECONDS
        is_up_at = None if phase != "last" else time.monotonic()
        while process.poll() is None:
            if is_up_at is None and _UP in said.read_text(errors="replace"):
                is_up_at = time.monotonic()
            if is_up_at is not None and time.monotonic() >= is_up_at + seconds:
                _kill_everything(process.pid)
                process.wait()
                _await_the_end(folder / "airflow")
                return "killed"
            assert time.monotonic() < last_moment, f"{phase} does not end"
            time.sleep(0.05)
    told = said.read_text(errors="replace")
    if process.returncode != 0 and _RACE in told:
        return "race"
    assert process.returncode == 0, told[-3000:]
    return "done"


def _kill_everything(pid: int) -> None:
    """Kill a process and all that it started, at one moment: first everything is halted, then killed."""
    halted: set[int] = set()
    while found := {pid, *_descendants(pid)} - halted:
        for one in found:
            _send(one, signal.SIGSTOP)
        halted |= found
    for one in halted:
        _send(one, signal.SIGKILL)


def _await_the_end(airflow_home: Path) -> None:
    """Wait until the last process that inherited the lock of the Airflow home has ended.

    Raises:
        AssertionError: one outlives everything that it was started for.
    """
    last_moment = time.monotonic() + END_SECONDS
    while airflow_home.is_dir():
        try:
            take_place(airflow_home).close()
        except AlreadyRunning:
            assert time.monotonic() < last_moment, "a process outlives the killed Airflow"
            time.sleep(0.1)
        else:
            return


def _send(pid: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, what)


def _descendants(pid: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            state = (path / "stat").read_text()
        except OSError:  # it ended meanwhile
            continue
        parent = int(state.rpartition(")")[2].split()[1])
        children.setdefault(parent, []).append(int(path.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        waiting += (new := children.get(waiting.pop(), []))
        found |= set(new)
    return found


# --- what must be true in the end ---


def assert_forgotten(folder: Path, words: list[str]) -> None:
    """Nothing of anybody stands anywhere, and what was done is proved without it."""
    home, inputs = folder / "run", folder / "inputs"
    left = standing(
        [
            home,
            beside(home),
            folder / "airflow",
            inputs / "ward",
            inputs / "contractor",
            inputs / "jlis",
        ],
        words,
    )
    assert left == {}, f"still there: {sorted(left)}"
    told = "".join(
        "".join(page_texts((home / "erasure" / number / "certificate.pdf").read_bytes()))
        for number in ("001", "002")
    ).replace("\r\n", "")
    assert [name for name in CLASSES_JA.values() if name not in told] == []
    for number in ("001", "002"):
        _assert_signed(home, home / "erasure" / number)
    with opened(home, inputs) as c:
        assert verify(c).faults == ()
        assert closeout.balance(c, LAST_END)["eligible"] > 0
        period = Period(**{"from": date(2020, 4, 1), "to": LAST_END})
        pack = make_pack(c, period, STEWARD, LAST_END)
    with tempfile.TemporaryDirectory() as elsewhere:
        path = Path(elsewhere) / "pack.zip"
        path.write_bytes(pack)
        with zipfile.ZipFile(path) as archive:
            archive.extractall(Path(elsewhere) / "pack")
        for check in (["sh", "check.sh"], ["python3", "check_chain.py"]):
            subprocess.run(
                check, cwd=Path(elsewhere) / "pack", check=True, stdout=subprocess.DEVNULL
            )
        assert standing([Path(elsewhere)], words) == {}


def _assert_signed(home: Path, folder: Path) -> None:
    command = [
        require("openssl"), "cms", "-verify", "-binary", "-inform", "DER", "-purpose", "any",
        "-CAfile", str(home / "pki" / "ward" / "ca.crt"), "-in", str(folder / "certificate.p7s"),
        "-content", str(folder / "certificate.pdf"),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)


def soak(kills: int, seed: int, folder: Path) -> Killed:
    """Play the whole, killed that many times.

    Raises:
        AssertionError: something is not as it must be.
    """
    inputs = make_ward(folder / "inputs", RESIDENTS, WARD_SEED, THREE_DAYS)
    words, rng, done = canaries(inputs), random.Random(seed), Killed()
    play_killed("days", folder, kills // 2, rng, done)
    finish(folder / "run", inputs)
    stood = sum(standing([folder / "run"], words).values())
    assert stood > 100, f"only {stood} canaries stand before the erasure: nothing would be shown"
    play_killed("closing", folder, kills - kills // 2 - kills // 10, rng, done)
    play_killed("last", folder, kills - done.kills.total(), rng, done)
    assert_forgotten(folder, words)
    return done


@contextmanager
def _place(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="closeout-") as made:
        yield Path(made)


def main() -> None:
    """Run from the command line and print what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--folder", type=Path, help="a new folder that is kept (else a temporary one)"
    )
    parser.add_argument("--play", choices=PHASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.play:
        play(options.play, options.folder)
        return
    started = time.monotonic()
    with _place(options.folder) as folder:
        done = soak(options.kills, options.seed, folder)
    seconds = time.monotonic() - started
    sys.stdout.write(f"{done}, seed {options.seed}, {seconds:.0f} s: nothing of anybody is left\n")


if __name__ == "__main__":
    main()
