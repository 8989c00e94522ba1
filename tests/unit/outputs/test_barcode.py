"""The customer barcode: published cases, then each rule of the manual."""

import random
import re
import string
from pathlib import Path

import pyarrow as pa
import pytest
import zint
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.outputs.barcode import (
    BARS,
    check_character,
    display_number,
    encode,
    extract,
)
from pipelines.outputs.barcode_columns import encode_codes
from pipelines.outputs.postal_towns import kanji_to_number

CASES = Path(__file__).parents[2] / "cases" / "barcode_cases.tsv"


def published() -> list[list[str]]:
    rows = CASES.read_text(encoding="utf-8").splitlines()
    return [row.split("\t") for row in rows if not row.startswith("#")]


def characters(text: str) -> list[str]:
    """`1 2 CC4x3` as its characters."""
    expanded = re.sub(r"(CC4)x(\d+)", lambda found: f"{found[1]} " * int(found[2]), text)
    return expanded.split()


@pytest.mark.parametrize("case", published(), ids=lambda case: case[0])
def test_published_cases(case: list[str]) -> None:
    postal_code, address, _, number, codes, check, _ = case
    barcode = encode(postal_code, address)
    assert barcode is not None
    assert list(barcode.codes[1:-2]) == characters(codes)
    assert barcode.codes[-2] == check.removesuffix("(computed)")
    assert display_number(postal_code, address) == number.replace("(none)", "")
    assert len(barcode.codes) == 23
    assert re.fullmatch("[1-4]{67}", barcode.bars)


def test_published_bars() -> None:
    barcode = encode("263-0023", "千葉市稲毛区緑町3丁目30-8　郵便ビル403号")
    expected = (
        "13 132 321 312 144 144 132 312 312 414 312 144 414 231 414 123 144 312 432 432 432 141 31"
    )
    assert barcode is not None
    assert barcode.bars == expected.replace(" ", "")


@pytest.mark.parametrize(
    ("part_b", "number"),
    [
        ("6丁目26番12-305号", "6-26-12-305"),
        ("６丁目２６番１２－３０５号", "6-26-12-305"),
        ("3丁目80-25 J1ビル2-B", "3-80-25J1-2B"),
        ("十一丁目六番地一号", "11-6-1"),
        ("二十三番地の四", "23"),
        ("一の二の3", "1-2-3"),
        ("百二十番地", "120"),
        ("一〇三号", "103"),
        ("第四地割36", "4-36"),
        ("西三線5", "3-5"),
        ("北三条5", "5"),
        ("三階5", "5"),
        ("1-2 ビル10F", "1-2-10"),
        ("1-2 ビル10f 3号", "1-2-10-3"),
        ("1-2 10F-B", "1-2-10B"),
        ("1-2 B1F", "1-2B1"),
        ("1-2 FビルA", "1-2FA"),
        ("1-2 A&b館3", "1-2-3"),
        ("1-2 A.B棟3", "1-2-3"),
        ("1-2 A-B 3", "1-2AB3"),
        ("1-2 ABCビル3", "1-2-3"),
        ("1/2", "12"),
        ("1・2", "12"),
        ("－1－2－", "1-2"),
        ("ビル", ""),
        ("", ""),
    ],
)
def test_extraction_rules(part_b: str, number: str) -> None:
    assert extract(part_b) == number


@pytest.mark.parametrize(
    ("postal_code", "address", "number"),
    [
        ("1600023", "東京都新宿区西新宿６丁目２６番１２－３０５号", "6-26-12-305"),
        ("0270203", "岩手県宮古市大字津軽石第二十一地割大淵川480", "21-480"),
        ("5900016", "堺市堺区中田出井町四丁六番十九号", "4-6-19"),
        ("0800831", "北海道帯広市稲田町南七線　西28", "7-28"),
        ("4090142", "山梨県北都留郡小菅村4698", "4698"),
        ("１６０－００２３", "新宿区西新宿6-26-12", "6-26-12"),
        ("1020075", "東京都千代田区三番町６番地", "6"),
        ("0600906", "北海道札幌市東区北6条東4丁目1-2", "4-1-2"),
        ("0650006", "北海道札幌市東区北六条東8丁目1", "8-1"),
        ("6048152", "京都府京都市中京区烏丸通蛸薬師下る手洗水町672", "672"),
        ("2730102", "千葉県鎌ヶ谷市右京塚1-2", "1-2"),
        ("1631001", "東京都新宿区西新宿３丁目７番１号　新宿パークタワー１階", "3-7-1-1"),
        ("1900001", "東京都新宿区新宿一丁目2番", "1-2"),
        ("9999999", "どこか1-2", "1-2"),
        ("9999999", "東京都新宿区知らない町1-2", "1-2"),
        ("1901211", "東京都瑞穂町大字石畑1", "1"),
        ("9808691", "宮城県仙台市青葉区北目町1-1　仙台中央郵便局　私書箱２１５号", "215"),
        ("9808691", "宮城県仙台市青葉区北目町1-1　仙台中央郵便局", "1-1"),
        ("1608484", "東京都新宿区歌舞伎町1丁目4-1", ""),
    ],
)
def test_town_is_split_off_by_the_postal_table(postal_code: str, address: str, number: str) -> None:
    assert display_number(postal_code, address) == number


@pytest.mark.parametrize(
    "postal_code", ["1600000", "160-0000", "9999900", "", "160002", "16000233"]
)
def test_no_barcode(postal_code: str) -> None:
    assert display_number(postal_code, "東京都新宿区西新宿1-2") is None
    assert encode(postal_code, "東京都新宿区西新宿1-2") is None


def test_letter_cut_in_two_keeps_its_control_character() -> None:
    barcode = encode("9100067", "福井県福井市新田塚3丁目80-25 J1ビル2-B")
    assert barcode is not None
    assert barcode.codes[8:21] == (*"3-80-25", "CC1", "9", "1", "-", "2", "CC1")


def test_columns_are_encoded_alike() -> None:
    address = "東京都新宿区西新宿６丁目２６番１２－３０５号"
    codes = encode_codes(
        pa.array(["1600023", "1600000", None, "1600023"]), pa.array([address, address, None, None])
    )
    assert codes.to_pylist() == [
        str(encode("1600023", address)),
        None,
        None,
        "start 1 6 0 0 0 2 3" + " CC4" * 13 + " CC5 stop",
    ]


_PARTS = (
    *(
        "東京都新宿区西新宿",
        "新宿区西新宿",
        "東京都新宿区",
        "東京都千代田区三番町",
        "北海道札幌市東区北六条東",
    ),
    *(
        "６丁目",
        "２６番",
        "１２－３０５号",
        "一丁目",
        "三番地の四",
        "二の三",
        "23階",
        "10F",
        "Ｂ棟",
        "A&b",
        "・",
        "ビル",
    ),
    *("・", "ビル", "　", "0", "１", "-", "ー", "①", "ß", "々", "第二見本荘", "🏠", "﨑"),
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "1600023",
                    "160-0023",
                    "1600000",
                    "1020075",
                    "0600906",
                    "1608484",
                    "6048152",
                    "９",
                    "",
                ]
            ),
            st.lists(st.sampled_from(_PARTS), max_size=8).map("".join) | st.text(max_size=6),
        ),
        max_size=6,
    )
)
def test_a_column_is_encoded_as_each_address_alone(pairs: list[tuple[str, str]]) -> None:
    codes = [code for code, _ in pairs]
    texts = [address for _, address in pairs]
    expected = [None if (one := encode(*pair)) is None else str(one) for pair in pairs]
    assert (
        encode_codes(pa.array(codes, pa.string()), pa.array(texts, pa.string())).to_pylist()
        == expected
    )


PUBLISHED_ELSEWHERE = [
    ("0140113", "秋田県仙北郡仙北町堀見内 南田茂木 添60－1", "60-1", "CC8"),
    ("0270203", "岩手県宮古市大字津軽石第二十一地割大淵川480", "21-480", "CC5"),
    ("5900016", "大阪府堺市堺区中田出井町四丁六番十九号", "4-6-19", "CC2"),
    ("5900016", "大阪府堺市中田出井町四丁目六番十九号", "4-6-19", "CC2"),
    ("0800831", "北海道帯広市稲田町南七線　西28", "7-28", "CC7"),
    ("6500046", "神戸市中央区港島中町9丁目7－6　郵便シティA棟1F1号", "9-7-6A1-1", "5"),
    ("9100067", "福井県福井市新田塚3丁目80-25　J1ビル2-B", "3-80-25J1-2B", "9"),
    ("1000013", "東京都千代田区霞が関1丁目3番2号　郵便プラザ503室", "1-3-2-503", "9"),
]


@pytest.mark.parametrize(("postal_code", "address", "number", "check"), PUBLISHED_ELSEWHERE)
def test_cases_of_the_manual_that_are_not_in_the_list(
    postal_code: str, address: str, number: str, check: str
) -> None:
    barcode = encode(postal_code, address)
    assert barcode is not None
    assert display_number(postal_code, address) == number
    assert barcode.codes[-2] == check


def bars_of_libzint(text: str) -> str:
    """What libzint draws for a ready string: each bar by where it begins and ends."""
    symbol = zint.Symbol()
    symbol.symbology = zint.Symbology.JAPANPOST
    symbol.encode(text)
    symbol.buffer_vector()
    vector = symbol.vector
    rectangles = sorted((r.x, r.y, r.height) for r in vector.rectangles)
    heights = {(y, height) for _, y, height in rectangles}
    top = min(y for y, _ in heights)
    bottom = max(y + height for y, height in heights)
    kinds = {(True, True): "1", (True, False): "2", (False, True): "3", (False, False): "4"}
    return "".join(
        kinds[abs(y - top) < 0.1, abs(y + height - bottom) < 0.1] for _, y, height in rectangles
    )


def bars_of_codes(text: str) -> str:
    places = [code for char in text for code in _letter(char)]
    body = tuple([*places, *["CC4"] * 20][:20])
    return "".join(BARS[code] for code in ("start", *body, check_character(body), "stop"))


def _letter(char: str) -> tuple[str, ...]:
    if not char.isalpha():
        return (char,)
    group, digit = divmod(ord(char) - ord("A"), 10)
    return (f"CC{group + 1}", str(digit))


def test_bars_are_those_of_libzint() -> None:
    chance = random.Random(20200427)
    letters = string.ascii_uppercase
    texts = ["26300233-30-8-403", "62300116-7LB106", "Z", *letters]
    for _ in range(2000):
        text, room = "", 20
        while room > 0 and chance.random() > 0.03:
            char = chance.choice(string.digits * 2 + "--" + letters)
            room -= len(_letter(char))
            text += char if room >= 0 else ""
        texts.append(text or "0")
    for text in texts:
        assert bars_of_codes(text) == bars_of_libzint(text)


@pytest.mark.parametrize(
    ("text", "number"), [("十", 10), ("二十三", 23), ("千二百", 1200), ("一〇三", 103), ("〇", 0)]
)
def test_kanji_numbers(text: str, number: int) -> None:
    assert kanji_to_number(text) == number
