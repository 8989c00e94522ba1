"""`kyufu campaign` killed at named places, one after the other in one home: it ends as if undisturbed.

Each test kills a real process with SIGKILL at its first coming to the place (`pipelines/failpoints.py`), starting from
wherever the kills before it left the home. The last test lets it finish. Numbers as in the project's list of faults.
"""

import shutil
import signal
from pathlib import Path

import pytest

from tests.campaign_home import (
    THREE_DAYS,
    await_the_end_of_the_children,
    faults,
    final_state,
    half_written,
    make_ward,
    rows,
    run_campaign,
)

# in the order in which a campaign comes to them; payment and delivery are killed in `test_money_killed.py`
PLACES = {
    "inbox.staged": "a dataset is staged, the ledger does not know it",
    "ledger.before_commit.register.freeze": "the snapshot in its transaction",
    "files.before_rename": "the draft of the lists' effects under its temporary name",
    "approvals.decided": "one of two approvals given",
    "ledger.before_commit.forms.build": "the forms' bytes stored, not in the ledger",
    "link.mid_upload": "f02: half of the forms at the contractor",
    "outbox.sent": "f03: published, the ledger says it is being sent",
    "ledger.before_commit.claims.decide": "the first day's decisions in their transaction",
    "ledger.after_commit.payments.draft": "people are in payment, nobody has approved",
    "link.after_manifest": "f03: the bank may be posting",
}


class Killed:
    """One home that campaign after campaign is killed in."""

    def __init__(self, inputs: Path, home: Path) -> None:
        self.inputs = inputs
        self.home = home

    def at(self, place: str) -> None:
        """Run until the place; the process dies there, its children by themselves."""
        done = run_campaign(self.inputs, self.home, KYUFU_FAILPOINT=place)
        assert done.returncode == -signal.SIGKILL, f"it did not come to {place}: {done.stderr}"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_ward(tmp_path_factory.mktemp("ward") / "inputs", 200, 7, THREE_DAYS)


@pytest.fixture(scope="module")
def undisturbed(inputs, tmp_path_factory):
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    done = run_campaign(inputs, home)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="module")
def killed(inputs, undisturbed, tmp_path_factory):
    home = tmp_path_factory.mktemp("killed") / "home"
    shutil.copytree(undisturbed / "pki", home / "pki")  # making keys takes seconds
    return Killed(inputs, home)


@pytest.mark.parametrize("place", PLACES)
def test_killed(killed, place):
    killed.at(place)
    await_the_end_of_the_children(killed.home)
    if place != "inbox.staged":
        assert faults(killed.home) == []


def test_run_again_after_all_kills_it_ends_as_if_undisturbed(killed, undisturbed):
    done = run_campaign(killed.inputs, killed.home)
    assert done.returncode == 0, done.stderr
    expected, found = final_state(undisturbed), final_state(killed.home)
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
    assert len(found["posted"]) == len(found["batch"]) == 2


def test_f01_to_f03_every_payment_file_was_delivered_once(killed):
    names = [Path(p).name for p in final_state(killed.home)["at the parties"] if "/bank/" in p]
    batches = sorted(str(name) for (name,) in rows(killed.home, "batch", ("file_name",)))
    assert names == sorted(f"{name}{end}" for name in batches for end in (".manifest", ".p7m"))


def test_nothing_lies_half_written_at_a_receiver(killed):
    assert [path for path in half_written(killed.home) if path.startswith("link/")] == []


def test_nobody_has_two_live_payments(killed):
    live = [
        person
        for person, is_live in rows(killed.home, "payment_item", ("person_id", "live"))
        if is_live
    ]
    assert live
    assert len(live) == len(set(live))
