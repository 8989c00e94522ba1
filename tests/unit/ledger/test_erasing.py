"""Erasing the ledger's personal columns: refused while needed, everything adds up afterwards, nothing is left."""

from hashlib import sha256

import pytest
import sqlalchemy as sa

from pipelines.ledger import erasing, recoveries, tables
from pipelines.ledger.balance import take_balance
from pipelines.ledger.erasing import ErasureRefused
from pipelines.ledger.personal import DELETED, PERSONAL, PLAIN, Class
from pipelines.ledger.states import Entitlement
from pipelines.ledger.store import verify_chain
from tests.unit.ledger.ledger_world import (
    AMOUNT,
    CANARY,
    DAY,
    add_claim,
    approve,
    draft,
    open_people,
    pay,
    protect,
    put,
    states,
    tamper,
)

ACCOUNT = "7654321"


def _person(names):
    return {name: f"person:{sha256(name.encode()).hexdigest()}" for name in names}


def _household(names):
    return {name: f"household:{sha256(name.encode()).hexdigest()}" for name in names}


@pytest.fixture
def paid_claim(ledger):
    """Three people in two households: two paid on one claim, the third was not claimed for."""
    people_ids = open_people(ledger, 2, 1)
    approve(ledger, add_claim(ledger, "C1", account_number=ACCOUNT), *people_ids[:2])
    pay(ledger)
    return people_ids


def _erase(ledger, *classes):
    with ledger.write() as connection:
        for wanted in classes:
            erasing.erase(connection, ledger.programme, wanted, _person, _household)


def _balance(ledger):
    with ledger.read() as connection:
        return take_balance(connection, ledger.programme)


def _refused(ledger):
    with ledger.read() as connection, pytest.raises(ErasureRefused) as caught:
        erasing.assert_not_needed(connection, ledger.programme)
    return str(caught.value)


def _texts(ledger):
    found = set()
    with ledger.read() as connection:
        for table in tables.metadata.sorted_tables:
            for row in connection.execute(sa.select(table)):
                found |= {str(value) for value in row}
    return "\n".join(sorted(found))


def test_every_column_with_text_is_personal_or_plain():
    """A new column must be put into one of the lists of `pipelines/ledger/personal.py`."""
    for table in tables.metadata.sorted_tables:
        if table.name in DELETED:
            continue
        texts = {
            c.name for c in table.c if isinstance(c.type, sa.Text | sa.JSON) and c.name != "programme"
        }  # fmt: skip
        personal = {column for name, column in PERSONAL if name == table.name}
        assert not personal & PLAIN.get(table.name, frozenset())
        assert texts == personal | PLAIN.get(table.name, frozenset()), table.name


@pytest.mark.parametrize(
    ("state", "told"), [(Entitlement.HELD, "保留"), (Entitlement.APPROVED, "未払")]
)
def test_f44_refused_while_somebody_waits(ledger, state, told):
    people_ids = open_people(ledger, 2)
    put(ledger, state, people_ids[0], claim=add_claim(ledger, "C1"))
    assert f"{told}" in _refused(ledger)
    assert "1件" in _refused(ledger)


def test_f44_refused_while_a_payment_is_in_payment_or_unknown(ledger):
    people_ids = open_people(ledger, 1)
    approve(ledger, add_claim(ledger, "C1"), *people_ids)
    draft(ledger)
    assert "振込手続中の人 1件" in _refused(ledger)
    put(ledger, Entitlement.UNKNOWN, *people_ids, claim="C1")
    assert "振込結果不明の人 1件" in _refused(ledger)


def test_f44_refused_while_a_recovery_is_open_and_no_longer(ledger, paid_claim):
    with ledger.write() as connection:
        recoveries.open_recoveries(
            connection, ledger.programme, paid_claim[:1], recoveries.NOT_ELIGIBLE, DAY
        )
    put(ledger, Entitlement.INELIGIBLE, paid_claim[0])
    assert "回収中の支払 1件" in _refused(ledger)
    with ledger.write() as connection:
        (one,) = recoveries.opened(connection, ledger.programme)
        recoveries.enter_receipt(connection, ledger.programme, one, "R-1", AMOUNT, "steward", DAY)
    with ledger.read() as connection:
        erasing.assert_not_needed(connection, ledger.programme)


def test_after_it_everybody_and_every_yen_add_up_and_nobody_is_named(ledger, paid_claim):
    protect(ledger, paid_claim[2])
    before = _balance(ledger)
    assert {ACCOUNT, CANARY, *paid_claim} <= set(_texts(ledger).split("\n"))
    _erase(ledger, *Class)
    after = _balance(ledger)
    assert (after.states, after.paid_yen, after.faults) == (before.states, before.paid_yen, ())
    left = _texts(ledger)
    for value in (ACCOUNT, CANARY, *paid_claim, *(name[1:] for name in paid_claim)):
        assert value not in left
    assert set(states(ledger)) == set(_person(paid_claim).values())
    with ledger.read() as connection:
        verify_chain(connection)
        for wanted in Class:
            assert erasing.count_rows(connection, ledger.programme, wanted) == 0


def test_erased_again_it_stays_as_it_is(ledger, paid_claim):
    _erase(ledger, *Class)
    before = _texts(ledger)
    _erase(ledger, *Class)
    assert _texts(ledger) == before


def test_claims_go_before_the_payments_that_are_kept_longer(ledger, paid_claim):
    with ledger.read() as connection:
        assert erasing.count_rows(connection, ledger.programme, Class.CLAIM_DETAILS) == 1
    _erase(ledger, Class.CLAIM_DETAILS)
    with ledger.read() as connection:
        claim, payment = tables.claim.c.account_number, tables.payment.c.account_number
        assert connection.execute(sa.select(claim)).scalars().all() == [None]
        assert connection.execute(sa.select(payment)).scalars().all() == [ACCOUNT]


def test_another_programmes_people_stay(ledger, paid_claim):
    with ledger.write() as connection:
        erasing.erase(connection, "other-2020", Class.PAYMENT_RECORDS, _person, _household)
    assert set(states(ledger)) == set(paid_claim)


def test_what_was_changed_behind_the_ledgers_back_is_not_bound_anew(ledger, paid_claim):
    with ledger.read() as connection:
        erasing.assert_bound(connection, ledger.programme)
    tamper(ledger, "update entitlement_event set cause = 'other'")
    with ledger.read() as connection, pytest.raises(ErasureRefused, match="監査記録と合いません"):
        erasing.assert_bound(connection, ledger.programme)


def test_an_event_may_become_a_digest_and_nothing_else(ledger, paid_claim):
    v = tables.entitlement_event
    for change in (
        {"cause": "other"}, {"person_id": "R1"}, {"person_id": "person:1", "codes": "X"},
    ):  # fmt: skip
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), ledger.write() as connection:
            connection.execute(sa.update(v).values(**change))


def test_the_database_is_made_anew(ledger, paid_claim):
    _erase(ledger, *Class)
    erasing.shrink(ledger.engine)
    if ledger.engine.dialect.name == "sqlite":
        database = ledger.engine.url.database
        for suffix in ("", "-wal"):
            with open(database + suffix, "rb") as file:  # noqa: PTH123
                content = file.read()
            assert CANARY.encode() not in content
            assert all(name.encode() not in content for name in paid_claim)
