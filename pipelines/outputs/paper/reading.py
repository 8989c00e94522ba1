"""Finished pages back to text, so that what was printed can be compared with what was meant, and scanned."""

from functools import lru_cache

import pypdfium2


def page_texts(pdf: bytes) -> list[str]:
    """The text of each page, in reading order."""
    return list(_read(pdf))


@lru_cache(maxsize=1)  # a file is read back by its comparison and by the gate, one after the other
def _read(pdf: bytes) -> tuple[str, ...]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return tuple(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()
