"""Japan Post's customer barcode (カスタマバーコード) of an address.

Source: 郵便番号・バーコードマニュアル pages p12 and p17 to p25 (post.japanpost.jp). A code is
start, 7 digits of postal code, 13 places of address display number (住所表示番号), check, stop:
23 characters, 67 bars.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pipelines.outputs.postal_towns import (
    KANJI_NUMBER,
    Kind,
    after_town,
    find_zone,
    kanji_to_number,
)

CHARACTERS: Final[tuple[str, ...]] = (
    *"0123456789",
    "-",
    *(f"CC{number}" for number in range(1, 9)),
)
"""The 19 characters; a character's place is its value in the check."""

_VALUES: Final[dict[str, int]] = {code: value for value, code in enumerate(CHARACTERS)}

BARS: Final = {
    **{"0": "144", "1": "114", "2": "132", "3": "312", "4": "123"},
    **{"5": "141", "6": "321", "7": "213", "8": "231", "9": "411"},
    **{"-": "414", "CC1": "324", "CC2": "342", "CC3": "234", "CC4": "432"},
    **{"CC5": "243", "CC6": "423", "CC7": "441", "CC8": "111"},
    **{"start": "13", "stop": "31"},
}
"""Bars of a character: 1 long, 2 upper half, 3 lower half, 4 timing only."""

FILLER: Final = "CC4"
_DISPLAY_PLACES: Final = 13
_FILLERS: Final = (FILLER,) * _DISPLAY_PLACES
_LETTERS: Final = {
    chr(ord("A") + index): (f"CC{index // 10 + 1}", str(index % 10)) for index in range(26)
}
_HALF_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_PLAIN: Final = _HALF_WIDTH | dict.fromkeys(map(ord, "&/・･.＆／．"))
"""Half width, and the marks that are taken out closed up (manual p19, basic rule 2)."""
_NUMBER: Final = re.compile(f"({KANJI_NUMBER})(?=丁目|丁|番地|番|号|地割|線|の|ノ)")
_BOX: Final = re.compile(r"私書[箱函]\D{0,3}?([0-9]{1,4})(?![0-9])")
_TAKEN: Final = re.compile(
    r"[0-9]+"  # digits
    r"|(?<![0-9A-Z])[A-Z](?![A-Z])"  # a letter on its own
    r"|(?<=[0-9])[A-EG-Z](?![A-Z])"  # a letter right after digits, unless it is F for a floor
)

_BESIDE_LETTER: Final = re.compile("-?([A-Z])-?")
_LETTER: Final = re.compile("[A-Z]")


@dataclass(frozen=True, slots=True)
class Barcode:
    """A customer barcode.

    Attributes:
        codes: 23 names: `start`, 7 digits, 13 characters, the check, `stop`.
    """

    codes: tuple[str, ...]

    @property
    def bars(self) -> str:
        """The 67 bars, each a digit: 1 long, 2 upper half, 3 lower half, 4 timing."""
        return "".join(BARS[code] for code in self.codes)

    def __str__(self) -> str:
        """The codes with a space between, as the print contractor gets them."""
        return " ".join(self.codes)


def display_number(postal_code: str, address: str) -> str | None:
    """The address display number (住所表示番号) before it is cut to 13 places.

    Args:
        postal_code: 7 digits, of either width, with or without a hyphen.
        address: the whole address, prefecture to room, digits of either width.

    Returns:
        Digits, capitals and hyphens; empty if the address has none or the code is one customer's
        own; None if there is no barcode: no postal code, or a representative one.
    """
    digits = _seven_digits(postal_code)
    return None if digits is None else _display_number(digits, address)


def extract(part_b: str) -> str:
    """Take the display number out of what follows the town name (manual p19, p20).

    Args:
        part_b: part B of the address.

    Returns:
        Digits, single letters and hyphens. What is not taken becomes one hyphen between two taken
        characters, so a written hyphen and any other text have the same effect; no hyphen stands
        beside a letter.
    """
    plain = _with_digits(part_b.translate(_PLAIN).upper())
    taken = "-".join(_TAKEN.findall(plain))
    return _BESIDE_LETTER.sub(r"\1", taken) if _LETTER.search(taken) else taken


def encode(postal_code: str, address: str) -> Barcode | None:
    """The barcode of an address.

    Args:
        postal_code: 7 digits, of either width, with or without a hyphen.
        address: the whole address, prefecture to room, digits of either width.

    Returns:
        The barcode, or None where the manual gives none (see `display_number`).
    """
    digits = _seven_digits(postal_code)
    number = None if digits is None else _display_number(digits, address)
    if digits is None or number is None:
        return None
    body = (*digits, *_places(number), *_FILLERS)[: len(digits) + _DISPLAY_PLACES]
    return Barcode(("start", *body, check_character(body), "stop"))


def _places(number: str) -> Sequence[str]:
    """A display number's characters; a letter takes two."""
    if not _LETTER.search(number):
        return number
    return [code for char in number for code in _LETTERS.get(char, (char,))]


def check_character(body: tuple[str, ...]) -> str:
    """The character that brings the sum of the values to a multiple of 19.

    Args:
        body: the 20 characters between start and check.
    """
    return CHARACTERS[-sum(map(_VALUES.__getitem__, body)) % len(CHARACTERS)]


def _display_number(postal_code: str, address: str) -> str | None:
    """`display_number` of a postal code known to be 7 digits."""
    zone = find_zone(postal_code)
    if zone.kind is Kind.REPRESENTATIVE:
        return None
    if zone.kind is Kind.INDIVIDUAL:
        return ""
    if zone.kind is Kind.BOXES:
        box = _BOX.search(_with_digits(address.translate(_HALF_WIDTH)))
        if box:
            return box[1]
    return extract(after_town(zone, address))


@lru_cache(maxsize=8192)
def _seven_digits(postal_code: str) -> str | None:
    plain = postal_code.translate(_HALF_WIDTH).replace("-", "").strip()
    return plain if re.fullmatch("[0-9]{7}", plain) else None


def _with_digits(text: str) -> str:
    """Kanji numbers right before 丁目, 番地, 号 and the like as digits (manual p19, rule 1)."""
    return _NUMBER.sub(lambda match: str(kanji_to_number(match[1])), text)
