"""Key of addresses: town and numbers, the same for a registered and for a hand-typed address."""

import re
import unicodedata
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.intake.keys.characters import CharacterTable
from pipelines.intake.keys.columns import map_text, plain_strings
from pipelines.intake.keys.numerals import NUMERALS, to_digits
from pipelines.intake.keys.towns import (
    Town,
    fold_place,
    municipality,
    prefectures,
    prefectures_by_city,
)

# 丁目, 番地, 号. A town without 丁目 has two levels: a third number is a room (市谷本村町5-1-305).
_LEVELS = 3
_LEVELS_WITHOUT_CHOME = 2

_DASHES = frozenset("‐‑‒–—―−─")
_STREETS = re.compile(r"[0-9]+(?=条|線|地割)")
_COUNTED = re.compile(rf"[{NUMERALS}]+(?=[番号のノ-]|$)", re.MULTILINE)
_BEFORE_COUNTED = frozenset("目番地号の-")
_UNIT = r"(?: ?(?:丁目|丁|番|号[のノ之]|番地?[のノ之])[ -]*|番地-?|[のノ之]|ー| *-[- ]*)"
_LINE = (
    r"^(?P<head>[^0-9]*)(?:0*(?P<n1>[0-9]+)"
    rf"(?:{_UNIT}0*(?P<n2>[0-9]+)(?:{_UNIT}0*(?P<n3>[0-9]+))?)?)?"
)

_FIRST_NUMERAL = re.compile(
    rf"[{NUMERALS}]+(?=丁目|丁$|番地|番(?![町丁])|号|[のノ之-](?:[{NUMERALS}]|$))"
)
_NUMBERS_IN_KANJI = re.compile(rf"([{NUMERALS}]+)(?:丁目|丁|番地|番|号)?[のノ之-]?")

# A place, the numbers that its head spells in kanji (-2-8), and how many may follow in digits.
_Head = tuple[str, str, int]


def address_key(addresses: pa.Array | pa.ChunkedArray, municipality: str | None = None) -> pa.Array:
    """Key of addresses, 西新宿|2-8-1: the town and its leading numbers, no building and no room.

    Up to three numbers count, two in a town without 丁目. 東京都新宿区西新宿２丁目８番１号,
    新宿区西新宿2-8-1 ○○ビル101 and 西新宿二丁目八番一号 agree. Outside the municipality the
    prefecture and city stand before the town (the prefecture is supplied where the city's name is
    unique) and the town is the text up to the first number.

    Args:
        addresses: string column, as registered or as typed by hand.
        municipality: JIS code of the municipality ("13104") whose town table is used and whose
            name may be left out.

    Returns:
        String array of the same length; null where there is no address or no number in it.

    Raises:
        ValueError: the municipality's code is not in the postal table.
    """
    if municipality is not None:
        _towns(municipality)
    encoded = plain_strings(addresses).dictionary_encode()
    lines = map_text(encoded.dictionary, _normalise)
    return _read_lines(lines, municipality).take(encoded.indices)


def _normalise(text: str) -> str:
    """Width, dashes and counting numerals of many addresses made one."""
    text = _ADDRESS.map(text)
    if "条" in text or "線" in text or "地割" in text:
        text = _STREETS.sub(lambda m: m[0].translate(_TO_KANJI), text)
    return _COUNTED.sub(lambda m: _count(text, m), text)


def _read_lines(lines: pa.Array, municipality: str | None) -> pa.Array:
    """Keys of normalised addresses; each distinct text before the first digit is read once."""
    parts = pc.extract_regex(pc.fill_null(lines, ""), _LINE)
    heads = parts.field("head").dictionary_encode()
    read = [_read_head(head, municipality) for head in heads.dictionary.to_pylist()]
    place, spelt, slots = (
        pa.array([head[at] for head in read], type_).take(heads.indices)
        for at, type_ in enumerate((pa.string(), pa.string(), pa.int8()))
    )
    numbers = spelt
    for level in range(1, _LEVELS + 1):
        digits = parts.field(f"n{level}")
        counts = pc.and_(pc.greater_equal(slots, level), pc.not_equal(digits, ""))
        number = pc.if_else(counts, pc.binary_join_element_wise("-", digits, ""), "")
        numbers = pc.binary_join_element_wise(numbers, number, "")
    keys = pc.binary_join_element_wise(place, pc.utf8_slice_codeunits(numbers, 1), "|")
    known = pc.and_(pc.not_equal(place, ""), pc.not_equal(numbers, ""))
    return pc.if_else(known, keys, pa.scalar(None, pa.string()))


def _address_character(char: str) -> str:
    plain = unicodedata.normalize("NFKC", char)
    return " " if plain.isspace() else "-" if plain in _DASHES else plain


def _count(text: str, found: re.Match[str]) -> str:
    """A kanji numeral after a unit or dash counts (2丁目八番); another belongs to a name."""
    before = text[found.start() - 1 : found.start()]
    return to_digits(found[0]) if before in _BEFORE_COUNTED else found[0]


@lru_cache(maxsize=1 << 16)
def _read_head(head: str, code: str | None) -> _Head:
    """Read the text before the first digit."""
    prefecture, city, rest = split_municipality(re.sub(r"\s+", "", head))
    prefix, town = "", None
    if _may_be_inside(prefecture, city, code):
        town, rest = _split_town(rest, _towns(code) if code else {})
    if city and not _is_inside(prefecture, city, code):
        prefix = prefecture + city
    elif not city:
        prefix = prefecture if town is None else ""
    place, numbers, goes_on = _split_numerals(rest)
    levels = _LEVELS_WITHOUT_CHOME if town and not town.has_chome else _LEVELS
    place = prefix + (fold_place(town.name) if town else "") + fold_place(place)
    spelt = "".join(f"-{number}" for number in numbers[:levels])
    return place, spelt, levels - len(numbers) if goes_on else 0


def split_municipality(text: str) -> tuple[str, str, str]:
    """Prefecture (or the one that the city tells), city, and the rest; any may be empty."""
    prefecture = next((name for name in prefectures() if text.startswith(name)), "")
    text = text[len(prefecture) :]
    known = prefectures_by_city()
    for end in range(len(text), 0, -1):
        homes = known.get(fold_place(text[:end])) if text[end - 1] in "市区町村" else None
        if homes and (not prefecture or prefecture in homes):
            city = re.sub(r"^.+[郡島](?=.+[町村]$)", "", text[:end])
            return prefecture or (homes[0] if len(homes) == 1 else ""), fold_place(city), text[end:]
    return prefecture, "", text


def _may_be_inside(prefecture: str, city: str, code: str | None) -> bool:
    return code is not None and (_is_inside(prefecture, city, code) or not city)


def _is_inside(prefecture: str, city: str, code: str | None) -> bool:
    if code is None:
        return False
    own = municipality(code)
    return city == fold_place(own.city) and prefecture in ("", own.prefecture)


def _split_town(text: str, towns: dict[str, Town]) -> tuple[Town | None, str]:
    """The longest town name that the text begins with, and the rest."""
    for end in range(len(text), 0, -1):
        if town := towns.get(fold_place(text[:end])):
            return town, text[end:]
    return None, text


def _split_numerals(text: str) -> tuple[str, tuple[str, ...], bool]:
    """Text before the first counting numeral, the numbers, and whether nothing follows them."""
    first = _FIRST_NUMERAL.search(text)
    if first is None:
        return text, (), True
    numbers, at = [], first.start()
    while found := _NUMBERS_IN_KANJI.match(text, at):
        numbers.append(to_digits(found[1]))
        at = found.end()
    return text[: first.start()], tuple(numbers), at == len(text)


def _towns(code: str) -> dict[str, Town]:
    return municipality(code).towns


_ADDRESS = CharacterTable(_address_character)
_TO_KANJI = str.maketrans("0123456789", "〇一二三四五六七八九")
