"""Decisions about holds in the ledger: numbered, agreed to by different people, applied once."""

import pytest
import sqlalchemy as sa

from pipelines.ledger import holds, tables
from pipelines.ledger.approvals import ApprovalRefused
from pipelines.ledger.holds import Choice, Concern
from pipelines.ledger.states import Entitlement
from pipelines.ledger.store import verify_chain
from tests.unit.ledger.ledger_world import (
    AMOUNT,
    DAY,
    add_claim,
    approve,
    open_people,
    pay,
    protect,
    put,
    states,
)

DATA = "d" * 64


@pytest.fixture
def held(ledger):
    """Two members of a household, held on C1."""
    one, two = open_people(ledger, 2)
    add_claim(ledger, "C1")
    put(ledger, Entitlement.HELD, one, two, claim="C1")
    return one, two


def _open(ledger):
    with ledger.read() as connection:
        return {h.person_id: h for h in holds.open_holds(connection, ledger.programme)}


def _newest(ledger, person):
    hold = _open(ledger)[person]
    with ledger.read() as connection:
        return holds.newest(connection, ledger.programme).get(hold.hold_id)


@pytest.fixture
def take_decision(ledger):
    def enter(person, actor, choice=Choice.PAY, *, needed=1, data=DATA):
        hold = _open(ledger)[person]
        paid = "C1" if choice is Choice.PAY else None
        with ledger.write() as connection:
            return holds.decide(
                connection, ledger.programme, hold, data, choice, paid, needed, actor, "確認", DAY
            )

    return enter


def _apply(ledger, *persons):
    found = _open(ledger)
    with ledger.write() as connection:
        newest = holds.newest(connection, ledger.programme)
        due = [(found[p], newest[found[p].hold_id]) for p in persons]
        return holds.apply(connection, ledger.programme, due, DAY)


def test_a_hold_is_one_pair_of_claim_and_person(ledger, held):
    found = _open(ledger)
    assert {(h.person_id, h.claim_id) for h in found.values()} == {(p, "C1") for p in held}
    assert len({h.hold_id for h in found.values()}) == 2


@pytest.mark.parametrize(
    ("choice", "state"), [("pay", "approved"), ("decline", "declined"), ("another-claim", "unclaimed")]
)  # fmt: skip
def test_a_complete_decision_moves_its_person_alone_and_once(
    ledger, held, take_decision, choice, state
):
    one, two = held
    assert take_decision(one, "steward", Choice(choice)).is_complete
    assert _apply(ledger, one) == 1
    assert states(ledger) == {one: state, two: "held"}
    with ledger.read() as connection:
        applied = connection.execute(sa.select(tables.hold_decision.c.applied_on)).scalars().all()
        verify_chain(connection)
    assert applied == [DAY]


def test_two_different_people_where_two_are_needed(ledger, held, take_decision):
    one, _ = held
    assert not take_decision(one, "steward", needed=2).is_complete
    assert not take_decision(one, "steward", needed=2).is_complete
    with pytest.raises(ApprovalRefused, match="1人"):
        _apply(ledger, one)
    assert states(ledger)[one] == "held"
    done = take_decision(one, "approver", needed=2)
    assert (done.is_complete, done.number) == (True, 1)
    assert _apply(ledger, one) == 1


@pytest.mark.parametrize("change", [{"choice": Choice.DECLINE}, {"data": "e" * 64}])
def test_another_content_is_another_decision_and_starts_from_one(
    ledger, held, take_decision, change
):
    one, _ = held
    take_decision(one, "steward", needed=2)
    other = take_decision(one, "approver", needed=2, **change)
    assert (other.number, other.approved_by) == (2, {"approver"})
    assert _newest(ledger, one) == other


def test_the_ledger_that_held_is_nobody(held, take_decision):
    with pytest.raises(ApprovalRefused, match="起案者"):
        take_decision(held[0], "system")


def test_each_person_gives_a_reason_once(ledger, held, take_decision):
    one, _ = held
    for actor in ("steward", "approver", "steward"):
        decided = take_decision(one, actor, needed=2)
    with ledger.read() as connection:
        told = holds.reasons(connection, ledger.programme, decided)
    assert told == [("approver", "確認"), ("steward", "確認")]


def test_what_needs_two_people(ledger):
    plain, protected, added, recovered = open_people(ledger, 1, 1, 1, 1)
    add_claim(ledger, "C0", applicant_id=plain)
    approve(ledger, "C0", recovered)
    pay(ledger)
    protect(ledger, recovered)  # paid to somebody else: a recovery opens
    protect(ledger, protected)
    add_claim(ledger, "C1", channel="inhouse", applicant_id=protected)
    add_claim(ledger, "C2", applicant_id=plain)
    put(ledger, Entitlement.HELD, protected, recovered, claim="C1")
    put(ledger, Entitlement.HELD, plain, added, claim="C2")
    e = tables.entitlement
    with ledger.write() as connection:
        connection.execute(sa.update(e).where(e.c.person_id == added).values(source="addition"))
    found = {person: set(hold.concerns) for person, hold in _open(ledger).items()}
    assert found == {
        plain: set(),
        added: {Concern.ADDITION},
        protected: {Concern.PROTECTION},
        recovered: {Concern.PROTECTION, Concern.RECOVERY},
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"decision": "maybe"},
        {"decision": "decline"},  # and names a claim to pay on
        {"paid_claim_id": None},
        {"number": 0},
        {"needed": 0},
        {"person_id": "R9"},
        {"data_hash": None},
    ],
)
def test_a_decision_that_cannot_be_is_refused_by_the_database(ledger, held, wrong):
    good = {
        "hold_id": "h", "number": 1, "claim_id": "C1", "person_id": held[0], "codes": "", "data_hash": DATA,
        "decision": "pay", "paid_claim_id": "C1", "needed": 1,
    }  # fmt: skip
    d = tables.hold_decision
    with pytest.raises(sa.exc.IntegrityError), ledger.write() as connection:
        connection.execute(sa.insert(d).values(programme=ledger.programme, **{**good, **wrong}))
    with ledger.write() as connection:
        connection.execute(sa.insert(d).values(programme=ledger.programme, **good))


@pytest.mark.parametrize("wrong", [{"reason": ""}, {"number": 2}])
def test_a_reason_that_cannot_be_is_refused_by_the_database(ledger, held, take_decision, wrong):
    decided = take_decision(held[0], "steward")
    row = {
        "hold_id": decided.hold_id, "number": 1, "actor": "x", "reason": "確認", "business_date": DAY
    }  # fmt: skip
    r = tables.hold_reason
    with pytest.raises(sa.exc.IntegrityError), ledger.write() as connection:
        connection.execute(sa.insert(r).values(programme=ledger.programme, **{**row, **wrong}))


def test_a_claims_outcome_follows_its_people(ledger, held, take_decision):
    _, two = held
    c = tables.claim
    outcomes = []
    for person in held:
        take_decision(person, "steward", Choice.DECLINE if person == two else Choice.PAY)
        _apply(ledger, person)
        with ledger.read() as connection:
            outcomes.append(connection.execute(sa.select(c.c.outcome)).scalar_one())
    assert outcomes == ["held", "paid"]
    assert pay(ledger).sum_yen == AMOUNT


def test_claims_with_the_same_account_or_certificate_are_related(ledger, held):
    add_claim(ledger, "C2", account_number="7777777", certificate_serial="AB")
    add_claim(ledger, "C3", account_number="7777777")
    add_claim(ledger, "C4", account_number="8888888", certificate_serial="AB")
    add_claim(ledger, "C5", account_number="7777777", bank_code="0002")
    with ledger.read() as connection:
        related = holds.claims_like(connection, ledger.programme, {"C1", "C2", "C5"})
    assert related == {"C1": [], "C2": ["C3", "C4"], "C5": []}
