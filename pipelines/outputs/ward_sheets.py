"""The ward's own mail as PDF: application forms and letters, one addressee a sheet, ready for window envelopes.

A sheet says only what is given here: whom it goes to and where comes from whoever builds it, never from the household
of the person it is about. `ward_sheets_check` reads the finished pages back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from pipelines.outputs.paper.typesetting import typeset

FORM: Final = "form"
_FIRST_PAGE, _OTHER_PAGES = 12, 26  # persons on a form's pages
_ROWS_OF_COVER: Final = 20
_DAY: Final = re.compile(r"(\d{4})(\d{2})(\d{2})")

LETTERS: Final = {
    "decision": (
        "給付決定通知書",
        (
            "申請のあった給付金について、次のとおり給付することを決定しましたので通知します。",
            "給付金は、申請書に記入された口座に振り込みます。口座や金額に心当たりのないときは、上記にお問い合わせください。",
        ),
    ),
    "non_payment": (
        "不支給決定通知書",
        (
            "申請のあった給付金について、次の方の分は給付しないことを決定しましたので通知します。",
            "この決定について確かめたいことがあるとき、または書類がそろったときは、上記にお問い合わせください。",
        ),
    ),
    "deficiency": (
        "申請書の不備について(お願い)",
        (
            "申請書を受け取りましたが、次の点について確認ができないため、給付の手続を進めることができません。",
            "必要な書類を添えて、この通知とともに返信用封筒で返送してください。",
        ),
    ),
    "account": (
        "振込先口座の訂正について(お願い)",
        (
            "給付金の振込をしましたが、金融機関から振込ができない旨の連絡がありました。",
            "次の欄に正しい口座を記入し、口座を確認できる書類の写しを添えて、返信用封筒で返送してください。",
        ),
    ),
}
"""Kind of letter -> (title behind the benefit's name, paragraphs)."""


@dataclass(frozen=True, slots=True)
class Office:
    """Who writes. deadline: the last day of claims, as printed."""

    benefit: str
    signer: str
    telephone: str
    sender: tuple[str, ...]
    deadline: str


@dataclass(frozen=True, slots=True)
class Addressee:
    """What stands in the window. lines: of the address, or in whose care it goes; postal_code: 7 digits, or empty."""

    postal_code: str
    lines: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody who may be claimed for. birth: as printed (`print_day`)."""

    name: str
    birth: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """One addressee's paper. kind: `form`, or one of `LETTERS`.

    resident_id, household_id: printed as keys where given. persons, total_yen: of a form. rows: (label, text) of a
    letter.
    """

    number: str
    kind: str
    to: Addressee
    resident_id: str = ""
    household_id: str = ""
    persons: tuple[Named, ...] = ()
    total_yen: int = 0
    rows: tuple[tuple[str, str], ...] = ()

    @property
    def pages(self) -> int:
        """How many pages it takes."""
        return len(self.page_sizes)

    @property
    def page_sizes(self) -> list[int]:
        """How many persons stand on each page."""
        return [len(part) for part in _parts(self.persons)] if self.kind == FORM else [0]


@dataclass(frozen=True, slots=True)
class Handed:
    """A row of a department's list. mark: empty, or that it is not settled whether it is this person."""

    number: str
    name: str
    birth: str
    mark: str


@dataclass(frozen=True, slots=True)
class Cover:
    """The list before the sheets that a department hands over (引継書)."""

    department: str
    number: str
    rows: tuple[Handed, ...]

    @property
    def pages(self) -> int:
        """How many pages it takes."""
        return len(self.parts)

    @property
    def parts(self) -> list[tuple[Handed, ...]]:
        """The rows page by page."""
        starts = range(0, len(self.rows), _ROWS_OF_COVER)
        return [self.rows[at : at + _ROWS_OF_COVER] for at in starts]


def build_sheets(
    sheets: Sequence[Sheet], office: Office, day: date, cover: Cover | None = None
) -> bytes:
    """The sheets in their order, each beginning on a page of its own, behind the cover if there is one.

    Raises:
        PaperError: a character that the font cannot print.
        ValueError: no sheet, a kind nobody knows, a form without persons.
    """
    if not sheets:
        raise ValueError("no sheets")
    data = {
        "office": {
            "benefit": office.benefit, "signer": office.signer, "telephone": office.telephone,
            "sender": list(office.sender), "deadline": office.deadline,
        },
        "day": print_day(f"{day:%Y%m%d}", ""),
        "kinds": {
            kind: {"title": f"{office.benefit} {LETTERS[kind][0]}", "text": list(LETTERS[kind][1])}
            for kind in sorted({s.kind for s in sheets} - {FORM})
        },
        "cover": _cover(cover) if cover else None,
        "sheets": [_sheet(s) for s in sheets],
    }  # fmt: skip
    return typeset("ward_sheets", data, day)


def print_day(key: str | None, written: str) -> str:
    """A day as it is printed: YYYYMMDD as year, month and day; one that is partly unknown as it is written."""
    found = _DAY.fullmatch(key or "")
    if found is None or "00" in found.groups()[1:]:
        return written
    year, month, day = map(int, found.groups())
    return f"{year}年{month}月{day}日"


def _parts(persons: Sequence[Named]) -> list[Sequence[Named]]:
    """The persons page by page."""
    if not persons:
        raise ValueError("a form without persons")
    rest = range(_FIRST_PAGE, len(persons), _OTHER_PAGES)
    return [persons[:_FIRST_PAGE], *(persons[at : at + _OTHER_PAGES] for at in rest)]


def _sheet(s: Sheet) -> dict[str, Any]:
    found: dict[str, Any] = {
        "number": s.number, "kind": s.kind, "resident_id": s.resident_id, "household_id": s.household_id,
        "to": {"postal_code": s.to.postal_code, "lines": list(s.to.lines), "name": s.to.name},
    }  # fmt: skip
    if s.kind != FORM:
        return {**found, "rows": [list(row) for row in s.rows]}
    pages = []
    first = 1
    for number, part in enumerate(_parts(s.persons), start=1):
        people = [{"name": p.name, "birth": p.birth} for p in part]
        pages.append({"number": number, "first": first, "persons": people})
        first += len(part)
    total = {"persons": str(len(s.persons)), "total": f"{s.total_yen:,}"}
    return {**found, **total, "pages": pages}


def _cover(cover: Cover) -> dict[str, Any]:
    pages = [
        {
            "number": number,
            "rows": [{"number": r.number, "name": r.name, "birth": r.birth, "mark": r.mark} for r in part],
        }
        for number, part in enumerate(cover.parts, start=1)
    ]  # fmt: skip
    count = str(len(cover.rows))
    return {"department": cover.department, "number": cover.number, "count": count, "pages": pages}
