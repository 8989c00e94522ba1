"""What the ward makes itself for the envelopes of visually impaired people: dots, large print, a sheet to check both.

The ministry asked in May 2020 that an envelope says in Braille who sends it and what it is about. Each envelope is one
page of the embosser's file (BRF), in the order of the labels and of the checking sheet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from pipelines.outputs.braille import BrailleError, doubtful, to_brf, to_cells, to_kana
from pipelines.outputs.paper.typesetting import showable, typeset, unprintable

_FIRST_CELL: Final = 0x2800
_SAMA: Final = "サマ"
_PAGE_END: Final = "\f"
_LINE_END: Final = "\r\n"


@dataclass(frozen=True, slots=True)
class Embosser:
    """What every envelope says, in Braille kana, and the embosser's page.

    Raises:
        BrailleError: sender or title has no cells, or a page has no room for them.
    """

    sender: str
    title: str
    with_name: bool = True
    cells_in_line: int = 32
    lines_in_page: int = 22

    def __post_init__(self) -> None:
        """Refuse what cannot be embossed on any envelope."""
        if not self.sender or not self.title:
            raise BrailleError("sender and title of the mailing are missing")
        _lines(self, "")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One envelope's addressee. number: its place in all three, from 1; address: lines, none if it is handed over."""

    number: int
    household_id: str
    name_kana: str
    name_kanji: str
    postal_code: str
    address: tuple[str, ...]


def spell(name_kana: str, name_kanji: str) -> tuple[str, bool]:
    """A name's Braille kana, empty where it has no cells, and whether a person must check it."""
    kana = to_kana(name_kana, name_kanji)
    try:
        to_cells(kana)
    except BrailleError:
        return "", True
    return kana, not kana or doubtful(name_kana, name_kanji)


def build_brf(envelopes: Sequence[Envelope], embosser: Embosser) -> bytes:
    """The embosser's file: a page an envelope with sender, title and, if asked, the name and サマ.

    A name that has no cells leaves its line out; the checking sheet says so.

    Raises:
        BrailleError: a page has no room; the message gives the envelope's number.
    """
    pages = []
    for envelope in envelopes:
        try:
            lines = _lines(embosser, _name(envelope, embosser))
        except BrailleError as error:
            raise BrailleError(f"envelope {envelope.number}: {error}") from None
        pages.append("".join(to_brf(line) + _LINE_END for line in lines) + _PAGE_END)
    return "".join(pages).encode("ascii")


def build_labels(envelopes: Sequence[Envelope], points: int, day: date) -> bytes:
    """Large-print labels (拡大文字) as a PDF, one a page.

    A kanji name that the font has not is printed in kana, any other such character as 〓; the checking sheet says so.
    """
    labels = [
        {"postal_code": e.postal_code, "address": list(e.address), "name": _label_name(e)}
        for e in envelopes
    ]
    return typeset("braille_labels", showable({"points": points, "labels": labels}), day)


def build_check_sheet(envelopes: Sequence[Envelope], embosser: Embosser, day: date) -> bytes:
    """A sheet on which a person checks the file by eye: kana, cells as dots and BRF of every envelope.

    Marked are the names that a person must check, and the labels with a character that the font has not.
    """
    rows = []
    for envelope in envelopes:
        kana, must_check = spell(envelope.name_kana, envelope.name_kanji)
        cells = _cells(kana)
        rows.append(
            {
                "number": str(envelope.number), "household_id": envelope.household_id,
                "name_kanji": envelope.name_kanji, "name_kana": envelope.name_kana, "kana": kana,
                "words": _dots(cells), "brf": to_brf(cells),
                "check": must_check, "gaiji": bool(unprintable(envelope.name_kanji + "".join(envelope.address))),
            }
        )  # fmt: skip
    common = [
        {"what": what, "kana": text, "words": _dots(to_cells(text)), "brf": to_brf(to_cells(text))}
        for what, text in (("差出人", embosser.sender), ("件名", embosser.title), ("敬称", _SAMA))
    ]  # fmt: skip
    data = {
        "day": str(day),
        "common": common,
        "rows": rows,
        "with_name": embosser.with_name,
    }
    return typeset("braille_check", showable(data), day)


def _label_name(envelope: Envelope) -> str:
    kanji, kana = envelope.name_kanji, envelope.name_kana
    return kana if kana and (not kanji or unprintable(kanji)) else kanji


def _name(envelope: Envelope, embosser: Embosser) -> str:
    kana, _ = spell(envelope.name_kana, envelope.name_kanji)
    return f"{kana} {_SAMA}" if embosser.with_name and kana else ""


def _cells(kana: str) -> str:
    return to_cells(kana) if kana else ""


def _dots(cells: str) -> list[list[int]]:
    """Each word's cells by their dots as a number: they are drawn, no font has to have them."""
    return [[ord(cell) - _FIRST_CELL for cell in word] for word in cells.split()]


def _lines(embosser: Embosser, name: str) -> list[str]:
    """An envelope's lines of cells, broken between words."""
    lines: list[str] = []
    for text in (embosser.sender, embosser.title, name):
        lines += _broken(_cells(text), embosser.cells_in_line)
    if len(lines) > embosser.lines_in_page:
        raise BrailleError("the page has not so many lines")
    return lines


def _broken(cells: str, most: int) -> Iterator[str]:
    line = ""
    for word in cells.split():
        if len(word) > most:
            raise BrailleError("a word is longer than a line")
        if line and len(line) + 1 + len(word) > most:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    if line:
        yield line
