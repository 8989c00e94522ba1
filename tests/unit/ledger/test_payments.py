"""Payments: nobody is paid twice; a rejected, returned or recovered payment can be followed by exactly one other."""

import pytest
import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import payments, people, tables
from pipelines.ledger.balance import assert_balanced, take_balance
from pipelines.ledger.payable import payable
from pipelines.ledger.payments import content_hash
from pipelines.ledger.states import Batch, Entitlement
from tests.unit.ledger.ledger_world import (
    AMOUNT,
    DAY,
    add_claim,
    approve,
    declare,
    deliver,
    draft,
    live_payments,
    open_people,
    pay,
    protect,
    put,
    settle,
    states,
    void,
)


@pytest.fixture
def family(ledger):
    """A household of three, a claim with its account, all three approved."""
    members = open_people(ledger, 3)
    add_claim(ledger, "C1")
    approve(ledger, "C1", *members)
    return members


def _payable(ledger):
    with ledger.read() as connection:
        return payable(connection, ledger.programme, str).payments


def _balance(ledger):
    with ledger.read() as connection:
        balance = take_balance(connection, ledger.programme)
    assert_balanced(balance)
    return balance


# what is payable


def test_a_claims_people_are_paid_in_one_transfer(ledger, family):
    (payment,) = _payable(ledger)
    assert payment.people == dict.fromkeys(family, AMOUNT)
    assert payment.amount_yen == 3 * AMOUNT
    assert (payment.attempt, payment.follows, payment.claim_id) == (1, None, "C1")
    assert (payment.bank_code, payment.account_number) == ("0001", "1234567")


def test_only_the_approved_are_payable(ledger, family):
    put(ledger, Entitlement.ELSEWHERE, family[1])
    (payment,) = _payable(ledger)
    assert set(payment.people) == {family[0], family[2]}


def test_payments_come_in_claim_order_with_distinct_keys(ledger):
    one, two, three = open_people(ledger, 1, 1, 1)
    for claim, person in (("C3", one), ("C1", two), ("C2", three)):
        approve(ledger, add_claim(ledger, claim), person)
    found = _payable(ledger)
    assert [p.claim_id for p in found] == ["C1", "C2", "C3"]
    assert [p.payment_key for p in found] == ["0000000001", "0000000002", "0000000003"]
    assert _payable(ledger) == found
    pay(ledger)
    assert _payable(ledger) == []


def test_keys_of_later_payments_are_new(ledger):
    one, two = open_people(ledger, 1, 1)
    approve(ledger, add_claim(ledger, "C2"), one)
    pay(ledger)
    approve(ledger, add_claim(ledger, "C1"), two)
    assert [p.payment_key for p in _payable(ledger)] == ["0000000002"]


# drafting


def test_drafting_takes_people_into_payment(ledger, family):
    batch = draft(ledger)
    assert (batch.people, batch.sum_yen) == (3, 3 * AMOUNT)
    assert set(states(ledger).values()) == {"in_payment"}
    assert live_payments(ledger) == dict.fromkeys(family, 1)
    assert _payable(ledger) == []


def test_f12_the_same_set_is_refused_under_another_id_and_name(ledger, family):
    with ledger.read() as connection:
        again = declare(connection, ledger.programme)
    draft(ledger)
    with pytest.raises(sa.exc.IntegrityError), ledger.write() as connection:
        payments.draft(connection, ledger.programme, [again], "drafter", DAY)
    assert live_payments(ledger) == dict.fromkeys(family, 1)


def test_f13_a_draft_with_one_paid_person_is_refused_wholly(ledger, family):
    batch = draft(ledger)
    (other,) = open_more(ledger)
    approve(ledger, add_claim(ledger, "C2"), other)
    before = states(ledger)
    both = (*_payable(ledger), _renamed(batch.payments[0]))
    stolen = payments.Declared("Bx", "x.txt", DAY, both, "x", "another content")
    with pytest.raises(sa.exc.IntegrityError), ledger.write() as connection:
        payments.draft(connection, ledger.programme, [stolen], "drafter", DAY)
    assert states(ledger) == before


def open_more(ledger):
    """One more person, as an addition."""
    addition = people.Addition(
        people.Person("A1", None, None), "list:2", "見本", "ミホン", "19800401"
    )
    with ledger.write() as connection:
        people.open_additions(connection, ledger.programme, [addition], AMOUNT, DAY)
    return ["A1"]


def _renamed(payment):
    return payments.Payment(
        "9999999999", payment.claim_id, 1, None, payment.people, payment.bank_code, payment.branch_code,
        payment.account_type, payment.account_number, payment.payee_kana,
    )  # fmt: skip


def test_the_content_is_who_gets_what_where(ledger, family):
    (payment,) = _payable(ledger)
    same = payments.Payment(**{**_fields(payment), "payment_key": "7777777777"})
    assert content_hash([same]) == content_hash([payment])
    for change in (
        {"people": {family[0]: AMOUNT}},
        {"people": dict.fromkeys(family, AMOUNT + 1)},
        {"account_number": "7654321"},
        {"branch_code": "002"},
        {"bank_code": "0005"},
        {"account_type": "2"},
        {"attempt": 2},
        {"claim_id": "C2"},
    ):
        other = payments.Payment(**{**_fields(payment), **change})
        assert content_hash([other]) != content_hash([payment])
    assert content_hash([payment, other]) == content_hash([other, payment])


def _fields(payment):
    return {name: getattr(payment, name) for name in payment.__dataclass_fields__}


# voiding


@pytest.mark.parametrize("was_approved", [False, True])
def test_f32_a_rejected_batch_frees_its_people_for_the_next(ledger, family, was_approved):
    first = draft(ledger)
    if was_approved:
        _set(ledger, first, Batch.DRAFTED, Batch.APPROVED)
    void(ledger, first)
    assert set(states(ledger).values()) == {"approved"}
    assert live_payments(ledger) == {}
    second = draft(ledger)
    assert second.content_hash == first.content_hash
    assert second.payments[0].payment_key != first.payments[0].payment_key
    assert (second.payments[0].attempt, second.payments[0].follows) == (1, None)
    deliver(ledger, second)
    assert settle(ledger, second) == (3, 0)
    assert _balance(ledger).paid_yen == 3 * AMOUNT


def _set(ledger, batch, before, after):
    with ledger.write() as connection:
        payments.set_batch_state(connection, ledger.programme, batch.batch_id, {before}, after)


@pytest.mark.parametrize("reached", [Batch.SENDING, Batch.DELIVERED, Batch.SETTLED])
def test_a_batch_is_never_voided_once_it_is_being_sent(ledger, family, reached):
    batch = draft(ledger)
    _set(ledger, batch, Batch.DRAFTED, reached)
    with pytest.raises(KyufuError, match=str(reached)):
        void(ledger, batch)
    assert set(states(ledger).values()) == {"in_payment"}


def test_a_batch_is_voided_once(ledger, family):
    batch = draft(ledger)
    void(ledger, batch)
    with pytest.raises(KyufuError, match="rejected"):
        void(ledger, batch)


# the bank's result


@pytest.fixture
def two_households(ledger):
    """Two households' payments, delivered to the bank."""
    one, two, three = open_people(ledger, 2, 1)
    approve(ledger, add_claim(ledger, "C1"), one, two)
    approve(ledger, add_claim(ledger, "C2", account_number="7654321"), three)
    batch = draft(ledger)
    deliver(ledger, batch)
    return batch, (one, two, three)


def test_a_result_settles_every_person(ledger, two_households):
    batch, (one, two, three) = two_households
    returned = {batch.payments[0].payment_key}
    assert settle(ledger, batch, returned) == (1, 2)
    assert states(ledger) == {one: "returned", two: "returned", three: "paid"}
    assert live_payments(ledger) == {three: 1}
    balance = _balance(ledger)
    assert (balance.paid_yen, balance.returned_yen, balance.net_yen) == (AMOUNT, 2 * AMOUNT, AMOUNT)


# after a return


def test_f20_after_a_return_the_next_attempt_follows_it(ledger, two_households):
    batch, (one, two, _) = two_households
    settle(ledger, batch, {batch.payments[0].payment_key})
    assert _payable(ledger) == []
    approve(ledger, add_claim(ledger, "C3", account_number="1111111"), one, two)
    (again,) = _payable(ledger)
    assert (again.attempt, again.follows) == (2, batch.payments[0].payment_key)
    assert again.account_number == "1111111"
    second = pay(ledger, {again.payment_key})
    approve(ledger, "C3", one, two)
    (third,) = _payable(ledger)
    assert (third.attempt, third.follows) == (3, second.payments[0].payment_key)
    pay(ledger)
    assert set(states(ledger).values()) == {"paid"}
    balance = _balance(ledger)
    assert (balance.paid_yen, balance.returned_yen) == (3 * AMOUNT, 4 * AMOUNT)


def test_f20_a_returned_person_joins_no_first_payment(ledger):
    one, two = open_people(ledger, 2)
    approve(ledger, add_claim(ledger, "C1"), one)
    first = draft(ledger)
    deliver(ledger, first)
    settle(ledger, first, {first.payments[0].payment_key})
    approve(ledger, "C1", one, two)
    found = {tuple(p.people): (p.attempt, p.follows) for p in _payable(ledger)}
    assert found == {(two,): (1, None), (one,): (2, first.payments[0].payment_key)}


# recovery


def test_a_payment_to_the_head_of_a_protected_person_is_recovered_and_paid_once_more(
    ledger, family
):
    first = pay(ledger)
    assert protect(ledger, family[2]) == (0, 1)
    assert states(ledger)[family[2]] == "unclaimed"
    assert live_payments(ledger) == dict.fromkeys(family[:2], 1)
    balance = _balance(ledger)
    assert (balance.paid_yen, balance.recovering_yen, balance.net_yen) == (
        3 * AMOUNT,
        AMOUNT,
        2 * AMOUNT,
    )
    own = add_claim(ledger, "W1", "inhouse", applicant_id=family[2], account_number="2222222")
    approve(ledger, own, family[2])
    (payment,) = _payable(ledger)
    assert (payment.attempt, payment.follows) == (2, first.payments[0].payment_key)
    pay(ledger)
    assert protect(ledger, family[2]) == (0, 0)
    balance = _balance(ledger)
    assert (balance.paid_yen, balance.net_yen) == (4 * AMOUNT, 3 * AMOUNT)
    assert live_payments(ledger) == dict.fromkeys(family, 1)


def test_what_is_approved_for_a_protected_person_on_the_heads_claim_is_taken_back(ledger, family):
    assert protect(ledger, family[2]) == (1, 0)
    assert states(ledger) == {family[0]: "approved", family[1]: "approved", family[2]: "unclaimed"}
    assert protect(ledger, family[2]) == (0, 0)


def test_a_batch_that_is_not_sent_is_voided_for_a_protected_member(ledger, family):
    draft(ledger)
    assert protect(ledger, family[2]) == (1, 0)
    assert states(ledger) == {family[0]: "approved", family[1]: "approved", family[2]: "unclaimed"}
    (payment,) = _payable(ledger)
    assert set(payment.people) == set(family[:2])


def test_a_protection_while_the_payment_is_under_way_recovers_it_afterwards(ledger, family):
    batch = draft(ledger)
    deliver(ledger, batch)
    assert protect(ledger, family[2]) == (0, 0)
    settle(ledger, batch)
    assert protect(ledger) == (0, 1)
    assert _balance(ledger).recovering_yen == AMOUNT


# opening


def test_a_person_is_eligible_once(ledger, family):
    person = people.Person(family[0], None, None)
    same_resident = people.Person("A9", "0000100001", None)
    for again in (person, same_resident):
        with pytest.raises(sa.exc.IntegrityError) as caught, ledger.write() as connection:
            people.open_entitlements(connection, ledger.programme, [again], "addition", AMOUNT, DAY)
        assert "0000100001" not in f"{caught.value} {caught.value.__cause__}"
    assert len(states(ledger)) == 3


def test_an_addition_that_is_open_already_stays_as_it_is(ledger, family):
    open_more(ledger)
    put(ledger, Entitlement.HELD, "A1")
    open_more(ledger)
    assert states(ledger)["A1"] == "held"
    with ledger.read() as connection:
        assert take_balance(connection, ledger.programme).eligible == 4
    _balance(ledger)


def test_a_candidate_becomes_linked_and_never_the_other_way(ledger, family):
    def certainty(*values):
        for value in values:
            found = people.Protection(family[0], "placement_elderly", "placement", value, value, "")
            with ledger.write() as connection:
                people.protect(connection, ledger.programme, [found], DAY)
        with ledger.read() as connection:
            return connection.execute(sa.select(tables.protection.c.certainty)).scalar_one()

    assert certainty("candidate") == "candidate"
    assert certainty("linked", "candidate") == "linked"
