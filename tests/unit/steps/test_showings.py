"""Showing somebody is on record before it happens, by one mechanism, for people on the ward's roster."""

import ast
import json
from datetime import date

import pytest
import sqlalchemy as sa

from pipelines.ledger import tables
from pipelines.ledger.rosters import NotOnRoster
from pipelines.programme import ROOT
from pipelines.steps import concerned, rosters, showings
from pipelines.steps.pseudonyms import pseudonym
from pipelines.steps.showings import PurposeRefused, record_showing
from tests.unit.intake.intake_world import new_campaign

DAY = date(2020, 6, 3)
SHOWING = ("shown", "listed", "exported")


@pytest.fixture
def c(tmp_path):
    campaign = new_campaign(tmp_path)
    yield campaign
    campaign.ledger.engine.dispose()


def _show(c, people, actor="steward", purpose="電話照会", **detail):
    with c.ledger.write() as connection:
        record_showing(c, connection, "person.shown", actor, purpose, people, DAY, **detail)


def _records(c):
    a = tables.audit.c
    with c.ledger.read() as connection:
        query = sa.select(a.actor, a.subject, a.detail).order_by(a.number)
        return [(actor, subject, json.loads(d)) for actor, subject, d in connection.execute(query)]


def test_a_record_says_who_looked_why_and_at_how_many(c):
    _show(c, ["R1"])
    _show(c, ["R1", "R2", "R1"], subject="holds", masked=True)
    one, several = pseudonym(c, "R1"), [pseudonym(c, "R1"), pseudonym(c, "R2")]
    assert _records(c) == [
        ("steward", one, {"purpose": "電話照会", "count": 1}),
        (
            "steward",
            "holds",
            {"purpose": "電話照会", "count": 2, "people": several, "masked": True},
        ),
    ]


def test_very_many_people_are_kept_beside_the_record(c, monkeypatch):
    monkeypatch.setattr(showings, "MOST_IN_A_RECORD", 2)
    _show(c, ["R1", "R2", "R3"], subject="export", sha256="ab")
    ((_, _, detail),) = _records(c)
    assert "people" not in detail
    assert concerned.kept_sha256(c, detail["people_kept"]) == detail["people_sha256"]
    assert concerned.is_about(c, detail["people_kept"], "R2")
    assert not concerned.is_about(c, detail["people_kept"], "R4")


@pytest.mark.parametrize(
    ("purpose", "told"),
    [("", "目的がありません"), ("  ", "目的がありません"), ("あ" * 201, "長すぎます"),
     ("0123456789について", "番号が含まれて"), ("口座１２３４５６７", "番号が含まれて")],
)  # fmt: skip
def test_a_purpose_is_given_short_and_without_a_number(c, purpose, told):
    with pytest.raises(PurposeRefused, match=told):
        _show(c, ["R1"], purpose=purpose)
    assert _records(c) == []


def test_who_is_not_on_the_wards_roster_is_shown_nothing(c, monkeypatch):
    monkeypatch.setattr(rosters, "_certificate", lambda *_: "ab" * 32)
    rosters.rehearse(c, DAY)
    before = len(_records(c))
    with pytest.raises(NotOnRoster):
        _show(c, ["R1"], actor="admin")
    assert len(_records(c)) == before
    _show(c, ["R1"])


def _events(call):
    """The event names that a call writes out."""
    words = [w.value for w in ast.walk(call) if isinstance(w, ast.Constant)]
    return {w for w in words if isinstance(w, str) and w.rpartition(".")[2] in SHOWING}


def test_only_this_mechanism_writes_what_was_shown():
    """Any other record that says that something was shown would escape the roster and the purpose."""
    found = {"record": set(), "record_showing": set()}
    for path in (ROOT / "pipelines").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in found:
                found[node.func.id] |= _events(node)
    assert found["record"] == set()
    assert {"holds.listed", "recovery.shown", "quarantine.exported", "access.shown"} <= found[
        "record_showing"
    ]
