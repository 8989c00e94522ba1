"""Kills at seeded random moments over whole campaigns: `python -m tests.soak.kills --kills 300 --seed 1`.

`kyufu campaign` plays a small ward's first payment days and is killed by SIGKILL, process group and all, again and
again: at a random place of `pipelines/failpoints.py`, or after a random time. It is run on after each kill; once it
comes to its end, everything that it left must be what an undisturbed campaign left, and the next campaign begins.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from pipelines.at_rest.store import beside
from pipelines.ledger.engine import open_engine
from tests.campaign_home import (
    THREE_DAYS,
    await_the_end_of_the_children,
    campaign_command,
    environment,
    faults,
    final_state,
    half_written,
    make_ward,
    rows,
    sqlite_url,
)

RESIDENTS, WARD_SEED = 150, 7
PLACES_TO_A_KILL = 15  # on average; an undisturbed campaign comes to about 300
KILLS_A_CAMPAIGN = 5  # by the clock, on average
LONGEST_SECONDS = 600


@dataclass
class Soaked:
    """What was done. kills: by "place" and by "time"."""

    kills: Counter[str] = field(default_factory=Counter)
    campaigns: int = 0

    def __str__(self) -> str:
        by = ", ".join(f"{count} by {what}" for what, count in sorted(self.kills.items()))
        return f"{self.kills.total()} kills ({by}) in {self.campaigns} campaigns"


@dataclass(frozen=True)
class Undisturbed:
    """A campaign that nobody kills."""

    inputs: Path
    home: Path
    seconds: float
    state: dict[str, object]


def play_undisturbed(folder: Path) -> Undisturbed:
    """Make the ward and play its campaign once.

    Raises:
        AssertionError: it does not succeed.
    """
    inputs = make_ward(folder / "inputs", RESIDENTS, WARD_SEED, THREE_DAYS)
    home = folder / "undisturbed"
    started = time.monotonic()
    done = subprocess.run(
        campaign_command(inputs, home), env=environment(), capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Undisturbed(inputs, home, time.monotonic() - started, final_state(home))


def soak(kills: int, seed: int, folder: Path) -> Soaked:
    """Kill that many times, and play the last campaign to its end.

    Raises:
        AssertionError: something is not as undisturbed; the message names the seed and the kill.
    """
    calm = play_undisturbed(folder)
    rng = random.Random(seed)
    done = Soaked()
    while done.kills.total() < kills:
        home = folder / f"campaign{done.campaigns}"
        shutil.copytree(calm.home / "pki", home / "pki")  # making keys takes seconds
        try:
            _play_killed(calm, home, kills, rng, done)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, after {done}: {error}") from error
        done.campaigns += 1
        sys.stdout.write(f"{done}: as if undisturbed\n")
        sys.stdout.flush()
        shutil.rmtree(home)
        shutil.rmtree(beside(home))
    return done


def _play_killed(
    calm: Undisturbed, home: Path, kills: int, rng: random.Random, done: Soaked
) -> None:
    """One campaign, killed until it comes to its end."""
    while True:
        by = rng.choice(("place", "time")) if done.kills.total() < kills else "nothing"
        if not _run_once(calm, home, by, rng):
            break
        done.kills[by] += 1
        await_the_end_of_the_children(home)
        assert_sound(home)
    found = final_state(home)
    differing = [name for name in calm.state if found[name] != calm.state[name]]
    assert differing == [], f"not as undisturbed: {differing}"
    assert found.keys() == calm.state.keys()
    assert faults(home) == []
    assert [path for path in half_written(home) if path.startswith("link/")] == []


def _run_once(calm: Undisturbed, home: Path, by: str, rng: random.Random) -> bool:
    """Start the campaign; whether it was killed before its end."""
    place = 1 + int(rng.expovariate(1 / PLACES_TO_A_KILL))
    seconds = rng.expovariate(KILLS_A_CAMPAIGN / calm.seconds)
    variables = {"KYUFU_FAILPOINT": f"any:{place}"} if by == "place" else {}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            campaign_command(calm.inputs, home), env=environment(**variables), stdout=subprocess.DEVNULL,
            stderr=said, start_new_session=True,
        )  # fmt: skip
        try:
            status = process.wait(seconds if by == "time" else LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
        said.seek(0)
        assert status in (0, -signal.SIGKILL), said.read().decode(errors="replace")[-2000:]
    return status != 0


def assert_sound(home: Path) -> None:
    """Whatever moment it died at: the balance is true and nobody has two live payments.

    Raises:
        AssertionError: it is not so.
    """
    if not _is_migrated(home):
        return
    assert faults(home) == []
    live = [
        person for person, is_live in rows(home, "payment_item", ("person_id", "live")) if is_live
    ]
    assert len(live) == len(set(live)), "two live payments"


def _is_migrated(home: Path) -> bool:
    """Whether the ledger has its tables; they come in one transaction."""
    if not (home / "ledger.sqlite").is_file():
        return False
    engine = open_engine(sqlite_url(home))
    try:
        return sa.inspect(engine).has_table("payment_item")
    finally:
        engine.dispose()


def main() -> None:
    """Run from the command line and print what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kyufu-kills-") as folder:
        done = soak(options.kills, options.seed, Path(folder))
    seconds = time.monotonic() - started
    sys.stdout.write(
        f"{done}, seed {options.seed}, {seconds:.0f} s: every campaign ended as if undisturbed\n"
    )


if __name__ == "__main__":
    main()
