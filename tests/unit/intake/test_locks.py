"""Two processes on one dataset: the second waits, then says who must end first; no mending is undone."""

import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from pipelines.intake.locks import DatasetBusy, DatasetLocks
from pipelines.steps import inbox, quarantine
from pipelines.steps.campaign import open_campaign
from pipelines.terminal import no_link
from tests.campaign_home import PROGRAMME, environment
from tests.unit.intake.intake_world import PASSWORD, arrive, csv_bytes, mend, new_campaign
from tests.unit.intake.partition_worker import CHANGES, DATASET, DAY, REFUSED, TODAY
from tests.unit.intake.refusals import refusal

FILE = "visually_impaired_20200518.csv"
HEADER = (
    "住民番号,世帯番号,異動事由,異動年月日,届出年月日,"
    "カナ氏名,漢字氏名,続柄,生年月日,郵便番号,住所,方書,世帯主漢字氏名"
)
DEATH = "0000000001,0000000001,死亡,20200510,20200517,,,,,,,,"
LONG = 300  # seconds: longer than any wait in here takes


@pytest.fixture
def campaign(tmp_path):
    """A staged list with a row that waits."""
    c = new_campaign(tmp_path)
    arrive(c, FILE, csv_bytes("住民番号,氏名", "0000000001,見本一", "2,見本二"), DAY)
    inbox.stage_and_enter(c, DATASET, DAY, inbox.read_ward_files(c, DATASET, DAY))
    yield c
    c.ledger.engine.dispose()


@pytest.fixture
def book(campaign, tmp_path):
    """That row mended."""
    data = quarantine.export(campaign, DATASET, DAY, PASSWORD, "os:steward", "修正", TODAY)
    path = tmp_path / "mended.xlsx"
    path.write_bytes(mend(data, "rows", {3: {"住民番号": "0000000002"}}))
    return path


@contextmanager
def _process(c, work, wait_seconds=LONG, book=""):
    arguments = (work, c.home, c.settings.ledger_url, wait_seconds, book)
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.intake.partition_worker", *map(str, arguments)],
        env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        _await(child, "started")
        yield child
    finally:
        child.kill()
        child.communicate()


def _await(child, said):
    line = child.stdout.readline().strip()
    assert line == said, child.communicate()[1]


def _end(child, code=0):
    """Let it go on; what it said on standard error."""
    said = child.communicate("\n", timeout=LONG)[1]
    assert child.returncode == code, said
    return said


def _impatient(c):
    return DatasetLocks(c.home, 0)


def test_a_dataset_that_another_process_holds_is_refused_with_what_to_do(campaign):
    with _process(campaign, "hold") as other:
        _await(other, "holding")
        message = refusal(DatasetBusy, lambda: _impatient(campaign).holding(DATASET).__enter__())
        for told in (DATASET, "0秒", "もう一度実行"):
            assert told in message
        with _impatient(campaign).holding("facility_children"):
            pass
        _end(other)
    with _impatient(campaign).holding(DATASET):
        pass


def test_a_process_that_is_killed_leaves_no_lock(campaign):
    with _process(campaign, "hold") as other:
        _await(other, "holding")
        other.kill()
        assert other.wait() == -signal.SIGKILL
        with _impatient(campaign).holding(DATASET):
            pass


def test_who_holds_a_dataset_may_take_it_again_inside_and_keeps_it_until_the_outer_end(campaign):
    locks = _impatient(campaign)
    with locks.holding(DATASET):
        with locks.holding(DATASET):
            pass
        with _process(campaign, "receive", wait_seconds=0) as other:
            assert DATASET in _end(other, REFUSED)
    with _process(campaign, "receive", wait_seconds=0) as other:
        _end(other)


def test_a_receipt_waits_for_a_return_and_keeps_what_it_mended(campaign, book):
    with _process(campaign, "return_slowly", book=book) as first:
        _await(first, "in the work folder")
        with _process(campaign, "receive") as second:
            _end(first)
            _end(second)
    assert campaign.staging.versions(DATASET, DAY)[-1] == 2
    newest = campaign.staging.manifest(DATASET, DAY)
    assert (newest.accepted, newest.quarantined, newest.mended) == (2, 0, 1)
    with campaign.ledger.read() as connection:
        totals = inbox.intake_totals(connection, campaign.programme.id)
    assert totals == {"rows_in": 2, "accepted": 2, "quarantined": 0, "duplicates": 0}


@pytest.mark.parametrize("work", ["receive", "return"])
def test_while_one_publishes_another_neither_publishes_nor_removes_its_work_folder(
    campaign, book, work
):
    with _process(campaign, "return_slowly", book=book) as first:
        _await(first, "in the work folder")
        (beside,) = campaign.staging.root.glob(f".{DATASET}.*")
        before = sorted(path.name for path in beside.iterdir())
        assert "rows.parquet" in before
        with _process(campaign, work, wait_seconds=0, book=book) as second:
            assert DATASET in _end(second, REFUSED)
        assert sorted(path.name for path in beside.iterdir()) == before
        assert campaign.staging.versions(DATASET, DAY) == [1]
        _end(first)
    assert campaign.staging.versions(DATASET, DAY) == [1, 2]
    assert list(campaign.staging.root.glob(".*")) == []


@pytest.mark.parametrize(("first", "second"), [(DAY, TODAY), (TODAY, DAY)])
def test_of_two_days_at_once_the_second_sees_the_content_of_the_first(tmp_path, first, second):
    """A list may be as its last delivery; register changes may not."""
    c = new_campaign(tmp_path)
    for day in (first, second):
        arrive(c, f"{CHANGES}_{day:%Y%m%d}.csv", csv_bytes(HEADER, DEATH), day)
    works = {DAY: "receive_changes", TODAY: "receive_changes_next"}
    with _process(c, f"{works[first]}_slowly") as one:
        _await(one, "in the work folder")
        with _process(c, works[second], wait_seconds=0) as other:
            assert "別の処理" in _end(other, REFUSED)
        with _process(c, works[second]) as other:
            _end(one)
            assert f"{first}に取り込んだものと同じ内容" in _end(other, REFUSED)
    assert c.staging.days(CHANGES, TODAY) == [first]
    c.ledger.engine.dispose()


def test_locks_lie_apart_from_staging_and_are_empty(campaign):
    (lock,) = (campaign.home / "locks").iterdir()
    assert (lock.name, lock.read_bytes()) == (f"{DATASET}.lock", b"")
    assert lock.stat().st_mode & 0o777 == 0o600
    assert not list(campaign.staging.root.rglob("*.lock"))


def test_the_programme_says_how_long_to_wait(campaign, tmp_path):
    path = tmp_path / "programme.toml"
    text = PROGRAMME.read_text(encoding="utf-8")
    path.write_text(text.replace("busy_wait_seconds = 600", "busy_wait_seconds = 0.25"), "utf-8")
    settings = campaign.settings.model_copy(update={"programme_path": path})
    opened = open_campaign(settings, no_link)
    with _process(campaign, "hold") as other:
        _await(other, "holding")
        message = refusal(DatasetBusy, lambda: opened.staging.holding(DATASET).__enter__())
    opened.ledger.engine.dispose()
    assert "0.25秒" in message
