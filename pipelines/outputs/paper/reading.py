"""Finished pages back to text, so that what was printed can be compared with what was meant, and scanned."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import pypdfium2

_REMEMBERED = 16  # files: the comparison and the gate read each, one after the other
_known: OrderedDict[bytes, tuple[str, ...]] = OrderedDict()


def page_texts(pdf: bytes) -> list[str]:
    """The text of each page, in reading order.

    Raises:
        pypdfium2.PdfiumError: it is no PDF.
    """
    texts = _known.get(_digest(pdf))
    if texts is None:
        texts = remember(pdf, read_pages(pdf))
    return list(texts)


def read_pages(pdf: bytes) -> list[str]:
    """The same, read anew; by one thread at a time, as pdfium asks."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()


def remember(pdf: bytes, texts: Sequence[str]) -> tuple[str, ...]:
    """Remember what was read from these bytes, as of one of the last files."""
    found = _known[_digest(pdf)] = tuple(texts)
    while len(_known) > _REMEMBERED:
        _known.popitem(last=False)
    return found


def _digest(pdf: bytes) -> bytes:
    return hashlib.sha256(pdf).digest()
