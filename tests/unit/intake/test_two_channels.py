"""One application number in two channels: the first to come counts, of one day the online one; the other is told."""

from datetime import date

import pytest
import sqlalchemy as sa

from pipelines.intake import receive
from pipelines.intake.mending import Mending
from pipelines.ledger import tables
from pipelines.steps import inbox
from tests.intake_files import files_of
from tests.ledger_states import read_states

DAY, NEXT, THIRD = date(2020, 5, 20), date(2020, 5, 21), date(2020, 5, 22)
BORN = "19800401"
ACCOUNT = {
    "bank_code": "0001", "branch_code": "001", "account_type": "1", "account_holder_kana": "ミホン",
}  # fmt: skip


@pytest.fixture
def stage(campaign):
    """Stage one channel's claims of a day; claims: (number, resident, kind, number it names)."""

    def put(channel, day, *claims, mended=None):
        dataset = f"{channel}_claims"
        found = {
            "claims": [_claim(channel, day, *claim) for claim in claims],
            "members": [_line(number, who) for number, who, kind, _ in claims if kind != "withdrawal"],
        }  # fmt: skip
        files = files_of(dataset, day, found)
        args = (campaign.programme, campaign.staging, dataset, day, files)
        inbox.enter(campaign, receive.stage(*args, mended=mended))

    return put


def _claim(channel, day, number, who, kind, names):
    when = (
        {"received_at": f"{day}T10:00:00", "certificate_serial": f"A{who}", "attachments": "1"}
        if channel == "online"
        else {"received_on": f"{day:%Y%m%d}", "household_id": str(who).zfill(10)}
    )
    return {
        "claim_no": number, "claim_kind": kind, "supersedes_no": names, "account_number": f"123456{who}",
        "applicant_name_kanji": f"見本{'一二三'[who - 1]}", "applicant_name_kana": "ミホン",
        "applicant_birth_date": BORN, "applicant_address": "東京都新宿区新宿１丁目２番３号", **ACCOUNT, **when,
    }  # fmt: skip


def _line(number, who):
    name = f"見本{'一二三'[who - 1]}"
    return {"claim_no": number, "line": "1", "name_kanji": name, "birth_date": BORN, "not_wanted": "no"}  # fmt: skip


def _states(c):
    with c.ledger.read() as connection:
        rows = read_states(connection, c.programme.id)
    return {int(row["person_id"][1:]): row["state"] for row in rows}


def _claims(c):
    t = tables.claim
    with c.ledger.read() as connection:
        query = sa.select(t.c.claim_id, t.c.channel, t.c.outcome).order_by(t.c.claim_id)
        return [tuple(row) for row in connection.execute(query)]


def _told(c):
    r, a = tables.refusal, tables.audit
    with c.ledger.read() as connection:
        refused = connection.execute(sa.select(r.c.subject, r.c.day)).all()
        events = connection.execute(sa.select(a.c.subject).filter_by(event="claims.left_out")).all()
    assert [subject for (subject,) in events] == [f"{name}:{day}" for name, day in refused]
    return [tuple(row) for row in refused]


@pytest.mark.parametrize("other", [1, 2])
def test_the_online_claim_counts_and_the_postal_one_is_told(campaign, stage, decide, other):
    stage("postal", DAY, ("K1", other, "new", ""), ("K2", 3, "new", ""))
    stage("online", DAY, ("K1", 1, "new", ""))
    result = decide(DAY)
    assert (result["claims"], result["left_out"]) == (2, 1)
    assert _states(campaign) == {1: "approved", 2: "unclaimed", 3: "approved"}
    assert _claims(campaign) == [("K1", "online", "paid"), ("K2", "postal", "paid")]
    assert _told(campaign) == [("postal_claims", DAY)]


def test_what_the_online_claim_decided_stays_on_the_days_after(campaign, stage, decide):
    stage("postal", DAY, ("K1", 2, "new", ""))
    stage("online", DAY, ("K1", 1, "new", ""))
    decide(DAY)
    before = _states(campaign)
    assert decide(DAY)["claims"] == 1
    assert decide(NEXT)["claims"] == 0
    assert _states(campaign) == before


def test_a_mended_line_of_the_claim_left_out_is_no_supplement_of_the_other(campaign, stage, decide):
    stage("postal", DAY, ("K1", 2, "new", ""))
    stage("online", DAY, ("K1", 1, "new", ""))
    decide(DAY)
    mended = Mending({("members", 2): ("K1", "2", "見本三", BORN, "")})
    stage("postal", DAY, ("K1", 2, "new", ""), mended=mended)
    result = decide(NEXT)
    assert (result["claims"], result["left_out"]) == (0, 1)
    assert _states(campaign) == {1: "approved", 2: "unclaimed", 3: "unclaimed"}


def test_of_two_days_the_earlier_one_counts_whatever_its_channel(campaign, stage, decide):
    stage("postal", DAY, ("K1", 2, "new", ""))
    stage("online", NEXT, ("K1", 1, "new", ""))
    decide(NEXT)
    assert _claims(campaign) == [("K1", "postal", "paid")]
    assert _told(campaign) == [("online_claims", NEXT)]


@pytest.mark.parametrize("kind", ["correction", "withdrawal"])
def test_what_is_left_out_corrects_and_withdraws_nothing(campaign, stage, decide, kind):
    stage("online", DAY, ("K1", 1, "new", ""))
    decide(DAY)
    stage("online", NEXT, ("K2", 2, "new", ""))
    stage("postal", NEXT, ("K2", 1, kind, "K1"))
    decide(NEXT)
    assert _claims(campaign) == [("K1", "online", "paid"), ("K2", "online", "paid")]
    assert _states(campaign) == {1: "approved", 2: "approved", 3: "unclaimed"}


def test_a_claim_whose_correction_was_left_out_still_has_its_supplement(campaign, stage, decide):
    unreadable = Mending({("members", 2): ("K1", "1", "", BORN, "希望する")})
    stage("online", DAY, ("K1", 1, "new", ""), mended=unreadable)
    decide(DAY)
    stage("online", DAY, ("K1", 1, "new", ""), mended=Mending({}))
    stage("online", NEXT, ("K2", 2, "new", ""))
    stage("postal", NEXT, ("K2", 3, "correction", "K1"))
    result = decide(NEXT)
    assert (result["left_out"], result["lines_left_out"]) == (1, 0)
    assert _states(campaign) == {1: "approved", 2: "approved", 3: "unclaimed"}


@pytest.mark.parametrize(("channel", "other"), [("online", "postal"), ("postal", "online")])
def test_a_correction_through_the_other_channel_names_the_claim_that_counted(
    campaign, stage, decide, channel, other
):
    stage(channel, DAY, ("K1", 1, "new", ""))
    stage(other, DAY, ("K9", 1, "correction", "K1"))
    decide(DAY)
    outcomes = {number: outcome for number, _, outcome in _claims(campaign)}
    assert outcomes == {"K1": "superseded", "K9": "paid"}
    assert _states(campaign)[1] == "approved"
