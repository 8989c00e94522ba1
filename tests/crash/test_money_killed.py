"""Payment and delivery killed at every arrow, and run again: nobody paid twice, nobody lost, the same bytes.

Every kill is a SIGKILL of a process of its own, on a copy of one ward's home as it was before the scene
(`scenes.py`). Numbers as in the project's list of faults. `test_money_killed_postgresql.py` is the same on PostgreSQL.
"""

import os
import re
import shutil
from pathlib import Path

import pytest

from pipelines import failpoints
from tests.campaign_home import faults, final_state, half_written, rows, sqlite_url
from tests.crash.erasure_places import erasure_places
from tests.crash.money_world import (
    Ledgers,
    World,
    delivered_hashes,
    live_payments,
    make_world,
    play,
    play_at_once,
    sealed_hashes,
    was_killed,
)

COMMITS = {
    "ledger.before_commit": "whatever the program or a person does: in its transaction, not committed",
    "ledger.after_commit": "the same, committed, and nobody was told",
}
DELIVERY = {
    "approvals.decided": "one of two approvals given",
    "files.before_rename": "the finished bytes under their temporary name",
    "payments.sending": "f01: the batch is marked as sending",
    "outbox.packed": "f01: sealed, unknown to the ledger",
    "outbox.sealed": "f01: the ledger knows the sealed bytes, the bank has nothing",
    "link.before_upload": "f01: looked at the bank's home, uploaded nothing",
    "link.mid_upload": "f02: half of the file at the bank",
    "outbox.started": "f02: whole under its temporary name, the ledger says it is being sent",
    "link.before_rename": "f02: the same, a moment before the rename",
    "link.after_rename": "f03: the file has its final name, not its manifest",
    "link.after_manifest": "f03: published, the bank may be posting",
    "outbox.sent": "f03: published, the ledger says it is being sent",
    "outbox.acknowledged": "acknowledged, the ledger does not know",
    "payments.sent": "the bank has acknowledged, the batch does not know",
    "results.read": "the bank's result read, not recorded",
    "results.settled": "the result recorded, nobody was told",
}
LIST_WRITTEN = "files.before_rename"  # of the counter's payout list
# scene -> where it is killed: the first time at a place of the delivery, again and again at commits (`_times`); the two
# payment days have the same arrows but for the stop, so that one is killed before and the other after commits
PLACES = {
    "pay": {"ledger.before_commit", *DELIVERY},
    "pay_again": {"ledger.after_commit"},
    "decide": {*COMMITS, LIST_WRITTEN},
}
CASES = [(scene, place) for scene, places in PLACES.items() for place in sorted(places)]
# killed by tests of their own: tests/crash/test_campaign_killed.py, test_return_killed.py, test_accounts_killed.py,
# test_erasure_killed.py, tests/unit/holds
ELSEWHERE = {
    "inbox.staged", "quarantine.staged", "quarantine.before_commit", "quarantine.after_commit",
    "holds.before_commit", "holds.decided", "accounts.read", *erasure_places(),
}  # fmt: skip
WORKERS = 8


@pytest.fixture(scope="module")
def ledgers() -> Ledgers:
    return Ledgers(sqlite_url, lambda _url, home: sqlite_url(home), lambda _url: None)


@pytest.fixture(scope="module")
def world(ledgers, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("money")
    yield make_world(scratch, ledgers)
    shutil.rmtree(scratch)


# --- the story that is disturbed ---


def _counts(world: World, scene: str, table: str) -> int:
    return len(world.states[scene][table])


def test_the_scenes_hold_everything_that_may_be_disturbed(world):
    attempts = rows(
        world.homes["the end"].home, "payment", ("attempt",), world.homes["the end"].url
    )
    assert (2,) in attempts, "no new attempt after a return"
    assert _counts(world, "pay", "deficiency_letter") > 0, "no letter about a return"
    assert _counts(world, "pay_again", "deficiency_letter") > _counts(
        world, "pay", "deficiency_letter"
    )
    assert (
        _counts(world, "pay_again", "sending_stop"),
        _counts(world, "pay_again", "sending_resume"),
    ) == (1, 2)
    assert "unknown" in str(world.states["pay_again"]["entitlement"]), "no unknown result"
    assert "unknown" not in str(world.states["decide"]["entitlement"])
    assert _counts(world, "decide", "recovery") == _counts(world, "pay_again", "recovery") + 1
    assert _counts(world, "decide", "recovery_entry") == 1
    assert _counts(world, "decide", "cash_order") == 2, "nobody is paid at the counter"
    assert _counts(world, "decide", "cash_receipt") == 1
    sent = _counts(world, "decide", "batch") - 1  # one lay at the counter
    assert len(world.states["decide"]["posted"]) == sent == 3


def test_every_place_that_a_scene_comes_to_is_killed_at(world):
    steps = re.compile(
        r"ledger\.(before|after)_commit\..+"
    )  # the same moments as the commits without a step's name
    came_to = {
        scene: {name for name in world.passed[scene] if not steps.fullmatch(name)} for scene in PLACES
    }  # fmt: skip
    assert came_to["pay"] == came_to["pay_again"] == {*COMMITS, *DELIVERY}
    assert came_to["decide"] == {*COMMITS, LIST_WRITTEN}
    assert set.union(*PLACES.values()) == {*COMMITS, *DELIVERY}


def test_every_failpoint_is_in_the_table_and_in_a_test():
    table = set(re.findall(r"^\| (\w+\.[\w.]+) \|", failpoints.__doc__, re.MULTILINE))
    source = Path(failpoints.__file__).parent
    called = {
        name for path in source.rglob("*.py") for name in re.findall(r'failpoint\(f?"([^"]+)"\)', path.read_text())
    }  # fmt: skip
    assert {name.replace("{name}", "STEP") for name in called} == table
    plain = {name for name in table if "STEP" not in name}
    assert plain == {*COMMITS, *DELIVERY} | ELSEWHERE


# --- killed and run again ---


def _times(world: World, scene: str, place: str) -> range:
    """Which passings of a place are killed: the first; of the commits as many as there is time for."""
    if place not in COMMITS:
        return range(1, 2)
    step = 2 if world.homes[scene].url.startswith("sqlite") else 6
    if os.environ.get("KYUFU_EVERY_COMMIT"):
        step = 1
    return range(1, world.passed[scene][place] + 1, step)


@pytest.mark.parametrize(("scene", "place"), CASES)
def test_f01_to_f20_killed_and_run_again_it_ends_as_if_undisturbed(world, scene, place):
    expected = world.states[scene]
    for time in _times(world, scene, place):
        where = f"{scene}, {place}:{time}"
        with world.copy(scene) as home:
            assert was_killed(play(home, scene, f"{place}:{time}")), where
            assert faults(home.home, home.url) == [], where
            live = live_payments(home)
            assert len(live) == len(set(live)), where
            sealed = sealed_hashes(home)
            again = play(home, scene)
            assert (again.exitcode, again.refused) == (0, None), where
            found = final_state(home.home, home.url)
            assert [name for name in expected if found[name] != expected[name]] == [], where
            assert found.keys() == expected.keys()
            assert faults(home.home, home.url) == [], where
            assert sealed.items() <= sealed_hashes(home).items(), where
            assert delivered_hashes(home) == sealed_hashes(home), where
            assert [p for p in half_written(home.home) if p.startswith("link/")] == [], where


@pytest.mark.parametrize("scene", PLACES)
def test_f11_the_same_again_changes_nothing(world, scene):
    with world.copy(scene) as home:
        for _ in range(2):
            told = play(home, scene)
            assert (told.exitcode, told.refused) == (0, None)
            found = final_state(home.home, home.url)
            assert [name for name in found if found[name] != world.states[scene][name]] == []


# --- at once ---


def test_f10_eight_processes_run_the_same_payment_day_and_there_is_one_batch(world):
    with world.copy("pay") as home:
        told = play_at_once(home, "pay", WORKERS)
        assert [one.exitcode for one in told] == [0] * WORKERS, "an error without an answer"
        assert sum(one.refused is None for one in told) >= 1
        told_again = play(home, "pay")
        assert (told_again.exitcode, told_again.refused) == (0, None)
        found, expected = final_state(home.home, home.url), world.states["pay"]
        assert [name for name in expected if found[name] != expected[name]] == []
        assert faults(home.home, home.url) == []
        assert delivered_hashes(home) == sealed_hashes(home)
