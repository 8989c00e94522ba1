"""Dates are read in the declared style only: what another style would make of them does not count."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.intake.date_styles import DateColumn, read_dates
from tests.intake_files import write_date

ERA_STYLES = ("GE.M.D", "GEE.MM.DD", "GGE年M月D日", "NEEMMDD")


def _read(text, *styles, **how):
    return read_dates(pa.array([text]), DateColumn(styles=styles, **how)).to_pylist()[0]


@pytest.mark.parametrize(
    ("style", "text", "day"),
    [
        ("YYYYMMDD", "19800401", "19800401"),
        ("YYYYMMDD", "1980-04-01", None),
        ("YYYYMMDD", "１９８００４０１", None),
        ("YYYYMMDD", " 19800401", None),
        ("YYYYMMDD", "19800401\n", None),
        ("YYYYMMDD", "19800230", None),
        ("YYYYMMDD", "19000229", None),
        ("YYYYMMDD", "20000229", "20000229"),
        ("YYYYMMDD", "19801301", None),
        ("YYYYMMDD", "19800000", None),
        ("YYYYMMDD", "00000000", None),
        ("YYYY-MM-DD", "1980-04-01", "19800401"),
        ("YYYY-MM-DD", "1980-4-1", None),
        ("YYYY-M-D", "1980-4-1", "19800401"),
        ("YYYY/M/D", "1980/4/1", "19800401"),
        ("YYYY.M.D", "1980.4.1", "19800401"),
        ("YYYY.M.D", "1980a4a1", None),
        ("YYYY年M月D日", "1980年4月1日", "19800401"),
        ("GE.M.D", "S55.4.1", "19800401"),
        ("GE.M.D", "s55.4.1", None),
        ("GE.M.D", "H元.1.8", "19890108"),
        ("GE.M.D", "H1.1.7", None),  # 平成 began on the 8th
        ("GE.M.D", "S64.1.7", "19890107"),
        ("GE.M.D", "H32.4.1", "20200401"),  # beyond the era's end: registers write on
        ("GE.M.D", "R0.5.1", None),
        ("GE.M.D", "M45.7.29", "19120729"),
        ("GE.M.D", "T1.7.30", "19120730"),
        ("GGE年M月D日", "令和元年5月1日", "20190501"),
        ("GGE年M月D日", "令和1年5月1日", "20190501"),
        ("GGE年M月D日", "令和元年4月30日", None),
        ("KEE/MM/DD", "昭55/04/01", "19800401"),
        ("GEEMMDD", "S550401", "19800401"),
        ("NEEMMDD", "3550401", "19800401"),
        ("NEEMMDD", "6550401", None),
    ],
)
def test_a_style_is_read_strictly(style, text, day):
    assert _read(text, style) == day


def test_two_digits_are_the_century_that_is_declared():
    assert _read("550401", "YYMMDD", century=19) == "19550401"
    assert _read("550401", "YYMMDD", century=20) == "20550401"


@pytest.mark.parametrize(
    ("text", "unknown", "day"),
    [
        ("19450000", ("00",), "19450000"),
        ("19450400", ("00",), "19450400"),
        ("19459999", ("00",), None),
        ("19459999", ("99",), "19450000"),
        ("1945A1A3", ("A",), "19450000"),
        ("194504A2", ("A",), "19450400"),
        ("1945A5A1", ("A",), None),
        ("1945A1A3", ("00",), None),
        ("00000401", ("00",), None),
    ],
)
def test_unknown_parts_are_unknown_only_as_declared(text, unknown, day):
    assert _read(text, "YYYYMMDD", unknown=unknown) == day


def test_an_unknown_day_of_an_eras_first_month_is_in_the_era():
    assert _read("H1.1.0", "GE.M.D", unknown=("00",)) == "19890100"
    assert _read("R1.0.0", "GE.M.D", unknown=("00",)) == "20190000"


def test_no_date_is_neither_a_date_nor_an_error():
    assert _read("0", "YYYYMMDD", none=("0",)) == ""
    assert _read("", "YYYYMMDD") == ""
    assert _read("0", "YYYYMMDD") is None


def test_full_width_only_where_declared():
    assert _read("Ｓ５５．４．１", "GE.M.D", full_width=True) == "19800401"
    assert _read("Ｓ５５．４．１", "GE.M.D") is None


@given(st.dates(min_value=__import__("datetime").date(1926, 12, 25)), st.sampled_from(ERA_STYLES))
def test_what_is_written_in_a_style_is_read_back(day, style):
    if day.year < 2100:
        text = write_date(f"{day:%Y%m%d}", style)
        assert _read(text, style) == f"{day:%Y%m%d}"
