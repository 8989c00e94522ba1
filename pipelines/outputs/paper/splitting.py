"""A finished PDF in parts: some of its pages as a file of their own."""

import io
from collections.abc import Iterable, Iterator

import pypdfium2


def split_pages(pdf: bytes, parts: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    """The pages of each part (first, last; counted from 1, both included) as a PDF."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        for first, last in parts:
            part, buffer = pypdfium2.PdfDocument.new(), io.BytesIO()
            try:
                part.import_pages(document, list(range(first - 1, last)))
                part.save(buffer)
            finally:
                part.close()
            yield buffer.getvalue()
    finally:
        document.close()


def count_pages(pdf: bytes) -> int:
    """How many pages it has."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return len(document)
    finally:
        document.close()
