"""What a finished payload says, as text: of a machine file all of it, of a PDF each page, in every encoding in use."""

import codecs
from dataclasses import dataclass

from pypdfium2 import PdfiumError

from pipelines.disclosure.guard import DisclosureRefused
from pipelines.outputs.paper.reading import page_texts

_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_ENCODINGS = ("utf-8", "cp932")
_SMALL = 1 << 20  # bytes; a text so short may be readable in both encodings by chance


@dataclass(frozen=True)
class Contents:
    """Texts of one payload. pages: of a PDF, in order; texts: of any other file, one for each way it can be read."""

    texts: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()


def read_contents(payload: bytes) -> Contents:
    """Read a payload as whoever gets it would.

    Raises:
        DisclosureRefused: it is neither text nor a PDF, so nobody can say what stands in it.
    """
    if payload.startswith(b"%PDF-"):
        try:
            return Contents(pages=tuple(page_texts(payload)))
        except PdfiumError:
            raise _unreadable() from None
    texts = _decoded(payload)
    if not texts or any("\0" in text for text in texts):
        raise _unreadable()
    return Contents(texts=texts)


def _decoded(payload: bytes) -> tuple[str, ...]:
    for mark, encoding in _BOMS.items():
        if payload.startswith(mark):
            return tuple(text for text in (_decode(payload, encoding),) if text is not None)
    found: list[str] = []
    for encoding in _ENCODINGS:
        if found and len(payload) > _SMALL:
            break
        text = _decode(payload, encoding)
        if text is not None and text not in found:
            found.append(text)
    return tuple(found)


def _decode(payload: bytes, encoding: str) -> str | None:
    try:
        return payload.decode(encoding)
    except UnicodeDecodeError:
        return None


def _unreadable() -> DisclosureRefused:
    return DisclosureRefused(
        "文字としてもPDFとしても読めない内容です。中身を確かめられないため、送りません。",
        "UNREADABLE",
    )
