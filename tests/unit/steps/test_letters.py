"""After a return: a letter for another account the way the household is served, and paid only as a new attempt."""

import csv
import io
from datetime import date

import pytest
import sqlalchemy as sa

from pipelines.disclosure.guard import DisclosureRefused, Guard, Register
from pipelines.ledger import people, tables
from pipelines.matching.persons import Protection
from pipelines.steps import approvals, claims, letters, outbox, payments
from tests.unit.intake.intake_world import arrive, csv_bytes
from tests.unit.steps.dated_world import (
    CLAIM,
    CLAIMS,
    DAY,
    MEMBER,
    MEMBERS,
    NAMES,
    NEXT,
    send_claims,
    send_to_bank,
    settle,
    states,
)

LATER, LISTS_DAY = date(2020, 5, 20), date(2020, 8, 1)
CLOSED = date(2020, 9, 10)  # after the contractor's period


@pytest.fixture
def returned(campaign):
    """Four people whose payments the bank returned; the first two claimed by post."""
    send_claims(campaign, DAY, dict.fromkeys(NAMES, ("5020518", "")))
    claims.match_and_decide(campaign, DAY)
    t = tables.claim
    with campaign.ledger.write() as connection:
        postal = t.c.claim_id.in_(["P1", "P2"])
        connection.execute(sa.update(t).where(postal).values(channel="postal"))
    batch_id = send_to_bank(campaign)
    settle(campaign, batch_id, paid=False)
    return campaign


def _guard(c, *protected):
    days = {source.dataset: LISTS_DAY for source in c.programme.list_sources}
    ids = frozenset(protected)
    own = Register(lambda _births, _households: (), lambda: ())
    return Guard(ids, ids, (), days, 0, lambda _people: own)


def _write(c, *protected, day=NEXT):
    """The day's letters: name of the release -> its rows."""
    with c.ledger.write() as connection:
        rows = letters.unwritten(connection, c.programme.id)
        names, refused = letters.build(c, connection, _guard(c, *protected), rows, day)
    found = {}
    for name in names:
        text = outbox.read_payload(c, name).decode("utf-8-sig")
        found[name] = list(csv.DictReader(io.StringIO(text)))
    return found, refused


def test_everybody_who_was_returned_is_written_to_once_the_way_they_are_served(returned):
    found, refused = _write(returned)
    households = {name: [r["household_id"] for r in rows] for name, rows in found.items()}
    assert households == {
        "notices_account_20200519.csv": ["0000000001", "0000000002"],
        "inhouse_account_20200519.csv": ["0000000003", "0000000004"],
    }
    assert refused is None
    (row, _) = found["notices_account_20200519.csv"]
    assert set(row) == set(returned.programme.disclosure("deficiency_letters").fields)
    assert {r["route"] for r in found["inhouse_account_20200519.csv"]} == {"household"}
    assert _write(returned, day=LATER) == ({}, None)


def test_a_protected_persons_letter_never_goes_past_the_contractor(returned):
    hidden = "東京都新宿区西新宿２丁目８番１号"
    care = Protection("R0000000001", "evacuation_requests", "evacuation", "linked", "e", hidden)
    with returned.ledger.write() as connection:
        people.protect(connection, returned.programme.id, [care], DAY)
    found, _ = _write(returned, "R0000000001")
    assert [r["household_id"] for r in found["notices_account_20200519.csv"]] == ["0000000002"]
    ward = {r["resident_id"]: r for r in found["inhouse_account_20200519.csv"]}
    assert (ward["0000000001"]["route"], ward["0000000001"]["mailing_address"]) == (
        "person",
        hidden,
    )
    assert [ward[f"000000000{n}"]["mailing_address"] for n in (3, 4)] == ["", ""]


def test_after_the_contractors_period_the_ward_writes_all_and_it_is_told(returned):
    found, refused = _write(returned, day=CLOSED)
    assert {name: len(rows) for name, rows in found.items()} == {"inhouse_account_20200910.csv": 4}
    assert "期間" in refused


def test_nothing_is_kept_when_the_letters_may_not_leave(returned):
    stale = Guard(frozenset(), frozenset(), (), {}, 0, None)
    with returned.ledger.read() as connection:
        rows = letters.unwritten(connection, returned.programme.id)
    with pytest.raises(DisclosureRefused), returned.ledger.write() as connection:
        letters.build(returned, connection, stale, rows, NEXT)
    with returned.ledger.read() as connection:
        assert len(letters.unwritten(connection, returned.programme.id)) == 4


def _correct(c, day):
    """The first person's correction brings another account."""
    claim = (
        CLAIM.format(1, NAMES[1], "5020519", "").replace("P1,", "Q1,").replace("新規,,", "訂正,P1,")
    )
    claim = claim.replace("1234561", "7654321")
    member = MEMBER.format(1, NAMES[1]).replace("P1,", "Q1,")
    for name, rows in (("claims", (CLAIMS, claim)), ("members", (MEMBERS, member))):
        arrive(c, f"inhouse_{name}_{day:%Y%m%d}.csv", csv_bytes(*rows, encoding="utf-8"), day)
    claims.receive(c, day, "inhouse")
    claims.match_and_decide(c, day)


def test_f20_the_whole_chain_from_a_return_to_the_second_payment(returned):
    _write(returned)
    _correct(returned, NEXT)
    assert states(returned)["1"][0] == "approved"
    drafted = payments.draft(returned, NEXT)
    assert (drafted["people"], drafted["needed"]) == (1, 2)
    p = tables.payment
    with returned.ledger.read() as connection:
        again = connection.execute(sa.select(p).where(p.c.attempt == 2)).one()
        first = connection.execute(sa.select(p).filter_by(payment_key=again.follows)).one()
    assert (first.result, first.claim_id) == ("returned", "P1")
    assert (again.account_number, again.amount_yen) == ("7654321", 100_000)
    one = returned.programme.demonstration.approvers[0]
    drafter = returned.programme.demonstration.drafter
    approvals.decide(returned, drafted["subject"], drafted["hash"], one, True, drafter, NEXT)
    with pytest.raises(approvals.ApprovalRefused, match="2人必要"):
        payments.build(returned, NEXT)


def test_who_is_returned_twice_is_written_to_about_each_return_once(returned):
    _write(returned)
    _correct(returned, NEXT)
    settle(returned, send_to_bank(returned, NEXT), paid=False, day=LATER)
    found, _ = _write(returned, day=LATER)
    assert {n: [r["household_id"] for r in rows] for n, rows in found.items()} == {
        "inhouse_account_20200520.csv": ["0000000001"]
    }


def test_two_returns_before_the_letter_make_one_letter(returned):
    _correct(returned, NEXT)
    settle(returned, send_to_bank(returned, NEXT), paid=False, day=LATER)
    found, _ = _write(returned, day=LATER)
    written = [r["household_id"] for rows in found.values() for r in rows]
    assert sorted(written) == ["0000000001", "0000000002", "0000000003", "0000000004"]
    assert _write(returned, day=CLOSED) == ({}, None)
