"""Dates as a layout declares them: one template a style, read strictly, never guessed in another.

A template is made of tokens and of the separators between them:

| token | what stands there |
| --- | --- |
| `YYYY` | western year, four digits |
| `YY` | western year, two digits of the declared century |
| `GG` | era in kanji: 明治 大正 昭和 平成 令和 |
| `K` | era in one kanji: 明 大 昭 平 令 |
| `G` | era letter: M T S H R |
| `N` | era number: 1 明治, 2 大正, 3 昭和, 4 平成, 5 令和 |
| `EE`, `E` | year of the era, two digits or 元; one or two digits or 元 |
| `MM`, `M` | month, two digits; one or two |
| `DD`, `D` | day, two digits; one or two |
"""

import re
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Literal

import pyarrow as pa
from pydantic import Field, model_validator

from pipelines.intake.keys.columns import plain_strings
from pipelines.programme import Part

# era -> its first day
_ERAS = (
    ("明治", "M", date(1868, 1, 25)), ("大正", "T", date(1912, 7, 30)), ("昭和", "S", date(1926, 12, 25)),
    ("平成", "H", date(1989, 1, 8)), ("令和", "R", date(2019, 5, 1)),
)  # fmt: skip
_FIRST_DAY = {
    sign: first
    for number, (kanji, letter, first) in enumerate(_ERAS, 1)
    for sign in (kanji, kanji[0], letter, str(number))
}
_TOKENS = {
    "YYYY": r"(?P<year>[0-9]{4})",
    "YY": r"(?P<short>[0-9]{2})",
    "GG": "(?P<era>明治|大正|昭和|平成|令和)",
    "K": "(?P<era>[明大昭平令])",
    "G": "(?P<era>[MTSHR])",
    "N": "(?P<era>[1-5])",
    "EE": "(?P<era_year>[0-9]{2}|元)",
    "E": "(?P<era_year>[0-9]{1,2}|元)",
    "MM": "(?P<month>[0-9]{2}|A[1-4])",
    "M": "(?P<month>[0-9]{1,2}|A[1-4])",
    "DD": "(?P<day>[0-9]{2}|A[1-3])",
    "D": "(?P<day>[0-9]{1,2}|A[1-3])",
}
_TOKEN = re.compile("|".join(_TOKENS))
_WESTERN, _JAPANESE = {"year"}, {"era", "era_year"}
_HALF_WIDTH = str.maketrans("０１２３４５６７８９ＭＴＳＨＲＡ／－．", "0123456789MTSHRA/-.")
Unknown = Literal["00", "99", "A"]


def era_of(day: date) -> tuple[str, str, int, int] | None:
    """The era of a day: kanji, letter, the number that stands for it, and the era's year; None before 明治."""
    eras = [(*era, number) for number, era in enumerate(_ERAS, 1) if era[2] <= day]
    if not eras:
        return None
    kanji, letter, first, number = eras[-1]
    return kanji, letter, number, day.year - first.year + 1


class DateColumn(Part):
    """How a source writes the dates of one column.

    styles: templates, tried in this order. unknown: how a month or day that is not known is written (00, 99, or A1 to
    A4). none: texts besides the empty one that say there is no date. century: of YY, 19 for 1900 to 1999.
    full_width: full-width digits, letters and separators are read like half-width ones.
    """

    styles: tuple[str, ...] = Field(min_length=1)
    unknown: tuple[Unknown, ...] = ()
    none: tuple[str, ...] = ()
    century: int | None = Field(default=None, ge=18, le=21)
    full_width: bool = False

    @model_validator(mode="after")
    def _styles_can_be_read(self) -> "DateColumn":
        for style in self.styles:
            groups = re.findall(r"\?P<(\w+)>", _pattern(style))
            years = set(groups) - {"month", "day"}
            if len(groups) != len(set(groups)) or not {"month", "day"} <= set(groups):
                raise ValueError(f"date style {style!r}: needs one year, one month and one day")
            if years not in (_WESTERN, _JAPANESE, {"short"}):
                raise ValueError(f"date style {style!r}: needs YYYY, YY, or an era with its year")
            if years == {"short"} and self.century is None:
                raise ValueError(f"date style {style!r}: YY needs century (19 for 1900-1999)")
        return self

    @cached_property
    def _readers(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        return tuple((style, re.compile(_pattern(style))) for style in self.styles)

    def read(self, value: str) -> tuple[str, str] | None:
        """(YYYYMMDD, style) of one text; ("", "") where it says there is none; None where it is in no style."""
        if not value or value in self.none:
            return "", ""
        text = value.translate(_HALF_WIDTH) if self.full_width else value
        for style, reader in self._readers:
            if (found := reader.fullmatch(text)) and (key := self._key(found.groupdict())):
                return key, style
        return None

    def _key(self, part: Mapping[str, str]) -> str | None:
        month, day = self._part(part["month"]), self._part(part["day"])
        year = self._year(part)
        if month is None or day is None or not 1850 <= year <= 2150 or month > 12 or day > 31:
            return None
        if month and day and not _exists(year, month, day):
            return None
        if (
            "era" in part
            and (year, month or 12, day or 31) < _FIRST_DAY[part["era"]].timetuple()[:3]
        ):
            return None  # before the era began; a year beyond its end is read on, as registers do
        return f"{year:04d}{month:02d}{day:02d}"

    def _year(self, part: Mapping[str, str]) -> int:
        if "era" in part:
            of_era = 1 if part["era_year"] == "元" else int(part["era_year"])
            return _FIRST_DAY[part["era"]].year - 1 + of_era if of_era else 0
        if "short" in part:
            return (self.century or 0) * 100 + int(part["short"])
        return int(part["year"])

    def _part(self, text: str) -> int | None:
        """Month or day; 0 where it is not known in a declared way, None in another."""
        unknown = "A" if text.startswith("A") else f"{int(text):02d}"
        if unknown in self.unknown:
            return 0
        return None if unknown in ("00", "A") else int(text)


def read_dates(values: pa.Array | pa.ChunkedArray, column: DateColumn) -> pa.Array:
    """Dates of a text column as YYYYMMDD, unknown parts 00.

    Returns:
        String array of the same length: "" where the text says there is no date, null where it is in no declared style.
    """
    encoded = plain_strings(values).dictionary_encode()
    found = [column.read(value) for value in encoded.dictionary.to_pylist()]
    return pa.array([f[0] if f else None for f in found], pa.string()).take(encoded.indices)


def _pattern(style: str) -> str:
    """A template as a regular expression."""
    parts, end = [], 0
    for token in _TOKEN.finditer(style):
        parts += [re.escape(style[end : token.start()]), _TOKENS[token[0]]]
        end = token.end()
    return "".join([*parts, re.escape(style[end:])])


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
