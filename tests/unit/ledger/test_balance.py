"""The balance: everybody in one state, every yen somewhere; whatever is changed behind the program's back is found."""

import pytest

from pipelines.errors import KyufuError
from pipelines.ledger.balance import assert_balanced, take_balance
from pipelines.ledger.states import Entitlement
from tests.unit.ledger.ledger_world import (
    AMOUNT,
    add_claim,
    approve,
    open_people,
    pay,
    protect,
    put,
    tamper,
)


@pytest.fixture
def campaign(ledger):
    """Five people: two paid, one of them recovered, one held, two unclaimed."""
    people = open_people(ledger, 2, 1, 2)
    approve(ledger, add_claim(ledger, "C1"), *people[:2])
    pay(ledger)
    protect(ledger, people[1])
    put(ledger, Entitlement.HELD, people[2])
    return people


def _balance(ledger):
    with ledger.read() as connection:
        return take_balance(connection, ledger.programme)


def test_an_empty_ledger_is_balanced(ledger):
    balance = _balance(ledger)
    assert (balance.eligible, balance.paid_yen, balance.balanced) == (0, 0, True)


def test_everybody_and_every_yen_is_counted(ledger, campaign):
    balance = _balance(ledger)
    assert balance.eligible == sum(balance.states.values()) == 5
    assert {s: n for s, n in balance.states.items() if n} == {"unclaimed": 3, "held": 1, "paid": 1}
    assert set(balance.states) == set(Entitlement)
    assert (balance.paid_yen, balance.recovering_yen, balance.net_yen) == (
        2 * AMOUNT,
        AMOUNT,
        AMOUNT,
    )
    assert balance.faults == ()


@pytest.mark.parametrize(
    "statement",
    [
        "update entitlement set state = 'paid' where state = 'held'",
        "update entitlement set state = 'lapsed' where state = 'unclaimed'",
        "update entitlement set state = 'unclaimed' where state = 'paid'",
        "update entitlement set amount_yen = 200000 where state = 'paid'",
        "delete from entitlement where state = 'held'",
        "delete from entitlement_event where to_state = 'held'",
        "update entitlement_event set to_state = 'declined' where to_state = 'held'",
        "update payment_item set live = true where not live",
        "update payment_item set live = false where live",
        "update payment set result = 'returned', result_code = '1'",
        "update payment set result = null",
        "delete from recovery",
        "update recovery set amount_yen = 1",
        "update snapshot set people = 4",
        "delete from snapshot",
    ],
)
def test_f31_a_tampered_state_is_found(ledger, campaign, statement):
    assert _balance(ledger).balanced
    tamper(ledger, statement)
    assert not _balance(ledger).balanced
    with pytest.raises(KyufuError, match=r"≠|合わない") as caught:
        assert_balanced(_balance(ledger))
    assert campaign[0] not in str(caught.value)


def test_another_programme_has_its_own_balance(ledger, campaign):
    other = type(ledger)(ledger.engine, "other-2021")
    assert _balance(other).eligible == 0
    open_people(other, 1)
    assert _balance(other).balanced
    assert _balance(ledger).balanced
