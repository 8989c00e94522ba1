"""A bank that answers in parts, of strange payments, or against itself: the campaign goes on, nothing is guessed.

The simulated bank, in a process of its own, reads its mood from `moods.json` and speaks over the link alone.
"""

import json
import shutil

import pytest

from tests.campaign_home import faults, final_state, make_ward, rows, run_campaign
from tests.components import require

pytestmark = pytest.mark.component("openssl")

FIRST, LAST = "payments_20200520_01.txt", "payments_20200603_01.txt"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    require("openssl")
    folder = tmp_path_factory.mktemp("ward") / "inputs"
    return make_ward(folder, 300, 7, {"2020-05-18", "2020-05-20", "2020-06-03", "2020-06-17"})


class Played:
    """A campaign with a bank of some moods, and how it stands."""

    def __init__(self, inputs, folder, moods):
        self.inputs, self.home = folder / "inputs", folder / "home"
        shutil.copytree(inputs, self.inputs)
        (self.inputs / "bank" / "moods.json").write_text(json.dumps(moods), encoding="utf-8")
        done = run_campaign(self.inputs, self.home)
        assert done.returncode == 0, done.stdout + done.stderr
        self.printed = done.stdout
        self.state = final_state(self.home)

    def results(self):
        """(file name of the batch, result) -> payments."""
        batches = dict(rows(self.home, "batch", ("batch_id", "file_name")))
        found = {}
        for batch, result in rows(self.home, "payment", ("batch_id", "result")):
            found[batches[batch], result] = found.get((batches[batch], result), 0) + 1
        return found

    def unreconciled(self):
        columns = ("payment_key", "fault", "source_name")
        return [
            (fault, source) for fault, source, _ in rows(self.home, "unreconciled_result", columns)
        ]


@pytest.fixture(scope="module")
def silent(inputs, tmp_path_factory):
    """One transfer of the first file is never answered; the second file has a payment that is not ours."""
    moods = {FIRST: "partial", LAST: "unknown_key"}
    return Played(inputs, tmp_path_factory.mktemp("silent"), moods)


@pytest.fixture(scope="module")
def fickle(inputs, tmp_path_factory):
    """One transfer of the first file comes back later; one of the second is told twice, paid and not paid."""
    moods = {FIRST: "late_return", LAST: "contradiction"}
    return Played(inputs, tmp_path_factory.mktemp("fickle"), moods)


@pytest.mark.parametrize("name", ["silent", "fickle"])
def test_everybody_and_every_yen_is_accounted_for(request, name):
    played = request.getfixturevalue(name)
    assert faults(played.home) == []


def test_f18_played_again_nothing_changes(fickle):
    again = run_campaign(fickle.inputs, fickle.home)
    assert again.returncode == 0, again.stderr
    assert final_state(fickle.home) == fickle.state


def test_f19_what_a_file_does_not_answer_is_unknown_after_the_limit_and_told(silent):
    found = silent.results()
    assert found[FIRST, None] == 1
    states = {state for (state,) in rows(silent.home, "entitlement", ("state",))}
    assert {"unknown", "paid"} <= states
    batches = dict(rows(silent.home, "batch", ("file_name", "state")))
    assert (batches[FIRST], batches[LAST]) == ("delivered", "settled")
    assert f"result_{FIRST}: 結果のない振込が1件" in silent.printed
    assert "期限までに結果の届かない振込" in silent.printed
    assert "振込結果不明 1件" in silent.printed


def test_f18_a_payment_that_is_not_ours_waits_and_the_rest_of_the_file_counts(silent):
    assert silent.unreconciled() == [("unknown_key", f"result_{LAST}")]
    assert (LAST, None) not in silent.results()
    assert "台帳にない支払番号 1件" in silent.printed


def test_f20_what_the_bank_brings_back_later_is_returned_and_the_person_is_written_to(fickle):
    ((_, late_key, code, *_),) = rows(fickle.home, "late_return")
    assert code == "9"
    results = dict(rows(fickle.home, "payment", ("payment_key", "result")))
    assert results[late_key] == "returned"
    written = {key for _, key, _ in rows(fickle.home, "deficiency_letter")}
    assert late_key in written
    assert (FIRST, None) not in fickle.results()


def test_f18_what_is_told_twice_is_unknown_and_the_rest_of_the_file_counts(fickle):
    assert fickle.unreconciled() == [("told_twice", f"result_{LAST}")] * 2
    found = fickle.results()
    assert found[LAST, None] == 1
    assert found[LAST, "paid"] > 40
    assert "一つのファイルに二つの異なる結果 2件" in fickle.printed


@pytest.mark.parametrize("name", ["silent", "fickle"])
def test_what_is_told_names_no_account(request, name):
    played = request.getfixturevalue(name)
    accounts = {number for (number,) in rows(played.home, "payment", ("account_number",))}
    told = [reason for *_, reason in rows(played.home, "refusal")]
    assert told
    assert not [line for line in told if any(number in line for number in accounts)]
