"""The ward's own sheets read back from their finished pages and compared, field by field, with what they must say.

The pages are taken as they stand: whatever is printed on a page beside the fields must be the same on every page of
its kind, so that nothing can stand on one sheet alone that was not asked for.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from pipelines.outputs.paper.reading import page_texts
from pipelines.outputs.ward_sheets import FORM, Addressee, Cover, Sheet

# Blanks are the typesetter's; a hyphen at a line's end is read back as another character; a variation selector draws.
_UNREAD: Final = re.compile("[\\s\u3000\\-\u0002\ufffe\ufe00-\ufe0f\U000e0100-\U000e01ef]")

_LAST_HEADING: Final = "渡した日・受領"  # of a department's list


def compare_sheets(sheets: Sequence[Sheet], pdf: bytes, cover: Cover | None = None) -> list[str]:
    """Every difference between finished pages and what must be on them.

    Args:
        sheets: what they must say, made from the register and the protections.
        pdf: the finished file.
        cover: the list before the sheets.

    Returns:
        Differences as `page N: what`; empty if every page is there, in order, and says exactly this. No values.
    """
    pages = [_plain(text) for text in page_texts(pdf)]
    first = cover.pages if cover else 0
    told = [] if cover is None else _cover_differences(cover, pages[:first])
    wanted = list(_wanted_pages(sheets))
    if len(pages) != first + len(wanted):
        return [*told, f"{len(pages)} pages instead of {first + len(wanted)}"]
    beside: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for number, (page, (kind, fields)) in enumerate(
        zip(pages[first:], wanted, strict=True), first + 1
    ):
        rest = _without(page, fields)
        if rest is None:
            told.append(f"page {number}: a field is not what it must be")
        elif len(beside[kind] | {rest}) > 1:
            told.append(f"page {number}: something else stands on it")
        else:
            beside[kind].add(rest)
    return told


def _plain(text: str) -> str:
    return _UNREAD.sub("", text)


def _wanted_pages(sheets: Sequence[Sheet]) -> Iterator[tuple[str, list[str]]]:
    """(which pages are alike but for their fields, the fields in their order) of each page."""
    for sheet in sheets:
        if sheet.kind == FORM:
            yield from _form_pages(sheet)
        else:
            rows = "".join(label + text for label, text in sheet.rows)
            yield sheet.kind, [_head(sheet), _plain(rows), _foot(sheet, 1)]


def _form_pages(sheet: Sheet) -> Iterator[tuple[str, list[str]]]:
    at = 0
    for page, size in enumerate(sheet.page_sizes, start=1):
        people = sheet.persons[at : at + size]
        body = "".join(f"{n}{p.name}{p.birth}□" for n, p in enumerate(people, start=at + 1))
        at += size
        is_last = page == sheet.pages
        total = f"給付対象者{len(sheet.persons)}人合計{sheet.total_yen:,}円" if is_last else ""
        head = _head(sheet) if page == 1 else _keys(sheet)
        yield f"form {page == 1} {is_last}", [head, _plain(body + total), _foot(sheet, page)]


def _head(sheet: Sheet) -> str:
    return _window(sheet.to) + _keys(sheet)


def _window(to: Addressee) -> str:
    code = f"〒{to.postal_code[:3]}-{to.postal_code[3:]}" if to.postal_code else ""
    return _plain(f"{code}{''.join(to.lines)}{to.name}様")


def _keys(sheet: Sheet) -> str:
    household = f"世帯番号{sheet.household_id}" if sheet.household_id else ""
    resident = f"住民番号{sheet.resident_id}" if sheet.resident_id else ""
    return _plain(f"発送番号{sheet.number}{household}{resident}")


def _foot(sheet: Sheet, page: int) -> str:
    return _plain(f"{sheet.number} ({page}/{sheet.pages})")


def _without(page: str, fields: list[str]) -> tuple[str, ...] | None:
    """What stands on a page between its fields, the first at its start, the last at its end; None if one is missing."""
    head, body, foot = fields
    if not page.startswith(head) or not page.endswith(foot):
        return None
    middle = page[len(head) : len(page) - len(foot)]
    before, found, after = middle.partition(body)
    return (before, after) if found == body else None


def _cover_differences(cover: Cover, pages: Sequence[str]) -> list[str]:
    """Every person on a department's list stands on it once, in order, with number and birth date, and nobody else."""
    told = []
    for number, (part, page) in enumerate(zip(cover.parts, pages, strict=False), start=1):
        rows = "".join(f"{r.number}{r.name}{r.birth}{r.mark}" for r in part)
        foot = f"{cover.number}({number}/{cover.pages})"
        count = f"計{len(cover.rows)}件" if number == cover.pages else foot
        if _plain(f"{_LAST_HEADING}{rows}{count}") not in page or not page.endswith(_plain(foot)):
            told.append(f"page {number}: a row of the list is not what it must be")
    return told
