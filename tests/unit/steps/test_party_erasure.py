"""Returning and erasing at the parties: asked once, chased; only a whole certificate by the party itself is taken."""

import json
import shutil
from datetime import date

import pytest
import sqlalchemy as sa

from pipelines.disclosure.guard import NOBODY, DisclosureRefused
from pipelines.disclosure.release import make_release
from pipelines.errors import InputRefused
from pipelines.ledger import tables
from pipelines.link.seal import sign
from pipelines.steps import party_erasure, rosters
from tests.link_world import world
from tests.unit.intake.intake_world import new_campaign

ASKED, DUE, LATE = date(2020, 8, 31), date(2020, 11, 30), date(2020, 12, 1)
REQUEST = "erasure_request_contractor_20200831.json"
HELD = {"forms_20200518.csv": "1" * 64, "notices_20200603.csv": "2" * 64}


@pytest.fixture
def c(tmp_path):
    """A campaign whose contractor was given two files and was asked."""
    made = new_campaign(tmp_path)
    shutil.copytree(world().pki, made.home / "pki")
    rosters.rehearse(made, ASKED)
    with made.ledger.write() as connection:
        for name, digest in HELD.items():
            connection.execute(sa.insert(tables.release).values(**_release(made, name, digest)))
        row = {"party": "contractor", "name": REQUEST, "asked_on": ASKED, "due": DUE}
        connection.execute(
            sa.insert(tables.erasure_request).values(programme=made.programme.id, **row)
        )
    return made


def _release(c, name, digest):
    return {
        "programme": c.programme.id, "name": name, "disclosure": "forms", "recipient": "contractor", "medium": "lgwan",
        "basis": "x", "fields": "", "records": 1, "people": 1, "sum_yen": None, "sha256": digest, "scanned_for": "",
        "business_date": ASKED, "state": "delivered", "acknowledged": True,
    }  # fmt: skip


def _certificate(c, signer="contractor", held=None, **changes):
    told = {
        "programme": c.programme.id, "party": "contractor", "request": REQUEST, "erased_on": "2020-09-30",
        "erased": [{"name": n, "sha256": d} for n, d in (held or HELD).items()], "returned": [], **changes,
    }  # fmt: skip
    return sign(json.dumps(told).encode(), world().parties[signer])


def _told(c, day):
    (found,) = (o.told(day) for o in party_erasure.standing(c) if o.party == "contractor")
    return found


def _refusals(c):
    with c.ledger.read() as connection:
        return "\n".join(connection.execute(sa.select(tables.refusal.c.reason)).scalars())


def test_a_whole_certificate_is_entered_once(c):
    assert "証明書待ち" in _told(c, ASKED)
    done = party_erasure.receive(c, "contractor", _certificate(c), LATE)
    assert (done["erased"], done["returned"], done["repeated"]) == (2, 0, False)
    assert party_erasure.receive(c, "contractor", _certificate(c), LATE)["repeated"]
    assert "証明書受領(2020-12-01、消去2件、返還0件)" in _told(c, LATE)
    assert party_erasure.certificate_path(c, "contractor").read_bytes() == _certificate(c)


def test_what_is_handed_back_counts_as_well_as_what_is_erased(c):
    first, second = ({"name": n, "sha256": d} for n, d in HELD.items())
    signed = _certificate(c, erased=[first], returned=[second])
    assert party_erasure.receive(c, "contractor", signed, LATE)["returned"] == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"held": {"forms_20200518.csv": "1" * 64}}, "1件ありません.*notices_20200603.csv"),
        ({"held": {**HELD, "notices_20200603.csv": "3" * 64}}, "1件ありません"),
        ({"signer": "bank"}, "署名を確認できません"),
        ({"request": "erasure_request_contractor_20200901.json"}, "別の依頼"),
        ({"party": "bank"}, "別の依頼"),
        ({"more": 1}, "取り決めと違います"),
    ],
)
def test_any_other_is_refused_and_still_awaited(c, changes, told):
    with pytest.raises(InputRefused, match=told):
        party_erasure.receive(c, "contractor", _certificate(c, **changes), LATE)
    assert "証明書待ち" in _told(c, ASKED)


def test_a_late_one_is_told_until_it_comes(c):
    assert party_erasure.collect(c, DUE) == {"received": 0, "late": 0}
    assert party_erasure.collect(c, LATE) == {"received": 0, "late": 1}
    assert "期限(2020-11-30)までに届いていません" in _refusals(c)
    assert "期限を過ぎています" in _told(c, LATE)
    party_erasure.receive(c, "contractor", _certificate(c), LATE)
    assert party_erasure.collect(c, LATE) == {"received": 0, "late": 0}


def test_who_can_no_longer_be_asked_over_the_link_is_told(c):
    assert party_erasure.ask(c, date(2020, 9, 16)) == {"asked": 0, "not_asked": 1}  # J-LIS
    assert "書面で依頼" in _refusals(c)


@pytest.mark.parametrize(
    "changes",
    [
        {"columns": ("resident_id",)}, {"people": frozenset({"R1"})}, {"payload": "見本太郎".encode()},
    ],
)  # fmt: skip
def test_a_request_can_be_about_nobody_only(c, changes):
    asked = {"name": REQUEST, "payload": b"{}", "columns": (), "people": frozenset(), "records": 0}
    with pytest.raises(DisclosureRefused, match="個人に関する内容"):
        make_release(
            c.programme, NOBODY, "erasure_contractor", sum_yen=None, day=ASKED, **{**asked, **changes}
        )  # fmt: skip
