"""The ward's own paper is taken out by who may, as it was made, and everybody in it is on the record."""

from datetime import date

import pytest
import sqlalchemy as sa

from pipelines.evidence.access import who_saw
from pipelines.ledger import tables
from pipelines.outputs.paper.reading import page_texts
from pipelines.steps import forms, papers, rosters
from pipelines.steps.papers import PaperNotHere
from pipelines.steps.roles import Actor, NotAllowed, Role
from tests.link_world import world
from tests.unit.steps.mail_world import DAY, HIDDEN, open_ward, with_lists

STEWARD = Actor("steward", frozenset({Role.STEWARD}))
VIEWER = Actor("viewer", frozenset({Role.VIEWER}))
PROOF = f"proof_forms_{DAY:%Y%m%d}.pdf"


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    import shutil

    with pytest.MonkeyPatch.context() as patch:
        with_lists(patch)
        c = open_ward(tmp_path_factory.mktemp("papers"))
        shutil.copytree(world().pki, c.home / "pki")
        rosters.rehearse(c, DAY)
        forms.build(c, DAY)
        yield c
    c.ledger.engine.dispose()


def test_what_was_made_is_listed_for_everybody_without_naming_anybody(ward):
    listed = {paper.name: paper for paper in papers.list_papers(ward, VIEWER)}
    assert {PROOF, f"braille_{DAY:%Y%m%d}.brf", f"mailing_register_forms_{DAY:%Y%m%d}.pdf"} <= set(
        listed
    )
    assert listed[PROOF].business_date == DAY


def test_the_proof_is_taken_out_as_it_was_made_and_readable_by_its_owner_alone(ward, tmp_path):
    out = tmp_path / "proof.pdf"
    papers.show(ward, PROOF, out, STEWARD, "校正", DAY)
    assert out.read_bytes().startswith(b"%PDF")
    assert out.stat().st_mode & 0o077 == 0
    stored = ward.home / "releases" / PROOF / "payload"
    assert not stored.read_bytes().startswith(b"%PDF")


def test_each_addressee_has_a_file_of_their_own(ward, tmp_path):
    found, files = papers.show_each(
        ward, f"inhouse_person_forms_{DAY:%Y%m%d}_01.pdf", tmp_path / "own", STEWARD, "印刷", DAY
    )
    texts = {
        p.name: "".join("".join(page_texts(p.read_bytes())).split())
        for p in (tmp_path / "own").iterdir()
    }
    assert (len(texts), files, found.records) == (2, 2, 2)
    fled, resident = texts["F20200518-00001.pdf"], texts["F20200518-00002.pdf"]
    assert "甲野花子様" in fled
    assert "乙山次郎" not in fled
    assert "乙山次郎様" in resident
    assert HIDDEN not in resident


def test_a_departments_list_is_a_file_beside_its_sheets(ward, tmp_path):
    name = f"handover_forms_1_{DAY:%Y%m%d}_01.pdf"
    papers.show_each(ward, name, tmp_path / "own", STEWARD, "印刷", DAY)
    assert sorted(p.name for p in (tmp_path / "own").iterdir()) == [
        "F20200518-00005.pdf",
        "list.pdf",
    ]
    assert (tmp_path / "own").stat().st_mode & 0o077 == 0


def test_what_has_no_addressees_is_not_taken_apart(ward, tmp_path):
    with pytest.raises(PaperNotHere, match="--each"):
        papers.show_each(ward, PROOF, tmp_path / "own", STEWARD, "印刷", DAY)
    assert not (tmp_path / "own").exists()


def test_whoever_stands_in_it_finds_the_showing(ward, tmp_path):
    papers.show(ward, PROOF, tmp_path / "proof.pdf", STEWARD, "校正", DAY)
    answer = who_saw(ward, "0000000001", STEWARD, "開示請求", date(2020, 6, 1))
    assert "区の紙の書類の取り出し" in {showing.what for showing in answer.showings}


def test_who_may_not_takes_nothing_out(ward, tmp_path):
    with pytest.raises(NotAllowed):
        papers.show(ward, PROOF, tmp_path / "x", VIEWER, "校正", DAY)
    with pytest.raises(PaperNotHere):
        papers.show(ward, "payments_20200520_01.txt", tmp_path / "x", STEWARD, "校正", DAY)
    assert not (tmp_path / "x").exists()
    a = tables.audit
    with ward.ledger.read() as connection:
        query = sa.select(sa.func.count()).where(a.c.event == "paper.shown", a.c.actor == "viewer")
        assert connection.execute(query).scalar_one() == 0
