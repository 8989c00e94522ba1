"""Key of dates: people write wareki, machines YYYYMMDD, and registers keep unknown parts."""

import re
import unicodedata
from calendar import monthrange

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.intake.keys.columns import map_text, plain_strings
from pipelines.intake.keys.numerals import to_digits

_FIRST_YEAR, _LAST_YEAR = 1850, 2150
_MONTHS = 12
_LAST_DAY = np.array([31, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])  # of month 0 to 12
# First year of each era less one. Years beyond an era's end (平成32年) are read on, as people do.
_YEAR_ZERO = {
    "明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018,
    "M": 1867, "T": 1911, "S": 1925, "H": 1988, "R": 2018,
    "明": 1867, "大": 1911, "昭": 1925, "平": 1988, "令": 2018,
}  # fmt: skip

_ERA = r"(?P<era>明治|大正|昭和|平成|令和|[MTSHR明大昭平令])"
_TIME = r"(?:[T ]?[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?Z?)?"
_UNKNOWN = r"(?:月?日?不詳|頃|ごろ)?"
_STYLES = tuple(
    re.compile(style + r"\Z")
    for style in (
        r"(?P<year>[0-9]{4})(?P<month>[0-9]{2}|A[1-4])(?P<day>[0-9]{2}|A[1-3])" + _UNKNOWN,
        r"(?P<year>[0-9]{4})[-/.](?P<month>[0-9]{1,2}|A[1-4])[-/.](?P<day>[0-9]{1,2}|A[1-3])"
        + _TIME,
        r"(?P<year>[0-9]{4})年(?:(?P<month>[0-9]{1,2})月(?:(?P<day>[0-9]{1,2})日?)?)?" + _UNKNOWN,
        _ERA + r"(?P<year>[0-9]{1,2}|元)[-/.](?P<month>[0-9]{1,2})[-/.](?P<day>[0-9]{1,2})",
        _ERA
        + r"(?P<year>[0-9]{1,2}|元)年(?:(?P<month>[0-9]{1,2})月(?:(?P<day>[0-9]{1,2})日?)?)?"
        + _UNKNOWN,
        _ERA + r"(?P<year>[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})",
    )
)
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−ー", "-") | dict.fromkeys("・。", "."))


def date_key(dates: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Key of dates as YYYYMMDD: 1980-4-1, 1980年4月1日, 昭和55年4月1日 and S55.4.1 give 19800401.

    An unknown month or day (00, 99, A1 to A4, 不詳, left out) is 00: 昭和20年 gives 19450000. Such
    a key says less than a full one: a reader must not take two of them for the same day.

    Args:
        dates: string column in any of these styles, mixed.

    Returns:
        String array of the same length; null where there is no date, its year is unknown, it cannot
        be read, or the calendar has no such day.
    """
    encoded = plain_strings(dates).dictionary_encode()
    distinct = encoded.dictionary
    plain = _plain_keys(distinct)
    is_odd = pc.is_null(plain)
    odd = map_text(
        distinct.filter(is_odd),
        lambda text: "\n".join(_date_key(line) for line in text.split("\n")),
    )
    return pc.replace_with_mask(plain, is_odd, odd).take(encoded.indices)


def _plain_keys(values: pa.Array) -> pa.Array:
    """Keys of the values that are YYYYMMDD and a day of the calendar; the others null."""
    is_plain = pc.match_substring_regex(values, "^[0-9]{8}$")
    number = pc.fill_null(pc.if_else(is_plain, values, None).cast(pa.int32()), 0).to_numpy()
    year, month, day = number // 10_000, number // 100 % 100, number % 100
    month, day = np.where(month == 99, 0, month), np.where(day == 99, 0, day)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0)) & (month == 2)
    last_day = _LAST_DAY[np.minimum(month, _MONTHS)] + leap
    good = (year >= _FIRST_YEAR) & (year <= _LAST_YEAR) & (month <= _MONTHS) & (day <= last_day)
    keys = pa.array(year * 10_000 + month * 100 + day, pa.int32()).cast(pa.string())
    return pc.if_else(pa.array(good), keys, pa.scalar(None, pa.string()))


def _date_key(value: str) -> str:
    text = unicodedata.normalize("NFKC", value).translate(_DASHES).strip().upper()
    text = re.sub(r"\s+(?![0-9]{1,2}:)", "", text)
    if not text.isascii():
        text = to_digits(text)
    for style in _STYLES:
        if found := style.match(text):
            part = found.groupdict()
            year = 1 if part["year"] == "元" else int(part["year"])
            if era := part.get("era"):
                year = year and year + _YEAR_ZERO[era]
            return _checked(year, part["month"], part["day"])
    return ""


def _checked(year: int, month_text: str | None, day_text: str | None) -> str:
    month, day = _part(month_text), _part(day_text)
    if not _FIRST_YEAR <= year <= _LAST_YEAR or month > _MONTHS:
        return ""
    last_day = monthrange(year, month)[1] if month else 31
    return f"{year:04d}{month:02d}{day:02d}" if day <= last_day else ""


def _part(text: str | None) -> int:
    """Month or day; 0 where it is not known."""
    return 0 if text is None or text.startswith("A") or text == "99" else int(text)
