"""Random backfills, clears and re-runs through real Airflow: `python -m tests.soak.backfills --repeats 25 --seed 1`.

The rehearsal plays its days as `make run` does; then, in the same Airflow, days that are done are backfilled, runs that
have ended are cleared, DAGs are started again. After each the ledger and everything at the parties is what it was.
Without KYUFU_HOME the first days of the sample are played in a temporary folder.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pipelines.campaign import campaign_days
from pipelines.errors import KyufuError
from pipelines.programme import ROOT
from pipelines.rehearsal.__main__ import run
from pipelines.rehearsal.api import Api
from pipelines.rehearsal.days import DAGS
from pipelines.rehearsal.start import Running
from tests.campaign_home import faults, final_state

SAMPLE = ROOT / "data" / "samples" / "ward"
DAYS = ("2020-05-18", "2020-05-20", "2020-06-03")
DAILY = (
    "register",
    "welfare",
    "claims",
)  # the others follow an asset: they are backfilled through their source
QUIET_POLLS = 4
POLL_SECONDS = 1.0
LONGEST_SECONDS = 900.0


def copy_sample(inputs: Path, days: tuple[str, ...]) -> None:
    """Copy the sample's inputs of some days."""
    for source in SAMPLE.rglob("*"):
        day = next((part for part in source.parts if part.startswith("2020-")), None)
        if source.is_file() and (day is None or day in days):
            target = inputs / source.relative_to(SAMPLE)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


class Repeats:
    """What is done to an Airflow whose days are all played."""

    def __init__(self, running: Running, api: Api, rng: random.Random) -> None:
        self.running = running
        self.api = api
        self.rng = rng
        self.days = [day.isoformat() for day in campaign_days(running.place.settings.inputs)]

    def backfill(self) -> str:
        """A daily DAG over a day that is done."""
        dag, day = self.rng.choice(DAILY), self.rng.choice(self.days)
        self.api.backfill(dag, day)
        return f"backfill {dag} {day}"

    def clear(self) -> str:
        """A run that has ended; not a backfill's, which Airflow 3.3 may leave hanging (#72337)."""
        dag, day = self.rng.choice(DAGS), self.rng.choice(self.days)
        runs = [name for name in self.api.runs(dag, day) if not name.startswith("backfill")]
        run_id = self.rng.choice(sorted(runs))
        self.api.clear(dag, run_id)
        return f"clear {dag} {day}"

    def rerun(self) -> str:
        """A DAG once more for a day."""
        dag, day = self.rng.choice(DAGS), self.rng.choice(self.days)
        self.api.trigger(dag, day, f"again__{day}__{time.time_ns()}")
        return f"re-run {dag} {day}"

    def wait(self) -> None:
        """Wait until nothing runs, and nothing that follows has been started.

        Raises:
            AssertionError: it does not end, or a run has failed.
        """
        last_moment = time.monotonic() + LONGEST_SECONDS
        quiet = 0
        while quiet < QUIET_POLLS:
            self.running.check()
            assert time.monotonic() < last_moment, f"still running: {self.api.unfinished()}"
            quiet = 0 if self.api.unfinished() else quiet + 1
            time.sleep(POLL_SECONDS)
        failed = [
            (dag, run_id)
            for dag in DAGS
            for day in self.days
            for run_id in self.api.runs(dag, day)
            if self.api.state(dag, run_id) != "success"
        ]
        assert failed == [], f"failed: {failed}"


def repeat(repeats: int, seed: int) -> Callable[[Running, Api], None]:
    """What `run` does after the days: that many repetitions, each followed by a comparison."""

    def then(running: Running, api: Api) -> None:
        home, url = running.place.settings.home, running.place.settings.ledger_url
        rng = random.Random(seed)
        some = Repeats(running, api, rng)
        some.wait()
        before = final_state(home, url)
        assert before["payment"], "nobody was paid, so nothing is shown"
        for number in range(repeats):
            kinds = [some.backfill, some.clear, some.rerun]
            what = kinds[number % len(kinds)]()
            where = f"seed {seed}, {number + 1}: {what}"
            some.wait()
            after = final_state(home, url)
            assert [name for name in before if after[name] != before[name]] == [], where
            assert faults(home, url) == [], where
            sys.stdout.write(f"{what}: nothing changed\n")
        sys.stdout.write(f"{repeats} backfills, clears and re-runs, seed {seed}: nothing changed\n")

    return then


def main() -> int:
    """Run from the command line; 0 if nothing changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--airflow-home", type=Path)
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    then = repeat(options.repeats, options.seed)
    with tempfile.TemporaryDirectory(prefix="kyufu-repeats-") as folder:
        if "KYUFU_HOME" not in os.environ:
            copy_sample(Path(folder) / "inputs", DAYS)
            os.environ["KYUFU_HOME"] = str(Path(folder) / "run")
            os.environ["KYUFU_INPUTS"] = str(Path(folder) / "inputs")
        started = time.monotonic()
        try:
            status = run(options.airflow_home or Path(folder) / "airflow", then)
        except KyufuError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        sys.stdout.write(f"{time.monotonic() - started:.0f} s, boot and stop included\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
