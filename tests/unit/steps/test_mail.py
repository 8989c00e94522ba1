"""Mail that comes back, and forms that are written anew: who may enter it, what follows, and what the status says."""

import json
from datetime import date

import pytest
import sqlalchemy as sa

from pipelines.evidence.history import read_history
from pipelines.ledger import mail as ledger_mail
from pipelines.ledger import people, tables
from pipelines.ledger.states import Entitlement
from pipelines.ledger.store import Move, move
from pipelines.matching.persons import Protection
from pipelines.steps import approvals, forms, mail
from pipelines.steps.mail import MailRefused
from pipelines.steps.roles import Actor, NotAllowed, Role
from tests.unit.steps.mail_world import DAY, HIDDEN, NEXT, open_ward, pages, pid, with_lists

OPERATOR = Actor("operator", frozenset({Role.OPERATOR}))
VIEWER = Actor("viewer", frozenset({Role.VIEWER}))
FLED, OTHERS = "F20200518-00001", "F20200518-00003"  # of 2 with 3; of 5, whose head is protected
CONTRACTORS = ("0000000001", "0000000009")  # whose forms the contractor mails


@pytest.fixture
def ward(tmp_path, monkeypatch):
    """The ward after its forms went out."""
    with_lists(monkeypatch)
    c = open_ward(tmp_path)
    approvals.rehearse(c, forms.build(c, DAY), DAY)
    with c.ledger.write() as connection:
        made = c.ledger.result_of("forms.build", DAY)["names"]
        ledger_mail.mark_sent(connection, c.programme.id, made, DAY)
        for name in (n for n in made if not n.startswith("forms_")):
            named = ledger_mail.people_of(connection, c.programme.id, name)
            if named:
                people.mark_form_sent(connection, c.programme.id, named, "inhouse", name, DAY)
        ids = [pid(n) for n in CONTRACTORS]
        people.mark_form_sent(
            connection, c.programme.id, ids, "contractor", "forms_20200518.csv", DAY
        )
    yield c
    c.ledger.engine.dispose()


def came_back(c, number="", resident="", reason="unknown_address", on=NEXT, actor=OPERATOR):
    return mail.enter_return(c, actor, number, resident, reason, on, NEXT)


def reissue(c, number="", resident="", at_counter=False):
    return mail.ask_reissue(c, OPERATOR, number, resident, "見本の理由", at_counter, NEXT)


def written_anew(c):
    """The next day's own forms: name -> pages."""
    found = {
        n: pages(c, n) for n in forms.build(c, NEXT)["names"] if "forms" in n and n.endswith(".pdf")
    }
    return {n: texts for n, texts in found.items() if n.startswith(("inhouse", "handover"))}


def audit(c, event):
    a = tables.audit
    with c.ledger.read() as connection:
        rows = connection.execute(sa.select(a).filter_by(event=event).order_by(a.c.number)).all()
    return [(row.actor, row.subject, json.loads(row.detail)) for row in rows]


def listed(c, **asked):
    found = mail.list_mail(c, OPERATOR, "照会", NEXT, **asked)
    return {m.mailing_id: m for m in found}


def test_what_comes_back_is_entered_once_by_somebody_and_says_what_follows(ward):
    number, told = came_back(ward, OTHERS)
    assert (number, told) == (OTHERS, "異動の届出と電話で住所を確かめ、再発行する")
    assert audit(ward, "mail.returned") == [
        ("operator", OTHERS, {"kind": "form", "reason": "unknown_address", "returned_on": "2020-05-19"})
    ]  # fmt: skip
    with pytest.raises(ledger_mail.MailRefused, match="すでに記録"):
        came_back(ward, OTHERS)
    assert listed(ward)[OTHERS].needs_somebody


def test_a_protected_persons_mail_that_comes_back_never_goes_to_the_household(ward):
    assert "世帯の住所へは送らない" in came_back(ward, FLED)[1]


def test_the_contractors_form_is_known_by_anybody_on_it(ward):
    number, _ = came_back(ward, resident=CONTRACTORS[0])
    assert number.startswith("C20200518-")
    assert CONTRACTORS[0] not in number
    assert set(listed(ward, resident_id=CONTRACTORS[0])) == {number}
    with pytest.raises(ledger_mail.MailRefused, match="すでに記録"):
        came_back(ward, resident=CONTRACTORS[0])


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"number": OTHERS, "reason": "lost"}, "返戻理由"),
        ({"number": OTHERS, "on": date(2020, 5, 17)}, "それより前"),
        ({"number": OTHERS, "on": date(2020, 5, 20)}, "より後"),
        ({"number": "F20200518-99999"}, "ありません"),
        ({"resident": "9999999999"}, "対象者はいません"),
        ({}, "どちらか一つ"),
        ({"number": OTHERS, "resident": "0000000001"}, "どちらか一つ"),
    ],
)
def test_what_cannot_be_is_refused_and_entered_nowhere(ward, asked, words):
    with pytest.raises((MailRefused, ledger_mail.MailRefused), match=words):
        came_back(ward, **asked)
    assert audit(ward, "mail.returned") == []


def test_who_may_only_look_enters_nothing(ward):
    with pytest.raises(NotAllowed):
        came_back(ward, OTHERS, actor=VIEWER)
    with pytest.raises(NotAllowed):
        mail.list_mail(ward, VIEWER, "照会", NEXT, resident_id="0000000001")
    assert mail.list_mail(ward, VIEWER, "照会", NEXT)


def test_one_residents_mail_is_looked_at_under_a_pseudonym(ward):
    listed(ward, resident_id="0000000002")
    ((who, subject, detail),) = audit(ward, "person.shown")
    assert (who, detail) == ("operator", {"purpose": "照会", "count": 1})
    assert "0000000002" not in subject


# written anew


def test_a_form_is_written_anew_with_the_next_days_under_a_new_number(ward):
    reissue(ward, OTHERS)
    assert {n: [p[:30] for p in texts] for n, texts in written_anew(ward).items()} == {
        "inhouse_forms_20200519_01.pdf": [
            "〒160-0022東京都新宿区新宿１丁目２番4号乙山月子様発送"[:30]
        ]
    }
    assert listed(ward)[OTHERS].reissue == "F20200519-00001"
    assert audit(ward, "mail.reissued")[0][1:] == (OTHERS, {"by": "F20200519-00001"})
    with pytest.raises(ledger_mail.MailRefused, match="すでに受け付け"):
        reissue(ward, OTHERS)


def test_the_contractors_form_is_written_anew_by_the_ward(ward):
    came_back(ward, resident=CONTRACTORS[1])
    reissue(ward, resident=CONTRACTORS[1])
    ((name, texts),) = written_anew(ward).items()
    assert name == "inhouse_forms_20200519_01.pdf"
    assert "戊原四郎様" in texts[0]


def test_at_the_counter_no_address_is_printed(ward):
    reissue(ward, OTHERS, at_counter=True)
    ((name, texts),) = written_anew(ward).items()
    assert name == "inhouse_counter_forms_20200519_01.pdf"
    assert texts[0].startswith("窓口交付乙山月子様")
    assert "丁目" not in texts[0].split("見本")[0].split("発送番号")[0]


def test_who_is_protected_since_gets_the_form_where_the_protection_says(ward):
    reissue(ward, resident=CONTRACTORS[1])
    care = Protection(
        pid(9), "evacuation_requests", "evacuation", "linked", "x/2020-05-19:2", HIDDEN
    )
    with ward.ledger.write() as connection:
        people.protect(connection, ward.programme.id, [care], NEXT)
    ((name, texts),) = written_anew(ward).items()
    assert name == "inhouse_person_forms_20200519_01.pdf"
    assert texts[0].startswith(HIDDEN)


def test_a_form_on_which_nobody_can_claim_any_more_is_closed(ward):
    reissue(ward, OTHERS)
    with ward.ledger.write() as connection:
        gone = [Move(pid(5), Entitlement.INELIGIBLE)]
        move(connection, ward.programme.id, gone, "register", "", NEXT)
    assert written_anew(ward) == {}
    assert listed(ward)[OTHERS].reissue == ""


def test_only_forms_are_written_anew(ward):
    row = {"mailing_id": "D20200518-00001", "kind": "decision", "way": "household", "addressee_id": pid(5),
           "reference": "K", "release_name": "x", "page": 1, "business_date": DAY, "sent_on": DAY}  # fmt: skip
    with ward.ledger.write() as connection:
        connection.execute(sa.insert(tables.mailing).values(programme=ward.programme.id, **row))
    with pytest.raises(ledger_mail.MailRefused, match="申請書だけ"):
        reissue(ward, "D20200518-00001")


# the status


def test_the_status_tells_how_far_somebody_is_and_of_their_mail(ward):
    came_back(ward, OTHERS)
    reissue(ward, OTHERS)
    found = read_history(ward, "0000000005", "os:me", "照会", NEXT)
    assert found.steps == ("申請書発送済み(2020-05-18)",)
    assert found.mail == (
        f"郵便物: {OTHERS} 申請書 2020-05-18 返戻(2020-05-19 宛所不明) 再発行 受付済み",
    )
    fled = read_history(ward, "0000000002", "os:me", "照会", NEXT)
    assert not [line for line in (*fled.mail, fled.form) if "本人" in line or "居所" in line]


def test_the_status_tells_of_the_claim_and_the_money(ward):
    claim = {
        "claim_id": "P1", "channel": "postal", "kind": "new", "outcome": "paid", "proxy_kind": "", "day": NEXT,
        "applicant_id": pid(9),
    }  # fmt: skip
    way = (Entitlement.APPROVED, Entitlement.IN_PAYMENT, Entitlement.PAID)
    with ward.ledger.write() as connection:
        connection.execute(sa.insert(tables.claim).values(programme=ward.programme.id, **claim))
        for state in way:
            move(connection, ward.programme.id, [Move(pid(9), state, "P1")], "x", "", NEXT)
    found = read_history(ward, CONTRACTORS[1], "os:me", "照会", NEXT)
    assert found.steps == (
        "申請書発送済み(2020-05-18)", "申請済み(2020-05-19)", "給付済み(2020-05-19)"
    )  # fmt: skip
    assert found.claims == ("申請: 2020-05-19 郵送 新規 支給決定",)
