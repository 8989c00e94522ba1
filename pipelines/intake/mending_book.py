"""The workbook in which a steward mends quarantined rows: protected by a password, text only, given back as it went.

One sheet a table. The first columns are locked: row number, rules, remedies, what a ragged row holds, and a check word
that ties the row to the staged version; the source's own columns follow and may be edited. A hidden sheet says what the
workbook is of. A cell that a spreadsheet would take for a formula, and one that begins with an apostrophe, has an
apostrophe put in front, which is taken off again (FAULTS 27).
"""

import io
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msoffcrypto
import openpyxl
from msoffcrypto.format.ooxml import OOXMLFile
from openpyxl.styles import Alignment, Font, PatternFill, Protection
from openpyxl.worksheet.worksheet import Worksheet

from pipelines.errors import InputRefused, KyufuError
from pipelines.intake import readers

LOCKED = ("行番号", "規則(列: コード)", "直し方", "列の数が違う行の原文", "照合")
ABOUT = "kyufu"
MIN_PASSWORD = 12
_MAX_CELL = 32_767
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
# what XML cannot hold, the CR that it turns into LF, and text that reads like the escape itself (ECMA-376 22.4.2.4)
_ESCAPED = re.compile("_x[0-9A-Fa-f]{4}_|[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
_GREY = PatternFill("solid", fgColor="DDDDDD")


@dataclass(frozen=True)
class SheetRow:
    """A row to mend. cells: None for a ragged row, whose text is in `raw`."""

    row: int
    rules: tuple[str, ...]
    remedies: tuple[str, ...]
    cells: tuple[str, ...] | None
    raw: str
    check: str


@dataclass(frozen=True)
class Sheet:
    """A table's rows to mend, under the source's headers."""

    header: tuple[str, ...]
    rows: tuple[SheetRow, ...]


@dataclass(frozen=True)
class Returned:
    """What came back. about: what the workbook is of; tables: table -> header, and (row, check word, cells) a row."""

    about: dict[str, str]
    tables: dict[str, tuple[tuple[str, ...], list[tuple[str, str, tuple[str, ...]]]]]


def neutralise(text: str) -> str:
    """A cell's text as a spreadsheet may show it: never a formula, nothing that XML would change."""
    shown = f"'{text}" if text.startswith(_RISKY) else text
    return _ESCAPED.sub(
        lambda m: f"_x{ord(m[0]):04X}_" if len(m[0]) == 1 else f"_x005F{m[0]}", shown
    )


def restore(shown: str) -> str:
    """The inverse of `neutralise`."""
    text = _ESCAPE.sub(lambda m: chr(int(m[1], 16)), shown)
    return text.removeprefix("'")


def assert_password(password: str) -> None:
    """Refuse a password that is too short to protect a file of residents.

    Raises:
        KyufuError: it is shorter than `MIN_PASSWORD` characters.
    """
    if len(password) < MIN_PASSWORD:
        raise KyufuError(f"パスワードは{MIN_PASSWORD}文字以上にしてください。")


def write_book(about: Mapping[str, str], sheets: Mapping[str, Sheet], password: str) -> bytes:
    """The encrypted workbook (ECMA-376 agile encryption, AES-256).

    Raises:
        KyufuError: the password is too short, or a cell is longer than a spreadsheet's may be.
    """
    assert_password(password)
    book = openpyxl.Workbook()
    book.properties.creator = "kyufu"
    book.remove(book.worksheets[0])
    for name, sheet in sheets.items():
        _fill(book.create_sheet(name), name, sheet)
    hidden = book.create_sheet(ABOUT)
    hidden.sheet_state = "veryHidden"
    for item, value in about.items():
        hidden.append([item, value])
    _lock(hidden)
    plain, protected = io.BytesIO(), io.BytesIO()
    book.save(plain)
    OOXMLFile(plain).encrypt(password, protected)
    return protected.getvalue()


def _fill(page: Worksheet, name: str, sheet: Sheet) -> None:
    _put(page, 1, (*LOCKED, *sheet.header), 0)
    for cell in page[1]:
        cell.font, cell.fill = Font(bold=True), _GREY
    for number, row in enumerate(sheet.rows, start=2):
        cells = row.cells or ("",) * len(sheet.header)
        for title, text in zip(sheet.header, cells, strict=True):
            if len(neutralise(text)) > _MAX_CELL:
                raise KyufuError(
                    f"{name} {row.row}行目「{title}」が長すぎて表計算ファイルに入りません。"
                    "提供元に行を直してもらってください。"
                )
        raw = neutralise(row.raw)[:_MAX_CELL]
        locked = (str(row.row), "\n".join(row.rules), "\n".join(row.remedies), raw, row.check)
        _put(page, number, (*locked, *map(neutralise, cells)), len(LOCKED))
    for letter, width in zip("ABCDE", (8, 30, 50, 30, 6), strict=True):
        page.column_dimensions[letter].width = width
    page.freeze_panes = page.cell(2, len(LOCKED) + 1)
    _lock(page)


def _put(page: Worksheet, number: int, values: Sequence[str], locked: int) -> None:
    """A row of text cells; those behind the first `locked` ones may be edited, none of them if that is 0."""
    for place, value in enumerate(values, start=1):
        cell = page.cell(number, place)
        cell.value, cell.data_type, cell.number_format = value, "s", "@"
        cell.alignment = Alignment(vertical="top", wrap_text=place <= len(LOCKED))
        cell.protection = Protection(locked=not locked or place <= locked)
        if locked and place <= locked:
            cell.fill = _GREY


def _lock(page: Worksheet) -> None:
    """Protect the sheet with a password that nobody knows: it keeps hands off, the check words find the rest."""
    page.protection.set_password(secrets.token_hex(8))
    page.protection.formatColumns = False
    page.protection.formatRows = False
    page.protection.enable()


def read_book(data: bytes, password: str, file: str) -> Returned:
    """Open a workbook that came back.

    Raises:
        InputRefused: another password, no such workbook, damaged, or a cell that is no text.
    """
    book = _open(_decrypt(data, password, file), file)
    if ABOUT not in book.sheetnames:
        raise InputRefused(f"{file}: kyufu quarantine export で作ったファイルではありません。")
    about = {str(row[0].value): str(row[1].value or "") for row in book[ABOUT].iter_rows(max_col=2)}
    tables = {name: _read_sheet(book[name], file) for name in book.sheetnames if name != ABOUT}
    return Returned(about, tables)


def _decrypt(data: bytes, password: str, file: str) -> bytes:
    plain = io.BytesIO()
    try:
        protected = msoffcrypto.OfficeFile(io.BytesIO(data))
        if not protected.is_encrypted():
            raise InputRefused(
                f"{file}: パスワードで保護されていません。保護したまま保存して戻してください。"
            )
        protected.load_key(password=password, verify_password=True)
        protected.decrypt(plain, verify_integrity=True)
    except InputRefused:
        raise
    except Exception:  # a damaged file makes the library raise almost anything
        raise InputRefused(
            f"{file}: 開けません。パスワードが違うか、ファイルが壊れているか、書き換えられています。"
        ) from None
    return plain.getvalue()


def _open(data: bytes, file: str) -> openpyxl.Workbook:
    readers.open_archive(data, file).close()
    try:
        return openpyxl.load_workbook(io.BytesIO(data))
    except Exception:  # as above; its message may show a cell
        raise InputRefused(f"{file}: XLSXとして読めません。") from None


def _read_sheet(
    page: Worksheet, file: str
) -> tuple[tuple[str, ...], list[tuple[str, str, tuple[str, ...]]]]:
    rows = [
        [
            _text(cell.value, cell.data_type, f"{file}: {page.title} {cell.coordinate}")
            for cell in row
        ]
        for row in page.iter_rows()
    ]
    head = tuple(rows[0]) if rows else ()
    if head[: len(LOCKED)] != LOCKED:
        raise InputRefused(
            f"{file}: {page.title} の見出しが書き出したときと違います。列を変えないでください。"
        )
    check = LOCKED.index("照合")
    found = [
        (row[0], row[check], tuple(map(restore, row[len(LOCKED) :])))
        for row in rows[1:]
        if any(row)
    ]
    return head[len(LOCKED) :], found


def _text(value: object, kind: str, where: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or kind == "f":
        raise InputRefused(
            f"{where} が文字列ではありません。セルの書式を文字列にして入力し直してください。"
        )
    return value
