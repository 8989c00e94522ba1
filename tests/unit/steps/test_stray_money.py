"""Recoveries and disputed results in people's hands: two different signed-in people, nothing personal on a list."""

import json

import pytest
import sqlalchemy as sa

from pipelines.evidence.unreconciled import take_unreconciled
from pipelines.ledger import results, tables
from pipelines.ledger.balance import take_balance
from pipelines.ledger.results import Choice, Fault
from pipelines.ledger.store import verify_chain
from pipelines.matching.comparison import MASK
from pipelines.steps import claims, register, stray_money
from pipelines.steps.pseudonyms import pseudonym
from pipelines.steps.roles import NotAllowed
from pipelines.steps.stray_money import DecisionRefused, RecoveryRefused
from tests.unit.holds.holds_world import (
    APPROVER,
    AUDITOR,
    NOBODY,
    OPERATOR,
    SECOND_STEWARD,
    STEWARD,
    VIEWER,
    protect,
)
from tests.unit.ledger.ledger_world import told
from tests.unit.steps.dated_world import (
    DAY,
    NEXT,
    send_changes,
    send_claims,
    send_to_bank,
    settle,
    states,
)

GONE = (1, "死亡", "5020420")
WHY = "戸籍で確認した"


@pytest.fixture
def delivered(campaign):
    """Four people's payments at the bank."""
    send_claims(campaign, DAY, dict.fromkeys((1, 2, 3, 4), ("5020518", "")))
    claims.match_and_decide(campaign, DAY)
    send_to_bank(campaign)
    return campaign


@pytest.fixture
def wrongly_paid(delivered):
    """All four are paid; then the register tells that the first had died."""
    send_changes(delivered, GONE, day=NEXT)
    register.apply_changes(delivered, NEXT)
    b = tables.batch
    with delivered.ledger.read() as connection:
        batch_id = connection.execute(sa.select(b.c.batch_id)).scalar_one()
    settle(delivered, batch_id)
    return delivered


def _number(c):
    (waiting,), _ = stray_money.list_recoveries(c, STEWARD, "確認", NEXT)
    return waiting.recovery.recovery_id


def _balance(c):
    with c.ledger.read() as connection:
        verify_chain(connection)
        found = take_balance(connection, c.programme.id)
    assert found.faults == ()
    return found


def _payments(c):
    p = tables.payment
    with c.ledger.read() as connection:
        return connection.execute(sa.select(p).order_by(p.c.payment_key)).all()


def _take(c, *rows):
    with c.ledger.write() as connection:
        file = results.ResultFile("x.txt", repr(rows), rows)
        return results.settle(connection, c.programme.id, file, NEXT)


# --- recoveries ---


def test_two_different_people_open_a_recovery_and_the_person_is_ineligible(wrongly_paid):
    number = _number(wrongly_paid)
    for actor in (STEWARD, STEWARD):
        decided = stray_money.open_recovery(wrongly_paid, number, WHY, actor, NEXT)
        assert not decided.is_complete
        assert states(wrongly_paid)["1"] == ("paid", "")
    (waiting,), opened = stray_money.list_recoveries(wrongly_paid, VIEWER, "確認", NEXT)
    assert (waiting.agreed, opened) == (1, [])
    assert stray_money.open_recovery(wrongly_paid, number, WHY, APPROVER, NEXT).is_complete
    assert states(wrongly_paid)["1"] == ("ineligible", "PAID_NOT_ELIGIBLE")
    assert {states(wrongly_paid)[n][0] for n in "234"} == {"paid"}
    balance = _balance(wrongly_paid)
    assert (balance.recovering_yen, balance.net_yen) == (100_000, 300_000)
    with pytest.raises(RecoveryRefused, match="すでに"):
        stray_money.open_recovery(wrongly_paid, number, WHY, SECOND_STEWARD, NEXT)
    register_again = settle_changes(wrongly_paid)
    assert register_again == {"ineligible": 0, "paid_ineligible": 0}


def settle_changes(c):
    with c.ledger.write() as connection:
        return register.take_out_gone(c, connection, NEXT)


def test_a_late_change_alone_takes_nobody_who_is_paid_out(wrongly_paid):
    assert settle_changes(wrongly_paid) == {"ineligible": 0, "paid_ineligible": 1}
    assert states(wrongly_paid)["1"] == ("paid", "")


def test_what_comes_back_is_entered_once_a_receipt(wrongly_paid):
    number = _number(wrongly_paid)
    with pytest.raises(RecoveryRefused, match="まだ始まって"):
        stray_money.settle_recovery(wrongly_paid, number, "R-1", 1, STEWARD, NEXT)
    for actor in (STEWARD, APPROVER):
        stray_money.open_recovery(wrongly_paid, number, WHY, actor, NEXT)
    for _ in range(2):
        found = stray_money.settle_recovery(wrongly_paid, number, "R-1", 40_000, STEWARD, NEXT)
        assert (found.recovered_yen, found.open_yen) == (40_000, 60_000)
    with pytest.raises(RecoveryRefused, match="英数字"):
        stray_money.settle_recovery(wrongly_paid, number, "見本一子", 1, STEWARD, NEXT)
    balance = _balance(wrongly_paid)
    assert (balance.recovered_yen, balance.recovering_yen) == (40_000, 60_000)
    stray_money.settle_recovery(wrongly_paid, number, "R-2", 60_000, STEWARD, NEXT)
    assert stray_money.list_recoveries(wrongly_paid, STEWARD, "確認", NEXT) == ([], [])


@pytest.mark.parametrize(
    ("what", "allowed"),
    [
        ("list", {STEWARD, APPROVER, AUDITOR, OPERATOR, VIEWER}),
        ("show", {STEWARD, APPROVER, AUDITOR}),
        ("open", {STEWARD, APPROVER}),
        ("settle", {STEWARD}),
        ("decide", {STEWARD, APPROVER}),
    ],
)
def test_who_may_do_what(wrongly_paid, what, allowed):
    number = _number(wrongly_paid)
    acts = {
        "list": lambda a: stray_money.list_recoveries(wrongly_paid, a, "確認", NEXT),
        "show": lambda a: stray_money.show_recovery(wrongly_paid, number, a, "確認", NEXT),
        "open": lambda a: stray_money.open_recovery(wrongly_paid, "x", WHY, a, NEXT),
        "settle": lambda a: stray_money.settle_recovery(wrongly_paid, "x", "R", 1, a, NEXT),
        "decide": lambda a: stray_money.decide_result(wrongly_paid, "x", Choice.PAID, WHY, a, NEXT),
    }
    may = set()
    for actor in (STEWARD, APPROVER, AUDITOR, OPERATOR, VIEWER, NOBODY):
        try:
            acts[what](actor)
        except NotAllowed:
            continue
        except (RecoveryRefused, DecisionRefused):
            pass
        may.add(actor)
    assert may == allowed


def test_a_showing_names_the_person_and_is_recorded_and_a_list_names_nobody(wrongly_paid):
    number = _number(wrongly_paid)
    _, person = stray_money.show_recovery(wrongly_paid, number, APPROVER, "照会", NEXT)
    assert person["resident_id"] == "0000000001"
    protect(wrongly_paid, "R1")
    _, masked = stray_money.show_recovery(wrongly_paid, number, APPROVER, "照会", NEXT)
    assert set(masked.values()) == {MASK}
    _, seen = stray_money.show_recovery(wrongly_paid, number, STEWARD, "照会", NEXT)
    assert seen == person
    a = tables.audit
    with wrongly_paid.ledger.read() as connection:
        shown = sa.select(a.c.actor, a.c.subject).filter_by(event="recovery.shown")
        listed = sa.select(a.c.subject, a.c.detail).filter_by(event="recovery.listed")
        assert [tuple(row) for row in connection.execute(shown)] == [
            (actor, pseudonym(wrongly_paid, "R0000000001"))
            for actor in ("approver1", "approver1", "steward")
        ]
        ((subject, detail),) = connection.execute(listed).all()
    told = {"purpose": "確認", "count": 1, "people": [pseudonym(wrongly_paid, "R0000000001")]}
    assert (subject, json.loads(detail)) == ("recovery", told)


@pytest.mark.parametrize(
    "reason", ["", "  ", "あ" * 201, "口座1234567", "住民番号０００００００００１"]
)
def test_a_reason_is_given_and_tells_no_number(wrongly_paid, reason):
    with pytest.raises(DecisionRefused, match="理由"):
        stray_money.open_recovery(wrongly_paid, _number(wrongly_paid), reason, STEWARD, NEXT)


# --- results ---


def test_two_people_decide_what_became_of_a_disputed_payment(delivered):
    first, *others = _payments(delivered)
    rows = [told(p, record=n) for n, p in enumerate(others, start=3)]
    _take(delivered, told(first, amount_yen=1), *rows)
    (line,) = stray_money.list_results(delivered, STEWARD, "確認", NEXT)
    assert (line.payment_key, line.people, line.amount_yen) == (first.payment_key, 1, 100_000)
    assert (line.faults, set(line.choices)) == (
        (Fault.WRONG_AMOUNT,), {Choice.PAID, Choice.RETURNED},
    )  # fmt: skip
    key = first.payment_key
    with pytest.raises(DecisionRefused, match="できる決定"):
        stray_money.decide_result(delivered, key, Choice.DISMISS, WHY, STEWARD, NEXT)
    stray_money.decide_result(delivered, key, Choice.PAID, WHY, STEWARD, NEXT)
    other = stray_money.decide_result(delivered, key, Choice.RETURNED, WHY, APPROVER, NEXT)
    assert not other.is_complete  # they did not decide the same
    assert states(delivered)["1"] == ("unknown", "")
    decided = stray_money.decide_result(delivered, key, Choice.RETURNED, WHY, STEWARD, NEXT)
    assert decided.is_complete
    assert states(delivered)["1"] == ("returned", "")
    assert stray_money.list_results(delivered, STEWARD, "確認", NEXT) == []
    _balance(delivered)


def test_what_is_open_is_counted_and_told(wrongly_paid):
    first, second, *_ = _payments(wrongly_paid)
    _take(
        wrongly_paid, told(first, payment_key="9999999999"),
        told(second, record=3, account_number="0000000"),
    )  # fmt: skip
    with wrongly_paid.ledger.read() as connection:
        found = take_unreconciled(wrongly_paid, connection)
    assert found.faults == {"unknown_key": 1, "wrong_account": 1}
    assert (found.undecided_people, found.undecided_yen) == (1, 100_000)
    text = "\n".join(found.lines())
    assert "台帳にない支払番号 1件" in text
    assert "回収の決定待ち) 1人 100,000円" in text
    assert "0000000" not in text
    stray_money.decide_result(wrongly_paid, "9999999999", Choice.DISMISS, WHY, STEWARD, NEXT)
    stray_money.decide_result(wrongly_paid, "9999999999", Choice.DISMISS, WHY, APPROVER, NEXT)
    with wrongly_paid.ledger.read() as connection:
        assert take_unreconciled(wrongly_paid, connection).faults == {"wrong_account": 1}


def test_a_payment_past_the_limit_is_told_before_it_is_given_up(delivered):
    with delivered.ledger.read() as connection:
        assert take_unreconciled(delivered, connection).lines() == []
    after = DAY.replace(month=6)
    delivered.ledger.once("any step", after, lambda _connection: {})
    with delivered.ledger.read() as connection:
        found = take_unreconciled(delivered, connection)
    assert (found.overdue_people, found.overdue_yen) == (4, 400_000)
