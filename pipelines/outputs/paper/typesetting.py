"""Rows to pages: one template, its data, a business date -> the bytes of a PDF, the same every time.

The fonts come with their packages (Noto Sans CJK JP), never from the machine, so that a page looks the same everywhere.
A character that the font has not is an error: nothing is printed as an empty box.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from fontTools.ttLib import TTFont

from pipelines.errors import KyufuError
from pipelines.outputs.paper.setting import FONTS, set_pages

_LAYOUT_ONLY = frozenset("\n\t\u200b")
_VARIATION_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))


class PaperError(KyufuError):
    """Something cannot be printed; the message counts and names code points, never a text."""


def typeset(template: str, data: Mapping[str, Any], day: date) -> bytes:
    """Set `templates/<template>.typ` with the data.

    data: what JSON can hold; the template reads it with `json(bytes(sys.inputs.data))`. day: the business date, which
    becomes the document's date of making.

    Raises:
        PaperError: a text has a character that the font cannot print.
    """
    if lacking := sorted(unprintable("".join(_texts(data)))):
        points = "、".join(f"U+{ord(character):04X}" for character in lacking[:10])
        raise PaperError(
            f"{template}: 書体にない文字が{len(lacking)}種あります({points})。"
            "表示できる文字を確認し、手書きで作成してください。"
        )
    return set_pages(template, json.dumps(data, ensure_ascii=False), day)


def unprintable(text: str) -> set[str]:
    """The characters of a text that the font has not."""
    known = _characters()
    return {
        character
        for character in set(text) - _LAYOUT_ONLY
        if ord(character) not in known
        and not any(ord(character) in span for span in _VARIATION_SELECTORS)
    }


def showable(data: Any) -> Any:
    """Data with 〓 for every character that the font has not, for pages that say beside it which one it is."""
    lacking = unprintable("".join(_texts(data)))
    return _translated(data, dict.fromkeys(map(ord, lacking), "〓")) if lacking else data


def _translated(data: Any, table: Mapping[int, str]) -> Any:
    if isinstance(data, str):
        return data.translate(table)
    if isinstance(data, Mapping):
        return {name: _translated(value, table) for name, value in data.items()}
    return [_translated(value, table) for value in data] if isinstance(data, (list, tuple)) else data  # fmt: skip


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from _texts(value)
    elif isinstance(data, (list, tuple)):
        for value in data:
            yield from _texts(value)


@lru_cache(maxsize=1)
def _characters() -> frozenset[int]:
    """Code points that both weights have."""
    known = []
    for path in (path for folder in FONTS for path in folder.glob("*.otf")):
        with TTFont(path, lazy=True) as font:
            known.append(frozenset(font.getBestCmap()))
    return frozenset.intersection(*known)
