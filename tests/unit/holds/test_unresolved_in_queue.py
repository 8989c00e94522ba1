"""Claims that touch nobody stand in the queue too, until two people decide them or another claim answers them."""

import json
from datetime import date

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from pipelines import sign_in
from pipelines.cli import app
from pipelines.ledger import tables
from pipelines.ledger.holds import Choice
from pipelines.matching.comparison import MASK
from pipelines.steps import claims, holds
from pipelines.steps.holds import HoldRefused, Progress
from pipelines.steps.pseudonyms import pseudonym
from pipelines.steps.roles import NotAllowed
from tests.unit.holds.holds_world import (
    _BY_NUMBER,
    APPROVER,
    LATER,
    NEXT,
    SECOND_STEWARD,
    STEWARD,
    TODAY,
    VIEWER,
    audit,
    claim,
    draft,
    held_ward,
    lines,
    pid,
    protect,
    receive,
    states,
    without_lists,
)

DAY4, DAY5, DAY6 = date(2020, 5, 21), date(2020, 5, 22), date(2020, 5, 25)


def nobodys(number, resident, **further):
    """A resident's claim whose numbers nobody knows."""
    known = f"{_BY_NUMBER[resident][1].zfill(10)},{resident.zfill(10)}"
    return claim(number, resident, **further).replace(known, "0000000077,0000000077")


def _read_detail(row):
    actor, subject, detail = row
    return actor, subject, json.loads(detail)


@pytest.fixture
def ward(tmp_path, monkeypatch):
    without_lists(monkeypatch)
    c = held_ward(tmp_path)
    # KX comes from nobody who is registered; KY would take back another household's claim
    receive(c, NEXT, [nobodys("KX", "5"), claim("KY", "5", kind="取下", of="K1")], lines("KX", "5"))
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


def _number(c, claim_id):
    return _queue(c)[claim_id].hold.hold_id


def _say(c, claim_id, choice=Choice.BELONGS, actor=STEWARD, to=None):
    """Look at one beside whose it may be and decide it."""
    number = _number(c, claim_id)
    holds.show(c, number, actor, "確認", TODAY, to)
    return holds.decide(c, number, choice, "電話で確認した", actor, TODAY, None, to)


def _give(c, claim_id, to):
    """Two people say whose it is."""
    _say(c, claim_id, to=to)
    _say(c, claim_id, actor=APPROVER)


def _outcome(c, claim_id):
    t = tables.claim
    with c.ledger.read() as connection:
        query = sa.select(t.c.outcome, t.c.applicant_id).filter_by(claim_id=claim_id)
        return tuple(connection.execute(query).one())


def _codes(c, claim_id):
    f = tables.finding
    with c.ledger.read() as connection:
        return set(connection.execute(sa.select(f.c.code).filter_by(claim_id=claim_id)).scalars())


@pytest.mark.parametrize("choice", [Choice.PAY, Choice.ANOTHER_CLAIM])
def test_it_cannot_be_paid_before_anybody_knows_whose_it_is(ward, choice):
    with pytest.raises(HoldRefused, match=r"だれの申請か分からない.*belongs --to 住民番号"):
        _say(ward, "KX", choice)


def test_a_claim_that_two_people_give_to_its_household_is_decided_in_the_next_match(ward):
    receive(ward, LATER, [nobodys("KN", "3", account="1111111")], lines("KN", "3"))
    with ward.ledger.write() as connection:  # 3 waits on K3, which another decision has set free
        sql = sa.update(tables.claim).filter_by(claim_id="K3").values(outcome="withdrawn")
        connection.execute(sql)
        e = tables.entitlement
        freed = {"state": "unclaimed", "claim_id": None}
        connection.execute(sa.update(e).filter_by(person_id=pid("3")).values(**freed))
    _say(ward, "KN", to="0000000003")
    line = _queue(ward)["KN"]
    assert (line.progress, line.approved, line.needed) == (Progress.PARTLY, 1, 2)
    assert claims.match_and_decide(ward, DAY4)["claims"] == 0  # one person is not enough
    assert _outcome(ward, "KN") == ("unresolved", None)
    _say(ward, "KN", actor=APPROVER)
    assert _queue(ward)["KN"].progress is Progress.COMPLETE
    number = _number(ward, "KN")
    told = claims.match_and_decide(ward, DAY5)
    assert (told["claims"], told["given"], told["decided"]) == (0, 1, {"approved": 1})
    assert _outcome(ward, "KN") == ("paid", pid("3"))
    assert states(ward)["R3"] == "approved"
    assert "HEAD_NOT_FOUND" not in _codes(ward, "KN")
    assert "KN" not in _queue(ward)
    given = audit(ward, "claims.given")
    assert [detail["holds"] for _, _, detail in map(_read_detail, given)] == [[number]]
    assert pid("3") not in str(given)
    assert claims.match_and_decide(ward, DAY6)["decided"] == {}  # once


def test_a_given_claim_passes_every_rule_as_if_it_had_come_so(ward):
    _give(ward, "KX", "0000000005")  # 5 is approved on K5 already
    claims.match_and_decide(ward, LATER)
    assert _outcome(ward, "KX") == ("duplicate", pid("5"))
    assert states(ward)["R5"] == "approved"
    assert _codes(ward, "KX") == {"MEMBER_PAID", "ACCOUNT_SHARED"}


def test_a_claim_given_to_one_who_is_not_the_head_or_is_protected_pays_nobody(ward):
    rows = [nobodys("KA", "2", account="7777771"), nobodys("KB", "4", account="7777772")]
    receive(ward, LATER, rows, [*lines("KA", "2"), *lines("KB", "3")])
    before = states(ward)
    _give(ward, "KA", "0000000002")
    _give(ward, "KB", "0000000004")
    claims.match_and_decide(ward, DAY4)
    assert "approved" not in {states(ward)[p] for p in states(ward) if before[p] != "approved"}
    assert "NOT_HEAD" in _codes(ward, "KA")


def test_a_withdrawal_given_to_whose_claim_it_names_takes_that_back(ward):
    _give(ward, "KY", "0000000001")
    claims.match_and_decide(ward, LATER)
    assert _outcome(ward, "K1")[0] == "withdrawn"
    assert _outcome(ward, "KY")[0] == "withdrawn"
    assert (states(ward)["R1"], states(ward)["R2"]) == ("unclaimed", "unclaimed")
    assert "NOT_OWN_CLAIM" not in _codes(ward, "KY")


def test_a_withdrawal_given_to_the_wrong_person_stands_in_the_queue_again(ward):
    _give(ward, "KY", "0000000003")
    claims.match_and_decide(ward, LATER)
    assert _outcome(ward, "KY")[0] == "unresolved"
    assert _queue(ward)["KY"].progress is Progress.OPEN
    assert states(ward)["R1"] == "held"


def test_a_correction_of_the_same_day_comes_before_what_was_decided(ward):
    _give(ward, "KX", "0000000005")
    row = claim("KZ", "5", kind="訂正", of="KX", account="5555555")
    receive(ward, LATER, [row], lines("KZ", "5"))
    assert _outcome(ward, "KX")[0] == "superseded"
    assert states(ward)["R5"] == "approved"


def test_a_decision_is_forgotten_when_the_person_it_gives_the_claim_to_is_protected(ward):
    _give(ward, "KX", "0000000005")
    protect(ward, "R5")
    assert _queue(ward)["KX"].progress is Progress.STALE
    assert claims.match_and_decide(ward, LATER)["claims"] == 0
    assert _outcome(ward, "KX") == ("unresolved", None)


def test_two_people_who_name_different_residents_do_not_agree(ward):
    _say(ward, "KX", to="0000000005")
    _say(ward, "KX", actor=SECOND_STEWARD, to="0000000003")
    assert _queue(ward)["KX"].approved == 1
    claims.match_and_decide(ward, LATER)
    assert _outcome(ward, "KX")[0] == "unresolved"


def test_one_that_is_not_taken_leaves_the_queue_with_the_next_draft(ward):
    before = states(ward)
    _say(ward, "KX", Choice.DECLINE)
    draft(ward, LATER)
    assert "KX" in _queue(ward)
    _say(ward, "KX", Choice.DECLINE, APPROVER)
    assert draft(ward, DAY4)["holds"]["set_aside"] == 1
    assert "KX" not in _queue(ward)
    assert _outcome(ward, "KX") == ("no_effect", None)
    after = states(ward)
    assert {p for p in after if after[p] != before[p]} <= {"R5"}  # who was approved is in payment


def test_who_did_not_see_the_person_beside_the_claim_decides_nothing(ward):
    number = _number(ward, "KX")
    holds.show(ward, number, STEWARD, "確認", TODAY)
    with pytest.raises(HoldRefused, match="まだ見ていません"):
        holds.decide(ward, number, Choice.BELONGS, "確認", STEWARD, TODAY, None, "0000000005")


def test_the_showing_beside_a_person_is_recorded_about_both(ward):
    holds.show(ward, _number(ward, "KX"), STEWARD, "確認", TODAY, "0000000005")
    assert [row[1] for row in audit(ward, "hold.shown")[-2:]] == [
        "KX",
        pseudonym(ward, pid("5")),
    ]


@pytest.mark.parametrize(
    ("to", "told"),
    [(None, "--to に申請者の住民番号"), ("0000000099", "その住民番号の対象者はいません")],
)
def test_it_belongs_only_to_somebody(ward, to, told):
    number = _number(ward, "KX")
    holds.show(ward, number, STEWARD, "確認", TODAY)
    with pytest.raises(HoldRefused, match=told) as refused:
        holds.decide(ward, number, Choice.BELONGS, "確認", STEWARD, TODAY, None, to)
    assert "0000000099" not in str(refused.value)


def test_a_hold_that_is_somebodys_belongs_to_nobody_else(ward):
    number = _queue(ward)["K1"].hold.hold_id
    with pytest.raises(HoldRefused, match="だれの申請か分かっています"):
        holds.show(ward, number, STEWARD, "確認", TODAY, "0000000005")
    holds.show(ward, number, STEWARD, "確認", TODAY)
    with pytest.raises(HoldRefused, match="だれの申請か分かっています"):
        holds.decide(ward, number, Choice.BELONGS, "確認", STEWARD, TODAY, None, "0000000005")


def test_an_approver_agrees_and_never_begins(ward):
    with pytest.raises(NotAllowed):
        _say(ward, "KX", actor=APPROVER, to="0000000005")


def test_a_correction_that_names_it_takes_it_out_of_the_queue(ward):
    receive(ward, LATER, [claim("KZ", "3", kind="訂正", of="KX")], lines("KZ", "3"))
    assert "KX" not in _queue(ward)


def test_at_a_terminal_two_people_say_whose_it_is(ward, monkeypatch):
    number = _number(ward, "KX")

    def kyufu(actor, *words):
        monkeypatch.setattr(sign_in, "open_signed_in", lambda programme, home: (ward, actor))
        return CliRunner().invoke(app, ["holds", *words]).output

    shown = kyufu(STEWARD, "show", number, "--to", "0000000005")
    assert "申請者不明" in shown
    assert shown.count("丁川") == 2  # on the claim and on the register
    told = kyufu(
        STEWARD, "decide", number, "belongs", "--to", "0000000005", "--reason", "電話で確認した"
    )
    assert "申請者を特定する(steward)" in told
    assert "あと1人" in told
    assert "丁川" not in kyufu(APPROVER, "show", number)
    told = kyufu(APPROVER, "decide", number, "belongs", "--reason", "書類で確認した")
    assert "次の突合で反映します" in told
    assert _queue(ward)["KX"].progress is Progress.COMPLETE
