"""A name in Japanese braille: how braille spells it, its cells, and the embosser's text (BRF).

Spelling rules: Nagoya Lighthouse, shuyo.net, fujitanet (FORMATS 3.2). A ウ that lengthens an う
or お sound is written ー (サトー), an オ stays (オオノ), and a ウ that begins a new part of the
name stays (イノ-ウエ). The last is a matter of the name's kanji, so some names need a person's
eye: `doubtful`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

import libkuraji

_HIRAGANA: Final = {code: code + 0x60 for code in range(0x3041, 0x3097)}
_LONG: Final = re.compile(
    "(?<=[ウクグスズツヅヌフブプムユルュゥヴオコゴソゾトドノホボポモヨロヲョォ])ウ(?![ァィェォ])"
)
"""A ウ after an う or お sound, unless it begins ウィ, ウェ, ウォ."""

_BEGINS_WITH_U: Final = {
    "上": ("ウエ", "ウワ", "ウヘ"),
    **dict.fromkeys("植殖", ("ウエ",)),
    **dict.fromkeys("内打討", ("ウチ",)),
    **dict.fromkeys("浦裏占卜", ("ウラ",)),
    "海": ("ウミ",),
    "馬": ("ウマ",),
    "梅": ("ウメ",),
    **dict.fromkeys("臼碓薄", ("ウス",)),
    **dict.fromkeys("牛丑", ("ウシ",)),
    "氏": ("ウジ",),
    **dict.fromkeys("歌唄詩", ("ウタ",)),
    "魚": ("ウオ",),
    "兎": ("ウサ",),
    **dict.fromkeys("瓜売", ("ウリ",)),
    "漆": ("ウル",),
    "潤": ("ウル",),
    "器": ("ウツ",),
    "浮": ("ウキ",),
    "受": ("ウケ",),
    "渦": ("ウズ",),
    "後": ("ウシ",),
}
"""Kanji that stand inside names with a reading that begins with ウ."""

_ONLY_U: Final = "宇鵜卯羽雨右有烏"
_SHORT_BEFORE: Final = "小古木子児戸与野之ノの乃津須都土"
"""Kanji read with one short mora before such a kanji (小内 コウチ); others read it long (竜馬)."""

_LIKELY_PART: Final = ("ウエ", "ウラ", "ウチ")
"""Ends of family names in which a ウ begins a part (イノウエ, マツウラ, ヨコウチ), for want of kanji."""

_DASH: Final = re.compile("(?<=[ァ-ヴー])[-\u2010\u2015\u2212]")
"""A long mark as old systems write it; a double name has it too, so a person looks."""

_SMALL: Final = "ァィゥェォャュョッヮ"
_KANA_NAME: Final = re.compile("[ァ-ヴー]+(?: [ァ-ヴー]+)+")
_LEGACY: Final = re.compile("[キギシジチヂニヒビピミリ][ヤユヨ][ウンク]")
_NO_CELL: Final = "□"
_FIRST_CELL: Final = 0x2800
_BRF: Final = " A1B'K2L@CIF/MSP\"E3H9O6R^DJG>NTQ,*5<-U8V.%[$+X!&;:4\\0Z7(_?W]#Y)="
"""NABCC: a cell's six dots, as a number, are its place here (liblouis en-us-brf, 64 of 64)."""


class BrailleError(ValueError):
    """Text that cannot be written in braille; the message holds none of it."""


@dataclass(frozen=True, slots=True)
class _Spelling:
    kana: str
    is_doubtful: bool


def to_kana(name_kana: str, name_kanji: str) -> str:
    """A name as braille spells it.

    Args:
        name_kana: the register's kana, with small kana, family and given name apart; either width.
        name_kanji: the register's kanji name, which tells where a ウ begins a new part.

    Returns:
        Katakana with ー, parts separated by one space. What is not kana is left as it is.
    """
    return _spell(name_kana, name_kanji).kana


def doubtful(name_kana: str, name_kanji: str) -> bool:
    """Whether a person must check `to_kana` before the name is embossed.

    So it is when the kana is empty, is not all kana or is not in two parts; when large kana may
    stand for small ones (シユンイチ); and when the kanji leave open whether a ウ is long.
    """
    return _spell(name_kana, name_kanji).is_doubtful


def to_cells(braille_kana: str) -> str:
    """Braille kana as Unicode cells; a space stays a space.

    Raises:
        BrailleError: something in it has no cell.
    """
    cells: str = libkuraji.translate(braille_kana)
    if _NO_CELL in cells:
        raise BrailleError("a character has no braille cell")
    return cells


def to_brf(cells: str) -> str:
    """Unicode cells as the text an embosser takes (braille ASCII).

    Raises:
        BrailleError: a character is no six-dot cell.
    """
    places = [0 if cell == " " else ord(cell) - _FIRST_CELL for cell in cells]
    if any(not 0 <= place < len(_BRF) for place in places):
        raise BrailleError("a character is no six-dot cell")
    return "".join(_BRF[place] for place in places)


def _spell(name_kana: str, name_kanji: str) -> _Spelling:
    """Spell each part of a name beside its kanji."""
    plain = _katakana(name_kana)
    kana = _DASH.sub("ー", plain)
    words = kana.split(" ")
    kanji = re.sub(r"[(（].*", "", unicodedata.normalize("NFC", name_kanji)).split()
    is_aligned = len(kanji) == len(words)
    parts = [
        _spell_part(word, kanji[place] if is_aligned else "".join(kanji))
        for place, word in enumerate(words)
    ]
    is_legacy = not any(small in kana for small in _SMALL) and bool(_LEGACY.search(kana))
    is_open = not is_aligned and any(_LONG.search(word) for word in words)
    return _Spelling(
        " ".join(part.kana for part in parts),
        not _KANA_NAME.fullmatch(plain)
        or is_legacy
        or is_open
        or any(part.is_doubtful for part in parts),
    )


def _katakana(text: str) -> str:
    """Full-width katakana, one space between parts; the dot of a foreign name (・) is a space in braille."""
    wide = unicodedata.normalize("NFKC", text).translate(_HIRAGANA).replace("・", " ")
    return " ".join(wide.split())


def _spell_part(kana: str, kanji: str) -> _Spelling:
    """Write each lengthening ウ as ー, except where the kanji say that it begins a new part."""
    spelled = ""
    is_doubtful = False
    end = 0
    for match in _LONG.finditer(kana):
        at = match.start()
        if spelled and not kana[end:at] and spelled.endswith("ー"):
            continue  # コウウン: the first ウ is the long sound, the second begins ウン
        stays, is_open = _begins_part(kana, at, kanji)
        is_doubtful |= is_open
        spelled += kana[end:at] + ("ウ" if stays else "ー")
        end = match.end()
    return _Spelling(spelled + kana[end:], is_doubtful)


def _begins_part(kana: str, at: int, kanji: str) -> tuple[bool, bool]:
    """Whether the ウ at a place begins a new kanji, and whether that is open to doubt."""
    if not kanji:
        return _morae(kana[:at]) > 1 and kana[at:] in _LIKELY_PART, True
    inner = kanji[1:]
    for place, char in enumerate(inner, start=1):
        if kana.startswith(_BEGINS_WITH_U.get(char, ("\0",)), at):
            if _morae(kana[:at]) > 1:
                return True, False
            return kanji[place - 1] in _SHORT_BEFORE, True
    is_last = at == len(kana) - 1
    if any(char in _ONLY_U for char in inner):
        return is_last and inner[-1] in _ONLY_U, True
    return False, kana.startswith("ウエ", at) and inner.endswith("江")


def _morae(kana: str) -> int:
    return sum(mora not in _SMALL for mora in kana)
