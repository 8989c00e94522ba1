"""`kyufu quarantine return` killed at each place: running it again ends as if it had never been killed.

Real processes and SIGKILL (`pipelines/failpoints.py`). The workbook has a row that is mended, one that stays bad, and
one that is held back, because its mended number is that of an accepted row.
"""

import json
import shutil
import signal
from datetime import date

import pytest
import sqlalchemy as sa

from pipelines.ledger import tables
from pipelines.ledger.engine import open_engine
from pipelines.ledger.store import verify_chain
from pipelines.steps import inbox, quarantine
from tests.campaign_home import PROGRAMME, PROGRAMME_ID
from tests.kyufu_process import run_kyufu
from tests.unit.intake.intake_world import PASSWORD, arrive, csv_bytes, mend, new_campaign

DAY = date(2020, 5, 18)
DATASET = "visually_impaired"
ROWS = ("0000000001,見本一", "9,別人", "3,見本三", "4,見本四")
MENDED = {3: {"住民番号": "0000000001"}, 4: {"住民番号": "0000000003"}, 5: {"住民番号": "44"}}

# the second file that is written whole is the manifest
PLACES = (
    "files.before_rename", "files.before_rename:2", "quarantine.staged", "quarantine.before_commit",
    "quarantine.after_commit",
)  # fmt: skip


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """A home with rows that wait, and the workbook that mends them."""
    folder = tmp_path_factory.mktemp("return")
    c = new_campaign(folder)
    arrive(c, f"{DATASET}_20200518.csv", csv_bytes("住民番号,氏名", *ROWS), DAY)
    inbox.stage_and_enter(c, DATASET, DAY, inbox.read_ward_files(c, DATASET, DAY))
    data = quarantine.export(c, DATASET, DAY, PASSWORD, "os:steward", "修正", DAY)
    c.ledger.engine.dispose()
    (folder / "mended.xlsx").write_bytes(mend(data, "rows", MENDED))
    return folder


def _give_back(folder, place=""):
    variables = {
        "KYUFU_HOME": str(folder / "home"), "KYUFU_LEDGER_URL": f"sqlite:///{folder / 'ledger.sqlite'}",
        "KYUFU_PROGRAMME": str(PROGRAMME), "KYUFU_QUARANTINE_PASSWORD": PASSWORD, "KYUFU_FAILPOINT": place,
    }  # fmt: skip
    return run_kyufu("quarantine", "return", str(folder / "mended.xlsx"), **variables)


def _outcome(folder):
    """(staged files, counts in the ledger, the record of the return): all that a return leaves."""
    staging = folder / "home" / "staging"
    files = {
        str(p.relative_to(staging)): p.read_bytes()
        for p in sorted(staging.rglob("*"))
        if p.is_file()
    }
    engine = open_engine(f"sqlite:///{folder / 'ledger.sqlite'}")
    a, f = tables.audit, tables.intake_file
    try:
        with engine.connect() as connection:
            verify_chain(connection)
            query = sa.select(a.c.actor, a.c.subject, a.c.detail).where(
                a.c.event == "quarantine.returned", a.c.programme == PROGRAMME_ID
            )
            events = [tuple(row) for row in connection.execute(query)]
            counts = [tuple(row) for row in connection.execute(sa.select(f))]
    finally:
        engine.dispose()
    return files, counts, events


@pytest.fixture(scope="module")
def undisturbed(ready, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "copy"
    shutil.copytree(ready, folder)
    done = _give_back(folder)
    assert done.returncode == 0, done.stderr
    return _outcome(folder), done.stdout


def test_undisturbed_one_row_is_mended_one_held_back_one_still_bad(undisturbed):
    (_, _, ((_, subject, detail),)), _ = undisturbed
    told = json.loads(detail)
    assert subject == f"quarantine:{DATASET}:{DAY}:v002"
    assert (told["accepted"], told["held_back"], told["waiting"]) == (1, [["rows", 3]], 2)


@pytest.mark.parametrize("place", PLACES)
def test_killed_and_run_again_it_ends_as_if_undisturbed(ready, undisturbed, tmp_path, place):
    folder = tmp_path / "copy"
    shutil.copytree(ready, folder)
    assert _give_back(folder, place).returncode == -signal.SIGKILL
    expected, said = undisturbed
    for _ in range(2):
        done = _give_back(folder)
        assert (done.returncode, done.stdout) == (0, said), done.stderr
        assert _outcome(folder) == expected
