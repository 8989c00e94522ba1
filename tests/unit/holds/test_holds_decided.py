"""Holds as stewards work with them: who sees and decides what, what is forgotten, what the next draft pays."""

import json

import pytest
import sqlalchemy as sa

from pipelines.ledger import tables
from pipelines.ledger.approvals import ApprovalRefused
from pipelines.ledger.balance import take_balance
from pipelines.ledger.holds import Choice
from pipelines.ledger.store import verify_chain
from pipelines.matching.comparison import MASK
from pipelines.steps import holds
from pipelines.steps.holds import HoldRefused, Progress
from pipelines.steps.pseudonyms import pseudonym
from pipelines.steps.roles import NotAllowed
from tests.unit.holds.holds_world import (
    ACTORS,
    ADDITION,
    APPROVER,
    AUDITOR,
    CHANGES,
    LATER,
    NEXT,
    RESIDENTS,
    SECOND_STEWARD,
    STEWARD,
    TODAY,
    VIEWER,
    audit,
    claim,
    draft,
    held_ward,
    hold_of,
    lines,
    look,
    protect,
    receive,
    recover,
    say,
    short,
    states,
    without_lists,
)
from tests.unit.intake.intake_world import arrive, csv_bytes

NAMES = [part for row in (*RESIDENTS, ADDITION) for part in row[3:5]]


@pytest.fixture
def ward(tmp_path, monkeypatch):
    without_lists(monkeypatch)
    c = held_ward(tmp_path)
    yield c
    c.ledger.engine.dispose()


def test_the_world_is_as_the_tests_think(ward):
    assert states(ward) == {
        "R1": "held", "R2": "held", "R3": "claimed", "R4": "held", "R5": "approved", "R9": "held"
    }  # fmt: skip


# --- who may see what ---


@pytest.mark.parametrize(
    ("who", "lists", "protected_claim_shown", "shows", "protected_shown"),
    [
        # who          list   its claim number  a hold   a protected person's hold
        ("steward",    True,  True,             "plain", "plain"),
        ("approver1",  True,  False,            "plain", "masked"),
        ("auditor1",   True,  False,            "plain", "masked"),
        ("operator",   True,  False,            None,    None),
        ("viewer",     True,  False,            None,    None),
        ("somebody",   False, False,            None,    None),
    ],
)  # fmt: skip
def test_who_sees_what(ward, who, lists, protected_claim_shown, shows, protected_shown):
    actor = ACTORS[who]
    if lists:
        found, total = holds.list_holds(ward, actor, "確認", TODAY)
        numbers = {short(line.hold.person_id): line.claim_id for line in found}
        assert total == 5
        assert numbers["R1"] == "K1"
        assert numbers["R4"] == ("K4" if protected_claim_shown else MASK)
    else:
        with pytest.raises(NotAllowed, match="役割: なし"):
            holds.list_holds(ward, actor, "確認", TODAY)
    for person, expected in (("R1", shows), ("R4", protected_shown)):
        if expected is None:
            with pytest.raises(NotAllowed, match=who):
                look(ward, person, actor)
            continue
        shown = look(ward, person, actor)
        texts = "".join(item.claimed + item.registered for item in shown.items) + shown.claim_id
        is_plain = any(name in texts for name in NAMES)
        assert is_plain == (expected == "plain")
        assert shown.masked == (expected == "masked")
        assert (MASK in texts) == (expected == "masked")


def test_a_masked_hold_shows_how_the_sides_stand_and_nothing_else(ward):
    shown = look(ward, "R4", APPROVER)
    plain = look(ward, "R4", STEWARD)
    assert [item.verdict for item in shown.items] == [item.verdict for item in plain.items]
    private = {item.claimed for item in shown.items if item.private}
    assert private <= {"", MASK}
    assert shown.payable_on == []


def test_both_sides_stand_item_by_item(ward):
    found = {(item.about, item.label): item for item in look(ward, "R2").items}
    name, holder = found["対象者", "氏名"], found["口座", "名義カナ"]
    assert (name.claimed, name.registered, name.verdict) == ("甲野　花子", "甲野　花子", "一致")
    assert (holder.registered, holder.verdict) == ("コウノ　イチロウ", "相違")


def test_every_showing_is_on_the_record(ward):
    look(ward, "R2", AUDITOR)
    holds.list_holds(ward, VIEWER, "点検", TODAY, limit=2)
    shown = [
        (actor, person, json.loads(detail)) for actor, person, detail in audit(ward, "hold.shown")
    ]
    assert [(a, subject) for a, subject, _ in shown] == [
        ("auditor1", pseudonym(ward, "R0000000002")),
        ("auditor1", pseudonym(ward, "R0000000001")),  # the applicant, too
    ]
    assert {d["purpose"] for _, _, d in shown} == {"確認"}
    assert {d["count"] for _, _, d in shown} == {1}
    ((actor, _, detail),) = audit(ward, "holds.listed")
    told = json.loads(detail)
    assert (actor, told["purpose"], told["count"], len(told["people"])) == ("viewer", "点検", 2, 2)


def test_a_showing_that_is_refused_shows_nothing_and_leaves_no_record(ward):
    with pytest.raises(NotAllowed):
        look(ward, "R1", VIEWER)
    assert audit(ward, "hold.shown") == []


def test_the_queue_can_be_asked_for_one_code(ward):
    found, total = holds.list_holds(ward, STEWARD, "確認", TODAY, code="DEFICIENT")
    assert [(short(line.hold.person_id), line.hold.state) for line in found] == [("R3", "claimed")]
    assert total == 1


def test_nothing_personal_is_kept_in_the_ledger_anew(ward):
    say(ward, "R1")
    kept = []
    for table in (tables.hold_decision, tables.hold_reason, tables.approval, tables.audit):
        with ward.ledger.read() as connection:
            kept += [str(tuple(row)) for row in connection.execute(sa.select(table))]
    assert not [name for name in (*NAMES, "1234567", "ベツノ") if any(name in row for row in kept)]


# --- who may decide what ---


@pytest.mark.parametrize(
    ("person", "first", "second", "outcome"),
    [
        # whom         first        second       after the next draft
        ("R1",        "steward",   None,        "in_payment"),
        ("R3",        "steward",   None,        "in_payment"),   # deficient
        ("R4",        "steward",   None,        "held"),         # protected: one is not enough
        ("R4",        "steward",   "steward",   "held"),         # nor the same twice
        ("R4",        "steward",   "approver1", "in_payment"),
        ("R4",        "steward",   "steward2",  "in_payment"),
        ("R9",        "steward",   None,        "held"),         # an addition
        ("R9",        "steward",   "approver1", "in_payment"),
        ("recovery",  "steward",   None,        "held"),
        ("recovery",  "steward",   "approver1", "in_payment"),
        ("R1",        "approver1", None,        NotAllowed),     # an approver only agrees
        ("R1",        "auditor1",  None,        NotAllowed),
        ("R1",        "operator",  None,        NotAllowed),
        ("R1",        "viewer",    None,        NotAllowed),
        ("R4",        "steward",   "auditor1",  NotAllowed),
        ("R4",        "steward",   "operator",  NotAllowed),
    ],
)  # fmt: skip
def test_who_decides_what(ward, person, first, second, outcome):
    if person == "recovery":
        recover(ward, person := "R2")
    actors = [ACTORS[name] for name in (first, second) if name]
    if outcome is NotAllowed:
        *able, unable = actors
        for actor in able:
            say(ward, person, actor=actor)
        with pytest.raises(NotAllowed):
            holds.decide(ward, hold_of(ward, person), Choice.PAY, "確認", unable, TODAY)
        return
    for actor in actors:
        say(ward, person, actor=actor)
    draft(ward)
    assert states(ward)[person] == outcome


@pytest.mark.parametrize(
    ("choice", "state", "outcome"),
    [
        (Choice.PAY, "in_payment", "paid"),
        (Choice.DECLINE, "declined", "no_effect"),
        (Choice.ANOTHER_CLAIM, "unclaimed", "no_effect"),
    ],
)
def test_what_a_decision_does_in_the_next_draft(ward, choice, state, outcome):
    say(ward, "R1", choice)
    assert states(ward)["R1"] == "held"
    drafted = draft(ward)
    assert drafted["holds"] == {"moved": 1, "stale": 0}
    assert states(ward)["R1"] == state
    assert states(ward)["R2"] == "held"  # the other member of the claim still waits
    assert _outcome(ward, "K1") == "held"
    say(ward, "R2", choice)
    draft(ward, LATER)
    assert _outcome(ward, "K1") == outcome
    with ward.ledger.read() as connection:
        assert take_balance(connection, ward.programme.id).faults == ()
        verify_chain(connection)


def _outcome(c, claim_id):
    with c.ledger.read() as connection:
        return holds.holds.claim_row(connection, c.programme.id, claim_id)["outcome"]


def test_an_undecided_queue_changes_nothing(ward):
    assert draft(ward)["holds"] == {"moved": 0, "stale": 0}
    assert states(ward)["R1"] == "held"


def test_a_draft_again_does_nothing_again(ward):
    say(ward, "R1")
    first = draft(ward)
    again = draft(ward)
    assert again == {**first, "repeated": True}


def test_after_another_claim_is_wanted_a_new_one_counts(ward):
    say(ward, "R1", Choice.ANOTHER_CLAIM)
    draft(ward)
    receive(ward, LATER, [claim("K9", "1")], lines("K9", "1"))
    assert states(ward)["R1"] == "approved"


# --- bound to what was seen, forgotten when it changes ---


def test_nobody_decides_what_that_person_has_not_seen(ward):
    look(ward, "R1", SECOND_STEWARD)
    with pytest.raises(HoldRefused, match="まだ見ていません"):
        holds.decide(ward, hold_of(ward, "R1"), Choice.PAY, "確認", STEWARD, TODAY)
    assert audit(ward, "approval.approve") == []


CHANGED = {
    "another claim for the person": lambda c: receive(
        c, NEXT, [claim("K8", "1", account="7777777")], lines("K8", "1")
    ),
    "the register tells of the applicant": lambda c: _tell(c, "0000000001"),
    "the person is protected now": lambda c: protect(c, "R2"),
    "a recovery opens, so that two people must decide": lambda c: recover(c, "R1"),
    "another household uses the account": lambda c: receive(
        c, NEXT, [claim("K7", "5", holder="コウノ イチロウ")], lines("K7", "5")
    ),
}


def _tell(c, resident):
    from pipelines.steps import register

    row = f"{resident},0000000001,死亡,20200501,20200518,,,,,,,,"
    arrive(c, f"register_changes_{NEXT:%Y%m%d}.csv", csv_bytes(CHANGES, row), NEXT)
    assert register.receive_changes(c, NEXT)["accepted"] == 1


@pytest.mark.parametrize("change", CHANGED)
def test_a_decision_is_forgotten_when_the_data_behind_it_changes(ward, change):
    say(ward, "R2" if "protected" in change else "R1")
    say(ward, "R3")
    CHANGED[change](ward)
    person = "R2" if "protected" in change else "R1"
    assert look(ward, person).progress is Progress.STALE
    listed, _ = holds.list_holds(ward, STEWARD, "確認", TODAY)
    progress = {short(line.hold.person_id): line.progress for line in listed}
    assert (progress[person], progress["R3"]) == (Progress.STALE, Progress.COMPLETE)
    assert draft(ward, LATER)["holds"] == {"moved": 1, "stale": 1}
    assert (states(ward)[person], states(ward)["R3"]) == ("held", "in_payment")


def test_a_stale_decision_is_taken_anew_on_what_is_there(ward):
    say(ward, "R1")
    CHANGED["another claim for the person"](ward)
    with pytest.raises(HoldRefused, match="まだ見ていません"):
        holds.decide(ward, hold_of(ward, "R1"), Choice.PAY, "確認", STEWARD, TODAY)
    say(ward, "R1", on="K8")
    draft(ward, LATER)
    assert states(ward)["R1"] == "in_payment"
    with ward.ledger.read() as connection:
        query = sa.select(tables.payment.c.account_number).where(tables.payment.c.claim_id == "K8")
        assert connection.execute(query).scalars().all() == ["7777777"]


def test_a_correction_takes_the_hold_and_its_decision_away(ward):
    say(ward, "R1")
    receive(ward, NEXT, [claim("K6", "1", kind="訂正", of="K1")], lines("K6", "1", "2"))
    assert states(ward)["R1"] == "approved"
    assert draft(ward, LATER)["holds"] == {"moved": 0, "stale": 0}


def test_a_later_decision_takes_an_earlier_ones_place(ward):
    say(ward, "R1", Choice.PAY)
    say(ward, "R1", Choice.DECLINE, actor=SECOND_STEWARD)
    draft(ward)
    assert states(ward)["R1"] == "declined"


def test_who_disagrees_starts_anew_and_needs_a_second_person_too(ward):
    say(ward, "R4", Choice.PAY, STEWARD)
    say(ward, "R4", Choice.ANOTHER_CLAIM, SECOND_STEWARD)
    draft(ward)
    assert states(ward)["R4"] == "held"
    say(ward, "R4", Choice.ANOTHER_CLAIM, APPROVER)
    draft(ward, LATER)
    assert states(ward)["R4"] == "unclaimed"


def test_the_same_decision_again_changes_nothing(ward):
    first = say(ward, "R1")
    events = len(audit(ward, "approval.approve"))
    assert say(ward, "R1", reason="別の言い方") == first
    assert len(audit(ward, "approval.approve")) == events
    assert look(ward, "R1").reasons == [("steward", "電話で確認した")]


# --- what nobody can decide ---


def test_protection_wins_over_a_decision_to_pay_the_heads_claim(ward):
    protect(ward, "R2")  # K1 is the head's, and the head is not protected
    with pytest.raises(HoldRefused, match="本人の申請"):
        say(ward, "R2")


def test_an_account_that_cannot_be_read_cannot_be_paid_to(ward):
    receive(
        ward, NEXT, [claim("K2", "1", kind="訂正", of="K1", account="12")], lines("K2", "1", "2")
    )
    with pytest.raises(HoldRefused, match="口座"):
        say(ward, "R1")
    say(ward, "R1", Choice.ANOTHER_CLAIM)


def test_a_holder_that_the_bank_cannot_write_cannot_be_paid_to(ward):
    receive(
        ward, NEXT, [claim("K2", "1", kind="訂正", of="K1", holder="甲野一郎")], lines("K2", "1", "2")
    )  # fmt: skip
    with pytest.raises(HoldRefused, match="口座"):
        say(ward, "R1")


@pytest.mark.parametrize("other", ["K3", "K5", "nothing"])
def test_a_person_is_paid_on_a_claim_for_that_person_alone(ward, other):
    with pytest.raises(HoldRefused, match="受付番号"):
        say(ward, "R1", on=other)


def test_a_claim_is_chosen_for_paying_alone(ward):
    with pytest.raises(HoldRefused, match="--claim"):
        say(ward, "R1", Choice.DECLINE, on="K1")


@pytest.mark.parametrize(
    "reason",
    [
        "",
        "  ",
        "あ" * 201,
        "甲野さんに電話",
        "コウノイチロウ本人",
        "生年月日1980-04-01を確認",
        "口座１２３４５６７",
        "世帯0000000001",
    ],
)
def test_a_reason_is_given_and_tells_nothing_personal(ward, reason):
    with pytest.raises(HoldRefused, match="理由"):
        say(ward, "R1", reason=reason)


def test_a_hold_that_is_not_there(ward):
    for act in (
        lambda: holds.show(ward, "0" * 12, STEWARD, "確認", TODAY),
        lambda: holds.decide(ward, "0" * 12, Choice.PAY, "確認", STEWARD, TODAY),
    ):
        with pytest.raises(HoldRefused, match="ありません"):
            act()


def test_the_run_that_held_is_nobody_who_decides(ward):
    from pipelines.steps.roles import Actor, Role

    system = Actor("system", frozenset({Role.STEWARD}))
    with pytest.raises(ApprovalRefused, match="起案者"):
        say(ward, "R1", actor=system)
