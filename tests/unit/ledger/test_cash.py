"""Cash: a second route under the same index; what is signed for is paid once, what nobody collects is paid anew."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from pipelines.ledger import cash, payments, tables
from pipelines.ledger.balance import assert_balanced, take_balance
from pipelines.ledger.cash import CashRefused
from pipelines.ledger.payable import payable
from pipelines.ledger.payments import Declared
from pipelines.ledger.states import Batch, Entitlement, Route
from pipelines.ledger.store import verify_chain
from tests.unit.ledger.ledger_world import (
    AMOUNT,
    DAY,
    add_claim,
    approve,
    draft,
    live_payments,
    open_people,
    pay,
    protect,
    put,
    states,
    take_results,
    told,
)


@pytest.fixture
def counter_family(ledger):
    """Two on a claim without an account, held for it; one on another claim, approved for a transfer."""
    members = open_people(ledger, 2, 1)
    add_claim(ledger, "C1", account_number=None, account_holder_kana="")
    put(ledger, Entitlement.HELD, *members[:2], claim="C1")
    with ledger.write() as connection:
        connection.execute(
            sa.update(tables.entitlement).filter_by(state="held").values(codes="ACCOUNT_INVALID")
        )
    approve(ledger, add_claim(ledger, "C2"), members[2])
    return members


def order(ledger, claim="C1"):
    with ledger.write() as connection:
        found = cash.orderable(connection, ledger.programme, claim)
        cash.order(connection, ledger.programme, claim, found, DAY)
    return found


def draft_cash(ledger, batch_id="B-cash"):
    with ledger.write() as connection:
        due = tuple(payable(connection, ledger.programme, str, Route.CASH).payments)
        content = payments.content_hash(due)
        batch = Declared(batch_id, f"{batch_id}.pdf", DAY, due, "h", content, Route.CASH)
        payments.draft(connection, ledger.programme, [batch], "drafter", DAY)
    return batch


def bring_to_counter(ledger, batch):
    with ledger.write() as connection:
        way = (ledger.programme, batch.batch_id, {Batch.DRAFTED}, Batch.APPROVED)
        payments.set_batch_state(connection, *way)
    return batch


def at_counter(ledger):
    order(ledger)
    return bring_to_counter(ledger, draft_cash(ledger))


def receive(ledger, key, receipt="R-1"):
    with ledger.write() as connection:
        found = cash.find(connection, ledger.programme, key)
        return cash.receive(connection, ledger.programme, found, receipt, "operator", DAY)


def take_back(ledger, key):
    with ledger.write() as connection:
        found = cash.find(connection, ledger.programme, key)
        cash.take_back(connection, ledger.programme, found, DAY)


def batch_state(ledger, batch_id="B-cash"):
    with ledger.read() as connection:
        return cash.batch(connection, ledger.programme, batch_id).state


@pytest.fixture(autouse=True)
def _everything_agrees(ledger):
    yield
    with ledger.read() as connection:
        assert_balanced(take_balance(connection, ledger.programme))
        verify_chain(connection)


# ordering


def test_an_order_approves_who_has_no_account_and_leaves_the_route_of_others(
    ledger, counter_family
):
    assert order(ledger) == counter_family[:2]
    assert set(states(ledger).values()) == {"approved"}
    assert [p.claim_id for p in draft(ledger).payments] == ["C2"]
    (payment,) = draft_cash(ledger).payments
    assert (payment.claim_id, payment.amount_yen, payment.account_number) == ("C1", 2 * AMOUNT, "")
    assert live_payments(ledger) == dict.fromkeys(counter_family, 1)


def test_who_is_held_for_something_else_is_not_paid_in_cash(ledger, counter_family):
    with ledger.write() as connection:
        changed = sa.update(tables.entitlement).filter_by(person_id=counter_family[0])
        connection.execute(changed.values(codes="ACCOUNT_INVALID;LATE"))
    assert order(ledger) == counter_family[1:2]
    with pytest.raises(CashRefused, match="すでに"):
        order(ledger)


def test_nothing_is_ordered_where_nobody_waits(ledger, counter_family):
    put(ledger, Entitlement.DECLINED, *counter_family[:2], claim="C1")
    for claim in ("C1", "C9"):
        with pytest.raises(CashRefused, match="いません"):
            order(ledger, claim)


def test_a_returned_transfer_is_paid_in_cash_as_a_new_attempt(ledger, counter_family):
    batch = pay(ledger, returned={"0000000001"})
    assert states(ledger)[counter_family[2]] == "returned"
    order(ledger, "C2")
    (payment,) = draft_cash(ledger).payments
    assert (payment.attempt, payment.follows) == (2, batch.payments[0].payment_key)


# at the counter


def test_a_receipt_makes_it_paid_once(ledger, counter_family):
    (payment,) = at_counter(ledger).payments
    assert receive(ledger, payment.payment_key)
    assert not receive(ledger, payment.payment_key), "the same receipt again"
    with pytest.raises(CashRefused, match="二度渡さない"):
        receive(ledger, payment.payment_key, "R-2")
    assert [states(ledger)[p] for p in counter_family[:2]] == ["paid", "paid"]
    assert batch_state(ledger) == Batch.SETTLED
    assert live_payments(ledger) == dict.fromkeys(counter_family[:2], 1)


def test_a_receipt_stands_for_one_payment(ledger, counter_family):
    order(ledger)
    order(ledger, "C2")
    first, second = bring_to_counter(ledger, draft_cash(ledger)).payments
    receive(ledger, first.payment_key)
    with pytest.raises(CashRefused, match="別の支払"):
        receive(ledger, second.payment_key)
    assert batch_state(ledger) == Batch.APPROVED, "one still waits"


def test_nothing_is_handed_out_that_is_not_approved_or_goes_by_transfer(ledger, counter_family):
    order(ledger)
    drafted = draft_cash(ledger).payments[0]
    by_transfer = draft(ledger).payments[0]
    for key in (drafted.payment_key, by_transfer.payment_key, "9999999999"):
        with pytest.raises(CashRefused, match="現金を渡さない"):
            receive(ledger, key)
    with pytest.raises(CashRefused, match="ありません"):
        batch_state(ledger, "B1")


def test_f13_whoever_waits_at_the_counter_is_in_no_other_draft(ledger, counter_family):
    at_counter(ledger)
    with ledger.write() as connection:
        for route in Route:
            found = payable(connection, ledger.programme, str, route)
            assert not {*counter_family[:2]} & {q for p in found.payments for q in p.people}
    again = Declared("B-x", "x", DAY, (draft_of(ledger),), "h", "another", Route.TRANSFER)
    with pytest.raises(sa.exc.IntegrityError), ledger.write() as connection:
        payments.draft(connection, ledger.programme, [again], "drafter", DAY)


def draft_of(ledger):
    """The payment at the counter under a new key."""
    with ledger.read() as connection:
        (payment,) = payments.read_batch(connection, ledger.programme, "B-cash")
    return payments.Payment("0000009999", *[getattr(payment, n) for n in payment.__slots__[1:]])


def test_what_nobody_collects_is_taken_back_after_the_last_day_and_paid_anew(
    ledger, counter_family
):
    (payment,) = at_counter(ledger).payments
    for day, back in ((DAY + timedelta(14), 0), (DAY + timedelta(15), 2), (DAY + timedelta(16), 0)):
        with ledger.write() as connection:
            assert cash.give_up_waiting(connection, ledger.programme, 14, day) == back
    assert [states(ledger)[p] for p in counter_family[:2]] == ["approved", "approved"]
    assert batch_state(ledger) == Batch.SETTLED
    assert live_payments(ledger) == {}
    with pytest.raises(CashRefused, match="現金を渡さない"):
        receive(ledger, payment.payment_key)
    (again,) = draft_cash(ledger, "B-again").payments
    assert (again.attempt, again.follows) == (2, payment.payment_key)


def test_two_people_take_a_payment_or_a_wrong_receipt_back(ledger, counter_family):
    order(ledger)
    order(ledger, "C2")
    first, second = bring_to_counter(ledger, draft_cash(ledger)).payments
    receive(ledger, first.payment_key)
    take_back(ledger, second.payment_key)
    assert batch_state(ledger) == Batch.SETTLED
    take_back(ledger, first.payment_key)
    assert set(states(ledger).values()) == {"approved"}
    assert live_payments(ledger) == {}
    with ledger.read() as connection:
        assert take_balance(connection, ledger.programme).paid_yen == 0
        receipts = sa.select(sa.func.count()).select_from(tables.cash_receipt)
        assert connection.execute(receipts).scalar_one() == 1, "the entry stays"
    again = bring_to_counter(ledger, draft_cash(ledger, "B-again"))
    with pytest.raises(CashRefused, match="別の支払"):
        receive(ledger, again.payments[0].payment_key)
    receive(ledger, again.payments[0].payment_key, "R-2")


# protection and the bank


def test_protection_takes_a_payment_from_the_counter_and_leaves_the_others(ledger, counter_family):
    order(ledger)
    order(ledger, "C2")
    at = bring_to_counter(ledger, draft_cash(ledger))
    assert protect(ledger, counter_family[2]) == (1, 0)
    assert states(ledger)[counter_family[2]] == "unclaimed"
    assert [states(ledger)[p] for p in counter_family[:2]] == ["in_payment", "in_payment"]
    assert batch_state(ledger) == Batch.APPROVED
    receive(ledger, at.payments[0].payment_key)
    assert batch_state(ledger) == Batch.SETTLED


def test_protection_voids_a_batch_that_is_not_issued(ledger, counter_family):
    order(ledger)
    draft_cash(ledger)
    protect(ledger, counter_family[0])
    assert batch_state(ledger) == Batch.REJECTED
    assert [states(ledger)[p] for p in counter_family[:2]] == ["unclaimed", "approved"]


def test_who_is_paid_in_cash_and_protected_later_opens_a_recovery(ledger, counter_family):
    (payment,) = at_counter(ledger).payments
    receive(ledger, payment.payment_key)
    assert protect(ledger, counter_family[0]) == (0, 1)
    assert states(ledger)[counter_family[0]] == "unclaimed"


def test_what_the_bank_says_about_cash_takes_it_from_the_counter_until_people_decided(
    ledger, counter_family
):
    (payment,) = at_counter(ledger).payments
    settled = take_results(ledger, [told(payment)])
    assert (settled.paid, list(settled.faults)) == (0, ["not_sent"])
    assert [states(ledger)[p] for p in counter_family[:2]] == ["approved", "approved"]
    with pytest.raises(CashRefused, match="現金を渡さない"):
        receive(ledger, payment.payment_key)
    with ledger.read() as connection:
        assert payable(connection, ledger.programme, str, Route.CASH).payments == []
