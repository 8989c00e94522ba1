"""A process that works on one dataset beside the test's own: it says where it is, and waits there for a line.

`python -m tests.unit.intake.partition_worker WORK HOME LEDGER_URL WAIT_SECONDS [BOOK]`, WORK as in `WORKS`, with
`SLOWLY` behind it or not.
"""

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

from pipelines.errors import KyufuError
from pipelines.intake import staging as staging_module
from pipelines.intake.staging import Staging
from pipelines.ledger.engine import open_engine
from pipelines.ledger.store import Ledger
from pipelines.programme import Settings, load_programme
from pipelines.steps import inbox, quarantine
from pipelines.steps.campaign import Campaign
from tests.unit.intake.intake_world import PASSWORD, PROGRAMME

DAY, TODAY = date(2020, 5, 18), date(2020, 5, 19)
DATASET, CHANGES = "visually_impaired", "register_changes"
SLOWLY = "_slowly"  # after a work's name: it stops once before it publishes
REFUSED = 3  # how the process ends when Kyufu says no; its message is on standard error


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def _pause(where: str) -> None:
    _say(where)
    sys.stdin.readline()


def _pause_in_the_work_folder() -> None:
    """Stop once at the first file beside the Parquet files: they are written, nothing is published."""
    write_whole = staging_module.write_whole

    def paused(path: Path, data: bytes) -> None:
        staging_module.write_whole = write_whole  # type: ignore[attr-defined]
        _pause("in the work folder")
        write_whole(path, data)

    staging_module.write_whole = paused  # type: ignore[attr-defined]


def _hold(c: Campaign, _book: Path) -> None:
    with c.staging.holding(DATASET):
        _pause("holding")


def _receive(dataset: str, day: date) -> Callable[[Campaign, Path], None]:
    def work(c: Campaign, _book: Path) -> None:
        files = inbox.read_ward_files(c, dataset, day)
        assert files is not None
        inbox.stage_and_enter(c, dataset, day, files)

    return work


def _return(c: Campaign, book: Path) -> None:
    quarantine.take_back(c, book.read_bytes(), book.name, PASSWORD, "os:steward", TODAY)


WORKS: dict[str, Callable[[Campaign, Path], None]] = {
    "hold": _hold, "receive": _receive(DATASET, DAY), "return": _return,
    "receive_changes": _receive(CHANGES, DAY), "receive_changes_next": _receive(CHANGES, TODAY),
}  # fmt: skip


def main(work: str, home: str, url: str, seconds: str, book: str = "") -> None:
    """Do one work on the home of a test."""
    folder = Path(home)
    settings = Settings(
        programme_path=PROGRAMME, home=folder, inputs=folder.parent / "inputs", ledger_url=url
    )
    programme = load_programme(PROGRAMME)
    ledger = Ledger(open_engine(url), programme.id)
    c = Campaign(programme, settings, ledger, Staging(folder, float(seconds)), None)  # type: ignore[arg-type]
    _say("started")
    if work.endswith(SLOWLY):
        _pause_in_the_work_folder()
    try:
        WORKS[work.removesuffix(SLOWLY)](c, Path(book))
    except KyufuError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(REFUSED)
    finally:
        ledger.engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
