"""Declared encodings, verified: what is not in them, or is no text, refuses the file."""

import codecs
import re

from pipelines.errors import InputRefused

# name in a layout -> (codec, the byte-order marks of which one must come first; none: no mark may)
ENCODINGS: dict[str, tuple[str, tuple[bytes, ...]]] = {
    "cp932": ("cp932", ()),
    "utf-8": ("utf-8", ()),
    "utf-8-sig": ("utf-8", (codecs.BOM_UTF8,)),
    "utf-16": ("utf-16", (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)),
    "utf-16-le": ("utf-16-le", ()),
    "utf-16-be": ("utf-16-be", ()),
}
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Controls other than TAB, LF and CR; a byte-order mark inside the text (two files in one); and what Python's cp932
# makes of the undefined bytes 80, A0, FD, FE, FF
NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uf8f0-\uf8f3]")
# the same over UTF-8 bytes, as a quick answer for a whole file
_SUSPICIOUS = bytes([*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F])
_OTHER_LEADS = (b"\xef\xa3", b"\xef\xbb\xbf", b"\xef\xbf\xbe")
_LEADS = (*(bytes([0xC2, n]) for n in range(0x80, 0xA0)), *_OTHER_LEADS)


def decode(data: bytes, encoding: str, file: str) -> str:
    """Decode strictly.

    Raises:
        InputRefused: a byte-order mark where none is declared, none where one is, a wrong byte, a character that
            is no text.
    """
    codec, marks = ENCODINGS[encoding]
    _assert_mark(data, encoding, marks, file)
    skip = len(codecs.BOM_UTF8) if marks == (codecs.BOM_UTF8,) else 0
    try:
        text = data[skip:].decode(codec) if skip else data.decode(codec)
    except UnicodeDecodeError as error:
        offset = error.start + skip
        row = data[:offset].decode(codec, "replace").count("\n") + 1
        raise InputRefused(
            f"{file}: {offset}バイト目({row}行目)が{encoding}として読めません。文字コードを確認してください。"
        ) from None
    if wrong := find_not_text(text):
        row = text[: wrong.start()].count("\n") + 1
        raise InputRefused(
            f"{file}: {row}行目に文字ではない符号があります。提供元に再出力を依頼してください。"
        )
    return text


def find_not_text(text: str) -> re.Match[str] | None:
    """The first character that is no text."""
    raw = text.encode("utf-8", "surrogatepass")
    leads = _LEADS if b"\xc2" in raw else _OTHER_LEADS
    if len(raw.translate(None, _SUSPICIOUS)) == len(raw) and not any(lead in raw for lead in leads):
        return None
    return NOT_TEXT.search(text)


def _assert_mark(data: bytes, encoding: str, marks: tuple[bytes, ...], file: str) -> None:
    """The byte-order mark is there when declared, and only then."""
    found = next((mark for mark in _MARKS if data.startswith(mark)), None)
    if marks and found not in marks:
        raise InputRefused(
            f"{file}: 先頭にBOMがありません。レイアウトは{encoding}(BOMあり)です。"
            "BOMありで保存し直すか、レイアウトのencodingを直してください。"
        )
    if not marks and found:
        raise InputRefused(
            f"{file}: 先頭にBOMがあります。レイアウトは{encoding}(BOMなし)です。"
            f"BOMなしで保存し直すか、レイアウトのencodingを{_MARKS[found]}にしてください。"
        )
