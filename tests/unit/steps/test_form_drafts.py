"""Forms that may not go out any more are taken back and drafted anew: another number, approved again, once each."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from pipelines.evidence.audit import verify
from pipelines.ledger import mail as ledger_mail
from pipelines.ledger import people, tables
from pipelines.ledger.approvals import ApprovalRefused
from pipelines.link.session import open_session
from pipelines.matching.persons import Protection
from pipelines.steps import approvals, forms, mail, papers, rosters
from pipelines.steps.forms import FormsTakenBack
from pipelines.steps.papers import PaperNotHere
from pipelines.steps.roles import Actor, Role
from tests.link_server import endpoint, serve
from tests.link_world import world
from tests.unit.steps.mail_world import DAY, HIDDEN, NEXT, open_ward, pages, pid, with_lists

STEWARD = Actor("steward", frozenset({Role.STEWARD}))
CONTRACTORS, AGAIN = "forms_20200518.csv", "forms_20200518-2.csv"
LATE_MEMBER, CONTRACTORS_PERSON = (
    7,
    9,
)  # of a household that the ward writes to; of one that the contractor does


@pytest.fixture
def ward(tmp_path, monkeypatch):
    """The ward with a real link; its forms are built."""
    with_lists(monkeypatch)
    c = open_ward(tmp_path)
    (c.home / "pki").symlink_to(world().pki)
    rosters.rehearse(c, DAY)
    with serve(tmp_path / "link", world()) as served:
        linked = replace(
            c, sessions=lambda party: open_session(endpoint(world(), served.port, party))
        )
        forms.build(linked, DAY)
        yield linked
    c.ledger.engine.dispose()


def protect(c, number):
    late = Protection(
        pid(number), "evacuation_requests", "evacuation", "linked", "x/2020-05-18:9", HIDDEN
    )
    with c.ledger.write() as connection:
        people.protect(connection, c.programme.id, [late], DAY)


def approve(c, day=DAY):
    approvals.rehearse(c, forms.build(c, day), day)


def states(c):
    r = tables.release.c
    with c.ledger.read() as connection:
        return {
            row.name: row.state
            for row in connection.execute(sa.select(r.name, r.state).order_by(r.name))
        }


def formed(c):
    """Who has a form, and by which way."""
    e = tables.entitlement.c
    with c.ledger.read() as connection:
        query = sa.select(e.person_id, e.form_route).where(e.form_route.is_not(None))
        return {row.person_id: row.form_route for row in connection.execute(query)}


def test_forms_that_stand_go_out_once(ward):
    approve(ward)
    first = forms.release(ward, DAY)
    assert {f["state"] for f in first["files"]} == {"delivered", "kept"}
    assert len(formed(ward)) == 9
    again = forms.release(ward, DAY)
    assert (again["people"], again["repeated"]) == (9, True)
    assert forms.build(ward, DAY)["repeated"]
    assert forms.build(ward, NEXT)["names"] == []


@pytest.mark.parametrize("number", [LATE_MEMBER, CONTRACTORS_PERSON])
def test_f32_a_late_protection_takes_the_draft_back_with_its_approvals(ward, number):
    approve(ward)
    protect(ward, number)
    with pytest.raises(FormsTakenBack, match="取り下げました"):
        forms.release(ward, DAY)
    assert set(states(ward).values()) == {"withdrawn"}
    assert formed(ward) == {}
    anew = forms.build(ward, DAY)
    assert (anew["subject"], AGAIN in anew["names"]) == ("forms:2020-05-18:2", True)
    with pytest.raises(ApprovalRefused):
        forms.release(ward, DAY)
    approvals.rehearse(ward, anew, DAY)
    forms.release(ward, DAY)
    routes = formed(ward)
    assert len(routes) == 9
    assert routes[pid(number)] == "inhouse"
    assert states(ward)[CONTRACTORS] == "withdrawn"
    assert states(ward)[AGAIN] == "delivered"
    assert verify(ward).faults == ()


def test_the_new_sheets_hide_who_is_protected_now(ward):
    approve(ward)
    protect(ward, LATE_MEMBER)
    with pytest.raises(FormsTakenBack):
        forms.release(ward, DAY)
    names = forms.build(ward, DAY)["names"]
    households = pages(ward, "inhouse_forms_20200518-2_01.pdf")
    assert not [page for page in households if "丙田風子" in page]
    own = [page for n in names if n.startswith("inhouse_person") for page in pages(ward, n)]
    assert [page for page in own if "丙田風子" in page and HIDDEN in page]


def test_sheets_that_were_taken_back_are_neither_taken_out_nor_counted_as_unsent(ward, tmp_path):
    approve(ward)
    protect(ward, LATE_MEMBER)
    with pytest.raises(FormsTakenBack):
        forms.release(ward, DAY)
    assert papers.list_papers(ward, STEWARD) == []
    with pytest.raises(PaperNotHere):
        papers.show(ward, "inhouse_forms_20200518_01.pdf", tmp_path / "x.pdf", STEWARD, "印刷", DAY)
    assert all(m.is_taken_back for m in mail.list_mail(ward, STEWARD, "照会", DAY))
    forms.build(ward, DAY)
    listed = mail.list_mail(ward, STEWARD, "照会", DAY)
    numbers = [m.mailing_id for m in listed]
    assert len(numbers) == len(set(numbers))
    assert [m for m in listed if not m.is_taken_back]


def test_before_it_is_built_anew_nothing_goes_out(ward):
    approve(ward)
    protect(ward, LATE_MEMBER)
    for _ in range(2):
        with pytest.raises(FormsTakenBack):
            forms.release(ward, DAY)
    assert forms.confirm(ward, DAY) == {"files": []}


def test_a_draft_waits_for_its_approval_and_nobody_on_it_is_on_a_later_one(ward):
    assert forms.build(ward, NEXT)["names"] == []
    approve(ward)
    forms.release(ward, DAY)
    assert len(formed(ward)) == 9


def test_the_next_days_forms_have_the_people_of_a_rejected_draft(ward):
    first = forms.build(ward, DAY)
    approvals.decide(ward, first["subject"], first["hash"], "approver1", False, "operator", DAY)
    made = forms.build(ward, NEXT)
    assert {state for name, state in states(ward).items() if "20200518" in name} == {"withdrawn"}
    assert forms.build(ward, DAY)["names"] == first["names"], "a later day's draft has its people"
    approvals.rehearse(ward, made, NEXT)
    forms.release(ward, NEXT)
    assert len(formed(ward)) == 9
    with pytest.raises(ApprovalRefused):
        forms.release(ward, DAY)


def test_who_is_in_a_file_that_has_left_gets_no_second_form(ward):
    """Killed between the delivery and the mark: the next day's build must not take them over."""
    approve(ward)
    with ward.ledger.write() as connection:
        connection.execute(
            sa.update(tables.release).filter_by(name=CONTRACTORS).values(state="delivered")
        )
    protect(ward, LATE_MEMBER)
    with pytest.raises(FormsTakenBack):
        forms.release(ward, DAY)
    assert states(ward)[CONTRACTORS] == "delivered"
    assert states(ward)["inhouse_forms_20200518_01.pdf"] == "withdrawn"
    made = forms.build(ward, NEXT)
    assert not [name for name in made["names"] if name.startswith("forms_")]
    forms.release(ward, DAY)
    assert formed(ward) == {pid(1): "contractor", pid(9): "contractor"}
    approvals.rehearse(ward, made, NEXT)
    forms.release(ward, NEXT)
    assert len(formed(ward)) == 9


def test_a_form_that_was_to_be_written_anew_still_is(ward):
    approve(ward)
    forms.release(ward, DAY)
    with ward.ledger.read() as connection:
        asked = ledger_mail.form_of(connection, ward.programme.id, pid(6))
    mail.ask_reissue(
        ward, Actor("operator", frozenset({Role.OPERATOR})), asked, "", "見本の理由", False, NEXT
    )
    approve(ward, NEXT)
    protect(ward, 6)
    with pytest.raises(FormsTakenBack):
        forms.release(ward, NEXT)
    with ward.ledger.read() as connection:
        assert [
            number for number, *_ in ledger_mail.open_reissues(connection, ward.programme.id)
        ] == [asked]
    names = forms.build(ward, NEXT)["names"]
    sheets = [page for n in names if n.startswith("inhouse") for page in pages(ward, n)]
    assert [page for page in sheets if "丙田三子" in page]
