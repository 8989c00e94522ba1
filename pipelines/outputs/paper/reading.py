"""Finished pages back to text, so that what was printed can be compared with what was meant, and scanned."""

import pypdfium2


def page_texts(pdf: bytes) -> list[str]:
    """The text of each page, in reading order."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()
