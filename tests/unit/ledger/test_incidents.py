"""An accident or a suspicion stops its party at once; notice, report, instruction and two people end that."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from pipelines.ledger import incidents, tables
from pipelines.ledger.approvals import ApprovalRefused
from pipelines.ledger.incidents import DeliveriesSuspended, IncidentRefused, Kind, Step
from pipelines.ledger.store import verify_chain
from pipelines.programme import WARD, Incidents
from tests.unit.ledger.ledger_world import DAY

DEADLINES = Incidents(notice_days=0, report_days=3, instruction_days=7)
WHAT = "封筒に別の世帯の申請書が入っていた疑い"


def _open(ledger, party="contractor", kind=Kind.SUSPICION):
    with ledger.write() as connection:
        return incidents.open_incident(
            connection, ledger.programme, party, kind, WHAT, DAY, 12, "one", DAY
        )


def _enter(ledger, step, actor="one", number=1, day=DAY):
    with ledger.write() as connection:
        return incidents.enter_step(
            connection, ledger.programme, number, step, "文書で確認した", actor, day
        )


def _suspended(ledger, *parties):
    """Which of the parties get nothing."""
    found = []
    for party in parties:
        try:
            with ledger.read() as connection:
                incidents.assert_not_suspended(connection, ledger.programme, party, "f.txt")
        except DeliveriesSuspended as error:
            assert "f.txt" in str(error)  # noqa: PT017 - whether it is raised is what is collected
            found.append(party)
    return found


def test_it_suspends_its_own_party_at_once_and_nobody_else(ledger):
    assert _suspended(ledger, "contractor", "bank") == []
    _open(ledger)
    assert _suspended(ledger, "contractor", "bank") == ["contractor"]


def test_one_of_the_ward_itself_suspends_everybody(ledger):
    _open(ledger, WARD, Kind.ACCIDENT)
    assert _suspended(ledger, "contractor", "bank", "jlis") == ["contractor", "bank", "jlis"]


def test_it_ends_only_after_notice_report_instruction_and_two_different_people(ledger):
    _open(ledger)
    for step in (Step.REPORT, Step.INSTRUCTION, Step.RESUME):
        with pytest.raises(IncidentRefused, match="次は「速報」"):
            _enter(ledger, step)
    for step in (Step.NOTICE, Step.REPORT, Step.INSTRUCTION):
        assert _enter(ledger, step).stands
    with pytest.raises(IncidentRefused, match="次は「再開の同意」"):
        _enter(ledger, Step.NOTICE, "two")
    assert _enter(ledger, Step.RESUME, "two").stands
    with pytest.raises(ApprovalRefused, match="別の職員"):
        _enter(ledger, Step.RESUME, "two")
    assert _suspended(ledger, "contractor") == ["contractor"]
    assert not _enter(ledger, Step.RESUME, "three").stands
    assert _suspended(ledger, "contractor") == []
    with pytest.raises(IncidentRefused, match="終わっています"):
        _enter(ledger, Step.RESUME, "four")


def test_each_incident_ends_by_itself(ledger):
    _open(ledger)
    _open(ledger)
    for step, actor in (
        (Step.NOTICE, "one"), (Step.REPORT, "one"), (Step.INSTRUCTION, "one"), (Step.RESUME, "two"),
        (Step.RESUME, "three"),
    ):  # fmt: skip
        _enter(ledger, step, actor, number=2)
    assert _suspended(ledger, "contractor") == ["contractor"]
    with ledger.read() as connection:
        assert [one.number for one in incidents.standing(connection, ledger.programme)] == [1]
    with pytest.raises(IncidentRefused, match="3番の記録はありません"):
        _enter(ledger, Step.NOTICE, number=3)


def test_each_step_has_its_deadline_from_the_day_of_the_entry(ledger):
    found = _open(ledger)
    due = []
    for step in (Step.NOTICE, Step.REPORT, Step.INSTRUCTION):
        due.append((found.due(DEADLINES) - DAY).days)
        assert not found.is_late(DEADLINES, found.due(DEADLINES))
        assert found.is_late(DEADLINES, found.due(DEADLINES) + timedelta(days=1))
        found = _enter(ledger, step)
    assert due == [0, 3, 7]
    assert found.due(DEADLINES) is None
    assert not found.is_late(DEADLINES, DAY + timedelta(days=99))


def test_every_step_is_in_the_audit_chain_without_what_was_written(ledger):
    _open(ledger)
    _enter(ledger, Step.NOTICE)
    a = tables.audit.c
    with ledger.read() as connection:
        found = connection.execute(sa.select(a.event, a.subject, a.detail).order_by(a.number)).all()
        assert verify_chain(connection) == 2
    assert [(row.event, row.subject) for row in found] == [
        ("incident.opened", "incident:1"), ("incident.notice", "incident:1")
    ]  # fmt: skip
    assert not [row for row in found if "封筒" in row.detail or "文書" in row.detail]
