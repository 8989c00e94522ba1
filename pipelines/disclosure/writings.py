"""The ways in which a protected person's birth date and whereabouts may be written, so that the scan looks for each."""

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from pipelines.intake.date_styles import era_of
from pipelines.intake.keys.addresses import split_municipality
from pipelines.intake.keys.numerals import to_digits

_SHORTEST_ADDRESS = 8  # characters
_TOWN_AND_NUMBERS = re.compile(r"[^0-9-]{2,}[0-9]+(?:丁目|番地?|[-−‐―ー－])[0-9]+.*")


@lru_cache(maxsize=1 << 16)
def birth_writings(birth_key: str) -> tuple[bytes, ...]:
    """Every way to write a birth date (YYYYMMDD) on paper, in lists and claims, folded as the scan folds text.

    A date with an unknown part is written as it is.
    """
    return tuple(sorted({writing.encode() for writing in _birth_writings(birth_key)}))


def _birth_writings(birth_key: str) -> Iterator[str]:
    yield birth_key
    try:
        born = date.fromisoformat(birth_key)
    except ValueError:
        return
    for month, day in {(str(born.month), str(born.day)), (f"{born.month:02d}", f"{born.day:02d}")}:
        yield f"{born.year}年{month}月{day}日"
        for between in "-/.":
            yield between.join((str(born.year), month, day))
        if era := era_of(born):
            yield from _in_era(era, month, day)


def _in_era(era: tuple[str, str, int, int], month: str, day: str) -> Iterator[str]:
    kanji, letter, number, year = era
    yield f"{number}{year:02d}{int(month):02d}{int(day):02d}"
    for written in {str(year), f"{year:02d}", *(("元",) if year == 1 else ())}:
        yield f"{kanji}{written}年{month}月{day}日"
        for between in "-/.":
            yield letter + between.join((written, month, day))
            yield kanji + between.join((written, month, day))


def address_writings(address: str) -> Iterator[str]:
    """An address as it is written, and without its prefecture and municipality; what says too little is left out."""
    _, _, within = split_municipality(address)
    if len(address) >= _SHORTEST_ADDRESS:
        yield address
    if within != address and (
        len(within) >= _SHORTEST_ADDRESS or _TOWN_AND_NUMBERS.fullmatch(within.translate(_HALF))
    ):
        yield within


_HALF = str.maketrans("０１２３４５６７８９", "0123456789")

# 一丁目 -> 1丁目 and so on, the longest first: no town of a register has a chome beyond it
_ONES = "一二三四五六七八九"
CHOME = tuple(
    (f"{kanji}丁目".encode(), f"{to_digits(kanji)}丁目".encode())
    for kanji in (*(tens + ones for tens in ("二十", "十") for ones in _ONES), "二十", "十", *_ONES)
)
