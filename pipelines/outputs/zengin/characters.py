"""The characters a Japanese bank accepts, and how a person's name is brought into them.

The bank's set is the single-byte part of CP932 (JIS X 0201): digits, capitals, half-width katakana
without small kana and without ｦ, the two voicing marks, space and a few marks. The rules of change
are those banks publish for typing 総合振込 (PCA, MUFG, jinjer, 常陽 and 京葉 pages; the payee
set is the one every bank found accepts). Nothing here ever reports a character of a name: only
what kind of change was made.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

HALF_KANA: Final = "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝ"
FULL_KANA: Final = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン"
)
BANK_NAME_SET: Final = HALF_KANA + "ﾞﾟ" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + "0123456789" + "-"
NAME_SET: Final = BANK_NAME_SET + " ()."
OPTIONAL_MARKS: Final = "/,｢｣\\"
"""Marks some banks take in names and others refuse; a profile may allow them."""

PAYEE_WIDTH: Final = 30

_SMALL: Final = str.maketrans(
    "ァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ",
    "アイウエオツヤユヨワカケクシストヌハヒフヘホムラリルレロ",
)
_LONG_MARKS: Final = str.maketrans(dict.fromkeys("ー−‐‑‒–—―－ｰ", "-"))
_OLD: Final = str.maketrans("ヲヰヱ", "オイエ")
_HIRAGANA: Final = str.maketrans({chr(code): chr(code + 0x60) for code in range(0x3041, 0x3097)})
_VOICING: Final = str.maketrans({"゛": "\u3099", "゜": "\u309a", "ﾞ": "\u3099", "ﾟ": "\u309a"})
_CAPITALS: Final = {code: code - 0x20 for code in range(ord("a"), ord("z") + 1)}
_HALF: Final = str.maketrans(
    {**dict(zip(FULL_KANA, HALF_KANA, strict=True)), "\u3099": "ﾞ", "\u309a": "ﾟ"}
)
_NARROW: Final = str.maketrans(
    {
        "\u3000": " ",
        **{
            unicodedata.normalize("NFC", kana + mark): half + narrow
            for kana, half in zip(FULL_KANA, HALF_KANA, strict=True)
            for mark, narrow in (("", ""), ("\u3099", "ﾞ"), ("\u309a", "ﾟ"))
            if len(unicodedata.normalize("NFC", kana + mark)) == 1
        },
    }
)
"""Plain kana of full width, and its space, straight to half width."""
_LETTER: Final = f"(?!ｳﾞ)[{HALF_KANA}A-Z0-9][ﾞﾟ]?"
_PLAIN: Final = re.compile(f"(?:{_LETTER})+(?: (?:{_LETTER})+)*")


@dataclass(frozen=True, slots=True)
class BankKana:
    """A name in the bank's characters.

    Attributes:
        value: the name, at most the asked width, each character one byte in the bank's file.
        changed: what was done to it, in order, as codes: `HIRAGANA`, `SMALL_KANA`, `OLD_KANA`,
            `VU`, `LONG_MARK`, `MIDDLE_DOT`, `LOWER_CASE`, `SPACES`, `REFUSED`, `CUT`. `REFUSED`
            means that characters the bank has no place for were left out; `CUT` that the name was
            longer than the field. Full width to half width is always done and never reported.
    """

    value: str = field(repr=False)
    changed: tuple[str, ...]

    @property
    def needs_person(self) -> bool:
        """Whether something of the name was lost, so that a person must look before money moves."""
        return "REFUSED" in self.changed or "CUT" in self.changed or not self.value


def bank_name_kana(text: str, *, marks: str = "", width: int = PAYEE_WIDTH) -> BankKana:
    """Bring a name into the bank's characters.

    Args:
        text: a name in katakana, hiragana, half-width kana, letters or digits of either width.
        marks: characters of `OPTIONAL_MARKS` that this bank takes in names.
        width: characters the field holds; 30 for a payee, 40 for the ordering party.

    Returns:
        The name and what was changed. Running it again on its own result changes nothing.
    """
    if len(narrow := text.translate(_NARROW)) <= width and _PLAIN.fullmatch(narrow):
        return BankKana(narrow, ())
    return _changed_kana(text, marks, width)


def _changed_kana(text: str, marks: str, width: int) -> BankKana:
    """The way of a name that needs more than other widths."""
    changed: list[str] = []
    wide = _full_width_kana(text)
    for code, step in _STEPS:
        after = step(wide)
        if after != wide:
            changed.append(code)
        wide = after
    half = unicodedata.normalize("NFD", wide).translate(_HALF)
    kept = "".join(char for char in half if char in NAME_SET or char in marks)
    if kept != half:
        changed.append("REFUSED")
    value = re.sub(" +", " ", kept).strip()
    if value != kept:
        changed.append("SPACES")
    if len(value) > width:
        changed.append("CUT")
        value = value[:width].rstrip()
    return BankKana(value, tuple(changed))


def _full_width_kana(text: str) -> str:
    """One form for both widths: kana full width and composed, letters and marks half width."""
    return unicodedata.normalize("NFKC", text.translate(_VOICING))


_STEPS: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    ("HIRAGANA", lambda text: text.translate(_HIRAGANA)),
    ("SMALL_KANA", lambda text: text.translate(_SMALL)),
    ("OLD_KANA", lambda text: text.translate(_OLD)),
    ("VU", lambda text: text.replace("ヴ", "ウ\u3099")),
    ("LONG_MARK", lambda text: text.translate(_LONG_MARKS)),
    ("MIDDLE_DOT", lambda text: text.replace("・", " ")),
    ("LOWER_CASE", lambda text: text.translate(_CAPITALS)),
)
