"""The report of what was given to whom, for people: a CSV for a spreadsheet, or pages to print."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pyarrow as pa

from pipelines.outputs.handover import build_handover
from pipelines.outputs.paper.typesetting import typeset

Rows = Sequence[Sequence[str]]


def build_csv(headings: Sequence[str], rows: Rows) -> bytes:
    """A list that opens in a spreadsheet: UTF-8 with a mark, no cell begins like a formula."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(headings)
    return build_handover(
        pa.table({name: pa.array(column, pa.string()) for name, column in zip(headings, columns, strict=True)})
    )  # fmt: skip


def build_pages(
    *, programme: str, municipality: str, period: str, totals: Rows, given: Rows, refused: Rows, day: date
) -> bytes:  # fmt: skip
    """The same as a PDF, A4 across.

    Args:
        programme: the benefit's name.
        municipality: who gives the account.
        period: of which days, for people.
        totals: recipient, basis, releases, records.
        given: the cells of each release, in the order of the report's headings.
        refused: the cells of each refusal.
        day: the date of making.
    """
    data = {
        "programme": programme, "municipality": municipality, "period": period, "day": str(day),
        "totals": [list(row) for row in totals], "given": [list(row) for row in given],
        "refused": [list(row) for row in refused],
    }  # fmt: skip
    return typeset("disclosures", data, day)
