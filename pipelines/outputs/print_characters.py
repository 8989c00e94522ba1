"""Characters a printer cannot print: what stands in their place, and a note from which the original comes back.

A printer's fonts end somewhere, and a ward's own characters (外字, the private use area) are in none of them. Each such
character becomes exactly one other, by the first of these that the printer has: the ward's own table; the character
without its variation selector, or composed; the MJ shrink map and the tax agency's map (縮退, jntajis); the same
character in another block (①, ～); at last 〓. Nothing is replaced silently: the note says where, and by its code point
which character the register has.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from jntajis import jnta_shrink_translit, mj_shrink_candidates

GETA: Final = "〓"
SETS: Final = ("jisx0208", "jisx0213", "cp932", "unicode")
_SELECTORS: Final = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_CLUSTER: Final = re.compile(f".[{_SELECTORS}\u3099\u309a]*", re.DOTALL)
_MARKS: Final = re.compile(f"[{_SELECTORS}\u3099\u309a]")
_SAME_MARKS: Final = dict(zip("〜−‖—¢£¬～－∥―￠￡￢", "～－∥―￠￡￢〜−‖—¢£¬", strict=True))
"""Marks for which CP932 and JIS X 0208 have different code points (FORMATS 4.3)."""
_MJ_SCHEMES: Final = (8, 4, 2)
_JIS_LEAD_BYTES: Final = (range(0x81, 0x85), range(0x88, 0xEB))
_NOTE: Final = re.compile(r"(?P<cell>\D+[0-9]*):(?P<place>[1-9][0-9]*)=(?P<codes>U\+[0-9A-F+]+)")
_ROWS_AT_ONCE: Final = 50_000


class NoteError(ValueError):
    """A note of replaced characters that cannot be read; holds no value."""


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """What a printer can print.

    Attributes:
        name: `jisx0208`, `jisx0213`, `cp932` (with the NEC and IBM extensions) or `unicode`.
        encoding: of the file, which holds some characters only.
        keeps_gaiji: the printer has the ward's own font for the private use area.
        own: the ward's own table, tried first: character -> one character.

    Raises:
        ValueError: no such set.
    """

    name: str = "unicode"
    encoding: str = "utf-8"
    keeps_gaiji: bool = True
    own: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Refuse a set nobody knows."""
        if self.name not in SETS:
            raise ValueError(f"characters is one of {', '.join(SETS)}")

    def holds(self, char: str) -> bool:
        """Whether one code point can be printed and written in the file."""
        if not _is_writable(char, self.encoding):
            return False
        if unicodedata.category(char) == "Co":
            return self.keeps_gaiji
        return char in "\r\n\t" or _is_in_set(char, self.name)

    def printed(self, cluster: str) -> str:
        """The one character printed for a character with its selectors; itself, if the printer has it."""
        if all(map(self.holds, cluster)) and (len(cluster) == 1 or self.name == "unicode"):
            return cluster
        return next(
            (one for one in self._instead(cluster) if len(one) == 1 and self.holds(one)), GETA
        )

    def outside(self, text: str) -> set[str]:
        """The code points of a text that are, alone or with others, not printed as they are."""
        return {
            char
            for char in set(text)
            if not self.holds(char) or (self.name != "unicode" and _MARKS.match(char))
        }

    def _instead(self, cluster: str) -> Iterator[str]:
        """What may stand for it, the closest first."""
        base = cluster[0]
        own = self.own.get(cluster, self.own.get(base))
        if own is not None:
            yield own
        if len(cluster) > 1:
            yield unicodedata.normalize("NFC", cluster)
            yield base
        yield from mj_shrink_candidates(base, 1, 10)
        yield jnta_shrink_translit(base, passthrough=True)
        for scheme in _MJ_SCHEMES:
            yield from mj_shrink_candidates(base, scheme, 10)
        yield _SAME_MARKS.get(base, base)
        yield unicodedata.normalize("NFKC", base)


@dataclass(frozen=True, slots=True)
class Kept:
    """One replaced character: its place among the printed ones, from 1, and what the register has there."""

    place: int
    original: str


def replace_column(
    column: pa.Array, characters: CharacterSet
) -> tuple[pa.Array, dict[int, list[Kept]]]:
    """A text column as it is printed, and for each changed row what was replaced in it."""
    rows = rows_outside(column, characters)
    if not rows.size:
        return column, {}
    notes, printed = {}, []
    for row, text in zip(rows.tolist(), column.take(pa.array(rows)).to_pylist(), strict=True):
        new, found = replace_text(text, characters)
        printed.append(new)
        if found:
            notes[row] = found
    mask = np.zeros(len(column), dtype=bool)
    mask[rows] = True
    return pc.replace_with_mask(column, pa.array(mask), pa.array(printed, column.type)), notes


def rows_outside(column: pa.Array, characters: CharacterSet) -> npt.NDArray[np.intp]:
    """The rows of a text column with a character that cannot be printed as it is."""
    outside = characters.outside("".join(_distinct_characters(column)))
    if not outside:
        return np.zeros(0, dtype=np.intp)
    pattern = "[" + "".join(f"\\x{{{ord(char):X}}}" for char in sorted(outside)) + "]"
    return np.flatnonzero(np.asarray(pc.match_substring_regex(column, pattern)))


def replace_text(text: str, characters: CharacterSet) -> tuple[str, list[Kept]]:
    """A text as it is printed, and what was replaced in it."""
    printed, notes = [], []
    for place, cluster in enumerate(_CLUSTER.findall(text), start=1):
        one = characters.printed(cluster)
        printed.append(one)
        if one != cluster:
            notes.append(Kept(place, cluster))
    return "".join(printed), notes


def restore_text(printed: str, notes: Iterable[Kept]) -> str:
    """The register's text of what was printed.

    Raises:
        NoteError: a note names a place that the text has not.
    """
    clusters = _CLUSTER.findall(printed)
    for kept in notes:
        if kept.place > len(clusters):
            raise NoteError("a note names a place outside its cell")
        clusters[kept.place - 1] = kept.original
    return "".join(clusters)


def write_notes(cell: str, notes: Sequence[Kept]) -> str:
    """`漢字氏名2:1=U+20BB7 漢字氏名2:3=U+845B+E0100`: cell, place, the register's code points."""
    return " ".join(
        f"{cell}:{kept.place}=U+{'+'.join(f'{ord(char):04X}' for char in kept.original)}"
        for kept in notes
    )


def read_notes(text: str) -> dict[str, list[Kept]]:
    """A row's notes again: cell -> what was replaced in it.

    Raises:
        NoteError: it is not what `write_notes` writes.
    """
    found: dict[str, list[Kept]] = {}
    for part in text.split(" "):
        match = _NOTE.fullmatch(part)
        if match is None:
            raise NoteError("a note cannot be read")
        codes = [int(code, 16) for code in match["codes"].removeprefix("U+").split("+") if code]
        if not codes or any(code > 0x10FFFF for code in codes):
            raise NoteError("a note names no character")
        original = "".join(map(chr, codes))
        found.setdefault(match["cell"], []).append(Kept(int(match["place"]), original))
    return found


def _distinct_characters(column: pa.Array) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(column), _ROWS_AT_ONCE):
        found.update("".join(column.slice(start, _ROWS_AT_ONCE).to_pylist()))
    return found


@lru_cache(maxsize=1 << 16)
def _is_writable(char: str, encoding: str) -> bool:
    try:
        return char.encode(encoding).decode(encoding) == char
    except UnicodeError:
        return False


@lru_cache(maxsize=1 << 16)
def _is_in_set(char: str, name: str) -> bool:
    if name == "unicode":
        return unicodedata.category(char) not in ("Cn", "Co", "Cs", "Cc")
    if name == "jisx0213":
        return _is_writable(char, "euc_jis_2004") and unicodedata.category(char) != "Cc"
    if not _is_writable(char, "cp932"):
        return name == "jisx0208" and _is_jisx0208(char)
    if name == "cp932":
        return unicodedata.category(char) != "Cc"
    lead = char.encode("cp932")[0]
    return len(char.encode("cp932")) == 1 or any(lead in rows for rows in _JIS_LEAD_BYTES)


def _is_jisx0208(char: str) -> bool:
    """Marks of JIS X 0208 that CP932 gives another code point."""
    return char in _SAME_MARKS and _is_writable(char, "euc_jp")
