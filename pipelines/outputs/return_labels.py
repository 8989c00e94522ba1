"""Labels for return envelopes: the ward's own address, twelve on a sheet; they name nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from pipelines.outputs.paper.typesetting import typeset

_LABELS_OF_SHEET: Final = 12


def build_return_labels(postal_code: str, lines: Sequence[str], count: int, day: date) -> bytes:
    """Sheets of labels for at least so many envelopes, as PDF.

    Raises:
        PaperError: a character that the font cannot print.
    """
    pages = -(-count // _LABELS_OF_SHEET)
    data = {"postal_code": postal_code, "lines": list(lines), "pages": pages}
    return typeset("return_labels", data, day)
