"""A finished PDF in parts, each a file of its own."""

import io
from collections.abc import Iterator, Sequence

import pypdfium2


def split_pages(pdf: bytes, first_pages: Sequence[int]) -> Iterator[bytes]:
    """The PDF in parts that begin on these pages (from 1, ascending); the last one goes on to the end."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        for first, behind in zip(first_pages, (*first_pages[1:], len(document) + 1), strict=True):
            part, buffer = pypdfium2.PdfDocument.new(), io.BytesIO()
            try:
                part.import_pages(document, list(range(first - 1, behind - 1)))
                part.save(buffer)
            finally:
                part.close()
            yield buffer.getvalue()
    finally:
        document.close()
