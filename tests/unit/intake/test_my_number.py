"""A My Number anywhere refuses its file, by row and column, never by its digits."""

from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import InputRefused, MyNumberRefused
from pipelines.intake import receive
from pipelines.intake.my_number import (
    assert_no_my_number,
    find_my_numbers,
    has_my_number,
    is_my_number,
)
from pipelines.intake.staging import Staging
from pipelines.programme import ROOT, load_programme
from schemas.rules import RULES
from tests.unit.intake.refusals import refusal

RIGHT = "983205673214"  # FORMATS.md 5.5
WRONG = "983205673210"
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


def _check_digit(body: str) -> int:
    """平成26年総務省令第85号 第5条, written out: P1 is the lowest of the eleven digits."""
    q = {1: 2, 2: 3, 3: 4, 4: 5, 5: 6, 6: 7, 7: 2, 8: 3, 9: 4, 10: 5, 11: 6}
    rest = sum(int(body[11 - n]) * q[n] for n in range(1, 12)) % 11
    return 0 if rest <= 1 else 11 - rest


@given(st.integers(1, 10**11 - 1))
def test_one_check_digit_is_right(number):
    body = f"{number:011d}"
    right = [digit for digit in range(10) if is_my_number(f"{body}{digit}")]
    assert right == [_check_digit(body)]


@given(st.integers(1, 10**11 - 1), st.integers(0, 11), st.integers(1, 9))
def test_a_mistyped_digit_is_found_or_leaves_a_remainder_that_two_digits_share(number, at, by):
    text = f"{number:011d}{_check_digit(f'{number:011d}')}"
    changed = f"{text[:at]}{(int(text[at]) + by) % 10}{text[at + 1 :]}"
    expected = int(changed[-1]) == _check_digit(changed[:-1]) and int(changed) > 0
    assert is_my_number(changed) == expected


@pytest.mark.parametrize(
    "text",
    [
        RIGHT,
        RIGHT.translate(FULL_WIDTH),
        "9832-0567-3214",
        "9832 0567 3214",
        "9832\u30000567\u30003214",
        "９８３２－０５６７－３２１４",
        "9832−0567−3214",
        "9832ー0567ー3214",
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "番号{}", "{}です", "(個人番号 {} )", "A{}B", "1 {}", "{}\n"]
)
def test_it_is_found_however_written(text, around):
    assert is_my_number(text)
    assert has_my_number(around.format(text)) or around == "1 {}"
    assert has_my_number(f"新宿1-2-3、{text}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        WRONG,
        "000000000000",
        RIGHT[:-1],
        f"1{RIGHT}",
        f"{RIGHT}1",
        f"{RIGHT}００１",
        "202005200000001",
        "P202006030000001",
        "9832-0567-3214-1111",
        "1111-9832-0567-3214",
        "98-320567-3214",
        "9832-0567 3214",
        "03-3209-1111",
        "08E2C368FD",
        "２丁目９８３２番地０５６７",
    ],
)
def test_other_numbers_are_none(text):
    assert not has_my_number(text)
    assert not is_my_number(text)


def _table(**columns):
    length = len(next(iter(columns.values())))
    return pa.table({**columns, "row": pa.array(range(2, length + 2), pa.int64())})


def test_cells_are_found_by_row_and_column():
    rows = _table(
        氏名=["見本", f"見本{RIGHT}", "", "見本"],
        住所=[RIGHT.translate(FULL_WIDTH), "", WRONG, f"1{RIGHT}"],
    )
    assert find_my_numbers(rows) == [(2, "住所"), (3, "氏名")]


def test_a_column_declared_to_hold_such_numbers_is_left_out():
    rows = _table(伝票番号=[RIGHT], 氏名=["見本"])
    assert find_my_numbers(rows, exempt={"伝票番号"}) == []
    assert find_my_numbers(rows) == [(2, "伝票番号")]


@given(
    st.lists(st.none() | st.text("9832056714-０３ー 山", max_size=16) | st.just(RIGHT), max_size=8)
)
def test_the_quick_way_finds_what_a_look_at_every_cell_finds(values):
    expected = [(n, "x") for n, v in enumerate(values, 2) if v is not None and has_my_number(v)]
    whole = pa.array(values, pa.string())
    half = len(values) // 2
    chunked = pa.chunked_array([whole[:half], whole[half:]])
    for column in (whole, chunked, pa.concat_arrays([pa.array([RIGHT]), whole]).slice(1)):
        assert find_my_numbers(_table(x=column)) == expected


def test_the_refusal_says_where_and_what_to_do_and_shows_no_digit():
    rows = _table(備考=[RIGHT] * 12)
    message = refusal(
        MyNumberRefused, lambda: assert_no_my_number(rows, "a.csv", ()), canary=RIGHT[:4]
    )
    assert message.startswith("a.csv: 2行目「備考」、3行目「備考」")
    assert "ほか2か所" in message
    assert "MY_NUMBER" in message
    assert "再出力" in message
    assert RULES["MY_NUMBER"].severity == "reject"
    assert issubclass(MyNumberRefused, InputRefused)


def test_without_one_nothing_happens():
    assert_no_my_number(_table(x=[WRONG, "", "見本"]), "a.csv")
    assert_no_my_number(_table(x=pa.array([], pa.string())), "a.csv")
    assert_no_my_number(_table(x=pa.nulls(3, pa.string())), "a.csv")


REGISTER_HEADER = (
    "住民番号,世帯番号,カナ氏名,漢字氏名,続柄,生年月日,郵便番号,住所,方書,世帯主漢字氏名"
)
REGISTER_ROW = "0000000001,0000000001,ミホン,見本,02,19800401,1600022,東京都新宿区新宿１丁目,,見本"


def _stage_register(home, *rows):
    text = "".join(f"{row}\r\n" for row in (REGISTER_HEADER, *rows))
    files = {"register_20200518.csv": text.encode("cp932")}
    programme = load_programme(ROOT / "programmes" / "shinjuku-2020.toml")
    return receive.stage(programme, Staging(home), "register", date(2020, 5, 18), files)


@pytest.mark.parametrize("place", range(10))
@pytest.mark.parametrize("text", [RIGHT, f"見本{RIGHT.translate(FULL_WIDTH)}"])
def test_one_in_any_column_of_the_register_refuses_the_file_unstaged(place, text, tmp_path):
    cells = REGISTER_ROW.split(",")
    cells[place] = text
    message = refusal(
        MyNumberRefused,
        lambda: _stage_register(tmp_path, REGISTER_ROW, ",".join(cells)),
        canary=RIGHT[:4],
    )
    assert f"register_20200518.csv: 3行目「{REGISTER_HEADER.split(',')[place]}」" in message
    assert not (tmp_path / "staging").exists()


def test_one_in_a_row_of_another_length_refuses_the_file_too(tmp_path):
    refused = refusal(
        MyNumberRefused, lambda: _stage_register(tmp_path, f"{REGISTER_ROW},{RIGHT}"), RIGHT[:4]
    )
    assert "2行目「行全体」" in refused
    assert not (tmp_path / "staging").exists()


def test_a_register_with_other_numbers_of_twelve_digits_is_staged(tmp_path):
    manifest = _stage_register(tmp_path, REGISTER_ROW.replace(",,", f",{WRONG},"))
    assert manifest.accepted == 1


def test_no_file_of_the_sample_campaign_seems_to_hold_one():
    for path in sorted((ROOT / "data" / "samples" / "ward").rglob("*.csv")):
        raw = path.read_bytes()
        text = raw.decode("utf-8" if _is_utf8(raw) else "cp932")
        assert not has_my_number(text), path


def _is_utf8(raw):
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
