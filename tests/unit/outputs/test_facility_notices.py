"""Letters to other municipalities as pages: the five items, blanks for a person, nothing cut, always the same bytes."""

import re
from datetime import date

import pytest

from pipelines.outputs.facility_notices import (
    BY_HAND,
    NOT_ON_RECORD,
    Addressee,
    Line,
    birth_date_text,
    build_letter,
    build_registered_mail,
)
from pipelines.outputs.paper.reading import page_texts

DAY = date(2020, 5, 18)
TO = Addressee(
    "神奈川県横浜市", "特別定額給付金担当課", "2310001", "神奈川県横浜市見本町１丁目１番１号"
)
SENDER = {"municipality": "新宿区", "office": "総務部総務課"}
LONG = "ＭＩＨＯＮ\u3000ＪＯＮＡＴＨＡＮ\u3000ＡＬＥＸＡＮＤＥＲ\u3000ＭＡＸＩＭＩＬＩＡＮ"
HOME = "東京都新宿区市谷加賀町２丁目１０番１１号見本グランドレジデンス市谷加賀町イーストタワー２０１０１号室"


def letter(*lines: Line) -> bytes:
    return build_letter(
        TO, lines, number="14100-20200518", sender=SENDER, programme="特別定額給付金", basis="第12条第2項第4号",
        checks=2, day=DAY,
    )  # fmt: skip


def flat(pdf: bytes) -> str:
    return re.sub(r"\s", "", "".join(page_texts(pdf)))


def test_the_label_comes_first_and_holds_no_person():
    label, *rest = page_texts(
        letter(Line("見本\u3000花子", "1980年4月1日", "女", "東京都新宿区新宿１丁目", "無"))
    )
    for told in ("書", "親", "231-0001", "神奈川県横浜市", "御中", "新宿区"):
        assert told in label
    assert "花子" not in label
    assert len(rest) == 1


def test_the_longest_cells_are_printed_whole():
    text = flat(letter(*[Line(LONG, "2012年12月31日", "男", HOME, "有")] * 40))
    assert text.count(LONG.replace("\u3000", "")) == 40
    assert text.count(HOME) == 40
    assert text.count("2012年12月31日") == 40


def test_what_is_not_on_record_is_left_to_a_person_and_counted():
    unknown = Line("見本\u3000花子", "1980年4月1日", "", "", "無")
    assert unknown.blanks == 1
    text = flat(letter(unknown))
    assert "□男□女" in text
    assert NOT_ON_RECORD in text


def test_a_name_that_cannot_be_printed_is_left_to_a_person_never_changed():
    odd = Line("見本\ue000子", "1980年4月1日", "女", "東京都新宿区新宿１丁目", "無")
    assert odd.blanks == 1
    text = flat(letter(odd))
    assert BY_HAND in text
    assert "見本子" not in text


@pytest.mark.parametrize(
    ("key", "written", "told"),
    [
        ("19800401", "昭和55年4月1日", "1980年4月1日"),
        ("19450000", "昭和20年", "昭和20年"),
        (None, "不詳", "不詳"),
    ],
)
def test_a_birth_date_is_written_in_one_way_or_as_it_is(key, written, told):
    assert birth_date_text(key, written) == told


def test_the_post_offices_list_has_every_letter_once():
    letters = [("14100-20200518", TO), ("11203-20200518", TO)]
    text = flat(build_registered_mail(letters, sender=SENDER, day=DAY))
    assert "書留・特定記録郵便物等差出票" in text
    assert (text.count("14100-20200518"), text.count("11203-20200518")) == (1, 1)
    assert "合計2通" in text


def test_the_same_letter_is_the_same_bytes():
    line = Line("見本\u3000花子", "1980年4月1日", "女", "東京都新宿区新宿１丁目", "無")
    assert letter(line) == letter(line)
