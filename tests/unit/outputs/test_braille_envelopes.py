"""Envelopes of visually impaired people: the embosser's pages, the labels, the sheet to check both."""

from datetime import date

import pytest

from pipelines.outputs.braille import BrailleError
from pipelines.outputs.braille_envelopes import (
    Embosser,
    Envelope,
    build_brf,
    build_check_sheet,
    build_labels,
    spell,
)
from pipelines.outputs.paper.reading import page_texts

DAY = date(2020, 5, 18)
EMBOSSER = Embosser("シンジュク クヤクショ", "トクベツ テイガク キューフキンノ シンセイショ")
HOME = ("東京都新宿区新宿１丁目２番３号", "見本荘１０１")


def envelope(number: int, kana: str, kanji: str, address: tuple[str, ...] = HOME) -> Envelope:
    return Envelope(
        number, f"000000000{number}", kana, kanji, "1600022" if address else "", address
    )


ENVELOPES = [
    envelope(1, "サトウ　ユウコ", "佐藤　優子"),
    envelope(2, "キュウノ　リョウヘイ", "久野　良平", ("東京都新宿区戸山３丁目１号",)),
    envelope(3, "", "見本　花子"),
    envelope(4, "コウチ　タロ", "小内　太\ue000", ()),
]


def test_a_page_an_envelope_with_sender_title_and_name() -> None:
    pages = build_brf(ENVELOPES, EMBOSSER).decode("ascii").split("\f")
    sender, title = "\\0^?% %/%@W", 'T%"&N QB"*% @%3X<0S \\0]B@W'
    assert pages == [
        f"{sender}\r\n{title}\r\n:T3 +3[ :Z\r\n",
        f"{sender}\r\n{title}\r\n@%3S @J3&B :Z\r\n",
        f"{sender}\r\n{title}\r\n",
        f"{sender}\r\n{title}\r\n[CR OJ :Z\r\n",
        "",
    ]


def test_without_names_all_pages_are_alike() -> None:
    embosser = Embosser(EMBOSSER.sender, EMBOSSER.title, with_name=False)
    assert len(set(build_brf(ENVELOPES, embosser).decode().split("\f")[:-1])) == 1


def test_lines_break_between_words() -> None:
    narrow = Embosser(EMBOSSER.sender, EMBOSSER.title, cells_in_line=12)
    lines = build_brf(ENVELOPES[1:2], narrow).decode().rstrip("\f").splitlines()
    assert lines == ["\\0^?% %/%@W", 'T%"&N QB"*%', "@%3X<0S", "\\0]B@W", "@%3S @J3&B", ":Z"]


@pytest.mark.parametrize(
    "page",
    [
        {"sender": ""},
        {"title": ""},
        {"sender": "新宿区役所"},
        {"lines_in_page": 1},
        {"cells_in_line": 5},
    ],
)
def test_what_no_envelope_can_hold_is_refused_at_once(page: dict[str, object]) -> None:
    with pytest.raises(BrailleError):
        Embosser(**{"sender": EMBOSSER.sender, "title": EMBOSSER.title} | page)  # type: ignore[arg-type]


def test_a_name_with_no_room_is_told_by_its_number() -> None:
    small = Embosser(EMBOSSER.sender, EMBOSSER.title, lines_in_page=2)
    with pytest.raises(BrailleError, match=r"^envelope 1: ") as caught:
        build_brf(ENVELOPES, small)
    assert "ユウコ" not in str(caught.value)


@pytest.mark.parametrize(
    ("kana", "kanji", "expected"),
    [
        ("サトウ ユウコ", "佐藤　優子", ("サトー ユーコ", False)),
        ("", "佐藤　優子", ("", True)),
        ("佐藤", "佐藤", ("", True)),
        ("コウチ タロ", "小内　太呂", ("コウチ タロ", True)),
    ],
)
def test_spelling_never_fails_and_says_what_a_person_must_check(
    kana: str, kanji: str, expected: tuple[str, bool]
) -> None:
    assert spell(kana, kanji) == expected


def test_a_label_a_page_in_large_print() -> None:
    pages = page_texts(build_labels(ENVELOPES, 22, DAY))
    assert len(pages) == 4
    assert "〒160-0022" in pages[0]
    assert "東京都新宿区新宿１丁目２番３号" in pages[0]
    assert "佐藤　優子" in pages[0]
    assert "〒" not in pages[3]
    assert "コウチ　タロ" in pages[3]  # the font has not the kanji
    assert build_labels(ENVELOPES, 22, DAY) == build_labels(ENVELOPES, 22, DAY)


def test_the_checking_sheet_has_every_envelope_and_marks_the_doubtful() -> None:
    (page,) = page_texts(build_check_sheet(ENVELOPES, EMBOSSER, DAY))
    for text in (
        "サトー ユーコ",
        ":T3 +3[",
        "キューノ リョーヘイ",
        "(点字にできません)",
        "ラベルに外字",
    ):
        assert text in page
    assert page.count("要確認") == 1 + 2  # once in the text above the table
