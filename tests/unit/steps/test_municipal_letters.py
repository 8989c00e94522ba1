"""Letters to other municipalities: to the one that a person concerns, on paper, checked twice by two, told once."""

import re
from dataclasses import replace
from datetime import date

import pytest
import sqlalchemy as sa

from pipelines.disclosure.guard import DisclosureRefused
from pipelines.disclosure.release import make_release
from pipelines.intake import receive
from pipelines.ledger import people, tables
from pipelines.ledger.approvals import ApprovalRefused
from pipelines.ledger.municipal_letters import LetterRefused
from pipelines.ledger.states import Entitlement
from pipelines.ledger.store import Move, move, verify_chain
from pipelines.link.delivery import Parcel
from pipelines.matching.persons import Protection
from pipelines.outputs.paper.reading import page_texts
from pipelines.programme import Period
from pipelines.steps import letter_checks, outbox
from pipelines.steps import municipal_letters as steps
from pipelines.steps.campaign import Campaign
from pipelines.steps.roles import Actor, NotAllowed, Role
from tests.unit.intake.intake_world import csv_bytes, freeze_register, new_campaign

DAY, NEXT, CLOSED = date(2020, 5, 18), date(2020, 5, 19), date(2020, 9, 1)
ONE, TWO, THREE = (Actor(n, frozenset({Role.STEWARD, Role.APPROVER})) for n in ("one", "two", "three"))  # fmt: skip
RECEIPT = "123-45-67890-1"
FACILITY = "氏名,生年月日,性別,住民票住所,施設所在地住所,入所等年月日,退所等年月日"
EXCHANGE = "通知元,氏名,カナ氏名,性別,生年月日,給付の有無"
HERE = "東京都新宿区"
LISTS = {
    "facility_children": (
        FACILITY,
        f"見本一子,20100401,2,{HERE}新宿１丁目１番１号,神奈川県横浜市中区見本町１丁目,20180401,",
        f"見本二郎,20100402,1,{HERE}新宿１丁目１番１号,{HERE}西新宿２丁目８番１号,20180401,",
    ),
    "facility_outside": (
        EXCHANGE,
        "埼玉県川口市,見本三子,ミホン,2,19800403,有",
        "埼玉県,見本四郎,ミホン,1,19800404,無",
    ),
    "facility_inside": (EXCHANGE, "見本県どこか市,見本五子,ミホン,2,19800405,無"),
}
KINDS = {
    "facility_children": "facility", "facility_outside": "facility_outside", "facility_inside": "facility_inside"
}  # fmt: skip
# person -> the list and row that tell of them
TOLD = {
    "R0000000001": ("facility_children", 2), "R0000000002": ("facility_children", 3),
    "R0000000003": ("facility_outside", 2), "R0000000004": ("facility_outside", 3),
    "R0000000005": ("facility_inside", 2),
}  # fmt: skip
NAMES = ("一子", "二郎", "三子", "四郎", "五子", "六郎")


def _resident(number: int, name: str) -> dict[str, str]:
    return {
        "resident_id": f"{number:010d}", "household_id": f"{number:010d}", "name_kana": "ミホン",
        "name_kanji": f"見本{name}",
        "relationship": "02", "birth_date": f"1980040{number}", "postal_code": "1600022",
        "address": f"{HERE}新宿１丁目１番{number}号", "address_supplement": "", "head_name_kanji": f"見本{name}",
    }  # fmt: skip


@pytest.fixture
def c(tmp_path, monkeypatch):
    """Five people on lists; every list is there and current."""
    found = new_campaign(tmp_path)
    freeze_register(found, [_resident(n, name) for n, name in enumerate(NAMES, 1)], DAY)
    for dataset, lines in LISTS.items():
        receive.stage(
            found.programme, found.staging, dataset, DAY, {f"{dataset}_20200518.csv": csv_bytes(*lines)}
        )  # fmt: skip
    monkeypatch.setattr(
        Campaign, "_list_days", lambda self, day: {s.dataset: DAY for s in self.programme.list_sources}
    )  # fmt: skip
    _protect(
        found,
        *(
            Protection(who, name, KINDS[name], "linked", f"{name}/{DAY}:{row}", "")
            for who, (name, row) in TOLD.items()
        ),
    )
    yield found
    found.ledger.engine.dispose()


def _protect(c, *protections, day=DAY):
    with c.ledger.write() as connection:
        people.protect(connection, c.programme.id, protections, day)


def _evacuee(person):
    return Protection(
        person, "evacuation_requests", "evacuation", "linked", "evacuation_requests/2020-05-18:2",
        f"{HERE}百人町２丁目２０番１２号",
    )  # fmt: skip


def _pay(c, person, day=DAY):
    way = (Entitlement.CLAIMED, Entitlement.APPROVED, Entitlement.IN_PAYMENT, Entitlement.PAID)
    with c.ledger.write() as connection:
        for state in way:
            move(connection, c.programme.id, [Move(person, state)], "test", "", day)


def _text(c, name):
    return "\n".join(page_texts(outbox.read_payload(c, name)))


def _letters(c):
    with c.ledger.read() as connection:
        rows = connection.execute(sa.select(tables.municipal_letter)).mappings().all()
    return {row["municipality"]: row for row in rows}


def _audited(c, event):
    a = tables.audit.c
    with c.ledger.read() as connection:
        verify_chain(connection)
        return connection.execute(sa.select(a.actor, a.detail).where(a.event == event)).all()


YOKOHAMA = "facility_notice_14100_20200518.pdf"


def test_each_person_is_told_of_to_the_one_municipality_that_it_concerns(c):
    drafted = steps.draft(c, DAY)
    assert (drafted["letters"], drafted["people"], drafted["refused"]) == (3, 3, None)
    told = {name: row["people"] for name, row in _letters(c).items()}
    assert told == {"神奈川県横浜市": 1, "埼玉県川口市": 1, "埼玉県": 1}
    found = {
        name: re.findall("見本[一二三四五六][子郎]", _text(c, row["name"]))
        for name, row in _letters(c).items()
    }
    assert found == {
        "神奈川県横浜市": ["見本一子"],
        "埼玉県川口市": ["見本三子"],
        "埼玉県": ["見本四郎"],
    }


def test_a_municipality_without_an_address_is_told_of_and_not_guessed(c):
    assert steps.draft(c, DAY)["unknown"] != []
    with c.ledger.read() as connection:
        (reason,) = connection.execute(sa.select(tables.refusal.c.reason)).scalars()
    assert "宛先が登録されていない" in reason
    assert "五子" not in reason


def test_a_letter_holds_exactly_the_five_items(c):
    steps.draft(c, DAY)
    text = _text(c, YOKOHAMA)
    for item in ("見本一子", "1980 年 4 月 1 日", "女", "無"):
        assert item in text or item.replace(" ", "") in text.replace(" ", "")
    assert "東京都新宿区新宿１丁目１番" in re.sub(r"\s", "", text)
    for other in ("0000000001", "ミホン", "2018", "中区見本町"):
        assert other not in text
    with c.ledger.read() as connection:
        row = connection.execute(sa.select(tables.release).filter_by(name=YOKOHAMA)).one()
    assert tuple(row.fields.split(",")) == c.programme.disclosure("facility_notices").fields
    assert (row.medium, row.state) == ("paper", "kept")


def test_what_was_told_is_told_again_only_once_it_has_changed(c):
    steps.draft(c, DAY)
    assert steps.draft(c, NEXT)["letters"] == 0
    _pay(c, "R0000000003")
    later = date(2020, 5, 20)
    assert steps.draft(c, later)["letters"] == 1
    assert "有" in _text(c, "facility_notice_11203_20200520.pdf").split("受給")[-1]
    assert steps.draft(c, date(2020, 5, 21))["letters"] == 0


def test_the_list_for_the_post_office_names_nobody(c):
    steps.draft(c, DAY)
    text = _text(c, "registered_mail_20200518.pdf")
    assert "横浜市" in text
    assert "見本一子" not in text
    assert "合計" in text


def test_an_evacuee_or_a_placement_is_in_no_letter(c):
    placed = Protection("R0000000003", "placement_elderly", "placement", "candidate", "e", "")
    _protect(c, _evacuee("R0000000001"), placed)
    steps.draft(c, DAY)
    assert set(_letters(c)) == {"埼玉県"}
    for name in ("見本一子", "見本三子"):
        assert name not in _text(c, "facility_notice_11000_20200518.pdf")


def test_f35_a_letter_about_an_evacuee_is_refused_by_the_gate_and_audited(c):
    _protect(c, _evacuee("R0000000001"))
    with pytest.raises(DisclosureRefused) as caught, c.ledger.telling_refusals():
        make_release(
            c.programme, c.guard(DAY), "facility_notices", name="x.pdf", payload=b"x", columns=steps.FIELDS,
            people=frozenset({"R0000000001"}), records=1, sum_yen=None, day=DAY,
        )  # fmt: skip
    assert caught.value.rule == "PEOPLE"
    ((actor, detail),) = _audited(c, "release.refused")
    assert '"rule": "PEOPLE"' in detail
    assert actor == "system"
    assert "R0000000001" not in detail


@pytest.mark.parametrize(
    ("way", "rule"), [({"medium": "lgwan"}, "MEDIUM"), ({"to": "contractor"}, "RECIPIENT")]
)
def test_f35_the_same_by_wire_or_to_somebody_else_is_refused(c, way, rule):
    with pytest.raises(DisclosureRefused) as caught, c.ledger.write():
        make_release(
            c.programme, c.guard(DAY), "facility_notices", name="x.pdf", payload=b"x", columns=steps.FIELDS,
            people=frozenset({"R0000000001"}), records=1, sum_yen=None, day=DAY, **way,
        )  # fmt: skip
    assert caught.value.rule == rule
    assert [rule in detail for _, detail in _audited(c, "release.refused")] == [True]


def test_f35_the_link_takes_no_letter(c):
    steps.draft(c, DAY)
    release = outbox.check_again(c, YOKOHAMA, DAY)
    with pytest.raises(DisclosureRefused, match="媒体"):
        Parcel(release, b"", "", b"")


def test_f35_outside_the_period_nothing_is_drafted_and_it_is_told(c):
    shut = Period(**{"from": date(2020, 5, 1), "to": date(2020, 5, 17)})
    changed = tuple(
        d.model_copy(update={"period": shut}) if d.id == "facility_notices" else d
        for d in c.programme.disclosures
    )
    late = replace(c, programme=c.programme.model_copy(update={"disclosures": changed}))
    assert "提供期間" in steps.draft(late, DAY)["refused"]
    assert _letters(c) == {}
    assert [("PERIOD" in detail) for _, detail in _audited(c, "release.refused")] == [True]


# --- the two checks, and the post office's number ---


def _shown(c, tmp_path, *actors):
    for actor in actors:
        letter_checks.show(c, YOKOHAMA, tmp_path / "seen.pdf", actor, "確認", DAY)


def _check_all(c, tmp_path, *actors):
    _shown(c, tmp_path, *actors)
    for actor in actors:
        for what in ("address", "content"):
            letter_checks.check(c, YOKOHAMA, what, True, "", actor, DAY)


def test_f42_two_people_check_the_address_and_two_the_content_before_it_is_posted(c, tmp_path):
    steps.draft(c, DAY)
    _check_all(c, tmp_path, ONE)
    letter_checks.show(c, YOKOHAMA, tmp_path / "seen.pdf", TWO, "確認", DAY)
    letter_checks.check(c, YOKOHAMA, "address", True, "", TWO, DAY)
    with pytest.raises(ApprovalRefused, match=r"content.*2人必要"):
        letter_checks.post(c, YOKOHAMA, RECEIPT, THREE, DAY)
    letter_checks.check(c, YOKOHAMA, "content", True, "", TWO, DAY)
    posted = letter_checks.post(c, YOKOHAMA, RECEIPT, THREE, NEXT)
    assert (posted.posted_on, posted.receipt_number) == (NEXT, "12345678901")
    assert posted.checked == {w: frozenset({"one", "two"}) for w in ("address", "content")}
    assert letter_checks.post(c, YOKOHAMA, RECEIPT, THREE, NEXT) == posted
    assert len(_audited(c, "letter.posted")) == 1
    assert len(_audited(c, "letter.shown")) == 2


def test_f42_who_was_not_shown_the_letter_checks_nothing(c, tmp_path):
    steps.draft(c, DAY)
    _shown(c, tmp_path, ONE)
    with pytest.raises(LetterRefused, match="まだ見ていません"):
        letter_checks.check(c, YOKOHAMA, "address", True, "", TWO, DAY)


def test_the_checkers_pdf_is_readable_by_nobody_else(c, tmp_path):
    steps.draft(c, DAY)
    _shown(c, tmp_path, ONE)
    assert (tmp_path / "seen.pdf").stat().st_mode & 0o077 == 0


def test_f42_a_letter_that_was_changed_after_it_was_made_is_not_shown_or_posted(c, tmp_path):
    steps.draft(c, DAY)
    _check_all(c, tmp_path, ONE, TWO)
    path = outbox.folder(c, YOKOHAMA) / "payload"
    path.write_bytes(path.read_bytes() + b"\n")
    for do in (
        lambda: letter_checks.post(c, YOKOHAMA, RECEIPT, THREE, DAY),
        lambda: _shown(c, tmp_path, THREE),
    ):
        with pytest.raises(DisclosureRefused, match="審査時と違います"):
            do()
    assert all("BYTES" in detail for _, detail in _audited(c, "release.refused"))


def test_f32_a_protection_before_the_posting_takes_the_letter_back(c, tmp_path):
    steps.draft(c, DAY)
    _check_all(c, tmp_path, ONE, TWO)
    _protect(c, _evacuee("R0000000001"), day=NEXT)
    with pytest.raises(DisclosureRefused, match="1人"):
        letter_checks.post(c, YOKOHAMA, RECEIPT, THREE, NEXT)
    assert _letters(c)["神奈川県横浜市"]["withdrawn_on"] == NEXT
    with pytest.raises(DisclosureRefused):
        letter_checks.post(c, YOKOHAMA, RECEIPT, THREE, NEXT)
    assert steps.draft(c, NEXT)["letters"] == 0


def test_a_letter_found_wrong_is_made_anew_under_a_new_name_with_new_checks(c, tmp_path):
    steps.draft(c, DAY)
    _shown(c, tmp_path, ONE)
    with pytest.raises(LetterRefused, match="理由"):
        letter_checks.check(c, YOKOHAMA, "address", False, " ", ONE, DAY)
    letter_checks.check(c, YOKOHAMA, "address", False, "担当課が違う", ONE, DAY)
    with pytest.raises(LetterRefused, match="却下"):
        letter_checks.post(c, YOKOHAMA, RECEIPT, THREE, DAY)
    drafted = steps.draft(c, NEXT)
    assert (drafted["withdrawn"], drafted["letters"]) == (1, 1)
    with c.ledger.read() as connection:
        names = connection.execute(sa.select(tables.municipal_letter.c.name)).scalars().all()
    assert "facility_notice_14100_20200519.pdf" in names


@pytest.mark.parametrize("receipt", ["", "1234567890", "12345678901x", "1" * 13])
def test_a_number_that_the_post_office_does_not_give_is_refused(c, receipt):
    steps.draft(c, DAY)
    with pytest.raises(LetterRefused, match="書留番号"):
        letter_checks.post(c, YOKOHAMA, receipt, ONE, DAY)


def test_who_may_do_what(c, tmp_path):
    steps.draft(c, DAY)
    viewer = Actor("viewer", frozenset({Role.VIEWER}))
    assert [letter.people for letter in letter_checks.list_letters(c, viewer)] == [1, 1, 1]
    for do in (
        lambda: letter_checks.show(c, YOKOHAMA, tmp_path / "x.pdf", viewer, "見る", DAY),
        lambda: letter_checks.check(c, YOKOHAMA, "address", True, "", viewer, DAY),
        lambda: letter_checks.post(c, YOKOHAMA, RECEIPT, viewer, DAY),
    ):
        with pytest.raises(NotAllowed):
            do()
