"""Recoveries: opened for who was paid and was not eligible, settled receipt by receipt; the balance follows."""

import pytest
import sqlalchemy as sa

from pipelines.ledger import money_decisions, people, recoveries, tables
from pipelines.ledger.approvals import ApprovalRefused
from pipelines.ledger.balance import take_balance
from pipelines.ledger.recoveries import PAID_NOT_ELIGIBLE, RecoveryRefused
from tests.unit.ledger.ledger_world import (
    AMOUNT,
    DAY,
    add_claim,
    approve,
    live_payments,
    open_people,
    pay,
    states,
    tamper,
)


@pytest.fixture
def wrongly_paid(ledger):
    """Three people paid on one claim; the last of them was not eligible."""
    people_ids = open_people(ledger, 3)
    approve(ledger, add_claim(ledger, "C1"), *people_ids)
    pay(ledger)
    with ledger.write() as connection:
        found = [(people_ids[-1], "C1")]
        people.add_findings(connection, ledger.programme, PAID_NOT_ELIGIBLE, "review", found)
    return people_ids


def _balance_now(ledger):
    with ledger.read() as connection:
        found = take_balance(connection, ledger.programme)
    assert found.faults == ()
    return found


def _open(ledger):
    with ledger.write() as connection:
        (wanted,) = recoveries.candidates(connection, ledger.programme)
        recoveries.open_for_not_eligible(connection, ledger.programme, wanted, DAY)
        (found,) = recoveries.opened(connection, ledger.programme)
    return found


def _receipt(ledger, number, yen):
    with ledger.write() as connection:
        (wanted,) = recoveries.opened(connection, ledger.programme)
        return recoveries.enter_receipt(
            connection, ledger.programme, wanted, number, yen, "steward", DAY
        )


def test_who_is_paid_and_not_eligible_waits_for_a_decision(ledger, wrongly_paid):
    with ledger.read() as connection:
        (wanted,) = recoveries.candidates(connection, ledger.programme)
    assert (wanted.person_id, wanted.amount_yen, wanted.opened_on) == (
        wrongly_paid[-1], AMOUNT, None,
    )  # fmt: skip
    assert wrongly_paid[-1] not in wanted.recovery_id
    assert set(states(ledger).values()) == {"paid"}


def test_a_recovery_makes_the_person_ineligible_and_the_others_stay(ledger, wrongly_paid):
    opened = _open(ledger)
    assert (opened.open_yen, opened.cause) == (AMOUNT, "not_eligible")
    assert [states(ledger)[p] for p in wrongly_paid] == ["paid", "paid", "ineligible"]
    assert live_payments(ledger) == dict.fromkeys(wrongly_paid[:2], 1)
    balance = _balance_now(ledger)
    assert (balance.paid_yen, balance.recovering_yen, balance.net_yen) == (
        3 * AMOUNT, AMOUNT, 2 * AMOUNT,
    )  # fmt: skip
    with ledger.read() as connection:
        assert recoveries.candidates(connection, ledger.programme) == []


def test_money_that_comes_back_is_counted_receipt_by_receipt(ledger, wrongly_paid):
    _open(ledger)
    assert _receipt(ledger, "R-1", 30_000)
    assert not _receipt(ledger, "R-1", 30_000)  # the same receipt again
    assert _receipt(ledger, "R-2", 80_000 - 30_000)
    assert _receipt(ledger, "R-2-C", -10_000)  # entered wrongly
    balance = _balance_now(ledger)
    assert (balance.recovered_yen, balance.recovering_yen) == (70_000, 30_000)
    assert balance.paid_yen - balance.recovered_yen - balance.recovering_yen == balance.net_yen
    assert balance.net_yen == 2 * AMOUNT
    assert _receipt(ledger, "R-3", 30_000)
    with ledger.read() as connection:
        (done,) = recoveries.opened(connection, ledger.programme)
    assert (done.open_yen, done.recovered_yen) == (0, AMOUNT)


@pytest.mark.parametrize(
    ("receipt", "yen"),
    [("R-9", AMOUNT), ("R-9", AMOUNT + 1), ("R-9", -30_001), ("R-9", 0), ("R-1", 30_001)],
)
def test_an_amount_that_cannot_be_is_refused(ledger, wrongly_paid, receipt, yen):
    _open(ledger)
    _receipt(ledger, "R-1", 30_000)
    with pytest.raises(RecoveryRefused, match="金額"):
        _receipt(ledger, receipt, yen)
    assert _balance_now(ledger).recovered_yen == 30_000


def test_more_than_was_paid_behind_the_programs_back_is_found(ledger, wrongly_paid):
    _open(ledger)
    _receipt(ledger, "R-1", 30_000)
    tamper(ledger, "update recovery_entry set amount_yen = 100001")
    with ledger.read() as connection:
        assert not take_balance(connection, ledger.programme).balanced


def test_the_database_refuses_a_receipt_of_nothing_or_without_its_recovery(ledger, wrongly_paid):
    opened = _open(ledger)
    good = {
        "programme": ledger.programme, "payment_key": opened.payment_key, "person_id": opened.person_id,
        "receipt": "R-1", "amount_yen": 1, "actor": "steward", "business_date": DAY,
    }  # fmt: skip
    for wrong in ({"amount_yen": 0}, {"person_id": wrongly_paid[0]}):
        with pytest.raises(sa.exc.IntegrityError), ledger.write() as connection:
            connection.execute(sa.insert(tables.recovery_entry).values(**{**good, **wrong}))


# what people decide


def _decide(ledger, actor, content, subject="recovery:x"):
    with ledger.write() as connection:
        return money_decisions.decide(
            connection, ledger.programme, subject, content, 2, actor, "確認した", DAY
        )


def test_two_different_people_on_the_same_content(ledger):
    content = {"amount_yen": AMOUNT}
    for actor, agreed in (("steward", 1), ("steward", 1), ("approver1", 2)):
        decided = _decide(ledger, actor, content)
        assert (decided.number, len(decided.approved_by)) == (1, agreed)
    assert decided.is_complete
    with ledger.write() as connection:
        money_decisions.mark_applied(connection, ledger.programme, decided, DAY)
    assert (
        _decide(ledger, "steward", content).number == 2
    )  # what took effect is not agreed to again


def test_another_content_is_another_decision(ledger):
    _decide(ledger, "steward", {"amount_yen": AMOUNT})
    other = _decide(ledger, "approver1", {"amount_yen": 1})
    assert (other.number, other.approved_by) == (2, {"approver1"})
    assert not other.is_complete
    with ledger.write() as connection, pytest.raises(ApprovalRefused, match="2人必要"):
        money_decisions.mark_applied(connection, ledger.programme, other, DAY)
    with ledger.read() as connection:
        assert money_decisions.newest(connection, ledger.programme, "recovery:none") is None
