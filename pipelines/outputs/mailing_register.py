"""The mailing register (発送簿): a day's mail of the ward's own, one row an addressee, for whoever posts it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from pipelines.outputs.paper.typesetting import typeset
from pipelines.outputs.ward_sheets import print_day

_ROWS_OF_PAGE: Final = 36


@dataclass(frozen=True, slots=True)
class Posted:
    """One row. way: how it goes, in staff's words; where: what kind of address or which department, no address."""

    number: str
    way: str
    name: str
    where: str


def build_register(rows: Sequence[Posted], title: str, envelopes: int, day: date) -> bytes:
    """The register as PDF; the last page has the totals by way and the lines to sign.

    Args:
        rows: in the order of the sheets.
        title: what is mailed.
        envelopes: return envelopes that go with it.
        day: the business date.

    Raises:
        PaperError: a character that the font cannot print.
    """
    cells = [
        {"number": row.number, "way": row.way, "name": row.name, "where": row.where} for row in rows
    ]
    data = {
        "title": title, "day": print_day(f"{day:%Y%m%d}", ""), "total": f"{len(rows):,}", "envelopes": f"{envelopes:,}",
        "counts": [[way, f"{n:,}"] for way, n in sorted(Counter(row.way for row in rows).items())],
        "pages": [cells[at : at + _ROWS_OF_PAGE] for at in range(0, len(cells), _ROWS_OF_PAGE)],
    }  # fmt: skip
    return typeset("mailing_register", data, day)
