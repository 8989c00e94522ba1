"""Characters of names and places, brought to one representative for keys (never for stored text).

Old and variant kanji follow the MJ shrink map and the tax agency's map (jntajis-python; FORMATS.md
section 4.2): of everything a character may be shrunk to, the one that shrinks no further.
Characters that could not be read (gaiji in a private use area, and the 〓 ■ □ ? that a conversion
left in their place) become `UNREADABLE`, a mark that is no kanji and so equals no real one.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache

import numpy as np
from jntajis import jnta_shrink_translit, mj_shrink_candidates

UNREADABLE = "〓"

# MJ map schemes: 1 unification rules of JIS and UCS, 8 notices on the family register. Left out:
# 2 (guessed from shape or reading) and 4 (notice 582, which merges what people hold for different).
_MJ_SCHEMES = 1 | 8

# Everyday characters that a notice allows as "misuse" of another everyday one.
_OWN_CHARACTERS = frozenset("功師書玉著吊舛宍")

# Pairs that names use for one another and neither map joins.
_FURTHER_VARIANTS = dict(zip("巖檜遙凜亙藪籠濤昻瑤堯", "巌桧遥凛亘薮篭涛昂瑶尭", strict=True))

_SMALL_KANA = dict(zip("ァィゥェォッャュョヮヵヶ", "アイウエオツヤユヨワケケ", strict=True))
_BRACKETS = dict(zip("([{〔【〈《「『)]}〕】〉》」』", "(" * 9 + ")" * 9, strict=True))
_LONG_MARKS = frozenset("~〜∼ー")
_DASHES = frozenset("─━‾¯\u2212")
_UNREADABLE_MARKS = frozenset("〓■□?\ufffd")
_VOICING = {"゛": "\u3099", "゜": "\u309a", "ﾞ": "\u3099", "ﾟ": "\u309a"}
_VOICED_KANA = dict(
    zip(
        "カキクケコサシスセソタチツテトハヒフヘホ",
        "ガギグゲゴザジズゼゾダヂヅデドバビブベボ",
        strict=True,
    )
)


class CharacterTable:
    """Maps texts character by character, working out each character the first time it occurs.

    A key of one character costs a table look-up in numpy, which is some ten times faster than
    `str.translate`; longer keys are replaced afterwards.
    """

    _UNDECIDED = 0xFFFF_FFFF
    _REMOVED = 0xFFFF_FFFE
    _PRIVATE = 0x10_0000  # plane 16: no key has a character of it, so it can stand for longer keys

    def __init__(self, decide: Callable[[str], str]) -> None:
        """Take the function that gives the key of one character (empty: leave it out)."""
        self._decide = decide
        self._keys = np.full(0x11_0000, self._UNDECIDED, np.uint32)
        self._longer: dict[str, str] = {}

    def map(self, text: str) -> str:
        """The text with each character replaced by its key; line breaks stay."""
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        keys = self._keys[codes]
        if (undecided := keys == self._UNDECIDED).any():
            for code in np.unique(codes[undecided]).tolist():
                self._keys[code] = self._enter(chr(code))
            keys = self._keys[codes]
        mapped: str = keys[keys != self._REMOVED].tobytes().decode("utf-32-le")
        for private, key in self._longer.items():
            mapped = mapped.replace(private, key)
        return mapped

    def _enter(self, char: str) -> int:
        key = char if char == "\n" else self._decide(char)
        if len(key) <= 1:
            return ord(key) if key else self._REMOVED
        private = chr(self._PRIVATE + len(self._longer))
        self._longer[private] = key
        return ord(private)


def fold(text: str, characters: CharacterTable) -> str:
    """Width, kana, case and variants of many lines made one; brackets stay as ( ), spaces go."""
    text = characters.map(text)
    if "\u3099" in text or "\u309a" in text:
        text = re.sub("[ァ-ヺ]?[\u3099\u309a]+", _compose, text)
    if "-" in text:
        text = re.sub("-+", lambda m: _after_kana(text, m.start()), text)
    return _write_out_repeats(text)


def name_character(char: str) -> str:
    """Key of one character of a name; voicing marks and dashes are left for `fold`."""
    if char in _VOICING:
        return _VOICING[char]
    return "".join(_plain_character(plain) for plain in unicodedata.normalize("NFKC", char))


def representative(char: str) -> str:
    """The character that stands for all variants of this kanji: 髙 and 高 give 高."""
    reached = _reach(char)
    settled = [end for end in reached if all(end in _reach(other) for other in reached)]
    return min(settled or reached, key=_commonness)


def _plain_character(char: str) -> str:
    category = unicodedata.category(char)
    if char in _UNREADABLE_MARKS or category in ("Co", "Cn"):
        return UNREADABLE
    if char in _BRACKETS:
        return _BRACKETS[char]
    if char in "\u3099\u309a":
        return char
    if char in _LONG_MARKS:
        return "ー"
    if category == "Pd" or char in _DASHES:
        return "-"
    return _letter(char) if category[0] in "LN" else ""


def _letter(char: str) -> str:
    if "ぁ" <= char <= "ゖ" or char in "ゝゞ":
        char = chr(ord(char) + 0x60)
    if char in _SMALL_KANA:
        return _SMALL_KANA[char]
    if "ァ" <= char <= "ヿ":
        return char
    if ord(char) >= 0x3400:
        return representative(char)
    decomposed = unicodedata.normalize("NFKD", char)
    return "".join(part for part in decomposed if not unicodedata.combining(part)).upper()


def _compose(found: re.Match[str]) -> str:
    """カ and a voicing mark are ガ; a mark that fits nothing goes."""
    composed = unicodedata.normalize("NFC", found[0])
    return composed.replace("\u3099", "").replace("\u309a", "")


def _after_kana(text: str, at: int) -> str:
    """A dash after kana is a long mark (サト－), any other goes."""
    return "ー" if at and "ァ" <= text[at - 1] <= "ヺ" else ""


def _write_out_repeats(text: str) -> str:
    """Write out 々 ヽ ヾ: 佐々木 and 佐佐木 are one name."""

    def repeat(found: re.Match[str]) -> str:
        before = text[found.start() - 1] if found.start() else "\n"
        if before == "\n":
            return ""
        voiced = _VOICED_KANA.get(before, before)
        return "".join(voiced if mark == "ヾ" else before for mark in found[0])

    if "々" in text or "ヽ" in text or "ヾ" in text:
        text = re.sub("[々ヽヾ]+", repeat, text)
    return text


@cache
def _reach(char: str) -> frozenset[str]:
    """Everything a character may be shrunk to, in any number of steps, itself included."""
    seen, waiting = {char}, [char]
    while waiting:
        for target in _shrinks_to(waiting.pop()) - seen:
            seen.add(target)
            waiting.append(target)
    return frozenset(seen)


def _shrinks_to(char: str) -> set[str]:
    if char in _FURTHER_VARIANTS:
        return {_FURTHER_VARIANTS[char]}
    if char in _OWN_CHARACTERS:
        return set()
    targets = {
        *mj_shrink_candidates(char, _MJ_SCHEMES),
        jnta_shrink_translit(char, passthrough=True),
        unicodedata.normalize("NFKC", char),
    }
    return {target for target in targets if len(target) == 1}


def _commonness(char: str) -> tuple[int, int]:
    """JIS level 1 before level 2 before extensions before the rest."""
    try:
        encoded = int.from_bytes(char.encode("cp932"), "big")
    except UnicodeEncodeError:
        return 3, ord(char)
    return (0 if encoded < 0x989F else 1 if encoded < 0xED40 else 2), ord(char)
