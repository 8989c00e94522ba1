"""The ward's own forms: who stands on which sheet, where it goes, and what stops it."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from pipelines.disclosure.guard import DisclosureRefused
from pipelines.errors import KyufuError
from pipelines.ledger import people, tables
from pipelines.matching.persons import Protection
from pipelines.outputs import ward_sheets
from pipelines.steps import approvals, forms, outbox, ward_mail
from pipelines.steps.ward_mail import Draft
from tests.unit.steps.mail_world import (
    DAY,
    FACILITY,
    HIDDEN,
    PLACED,
    RESIDENTS,
    UNSURE,
    open_ward,
    pages,
    pid,
    with_lists,
)

NAMES = {pid(number): "".join(name.split()) for number, _, _, name, *_ in RESIDENTS}
HOUSEHOLDS, PERSONS = "inhouse_forms_20200518_01.pdf", "inhouse_person_forms_20200518_01.pdf"
DEPARTMENT = "handover_forms_1_20200518_01.pdf"


@pytest.fixture
def ward(tmp_path, monkeypatch):
    with_lists(monkeypatch)
    c = open_ward(tmp_path)
    yield c
    c.ledger.engine.dispose()


def build(c):
    """The day's forms of the ward's own: name -> pages."""
    made = forms.build(c, DAY)
    return {n: pages(c, n) for n in made["names"] if n.endswith(".pdf")}, made


def named_on(page):
    return {person for person, name in NAMES.items() if name in page}


def test_each_way_has_its_files_and_each_sheet_its_people(ward):
    found, _ = build(ward)
    assert {name: [named_on(page) for page in texts] for name, texts in found.items()} == {
        HOUSEHOLDS: [{pid(5)}, {pid(6), pid(7)}],
        PERSONS: [{pid(2), pid(3)}, {pid(4)}],
        DEPARTMENT: [{PLACED}, {PLACED}],
        "mailing_register_forms_20200518.pdf": [{pid(5), pid(6), pid(2), pid(4), PLACED}],
        "return_labels_forms_20200518.pdf": [set()],
    }


def test_a_protected_persons_address_is_the_protections_and_nobody_elses_sheet_has_it(ward):
    found, _ = build(ward)
    fled, resident = found[PERSONS]
    assert fled.startswith(f"{HIDDEN}甲野花子様")
    assert resident.startswith(f"{FACILITY}乙山次郎様")
    register = "東京都新宿区新宿１丁目２番"
    assert not [page for page in (*found[PERSONS], *found[DEPARTMENT]) if register in page]
    others = [page for name, texts in found.items() if name != PERSONS for page in texts]
    assert not [page for page in others if HIDDEN in page or FACILITY in page]


def test_the_household_of_a_protected_head_is_written_to_without_the_head(ward):
    found, _ = build(ward)
    page = found[HOUSEHOLDS][0]
    assert page.startswith("〒160-0022東京都新宿区新宿１丁目２番4号乙山月子様")
    assert "乙山次郎" not in page
    assert "給付対象者1人合計100,000円" in page


def test_companions_of_one_request_share_a_form_addressed_to_who_asked(ward):
    page = build(ward)[0][PERSONS][0]
    assert "1甲野花子1982年5月2日□2甲野小太郎2010年6月3日□給付対象者2人合計200,000円" in page


def test_two_requests_for_one_address_make_two_forms_that_do_not_tell_of_each_other(ward):
    p = tables.protection
    with ward.ledger.write() as connection:
        connection.execute(
            sa.update(p)
            .filter_by(person_id=pid(3))
            .values(evidence="evacuation_requests/2020-05-17:2")
        )
    assert [named_on(page) for page in build(ward)[0][PERSONS]] == [{pid(2)}, {pid(3)}, {pid(4)}]


def test_what_gives_no_address_goes_through_the_department_that_holds_it(ward):
    found, _ = build(ward)
    cover, sheet = found[DEPARTMENT]
    assert cover.startswith("引継書(高齢者支援課)")
    assert "丁川雪子1940年11月8日" in cover
    assert sheet.startswith("高齢者支援課気付丁川雪子様")


def test_a_row_that_may_mean_somebody_is_marked_on_the_departments_list(ward):
    unsure = Protection(
        UNSURE, "placement_elderly", "placement", "candidate", "placement_elderly/x:3", ""
    )
    with ward.ledger.write() as connection:
        people.protect(connection, ward.programme.id, [unsure], DAY)
    cover = build(ward)[0][DEPARTMENT][0]
    assert "戊原四郎1970年12月9日候補" in cover
    assert "計2件" in cover


def test_the_register_tells_ways_and_counts_and_no_address(ward):
    register = build(ward)[0]["mailing_register_forms_20200518.pdf"][0]
    for told in (
        "世帯の住所へ郵送2件",
        "本人の居所へ郵送2件",
        "担当課から交付1件",
        "計5件返信用封筒5枚",
    ):
        assert told in register
    assert "丁目" not in register


def test_everything_is_entered_and_marked_when_it_goes_out(ward):
    _, made = build(ward)
    approvals.rehearse(ward, made, DAY)
    m = tables.mailing
    with ward.ledger.read() as connection:
        rows = connection.execute(sa.select(m).order_by(m.c.mailing_id)).all()
    assert [(r.mailing_id, r.way, r.page, r.sent_on) for r in rows] == [
        ("F20200518-00001", "person", 1, None), ("F20200518-00002", "person", 2, None),
        ("F20200518-00003", "household", 1, None), ("F20200518-00004", "household", 2, None),
        ("F20200518-00005", "department", 2, None),
    ]  # fmt: skip


def test_the_same_ward_gives_the_same_bytes(ward, tmp_path_factory, monkeypatch):
    _, made = build(ward)
    other = open_ward(tmp_path_factory.mktemp("again"))
    again = forms.build(other, DAY)
    assert made["names"] == again["names"]
    assert made["hash"] == again["hash"]
    other.ledger.engine.dispose()


# what must not leave


def test_a_field_that_is_not_the_registers_stops_the_file(ward, monkeypatch):
    monkeypatch.setattr(ward_mail, "print_day", lambda key, written: "1955年8月5日")  # the eldest's
    with pytest.raises(KyufuError, match="か所違います"):
        build(ward)
    assert not (ward.home / "releases" / HOUSEHOLDS).exists()


def test_a_sheet_with_a_protected_person_and_somebody_else_is_not_made(ward):
    mixed = [Draft(ward_sheets.FORM, pid(1), (pid(1), pid(2)))]
    with ward.ledger.write() as connection, pytest.raises(KyufuError, match="一枚に載って"):
        ward_mail.make(ward, connection, ward.guard(DAY), mixed, "forms", DAY)


def test_an_address_that_is_not_the_addressees_stops_the_sheet(ward, monkeypatch):
    from pipelines.steps import addresses

    elsewhere = addresses.of_household
    monkeypatch.setattr(
        addresses, "of_protected",
        lambda care, name: replace(elsewhere({"address": "東京都新宿区新宿１丁目２番1号", "address_supplement": "",
                                              "postal_code": "1600022", "name_kanji": name})),
    )  # fmt: skip
    with pytest.raises((KyufuError, ValueError)):
        build(ward)


def test_f32_who_is_protected_after_the_build_keeps_the_sheet_here(ward):
    _, made = build(ward)
    approvals.rehearse(ward, made, DAY)
    late = Protection(
        pid(7), "evacuation_requests", "evacuation", "linked", "x/2020-05-18:9", HIDDEN
    )
    with ward.ledger.write() as connection:
        people.protect(connection, ward.programme.id, [late], DAY)
    with pytest.raises(DisclosureRefused):
        outbox.check_again(ward, HOUSEHOLDS, DAY)
