"""Approvals (FAULTS.md 42): different people, never the drafter, for exactly what they saw."""

import pytest
import sqlalchemy as sa

from pipelines.ledger import tables
from pipelines.ledger.approvals import ApprovalRefused, assert_approved, decide, is_rejected
from pipelines.ledger.store import verify_chain
from tests.unit.ledger.ledger_world import DAY

SUBJECT = "payments:2020-06-03"


@pytest.fixture
def say(ledger):
    """One person's decision on a hash."""

    def enter(actor, seen="hash", *, approve=True):
        with ledger.write() as connection:
            decide(connection, ledger.programme, SUBJECT, seen, actor, approve, "drafter", DAY)

    return enter


def _approved(ledger, content="hash", needed=2):
    with ledger.read() as connection:
        assert_approved(connection, ledger.programme, SUBJECT, content, needed)


def test_two_different_people_approve(ledger, say):
    with pytest.raises(ApprovalRefused, match="0人"):
        _approved(ledger)
    say("one")
    with pytest.raises(ApprovalRefused, match="1人"):
        _approved(ledger)
    say("two")
    _approved(ledger)


def test_f42_the_drafter_is_refused(ledger, say):
    for approve in (True, False):
        with pytest.raises(ApprovalRefused, match="起案者"):
            say("drafter", approve=approve)


def test_f42_the_same_person_twice_counts_once(ledger, say):
    say("one")
    say("one")
    with pytest.raises(ApprovalRefused, match="1人"):
        _approved(ledger)
    with ledger.read() as connection:
        assert verify_chain(connection) == 1


def test_f42_what_was_approved_is_all_that_is_approved(ledger, say):
    say("one")
    say("two")
    with pytest.raises(ApprovalRefused, match="0人"):
        _approved(ledger, "changed")
    with pytest.raises(ApprovalRefused, match="内容が変わりました"):
        say("three", "changed")


def test_a_rejection_stands_against_any_number_of_approvals(ledger, say):
    say("one")
    say("two")
    say("three", approve=False)
    with pytest.raises(ApprovalRefused, match="却下"):
        _approved(ledger)
    with ledger.read() as connection:
        assert is_rejected(connection, ledger.programme, SUBJECT)
        assert not is_rejected(connection, ledger.programme, "payments:2020-06-04")


@pytest.mark.parametrize("first", [True, False])
def test_nobody_changes_a_decision(ledger, say, first):
    say("one", approve=first)
    with pytest.raises(ApprovalRefused, match="別の判断"):
        say("one", approve=not first)


def test_approvals_are_for_one_subject_and_programme(ledger, say):
    say("one")
    say("two")
    with ledger.read() as connection:
        for programme, subject in (("other-2021", SUBJECT), (ledger.programme, "forms:2020-06-03")):
            with pytest.raises(ApprovalRefused):
                assert_approved(connection, programme, subject, "hash", 2)


def test_every_decision_is_in_the_audit_chain(ledger, say):
    say("one")
    say("two", approve=False)
    with ledger.read() as connection:
        rows = connection.execute(sa.select(tables.audit.c.event, tables.audit.c.actor)).all()
    assert [tuple(row) for row in rows] == [("approval.approve", "one"), ("approval.reject", "two")]


def test_where_nobody_is_needed_nothing_is_asked(ledger):
    _approved(ledger, needed=0)
