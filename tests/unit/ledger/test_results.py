"""The bank's results, payment by payment: nothing lost, nothing guessed, the same again changes nothing."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import payments, results, tables
from pipelines.ledger.balance import take_balance
from pipelines.ledger.payable import payable
from pipelines.ledger.results import Choice, Fault
from pipelines.ledger.states import Entitlement
from pipelines.ledger.store import verify_chain
from tests.unit.ledger.ledger_world import (
    AMOUNT,
    DAY,
    add_claim,
    approve,
    deliver,
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
def batch(ledger):
    """Three households, four people, three payments, delivered to the bank."""
    one, two, three, four = open_people(ledger, 2, 1, 1)
    approve(ledger, add_claim(ledger, "C1"), one, two)
    approve(ledger, add_claim(ledger, "C2", account_number="7654321"), three)
    approve(ledger, add_claim(ledger, "C3", account_number="2222222"), four)
    found = draft(ledger)
    deliver(ledger, found)
    return found


def _state(ledger, payment):
    (state,) = {states(ledger)[person] for person in payment.people}
    return state


def _batch_state(ledger):
    with ledger.read() as connection:
        return connection.execute(sa.select(tables.batch.c.state)).scalars().all()


def _rows(ledger):
    u = tables.unreconciled_result
    with ledger.read() as connection:
        query = sa.select(u.c.payment_key, u.c.fault, u.c.closed_by).order_by(
            u.c.business_date, u.c.record
        )
        return [tuple(row) for row in connection.execute(query)]


def _everything(ledger):
    """All that a result may change, without the record that the file came."""
    names = (
        "entitlement", "entitlement_event", "payment", "payment_item", "unreconciled_result", "late_return", "batch",
    )  # fmt: skip
    with ledger.read() as connection:
        return {
            n: sorted(
                map(tuple, connection.execute(sa.select(tables.metadata.tables[n]))), key=repr
            )
            for n in names
        }


def _balance(ledger):
    with ledger.read() as connection:
        verify_chain(connection)
        found = take_balance(connection, ledger.programme)
    assert found.faults == ()
    return found


# partial


def test_f19_a_partial_file_settles_what_it_answers_and_the_rest_waits(ledger, batch):
    first, second, third = batch.payments
    found = take_results(ledger, [told(first), told(third, returned=True, record=3)])
    assert (found.paid, found.returned, found.faults) == (2, 1, {})
    assert [_state(ledger, p) for p in batch.payments] == ["paid", "in_payment", "returned"]
    assert _batch_state(ledger) == ["delivered"]
    take_results(ledger, [told(second)], "results_2.txt")
    assert _state(ledger, second) == "paid"
    assert _batch_state(ledger) == ["settled"]
    balance = _balance(ledger)
    assert (balance.paid_yen, balance.returned_yen) == (3 * AMOUNT, AMOUNT)


def test_a_file_may_speak_of_payments_of_several_batches(ledger, batch):
    (five,) = _open_one_more(ledger)
    approve(ledger, add_claim(ledger, "C9", account_number="9999999"), five)
    other = draft(ledger)
    deliver(ledger, other)
    both = (*batch.payments, *other.payments)
    take_results(ledger, [told(p, record=n) for n, p in enumerate(both, start=2)])
    assert _batch_state(ledger) == ["settled", "settled"]


def _open_one_more(ledger):
    from pipelines.ledger import people
    from pipelines.matching.persons import Addition, Person

    added = Addition(Person("A1", None, None), "e", *[""] * 8)
    with ledger.write() as connection:
        people.open_additions(connection, ledger.programme, [added], AMOUNT, DAY)
    return ["A1"]


def test_f19_after_the_limit_what_has_no_result_is_unknown_and_not_paid_again(ledger, batch):
    take_results(ledger, [told(batch.payments[0])])
    limit = timedelta(days=5)

    def give_up(day):
        with ledger.write() as connection:
            return results.give_up_waiting(connection, ledger.programme, lambda d: d + limit, day)

    assert give_up(DAY + limit) == 0
    assert give_up(DAY + limit + timedelta(days=1)) == 2
    assert [_state(ledger, p) for p in batch.payments] == ["paid", "unknown", "unknown"]
    before = _everything(ledger)
    assert give_up(DAY + limit + timedelta(days=2)) == 0
    assert _everything(ledger) == before
    with ledger.read() as connection:
        assert payable(connection, ledger.programme, str).payments == []
        unknown = results.unknown_payments(connection, ledger.programme)
    assert unknown == {p.payment_key: (1, AMOUNT) for p in batch.payments[1:]}
    _balance(ledger)
    take_results(
        ledger, [told(batch.payments[1]), told(batch.payments[2], returned=True, record=3)]
    )
    assert [_state(ledger, p) for p in batch.payments] == ["paid", "paid", "returned"]
    assert _batch_state(ledger) == ["settled"]


# again


def test_f18_the_same_file_and_the_same_result_in_another_file_change_nothing(ledger, batch):
    rows = [told(batch.payments[0]), told(batch.payments[1], returned=True, record=3)]
    take_results(ledger, rows)
    before = _everything(ledger)
    for again, name in (
        (rows, "results.txt"),
        (rows[::-1], "other.txt"),
        (rows[:1] * 2, "two.txt"),
    ):
        found = take_results(ledger, again, name)
        assert (found.paid, found.returned, found.faults) == (0, 0, {})
        assert found.repeated == len(set(again))
        assert _everything(ledger) == before


def test_another_code_of_the_same_outcome_contradicts_nothing(ledger, batch):
    take_results(ledger, [told(batch.payments[0], returned=True)])
    before = _everything(ledger)
    found = take_results(ledger, [told(batch.payments[0], returned=True, code="9")], "x.txt")
    assert (found.repeated, _everything(ledger)) == (1, before)


# what cannot be right


FAULTS = {
    Fault.TOLD_TWICE: lambda p: [told(p), told(p, returned=True, record=9)],
    Fault.WRONG_AMOUNT: lambda p: [told(p, amount_yen=p.amount_yen + 1)],
    Fault.WRONG_ACCOUNT: lambda p: [told(p, account_number="0000000")],
}


@pytest.mark.parametrize("branch", ["bank_code", "branch_code", "account_type", "account_number"])
def test_every_part_of_the_account_counts(ledger, batch, branch):
    first = batch.payments[0]
    found = take_results(ledger, [told(first, **{branch: "9"})])
    assert found.faults == {Fault.WRONG_ACCOUNT: 1}
    assert _state(ledger, first) == "unknown"


@pytest.mark.parametrize("fault", FAULTS)
def test_f18_a_result_that_cannot_be_right_makes_that_payment_unknown_and_the_rest_counts(
    ledger, batch, fault
):
    first, second, third = batch.payments
    bad = FAULTS[fault](first)
    rows = [*bad, told(second, record=10), told(third, record=11)]
    found = take_results(ledger, rows)
    assert (found.paid, found.faults) == (2, {fault: len(bad)})
    assert [_state(ledger, p) for p in batch.payments] == ["unknown", "paid", "paid"]
    assert _rows(ledger) == [(first.payment_key, fault, None)] * len(bad)
    assert live_payments(ledger) == dict.fromkeys(states(ledger), 1)
    before = _everything(ledger)
    assert take_results(ledger, rows).faults == {}
    assert take_results(ledger, rows[::-1], "other.txt").faults == {}
    assert _everything(ledger) == before
    _balance(ledger)
    take_results(ledger, [told(first)], "right.txt")
    assert _state(ledger, first) == "paid"
    assert _rows(ledger) == [(first.payment_key, fault, "bank_result")] * len(bad)
    assert _batch_state(ledger) == ["settled"]
    assert take_results(ledger, rows, "again.txt").faults == {}
    assert _state(ledger, first) == "paid"


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_settled_stays_whatever_else_is_said(ledger, batch, fault):
    first = batch.payments[0]
    take_results(ledger, [told(first)])
    found = take_results(ledger, FAULTS[fault](first), "strange.txt")
    assert set(found.faults) == {fault}
    assert _state(ledger, first) == "paid"
    _balance(ledger)


def test_a_key_that_we_do_not_know_waits_and_the_rest_counts(ledger, batch):
    first = batch.payments[0]
    stranger = told(first, record=3, payment_key="9999999999")
    found = take_results(ledger, [told(first), stranger])
    assert (found.paid, found.faults) == (2, {Fault.UNKNOWN_KEY: 1})
    assert _rows(ledger) == [("9999999999", Fault.UNKNOWN_KEY, None)]


def test_f19_a_return_and_then_paid_contradicts_and_nobody_is_paid_again_meanwhile(ledger, batch):
    first = batch.payments[0]
    take_results(ledger, [told(p, returned=True, record=n) for n, p in enumerate(batch.payments)])
    approve(ledger, add_claim(ledger, "C4", account_number="1111111"), *first.people)
    again = draft(ledger)
    found = take_results(ledger, [told(first)], "late.txt")
    assert found.faults == {Fault.CONTRADICTS: 1}
    assert _state(ledger, first) == "approved"  # the batch that was not sent is taken back
    with ledger.read() as connection:
        assert payable(connection, ledger.programme, str).payments == []
        state = sa.select(tables.batch.c.state).filter_by(batch_id=again.batch_id)
        assert connection.execute(state).scalar_one() == "rejected"
    _balance(ledger)
    with ledger.write() as connection:
        choices = results.choices_for(connection, ledger.programme, first.payment_key)
        assert choices == {Choice.DISMISS, Choice.PAID}
        results.apply_decision(
            connection, ledger.programme, first.payment_key, Choice.DISMISS, "result:1", DAY
        )
        assert len(payable(connection, ledger.programme, str).payments) == 1


def test_a_result_for_a_batch_that_is_not_sent_stops_it(ledger):
    (one,) = open_people(ledger, 1)
    approve(ledger, add_claim(ledger, "C1"), one)
    drafted = draft(ledger)
    found = take_results(ledger, [told(drafted.payments[0])])
    assert found.faults == {Fault.NOT_SENT: 1}
    assert states(ledger) == {one: "approved"}
    with ledger.read() as connection:
        assert payable(connection, ledger.programme, str).payments == []


# the bank's later return


def test_f20_what_was_paid_may_come_back_later_and_is_paid_as_a_new_attempt(ledger, batch):
    first = batch.payments[0]
    paid = [told(p, record=n) for n, p in enumerate(batch.payments, start=2)]
    take_results(ledger, paid)
    found = take_results(ledger, [told(first, returned=True)], "returns.txt")
    assert (found.returned, found.faults) == (2, {})
    assert _state(ledger, first) == "returned"
    balance = _balance(ledger)
    assert (balance.paid_yen, balance.returned_yen) == (2 * AMOUNT, 2 * AMOUNT)
    before = _everything(ledger)
    take_results(ledger, paid)  # the first file once more is no contradiction
    take_results(ledger, [told(first, returned=True)], "returns.txt")
    assert _everything(ledger) == before
    approve(ledger, add_claim(ledger, "C4", account_number="1111111"), *first.people)
    (again,) = pay(ledger).payments
    assert (again.attempt, again.follows) == (2, first.payment_key)
    assert set(states(ledger).values()) == {"paid"}
    _balance(ledger)


def test_a_late_return_of_a_payment_under_recovery_leaves_the_recovered_person_alone(ledger, batch):
    first = batch.payments[0]
    one, two = first.people
    take_results(ledger, [told(p, record=n) for n, p in enumerate(batch.payments, start=2)])
    assert protect(ledger, two) == (0, 1)
    found = take_results(ledger, [told(first, returned=True)], "returns.txt")
    assert found.returned == 1
    assert (states(ledger)[one], states(ledger)[two]) == ("returned", "unclaimed")
    balance = _balance(ledger)
    assert (balance.returned_yen, balance.recovering_yen) == (2 * AMOUNT, 0)


# two people


@pytest.mark.parametrize(
    ("choice", "state"), [(Choice.PAID, "paid"), (Choice.RETURNED, "returned")]
)
def test_people_decide_what_became_of_an_unknown_payment(ledger, batch, choice, state):
    first, second, third = batch.payments
    take_results(ledger, [told(second), told(third, record=3), *FAULTS[Fault.WRONG_AMOUNT](first)])
    with ledger.write() as connection:
        found = results.choices_for(connection, ledger.programme, first.payment_key)
        assert found == {Choice.PAID, Choice.RETURNED}
        results.apply_decision(connection, ledger.programme, first.payment_key, choice, "r:1", DAY)
    assert _state(ledger, first) == state
    assert _rows(ledger) == [(first.payment_key, Fault.WRONG_AMOUNT, "r:1")]
    assert _batch_state(ledger) == ["settled"]
    _balance(ledger)
    with ledger.write() as connection, pytest.raises(KyufuError, match="決定を待っていません"):
        results.apply_decision(connection, ledger.programme, first.payment_key, choice, "r:1", DAY)


@pytest.mark.parametrize("choice", list(Choice))
def test_nothing_is_decided_about_what_is_clear(ledger, batch, choice):
    take_results(ledger, [told(batch.payments[0])])
    for payment in batch.payments[:2]:
        with ledger.write() as connection, pytest.raises(KyufuError, match="決定を待っていません"):
            results.apply_decision(
                connection, ledger.programme, payment.payment_key, choice, "r:1", DAY
            )


def _decide(ledger, payment, choice):
    with ledger.write() as connection:
        results.apply_decision(
            connection, ledger.programme, payment.payment_key, choice, "r:1", DAY
        )


def _contradicted(ledger, batch, *between):
    """The first payment came back; then other things happen; then the bank says that it was paid."""
    first = batch.payments[0]
    rows = [told(p, p is first, n) for n, p in enumerate(batch.payments, start=2)]
    take_results(ledger, rows)
    for happening in between:
        happening()
    assert take_results(ledger, [told(first)], "paid.txt").faults == {Fault.CONTRADICTS: 1}
    return first


def test_what_was_paid_after_all_is_paid_once(ledger, batch):
    first = _contradicted(ledger, batch)
    _decide(ledger, first, Choice.PAID)
    assert set(states(ledger).values()) == {"paid"}
    assert live_payments(ledger) == dict.fromkeys(states(ledger), 1)
    assert _balance(ledger).paid_yen == 4 * AMOUNT
    found = take_results(ledger, [told(first, returned=True)], "the first file again.txt")
    assert found.faults == {
        Fault.CONTRADICTS: 1
    }  # against what two people decided, only two people
    assert _state(ledger, first) == "paid"
    _decide(ledger, first, Choice.RETURNED)
    assert _state(ledger, first) == "returned"
    _balance(ledger)


def test_who_was_approved_anew_is_paid_by_the_first_payment_and_not_again(ledger, batch):
    people = batch.payments[0].people
    anew = add_claim(ledger, "C4", account_number="1111111")
    first = _contradicted(ledger, batch, lambda: approve(ledger, anew, *people))
    _decide(ledger, first, Choice.PAID)
    assert set(states(ledger).values()) == {"paid"}
    with ledger.read() as connection:
        assert payable(connection, ledger.programme, str).payments == []
    _balance(ledger)


def test_who_was_paid_anew_meanwhile_got_it_twice_and_it_is_recovered(ledger, batch):
    people = batch.payments[0].people
    anew = add_claim(ledger, "C4", account_number="1111111")
    first = _contradicted(
        ledger, batch, lambda: approve(ledger, anew, *people), lambda: pay(ledger)
    )
    assert set(states(ledger).values()) == {"paid"}
    _decide(ledger, first, Choice.PAID)
    assert live_payments(ledger) == dict.fromkeys(states(ledger), 1)
    balance = _balance(ledger)
    assert (balance.paid_yen, balance.recovering_yen, balance.net_yen) == (
        6 * AMOUNT, 2 * AMOUNT, 4 * AMOUNT,
    )  # fmt: skip


def test_who_is_no_longer_eligible_is_not_paid_by_it_but_owes_it(ledger, batch):
    one, two = batch.payments[0].people
    first = _contradicted(ledger, batch, lambda: put(ledger, Entitlement.INELIGIBLE, one))
    _decide(ledger, first, Choice.PAID)
    assert (states(ledger)[one], states(ledger)[two]) == ("ineligible", "paid")
    assert _balance(ledger).recovering_yen == AMOUNT


def test_while_a_new_claim_is_not_decided_the_first_payment_waits(ledger, batch):
    one, _ = batch.payments[0].people
    first = _contradicted(ledger, batch, lambda: put(ledger, Entitlement.HELD, one, claim="C1"))
    before = _everything(ledger)
    with pytest.raises(KyufuError, match="まだ決定していません"):
        _decide(ledger, first, Choice.PAID)
    assert _everything(ledger) == before


def test_a_result_says_nothing_personal(ledger, batch):
    for name, make in FAULTS.items():
        take_results(ledger, make(batch.payments[0]), name)
    a = tables.audit
    with ledger.read() as connection:
        text = "".join(connection.execute(sa.select(a.c.detail)).scalars())
    for payment in batch.payments:
        assert payment.account_number not in text
        assert payment.payee_kana not in text


def test_a_batch_that_is_voided_is_still_voided(ledger):
    (one,) = open_people(ledger, 1)
    approve(ledger, add_claim(ledger, "C1"), one)
    drafted = draft(ledger)
    with ledger.write() as connection:
        payments.void(connection, ledger.programme, drafted.batch_id, "rejected", date(2020, 6, 4))
    assert live_payments(ledger) == {}
    assert states(ledger) == {one: "approved"}
