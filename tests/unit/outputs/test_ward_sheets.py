"""The ward's own sheets: golden texts, the same bytes for the same data, and every printed field compared."""

from dataclasses import replace
from datetime import date
from hashlib import sha256

import pytest

from pipelines.outputs.mailing_register import Posted, build_register
from pipelines.outputs.paper.reading import page_texts
from pipelines.outputs.paper.typesetting import PaperError
from pipelines.outputs.return_labels import build_return_labels
from pipelines.outputs.ward_sheets import (
    LETTERS,
    Addressee,
    Cover,
    Handed,
    Named,
    Office,
    Sheet,
    build_sheets,
    print_day,
)
from pipelines.outputs.ward_sheets_check import compare_sheets

DAY = date(2020, 5, 18)
OFFICE = Office(
    "見本給付金", "見本区長", "00-0000-0000", ("見本区総務課", "見本区見本町１番"), "2020年8月31日"
)
HOME = Addressee("1600022", ("東京都見本区見本１丁目２番３号", "見本荘１０１"), "見本\u3000太郎")
FAMILY = (
    Named("見本\u3000太郎", "1950年1月2日"), Named("見本\u3000花子", "1955年3月4日"),
    Named("𠮷田\u3000﨑子", "2001年5月6日"),
)  # fmt: skip
FORM = Sheet(
    "F20200518-00001", "form", HOME, household_id="0000000001", persons=FAMILY, total_yen=300_000
)
LONG = replace(
    FORM, number="F20200518-00002", household_id="", resident_id="0000000009",
    persons=tuple(Named(f"見本\u3000{n}", f"1980年4月{n}日") for n in range(1, 21)), total_yen=2_000_000,
)  # fmt: skip
ROWS = (("給付決定額", "300,000円"), ("対象人数", "3人"), ("振込予定日", "2020年6月5日"))
LETTER = Sheet("D20200518-00001", "decision", HOME, rows=ROWS)
COVER = Cover(
    "見本課", "H1", (Handed("F20200518-00001", "見本\u3000太郎", "1950年1月2日", "候補"),)
)


def text_of(pdf: bytes) -> list[str]:
    return ["".join(text.split()) for text in page_texts(pdf)]


def test_a_form_says_this() -> None:
    assert text_of(build_sheets([FORM], OFFICE, DAY)) == [
        "〒160-0022東京都見本区見本１丁目２番３号見本荘１０１見本太郎様発送番号F20200518-00001世帯番号0000000001"
        "見本区総務課見本区見本町１番電話00-0000-0000見本給付金申請書(請求書)(宛先)見本区長"
        "次の給付対象者について、見本給付金を申請(請求)します。内容を確かめ、太枠の中を記入して、同封の返信用封筒で返送してください。"
        "申請期限は2020年8月31日(当日消印有効)です。申請者の署名申請日年月日日中の電話番号生年月日年月日"
        "給付対象者の氏名生年月日給付を希望しない1見本太郎1950年1月2日□2見本花子1955年3月4日□3𠮷田﨑子2001年5月6日□"
        "給付対象者3人合計300,000円振込先口座(申請者本人の名義に限ります)金融機関名支店名預金種目普通・当座口座番号口座名義(カナ)"
        "添付書類:申請者の本人確認書類の写し、振込先口座を確認できる書類の写し(通帳またはキャッシュカード)F20200518-00001(1/1)"
    ]


def test_a_form_with_many_persons_goes_on_and_counts_them_at_its_end() -> None:
    first, second = text_of(build_sheets([LONG], OFFICE, DAY))
    assert "12見本121980年4月12日□次の頁に続きます" in first
    assert second.startswith(
        "発送番号F20200518-00002住民番号0000000009見本給付金申請書(請求書)続き"
    )
    assert "13見本131980年4月13日□" in second
    assert second.endswith("給付対象者20人合計2,000,000円F20200518-00002(2/2)")


@pytest.mark.parametrize("kind", LETTERS)
def test_every_letter_has_its_words_and_its_rows(kind: str) -> None:
    title, words = LETTERS[kind]
    rows = (("理由", "見本の理由です。"),)
    sheet = Sheet("N20200518-00001", kind, HOME, resident_id="0000000001", rows=rows)
    pdf = build_sheets([sheet], OFFICE, DAY)
    (text,) = text_of(pdf)
    for told in (f"見本給付金{title}", *words, "2020年5月18日見本区長", "理由見本の理由です。"):
        assert "".join(told.split()) in text
    assert compare_sheets([sheet], pdf) == []
    assert ("口座名義(カナ)" in text) == (kind == "account")


def test_a_departments_list_stands_before_its_sheets() -> None:
    pdf = build_sheets([FORM], OFFICE, DAY, COVER)
    cover, sheet = text_of(pdf)
    assert cover.startswith("引継書(見本課)2020年5月18日見本給付金引継番号H1")
    assert "F20200518-00001見本太郎1950年1月2日候補計1件" in cover
    assert sheet.endswith("F20200518-00001(1/1)")
    assert compare_sheets([FORM], pdf, COVER) == []


def test_the_register_and_the_labels_say_this() -> None:
    rows = [
        Posted(f"F20200518-{n:05d}", way, "見本\u3000太郎", "台帳の住所")
        for n, way in enumerate(["世帯あて"] * 37 + ["窓口"], start=1)
    ]
    first, last = text_of(build_register(rows, "申請書", 38, DAY))
    assert first.startswith(
        "発送簿申請書2020年5月18日1/2頁発送番号送り方宛名宛先返戻日・理由F20200518-00001世帯あて見本太郎台帳の住所"
    )
    assert last.endswith(
        "F20200518-00038窓口見本太郎台帳の住所世帯あて37件窓口1件計38件返信用封筒38枚封入・封かんの確認差出し郵便局の受領"
    )
    labels = text_of(
        build_return_labels("1608484", ("見本区見本町１番", "見本課\u3000行"), 13, DAY)
    )
    assert labels == ["〒160-8484見本区見本町１番見本課行" * 12] * 2


def test_the_same_sheets_give_the_same_bytes() -> None:
    made = {
        sha256(build_sheets([FORM, LONG, LETTER], OFFICE, DAY, COVER)).hexdigest() for _ in range(2)
    }
    assert len(made) == 1


def test_a_day_that_is_partly_unknown_is_printed_as_it_is_written() -> None:
    assert print_day("19500102", "S250102") == "1950年1月2日"
    assert print_day("19500100", "昭和25年1月") == "昭和25年1月"
    assert print_day(None, "不詳") == "不詳"


# the comparison


def others(sheet: Sheet) -> list[Sheet]:
    """What the sheet would be with one field wrong, each."""
    swapped = (replace(FAMILY[0], birth=FAMILY[1].birth), *FAMILY[1:])
    return [
        replace(sheet, number="F20200518-00009"), replace(sheet, household_id="0000000002"),
        replace(sheet, resident_id="0000000001"), replace(sheet, persons=swapped), replace(sheet, persons=FAMILY[:2]),
        replace(sheet, persons=FAMILY[::-1]), replace(sheet, total_yen=200_000),
        *(replace(sheet, to=replace(HOME, **{what: value}))
          for what, value in (("name", "見本\u3000次郎"), ("lines", ("別の住所",)), ("postal_code", "1600023"),
                              ("postal_code", ""))),
    ]  # fmt: skip


@pytest.mark.parametrize("wrong", range(len(others(FORM))))
def test_a_field_that_differs_is_found(wrong: int) -> None:
    pdf = build_sheets([FORM, LETTER], OFFICE, DAY)
    assert compare_sheets([FORM, LETTER], pdf) == []
    told = compare_sheets([others(FORM)[wrong], LETTER], pdf)
    assert told == ["page 1: a field is not what it must be"]


def test_a_letters_row_that_differs_is_found_and_so_is_a_page_too_many() -> None:
    pdf = build_sheets([LETTER], OFFICE, DAY)
    wrong = replace(LETTER, rows=(("給付決定額", "200,000円"), *ROWS[1:]))
    assert compare_sheets([wrong], pdf) == ["page 1: a field is not what it must be"]
    assert compare_sheets([LETTER, LETTER], pdf) == ["1 pages instead of 2"]


def test_something_that_stands_on_one_sheet_alone_is_found() -> None:
    more = replace(LETTER, number="D20200518-00002", rows=(*ROWS, ("備考", "別の人の申請")))
    told = compare_sheets(
        [LETTER, replace(more, rows=ROWS)], build_sheets([LETTER, more], OFFICE, DAY)
    )
    assert told == ["page 2: something else stands on it"]


def test_a_departments_list_that_differs_is_found() -> None:
    pdf = build_sheets([FORM], OFFICE, DAY, COVER)
    for other in (
        replace(COVER, rows=(replace(COVER.rows[0], birth="1950年1月3日"),)),
        replace(COVER, rows=(replace(COVER.rows[0], mark=""),)),
        replace(COVER, rows=(*COVER.rows, Handed("F2", "見本\u3000花子", "1955年3月4日", ""))),
    ):
        assert compare_sheets([FORM], pdf, other) != []


def test_what_cannot_be_set_is_refused() -> None:
    with pytest.raises(ValueError, match="no sheets"):
        build_sheets([], OFFICE, DAY)
    with pytest.raises(ValueError, match="without persons"):
        build_sheets([replace(FORM, persons=())], OFFICE, DAY)
    with pytest.raises(PaperError, match=r"U\+E000"):
        build_sheets([replace(FORM, to=replace(HOME, name="見本\ue000"))], OFFICE, DAY)
