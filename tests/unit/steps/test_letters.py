"""Letters after a return and about what claims lack, the way each household is served; who is told of no payment."""

import csv
import io
from dataclasses import replace
from datetime import date

import pytest
import sqlalchemy as sa

from pipelines.disclosure.guard import DisclosureRefused, Guard, Register
from pipelines.ledger import mail, people, tables
from pipelines.ledger.mail import Mailing
from pipelines.ledger.store import Move, move
from pipelines.matching.findings import FINDINGS
from pipelines.matching.persons import Protection
from pipelines.steps import approvals, claims, letters, non_payment, outbox, payments
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
    return Guard(ids, lambda: ids, tuple, days, 0, lambda _people: own)


def _write(c, *protected, day=NEXT):
    """(name of the contractor's release -> its rows, the ward's drafts, why the contractor got none)."""
    with c.ledger.write() as connection:
        rows = letters.unwritten(connection, c.programme.id)
        lacking = letters.deficient(connection, c.programme.id)
        names, drafts, refused = letters.build(
            c, connection, _guard(c, *protected), rows, lacking, day
        )
    found = {}
    for name in names:
        text = outbox.read_payload(c, name).decode("utf-8-sig")
        found[name] = list(csv.DictReader(io.StringIO(text)))
    return found, drafts, refused


def _households(found):
    return {name: [row["household_id"] for row in rows] for name, rows in found.items()}


def _addressed(drafts):
    return [(draft.kind, draft.addressee[-1]) for draft in drafts]


def test_everybody_who_was_returned_is_written_to_once_the_way_they_are_served(returned):
    found, drafts, refused = _write(returned)
    assert _households(found) == {"notices_account_20200519.csv": ["0000000001", "0000000002"]}
    assert _addressed(drafts) == [("account", "3"), ("account", "4")]
    assert refused is None
    (row, _) = found["notices_account_20200519.csv"]
    assert set(row) == set(returned.programme.disclosure("deficiency_letters").fields)
    assert _write(returned, day=LATER) == ({}, [], None)


def test_a_protected_persons_letter_never_goes_past_the_contractor(returned):
    found, drafts, _ = _write(returned, "R0000000001")
    assert _households(found) == {"notices_account_20200519.csv": ["0000000002"]}
    assert _addressed(drafts) == [("account", "1"), ("account", "3"), ("account", "4")]


def test_after_the_contractors_period_the_ward_writes_all_and_it_is_told(returned):
    found, drafts, refused = _write(returned, day=CLOSED)
    assert found == {}
    assert [who for _, who in _addressed(drafts)] == ["1", "2", "3", "4"]
    assert "期間" in refused


@pytest.mark.parametrize(
    ("applicant", "ids", "protected", "to"),
    [
        ("A", ("A", "B"), (), "A"),
        ("A", ("A", "B"), ("A",), "A"),  # the protected person's own claim
        ("H", ("A", "B"), (), "H"),  # the head claimed for others
        ("H", ("A", "B"), ("H",), "A"),  # about others: no protected address
        ("H", ("A", "B"), ("A",), "H"),
        ("H", ("A",), ("A",), "A"),  # about a protected person alone: never the head
        (None, ("B", "A"), ("A",), "B"),
    ],
)
def test_whom_a_letter_goes_to(campaign, applicant, ids, protected, to):
    assert letters.addressee(_guard(campaign, *protected), applicant, ids) == to


def test_nothing_is_kept_when_the_letters_may_not_leave(returned):
    stale = Guard(frozenset(), frozenset, tuple, {}, 0, None)
    with returned.ledger.read() as connection:
        rows = letters.unwritten(connection, returned.programme.id)
    with pytest.raises(DisclosureRefused), returned.ledger.write() as connection:
        letters.build(returned, connection, stale, rows, [], NEXT)
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
    found, drafts, _ = _write(returned, day=LATER)
    assert found == {}
    assert _addressed(drafts) == [("account", "1")]


def test_two_returns_before_the_letter_make_one_letter(returned):
    _correct(returned, NEXT)
    settle(returned, send_to_bank(returned, NEXT), paid=False, day=LATER)
    found, drafts, _ = _write(returned, day=LATER)
    written = [
        *(h[-1] for rows in _households(found).values() for h in rows),
        *(w for _, w in _addressed(drafts)),
    ]
    assert sorted(written) == ["1", "2", "3", "4"]
    assert _write(returned, day=CLOSED) == ({}, [], None)


# what claims lack


@pytest.fixture
def lacking(campaign):
    """Four deficient claims, the first two by post; 1 lacks proof of identity, 2 something that has no text."""
    send_claims(
        campaign,
        DAY,
        dict.fromkeys(NAMES, ("5020518", "")),
        lacks={1: "01", 2: "99", 3: "03", 4: "02"},
    )
    claims.match_and_decide(campaign, DAY)
    return campaign


def test_who_waits_for_a_correction_is_told_once_what_lacks(lacking):
    found, drafts, _ = _write(lacking)
    assert found == {}
    texts = lacking.programme.mail
    assert [(d.kind, d.reference, d.rows) for d in drafts] == [
        ("deficiency", f"P{n}", (("お願い", text),))
        for n, text in (
            (1, texts.deficiencies["01"]), (2, texts.deficiency_default), (3, texts.deficiencies["03"]),
            (4, texts.deficiencies["02"]),
        )
    ]  # fmt: skip
    assert _write(lacking, day=LATER) == ({}, [], None)


def test_after_a_postal_claim_the_contractor_tells_what_lacks(lacking, monkeypatch):
    about = letters._about_claims
    monkeypatch.setattr(
        letters, "_about_claims",
        lambda *given: [replace(x, channel="postal") if x.reference in ("P1", "P2") else x for x in about(*given)],
    )  # fmt: skip
    found, drafts, _ = _write(lacking, "R0000000002")
    ((name, (row,)),) = found.items()
    assert (name, row["household_id"]) == ("notices_deficient_20200519.csv", "0000000001")
    assert row["lacking"] == lacking.programme.mail.deficiencies["01"]
    assert [who for _, who in _addressed(drafts)] == ["2", "3", "4"]


# non-payment


def _decline(c, codes, *numbers, state="declined"):
    moves = [Move(f"R{n:010d}", state, f"P{n}", codes) for n in numbers]
    with c.ledger.write() as connection:
        move(connection, c.programme.id, moves, "steward", "", DAY)
        return non_payment.drafts(c, connection)


def test_who_is_declined_is_told_the_codes_reason_and_once(lacking):
    (notice,) = _decline(lacking, "LATE", 1)
    reason = lacking.programme.non_payment.reasons["LATE"]
    assert (notice.kind, notice.addressee, notice.rows) == (
        "non_payment", "R0000000001", (("対象者", "見本一子"), ("理由", reason))
    )  # fmt: skip
    sheet = Mailing(
        "N1", notice.kind, "household", notice.addressee, notice.people, notice.reference, "x", 1
    )
    with lacking.ledger.write() as connection:
        mail.enter(connection, lacking.programme.id, [sheet], DAY)
        assert non_payment.drafts(lacking, connection) == []


def test_who_asked_for_nothing_is_told_nothing(lacking):
    assert _decline(lacking, "MEMBER_NOT_WANTED", 1) == []
    assert len(_decline(lacking, "LATE;MEMBER_NOT_WANTED", 2)) == 1


def test_a_protected_person_is_not_told_of_somebody_elses_claim(lacking):
    care = Protection("R0000000001", "evacuation_requests", "evacuation", "linked", "e", "x")
    t = tables.claim
    with lacking.ledger.write() as connection:
        people.protect(connection, lacking.programme.id, [care], DAY)
        other = sa.update(t).filter_by(claim_id="P1").values(applicant_id="R0000000002")
        connection.execute(other)
    assert _decline(lacking, "LATE", 1) == []


_TELL_OF_OTHERS = (
    "DUPLICATE_CLAIM", "MEMBER_PROTECTED", "HEAD_PROTECTED", "MEMBER_PAID", "MEMBER_PAID_ELSEWHERE", "SAME_CERTIFICATE",
    "ACCOUNT_SHARED", "NOT_HEAD", "NOT_OWN_CLAIM", "HEAD_DIED", "MEMBER_NOT_IN_HOUSEHOLD", "CHANGE_IN_QUARANTINE",
)  # fmt: skip


@pytest.mark.parametrize("code", _TELL_OF_OTHERS)
def test_a_reason_that_is_about_somebody_else_is_told_as_no_reason(campaign, code):
    settings = campaign.programme.non_payment
    assert non_payment.reason(settings, [code]) == settings.other
    assert non_payment.reason(settings, [code, "LATE"]) == settings.reasons["LATE"]


def test_every_code_has_words_that_reveal_nobody(campaign):
    for code in FINDINGS:
        told = non_payment.reason(campaign.programme.non_payment, [code])
        assert told.endswith("。")
        assert not [word for word in ("別", "他", "保護", "施設", "世帯", "申請者") if word in told]
