"""Claims that touch nobody stand in the queue too, until another claim answers them."""

import pytest

from pipelines.ledger.holds import Choice
from pipelines.matching.comparison import MASK
from pipelines.steps import holds
from pipelines.steps.holds import HoldRefused
from tests.unit.holds.holds_world import (
    LATER,
    NEXT,
    STEWARD,
    TODAY,
    VIEWER,
    audit,
    claim,
    held_ward,
    lines,
    receive,
    states,
    without_lists,
)


@pytest.fixture
def ward(tmp_path, monkeypatch):
    without_lists(monkeypatch)
    c = held_ward(tmp_path)
    # KX comes from nobody who is registered; KY would take back another household's claim
    nobody = claim("KX", "5").replace("0000000005,0000000005", "0000000077,0000000077")
    receive(c, NEXT, [nobody, claim("KY", "5", kind="取下", of="K1")], lines("KX", "5"))
    yield c
    c.ledger.engine.dispose()


def _queue(c, actor=STEWARD, code=""):
    found, total = holds.list_holds(c, actor, "確認", TODAY, code=code)
    assert len(found) == total
    return {line.hold.claim_id: line for line in found}


def test_nobodys_claims_are_listed_behind_those_who_wait_longer(ward):
    found = _queue(ward)
    assert list(found)[-2:] == ["KX", "KY"]
    assert (found["KX"].hold.codes, found["KY"].hold.codes) == ("HEAD_NOT_FOUND", "NOT_OWN_CLAIM")
    assert list(_queue(ward, code="HEAD_NOT_FOUND")) == ["KX"]
    assert states(ward)["R1"] == "held"  # what KY names stands


def test_one_is_shown_with_what_the_claim_says_and_the_showing_is_recorded(ward):
    number = _queue(ward)["KX"].hold.hold_id
    shown = holds.show(ward, number, STEWARD, "確認", TODAY)
    items = {(item.about, item.label): item.claimed for item in shown.items}
    assert items["申請者", "氏名"] == "丁川　五郎"
    assert items["対象者", "世帯番号"] == "0000000077"
    assert audit(ward, "hold.shown")[-1][:2] == (STEWARD.name, "KX")


def test_as_it_may_be_a_protected_persons_only_stewards_see_whose_it_says_it_is(ward):
    line = _queue(ward, VIEWER)["KX"]
    assert line.claim_id == MASK


@pytest.mark.parametrize("choice", list(Choice))
def test_nobody_can_decide_one(ward, choice):
    number = _queue(ward)["KX"].hold.hold_id
    with pytest.raises(HoldRefused, match=r"だれの申請か分からない.*訂正・取下げ"):
        holds.decide(ward, number, choice, "電話で確認した", STEWARD, TODAY)


def test_a_correction_that_names_it_takes_it_out_of_the_queue(ward):
    receive(ward, LATER, [claim("KZ", "3", kind="訂正", of="KX")], lines("KZ", "3"))
    assert "KX" not in _queue(ward)
