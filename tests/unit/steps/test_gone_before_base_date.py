"""A death or departure before the base date that is notified late takes the person out, wherever the payment stands."""

import pytest
import sqlalchemy as sa

from pipelines.ledger import tables
from pipelines.steps import claims, payments, register
from tests.unit.steps.dated_world import (
    DAY,
    NEXT,
    send_changes,
    send_claims,
    send_to_bank,
    settle,
    states,
)

DATES = dict.fromkeys((1, 2, 3, 4), ("5020518", ""))
GONE = (1, "死亡", "5020420")


@pytest.fixture
def approved(campaign):
    """Everybody's claim is approved."""
    send_claims(campaign, DAY, DATES)
    claims.match_and_decide(campaign, DAY)
    return campaign


@pytest.fixture
def drafted(approved):
    """Everybody is in a drafted batch."""
    assert payments.draft(approved, DAY)["people"] == 4
    return approved


def _findings(c):
    f = tables.finding
    with c.ledger.read() as connection:
        query = sa.select(f.c.person_id).where(f.c.code == register.PAID_NOT_ELIGIBLE)
        return list(connection.execute(query).scalars())


def _only_states(c):
    return {person: state for person, (state, _) in states(c).items()}


def test_whoever_is_approved_is_taken_out_before_the_draft(approved):
    send_changes(approved, GONE)
    assert register.apply_changes(approved, DAY)["ineligible"] == 1
    assert payments.draft(approved, DAY)["people"] == 3
    assert _only_states(approved)["1"] == "ineligible"


def test_a_batch_that_is_not_sent_is_voided_and_the_others_are_paid_with_the_next(drafted):
    send_changes(drafted, GONE, day=NEXT)
    assert register.apply_changes(drafted, NEXT)["ineligible"] == 1
    assert states(drafted)["1"] == ("ineligible", "NOT_ELIGIBLE")
    assert payments.build(drafted, DAY) == {"rejected": False, "voided": 1, "repeated": False}
    assert payments.send(drafted, DAY) == {"files": []}
    again = payments.draft(drafted, NEXT)
    assert (again["people"], again["sum_yen"]) == (3, 300_000)


def test_a_change_in_quarantine_takes_an_unsent_batch_back_too(drafted):
    send_changes(drafted, (1, "死亡", "先月"), day=NEXT)
    assert register.apply_changes(drafted, NEXT)["change_held"] == 1
    assert _only_states(drafted) == {
        "1": "held", "2": "approved", "3": "approved", "4": "approved"
    }  # fmt: skip


def test_a_batch_without_the_person_goes_its_way(drafted):
    send_changes(drafted, (9, "死亡", "5020420"), day=NEXT)
    register.apply_changes(drafted, NEXT)
    assert set(_only_states(drafted).values()) == {"in_payment"}


def test_what_is_sent_stays_and_the_steward_is_told(approved):
    batch_id = send_to_bank(approved)
    send_changes(approved, GONE, day=NEXT)
    counts = register.apply_changes(approved, NEXT)
    assert (counts["ineligible"], counts["paid_ineligible"]) == (0, 1)
    assert states(approved)["1"] == ("in_payment", "")
    assert _findings(approved) == ["R0000000001"]
    settle(approved, batch_id, paid=True)
    assert states(approved)["1"] == ("paid", "")
    assert _findings(approved) == ["R0000000001"]


def test_what_the_bank_returns_is_not_paid_again(approved):
    batch_id = send_to_bank(approved)
    send_changes(approved, GONE, day=NEXT)
    register.apply_changes(approved, NEXT)
    assert settle(approved, batch_id, paid=False) == {"ineligible": 1, "paid_ineligible": 0}
    assert _only_states(approved) == {
        "1": "ineligible", "2": "returned", "3": "returned", "4": "returned"
    }  # fmt: skip
