"""The proof sheet: which records it shows, and that it shows them as the file prints them."""

from datetime import date

import pyarrow as pa
import pytest

from pipelines.outputs._csv import CsvProfile
from pipelines.outputs.form_proof import build_proof, choose_records, households_of
from pipelines.outputs.forms import FormsProfile, build_forms
from pipelines.outputs.forms_check import read_forms
from pipelines.outputs.paper.reading import page_texts
from pipelines.outputs.print_characters import CharacterSet
from tests.unit.outputs.test_forms import person, register

DAY = date(2020, 5, 18)
PROFILE = FormsProfile(
    CsvProfile("cp932"), max_members=3, characters=CharacterSet("cp932", "cp932", keeps_gaiji=False)
)
PLAIN = [
    person(f"P{n:02}", f"{n}", name_kanji="見本　太郎", address="東京都新宿区西新宿１丁目２番３号")
    for n in range(10, 40)
]
TRICKY = {
    "外字・置換文字": [person("T01", "1001", name_kanji="𠮷田　\ue000")],
    "人数が多い": [person("T02", f"20{n}") for n in range(4)],
    "住所が長い": [person("T03", "3001", address_supplement="見本レジデンス" * 4)],
    "外国人名": [person("T04", "4001", name_kanji="ＪＯＨＮ　ＳＭＩＴＨ")],
    "階のある住所": [person("T05", "5001", address_supplement="２３階")],
    "バーコードなし": [person("T06", "6001", postal_code="1600000")],
    "バーコードに英字": [person("T07", "7001", address_supplement="Ｂ棟")],
    "住所表示番号が13桁": [person("T08", "8001", address_supplement="１２３４５６７８９")],
    "生年月日に不詳": [person("T09", "9001", birth_date="19500000")],
    "カナ氏名なし": [person("T10", "1101", name_kana=None)],
    "区切り文字を含む": [person("T11", "1201", address_supplement='"A",B')],
}


def printed(*people: dict[str, str | None]) -> pa.Table:
    return read_forms(build_forms(register(*people), PROFILE), PROFILE)


WARD = printed(*PLAIN, *(one for household in TRICKY.values() for one in household))


def test_every_kind_of_trickiness_is_on_the_proof() -> None:
    chosen = choose_records(WARD, PROFILE, 14)
    reasons = dict(zip(households_of(WARD, chosen), (one.reasons for one in chosen), strict=True))
    for label, household in TRICKY.items():
        assert label in reasons[household[0]["household_id"] or ""]
    assert "2行以上" in reasons["T02"]
    assert len(chosen) == 14
    assert [one.household for one in chosen] == sorted({one.household for one in chosen})
    assert choose_records(WARD, PROFILE, 14) == chosen


def test_a_small_file_is_shown_whole_and_an_empty_one_not_at_all() -> None:
    assert len(choose_records(WARD, PROFILE, 50)) == 41
    assert choose_records(printed(), PROFILE, 50) == []
    assert len(page_texts(build_proof(printed(), PROFILE, {}, [], DAY))) == 1


def test_a_page_a_record_as_the_file_prints_it() -> None:
    chosen = choose_records(WARD, PROFILE, 14)
    pdf = build_proof(WARD, PROFILE, {"SHA-256": "abc"}, chosen, DAY)
    pages = page_texts(pdf)
    assert len(pages) == 1 + 14 + 1
    assert "abc" in pages[0]
    for household, page in zip(households_of(WARD, chosen), pages[1:-1], strict=True):
        assert f"世帯番号 {household}" in page
    by_household = dict(zip(households_of(WARD, chosen), pages[1:], strict=False))
    assert "吉田　〓" in by_household["T01"]
    assert "U+20BB7" in by_household["T01"]
    assert "カスタマバーコードなし" in by_household["T06"]
    assert all(f"氏名20{n}" in by_household["T02"] for n in range(4))
    assert "置き換えた文字 (2種)" in pages[-1]
    assert "U+E000" in pages[-1]
    assert pdf == build_proof(WARD, PROFILE, {"SHA-256": "abc"}, chosen, DAY)


@pytest.mark.parametrize("most", [1, 5])
def test_no_more_than_asked(most: int) -> None:
    assert len(choose_records(WARD, PROFILE, most)) == most
