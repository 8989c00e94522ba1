"""Match keys: which spellings are one name, one date, one place, and which are not."""

from datetime import date

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.intake.keys import (
    address_key,
    alias_key,
    date_key,
    kana_key,
    loose_kana_key,
    name_key,
)

SHINJUKU = "13104"


def _one(key, text, **options):
    return key(pa.array([text], pa.string()), **options)[0].as_py()


def _address(text):
    return _one(address_key, text, municipality=SHINJUKU)


# FORMATS.md 4.2, each with the form it must agree with.
VARIANTS = [
    "髙高 﨑崎 嵜崎 濵浜 濱浜 濵濱 邉辺 邊辺 邉邊 齋斎 齊斉 𠮷吉 德徳 瀨瀬",
    "桒桑 㐂喜 麴麹 澤沢 廣広 國国 眞真 惠恵 榮栄 櫻桜 龍竜 嶋島 嶌島 淵渕",
    "冨富 曾曽 條条 藏蔵 壽寿 禮礼 鷗鴎 舘館 鹽塩 與与 薗園 峯峰 舩船 薰薫",
    "萬万 彌弥 豐豊 寬寛 靜静 增増 淺浅 瀧滝 澁渋 檜桧 藪薮 神神 福福 塚塚",
    "祥祥 鄕郷 榎榎 凜凛 巖巌 遙遥",
]


@pytest.mark.parametrize("pair", " ".join(VARIANTS).split())
def test_variants_of_a_kanji_are_one_name(pair):
    old, new = pair
    assert _one(name_key, f"{old}田　{old}一") == _one(name_key, f"{new}田　{new}一")


@pytest.mark.parametrize(
    "pair", ["斉斎", "埼崎", "太大", "功切", "師帥", "書昼", "玉王", "二ニ", "口ロ", "士土", "未末"]
)
def test_different_kanji_stay_different_names(pair):
    assert _one(name_key, f"山{pair[0]}") != _one(name_key, f"山{pair[1]}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("山田　太郎", "山田太郎"),
        ("ＳＭＩＴＨ　ＪＯＨＮ", "smith john"),
        ("O'BRIEN, ANNE-MARIE", "OBRIEN ANNE MARIE"),
        ("JOSÉ", "JOSE"),
        ("高橋　さくら", "高橋サクラ"),
        ("高橋　キョウコ", "高橋ｷﾖｳｺ"),
        ("佐々木　希", "佐佐木希"),
        ("龍ヶ崎", "龍ケ崎"),
        ("葛\U000e0100西", "葛西"),
        ("辻\ufe00", "辻"),
        ("ＬＩ　ＮＡ（田中　愛）", "LI NA"),
        ("LI NA [田中 愛]", "LI NA"),
        ("山田［佐藤］花子", "山田花子"),
        ("渡\ue000太郎", "渡〓太郎"),
        ("渡■太郎", "渡?太郎"),
        ("マリ－", "マリー"),
    ],
)
def test_spellings_of_one_name_agree(one, other):
    assert _one(name_key, one) == _one(name_key, other) is not None


def test_an_unreadable_character_equals_no_real_one():
    assert _one(name_key, "渡\ue000太郎") == "渡〓太郎"
    assert _one(name_key, "渡\ue000太郎") != _one(name_key, "渡辺太郎")
    assert _one(name_key, "\ue000〓") is None


@pytest.mark.parametrize(
    ("name", "alias"),
    [
        ("ＬＩ　ＮＡ（田中　愛）", "田中愛"),
        ("LI NA(田中 愛", "田中愛"),
        ("山田［佐藤］花子", "佐藤花子"),
        ("LI NA（田中　愛）（中田　愛）", "田中愛"),
        ("山田　花子", None),
        ("LI NA（）", None),
    ],
)
def test_alias_is_read_from_the_brackets(name, alias):
    assert _one(alias_key, name) == alias


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("カトウ　キョウコ", "ｶﾄｳ ｷﾖｳｺ"),
        ("カトウ　キョウコ", "かとうきょうこ"),
        ("カトウ　キョウコ", "カトウ・キョウコ"),
        ("ガトウ", "ｶﾞﾄｳ"),
        ("ガトウ", "カ゛トウ"),
        ("パーク", "ﾊﾟｰｸ"),
        ("パーク", "パ－ク"),
        ("パーク", "パ〜ク"),
        ("スズキ", "すゞき"),
        ("リー　ナ", "リーナ（タナカ　アイ）"),
    ],
)
def test_spellings_of_one_reading_agree(one, other):
    assert _one(kana_key, one) == _one(kana_key, other) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ナカジマ", "ナカシマ"),
        ("チヅル", "チズル"),
        ("ヰノウヱ", "イノウエ"),
        ("ヲカダ", "オカダ"),
        ("ヴァン", "バン"),
        ("ルヴォワ", "ルボワ"),
        ("リーナ", "リナ"),
        ("パク", "バク"),
    ],
)
def test_readings_that_only_the_loose_key_joins(one, other):
    assert _one(kana_key, one) != _one(kana_key, other)
    assert _one(loose_kana_key, one) == _one(loose_kana_key, other)


@pytest.mark.parametrize(
    ("one", "other"), [("オノ", "オオノ"), ("ユウキ", "ユキ"), ("シン", "ジュン")]
)
def test_different_readings_stay_different_even_loosely(one, other):
    assert _one(loose_kana_key, one) != _one(loose_kana_key, other)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("19800401", "19800401"),
        ("１９８００４０１", "19800401"),
        ("1980-04-01", "19800401"),
        ("1980/4/1", "19800401"),
        ("1980.4.1", "19800401"),
        ("1980年4月1日", "19800401"),
        ("1980-04-01 00:00:00", "19800401"),
        ("1980-04-01T09:30:00", "19800401"),
        ("昭和55年4月1日", "19800401"),
        ("昭和５５年４月１日", "19800401"),
        ("昭和五十五年四月一日", "19800401"),
        ("昭55.4.1", "19800401"),
        ("㍼55年4月1日", "19800401"),
        ("S55.4.1", "19800401"),
        ("s55/04/01", "19800401"),
        ("S550401", "19800401"),
        ("平成元年5月1日", "19890501"),
        ("H元.5.1", "19890501"),
        ("R2/4/27", "20200427"),
        ("明治45年7月29日", "19120729"),
        ("T1.7.30", "19120730"),
        ("H31-04-30", "20190430"),
        ("平成32年1月1日", "20200101"),
        ("20000229", "20000229"),
        ("19450000", "19450000"),
        ("19450500", "19450500"),
        ("19459999", "19450000"),
        ("1945A1A2", "19450000"),
        ("1945-A4-00", "19450000"),
        ("昭和20年月日不詳", "19450000"),
        ("昭和20年5月日不詳", "19450500"),
        ("昭和20年", "19450000"),
        ("", None),
        ("0", None),
        ("00000000", None),
        ("99999999", None),
        ("19000229", None),
        ("19801301", None),
        ("19800431", None),
        ("4/1/1980", None),
        ("800401", None),
        ("不詳", None),
    ],
)
def test_dates(text, key):
    assert _one(date_key, text) == key


@given(st.dates(min_value=date(1926, 12, 25), max_value=date(1989, 1, 7)))
def test_every_day_of_showa_has_one_key_in_every_style(day):
    year = day.year - 1925
    styles = [
        f"{day:%Y%m%d}",
        f"{day.year}-{day.month}-{day.day}",
        f"{day.year}年{day.month:02d}月{day.day}日",
        f"昭和{year}年{day.month}月{day.day}日",
        f"S{year}.{day.month}.{day.day}",
    ]
    assert set(date_key(pa.array(styles)).to_pylist()) == {f"{day:%Y%m%d}"}


PLACES = {
    "西新宿|2-8-1": [
        "東京都新宿区西新宿２丁目８番１号",
        "東京都　新宿区　西新宿　２丁目　８番　１号",
        "東京都新宿区西新宿2-8-1",
        "新宿区西新宿2-8-1",
        "西新宿2-8-1",
        "西新宿２－８－１",
        "西新宿2ー8ー1",
        "西新宿 2−8−1",
        "西新宿２の８の１",
        "西新宿二丁目八番一号",
        "西新宿二丁目8番1号",
        "西新宿2丁目八番一号",
        "西新宿二-八-一",
        "西新宿02-08-01",
        "新宿区西新宿2-8-1 都庁ビル101",
        "新宿区西新宿2-8-1都庁ビル１０１号",
        "西新宿2-8-1-101",
        "西新宿2丁目8番1-101号",
        "西新宿二丁目八番一号コーポ201",
    ],
    "新宿|6-27-30": ["東京都新宿区新宿６丁目２７番３０号", "新宿区新宿六丁目27-30", "新宿6-27-30"],
    "百人町|1-10-5": ["東京都新宿区百人町１丁目１０番５号", "百人町一丁目十番五号"],
    "二十騎町|2-3": ["東京都新宿区二十騎町２番３号", "二十騎町2-3", "二十騎町2-3-405"],
    "市谷本村町|5-1": [
        "東京都新宿区市谷本村町５番１号",
        "市ヶ谷本村町5-1",
        "市ケ谷本村町5-1-305",
    ],
    "四谷|1-2-3": ["東京都新宿区四谷１丁目２番３号", "四ツ谷1-2-3"],
    "四谷三栄町|1-2": ["東京都新宿区四谷三栄町１番２号"],
    "矢来町|123": ["東京都新宿区矢来町１２３番地", "矢来町123番地 305号室"],
    "矢来町|123-4": ["東京都新宿区矢来町１２３番地４", "矢来町123番地の4", "矢来町123-4"],
    "神奈川県横浜市中区本町|1-1": ["神奈川県横浜市中区本町１丁目１番地", "横浜市中区本町1-1"],
    "東京都千代田区三番町|6-4": ["東京都千代田区三番町６番地４", "千代田区三番町六番地の四"],
    "東京都瑞穂町箱根崎|2335": ["東京都西多摩郡瑞穂町箱根ケ崎２３３５", "瑞穂町箱根ヶ崎2335番地"],
    "北海道札幌市中央区北一条西|2": [
        "北海道札幌市中央区北１条西２丁目",
        "札幌市中央区北一条西二丁目",
    ],
    "北海道札幌市中央区北一〇条西|2": ["札幌市中央区北１０条西２", "札幌市中央区北十条西二丁目"],
    "府中市宮西町|2-24": ["府中市宮西町2-24"],  # two prefectures have a 府中市
}


@pytest.mark.parametrize(
    ("key", "text"), [(key, text) for key, texts in PLACES.items() for text in texts]
)
def test_spellings_of_one_place_agree(key, text):
    assert _address(text) == key


@pytest.mark.parametrize("text", ["", "東京都", "新宿区西新宿", "新宿区西新宿 コーポ", "123"])
def test_an_address_without_town_or_number_is_unknown(text):
    assert _address(text) is None


def test_an_address_needs_no_municipality():
    assert _one(address_key, "新宿区西新宿2-8-1") == "東京都新宿区西新宿|2-8-1"


@pytest.mark.parametrize("code", ["99999", "131041", "", "%"])
def test_an_unknown_municipality_is_refused(code):
    with pytest.raises(ValueError, match="municipality code"):
        address_key(pa.array(["西新宿2-8-1"]), code)


KEYS = [
    name_key,
    alias_key,
    kana_key,
    loose_kana_key,
    date_key,
    lambda values: address_key(values, SHINJUKU),
]
TEXT = st.one_of(
    st.text(
        alphabet="山髙﨑々ヶゝ〓 　()（）\n\r\0-ーﾞﾟカ゛か二丁目番地号のノ0１②㈱Ab"
        "\u3099\U000e0100\ue000\U00100001"
    ),
    st.text(),
)


@pytest.mark.parametrize("key", KEYS)
@given(st.lists(st.none() | TEXT, max_size=8))
def test_a_column_gives_what_its_values_give_one_by_one(key, values):
    whole = key(pa.array(values, pa.string())).to_pylist()
    assert whole == [key(pa.array([value], pa.string()))[0].as_py() for value in values]
    assert "" not in whole


@pytest.mark.parametrize("key", KEYS[:1] + KEYS[2:5])
@given(TEXT)
@example("ー\ue000")
def test_a_key_is_its_own_key(key, text):
    once = _one(key, text)
    assert _one(key, once) == once


@pytest.mark.parametrize("key", KEYS)
def test_chunked_dictionary_large_and_empty_columns(key):
    values = ["山田", None, "19800401", "山田", "西新宿2-8-1"]
    plain = key(pa.array(values))
    assert key(pa.chunked_array([values[:2], values[2:]])).equals(plain)
    assert key(pa.array(values).dictionary_encode()).equals(plain)
    assert key(pa.array(values, pa.large_string())).equals(plain)
    assert key(pa.array(values).slice(1, 3)).equals(plain.slice(1, 3))
    assert key(pa.array([], pa.string())).equals(pa.array([], pa.string()))
    assert key(pa.chunked_array([], pa.string())).equals(pa.array([], pa.string()))
    assert key(pa.nulls(2, pa.string())).null_count == 2


def test_a_name_is_never_normalised_in_place():
    names = pa.array(["髙橋　さくら"])
    name_key(names)
    assert names.to_pylist() == ["髙橋　さくら"]
