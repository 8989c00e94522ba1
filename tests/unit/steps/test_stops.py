"""The brake: one person stops all sending, two different people let it go on, every time anew."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipelines.ledger import stops, tables
from pipelines.ledger.approvals import ApprovalRefused
from pipelines.ledger.engine import open_engine
from pipelines.ledger.stops import NotStopped, SendingStopped
from pipelines.ledger.store import Ledger, verify_chain
from pipelines.steps.roles import Act, Actor, NotAllowed, Role
from tests.unit.ledger.ledger_world import DAY, new_sqlite


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    engine = open_engine(new_sqlite(tmp_path))
    yield Ledger(engine, "test-2020")
    engine.dispose()


def _stop(ledger, actor="one", reason="誤った振込データ"):
    with ledger.write() as connection:
        return stops.stop(connection, ledger.programme, actor, reason, DAY)


def _resume(ledger, actor):
    with ledger.write() as connection:
        return stops.resume(connection, ledger.programme, actor, "確認した", DAY)


def _assert_stopped(ledger):
    with ledger.read() as connection, pytest.raises(SendingStopped, match=r"f\.txt.*kyufu resume"):
        stops.assert_not_stopped(connection, ledger.programme, "f.txt")


def _assert_free(ledger, programme="test-2020"):
    with ledger.read() as connection:
        stops.assert_not_stopped(connection, programme, "f.txt")


def test_one_person_stops_and_two_resume(ledger):
    _assert_free(ledger)
    _stop(ledger)
    _assert_stopped(ledger)
    assert _resume(ledger, "two").stands
    _assert_stopped(ledger)
    assert not _resume(ledger, "three").stands
    _assert_free(ledger)


def test_nobody_resumes_alone(ledger):
    _stop(ledger)
    _resume(ledger, "two")
    with pytest.raises(ApprovalRefused, match="別の職員"):
        _resume(ledger, "two")
    _assert_stopped(ledger)


def test_an_agreement_does_not_count_for_a_later_stop(ledger):
    _stop(ledger)
    _resume(ledger, "two")
    _stop(ledger, "four")
    assert _resume(ledger, "three").stands
    _assert_stopped(ledger)


def test_what_is_not_stopped_is_not_resumed(ledger):
    with pytest.raises(NotStopped):
        _resume(ledger, "two")


def test_a_stop_is_one_programmes(ledger):
    _stop(ledger)
    _assert_free(ledger, "other-2021")


def test_every_word_is_in_the_audit_chain_without_the_reason(ledger):
    _stop(ledger)
    _resume(ledger, "two")
    _resume(ledger, "three")
    a = tables.audit.c
    with ledger.read() as connection:
        rows = connection.execute(sa.select(a.event, a.actor, a.detail).order_by(a.number)).all()
        assert verify_chain(connection) == 3
    assert [(row.event, row.actor) for row in rows] == [
        ("sending.stopped", "one"), ("sending.resume_agreed", "two"), ("sending.resumed", "three"),
    ]  # fmt: skip
    assert not [row for row in rows if "誤った" in row.detail or "確認" in row.detail]


@pytest.mark.parametrize(
    ("role", "may_stop", "may_resume"),
    [
        (Role.VIEWER, False, False),
        (Role.OPERATOR, True, False),
        (Role.AUDITOR, True, False),
        (Role.STEWARD, True, True),
        (Role.APPROVER, True, True),
    ],
)
def test_who_may_stop_and_resume(role, may_stop, may_resume):
    actor = Actor("somebody", frozenset({role}))
    assert (actor.may(Act.STOP), actor.may(Act.RESUME)) == (may_stop, may_resume)
    if not may_resume:
        with pytest.raises(NotAllowed):
            actor.assert_may(Act.RESUME)
