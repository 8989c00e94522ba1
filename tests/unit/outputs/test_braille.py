"""Names in braille: published cases, then each rule."""

from pathlib import Path

import pytest

from pipelines.outputs.braille import BrailleError, doubtful, to_brf, to_cells, to_kana

CASES = Path(__file__).parents[2] / "cases" / "braille_cases.tsv"
KANJI = {
    "ヤマダ タロウ": "山田　太郎",
    "サトウ ユウコ": "佐藤　優子",
    "スズキ イチロウ": "鈴木　一郎",
    "イノウエ ヨウコ": "井上　陽子",
    "オオノ チヅル": "大野　千鶴",
    "キュウノ リョウヘイ": "久野　良平",
    "ニッタ シンイチ": "新田　真一",
    "マツウラ フミオ": "松浦　文夫",
}


def published() -> list[list[str]]:
    rows = CASES.read_text(encoding="utf-8").splitlines()
    return [row.split("\t") for row in rows if not row.startswith("#")]


@pytest.mark.parametrize("case", published(), ids=lambda case: case[0])
def test_published_cases(case: list[str]) -> None:
    name, kana, cells, brf = case
    assert to_kana(name, KANJI[name]) == kana
    assert to_cells(kana) == cells
    assert to_brf(cells) == brf
    assert not doubtful(name, KANJI[name])


@pytest.mark.parametrize(
    ("name", "kanji", "kana", "is_doubtful"),
    [
        ("さとう　ゆうこ", "佐藤　優子", "サトー ユーコ", False),
        ("ｻﾄｳ ﾕｳｺ", "佐藤　優子", "サトー ユーコ", False),
        ("コウウン ケイコ", "幸運　恵子", "コーウン ケイコ", False),
        ("ヨコウチ シュウ", "横内　修", "ヨコウチ シュー", False),
        ("タケノウエ ヒロウミ", "竹ノ上　博海", "タケノウエ ヒロウミ", False),
        ("コウチ タロ", "小内　太呂", "コウチ タロ", True),
        ("コウチ タロ", "河内　太呂", "コーチ タロ", True),
        ("ソウマ リョウマ", "相馬　竜馬", "ソーマ リョーマ", True),
        ("サトウ トウ", "佐藤　斗宇", "サトー トウ", True),
        ("ドウエ ミカ", "堂江　美香", "ドーエ ミカ", True),
        ("シユンイチ サトル", "俊一　悟", "シユンイチ サトル", True),
        ("キヨシ", "清", "キヨシ", True),
        ("サトウ タロウ", "佐藤太郎", "サトー タロー", True),
        ("スウェイン アン", "ＳＷＡＹＮＥ　ＡＮＮ", "スウェイン アン", False),
        ("ＪＯＨＮ　ＳＭＩＴＨ", "ＪＯＨＮ　ＳＭＩＴＨ", "JOHN SMITH", True),
        ("", "山田　太郎", "", True),
        ("イノウエ ヨウコ", "", "イノウエ ヨーコ", True),
        ("マツウラ コウジ", "", "マツウラ コージ", True),
        ("ドウエ ミカ", "", "ドーエ ミカ", True),
        ("ジョン・スミス", "ＪＯＨＮ　ＳＭＩＴＨ", "ジョン スミス", False),
        ("マイケル ジョ－ダン", "ＭＩＣＨＡＥＬ　ＪＯＲＤＡＮ", "マイケル ジョーダン", True),
        ("メアリー ウォン", "ＭＡＲＹ　ＷＯＮＧ", "メアリー ウォン", False),
        ("オオウチ トオル", "大内　徹", "オオウチ トオル", False),
        ("キリュウ シュウヘイ", "桐生　周平", "キリュー シューヘイ", False),
        ("モウリ ミツヲ", "毛利　光男", "モーリ ミツヲ", False),
        ("オウミ ケイコ", "近江　恵子", "オーミ ケイコ", False),
        ("ミズウチ リウ", "水内　莉羽", "ミズウチ リウ", False),
        ("フクウラ マイウ", "福浦　舞", "フクウラ マイウ", False),
    ],
)
def test_spelling(name: str, kanji: str, kana: str, is_doubtful: bool) -> None:
    assert to_kana(name, kanji) == kana
    assert doubtful(name, kanji) is is_doubtful


def test_postal_code() -> None:
    assert to_brf(to_cells("160-8484")) == "#AFJ-#HDHD"


def test_what_has_no_cell_is_refused_without_being_shown() -> None:
    with pytest.raises(BrailleError) as caught:
        to_cells("山田")
    assert "山" not in str(caught.value)
    with pytest.raises(BrailleError):
        to_brf("A")
    with pytest.raises(BrailleError):
        to_brf("⣿")
