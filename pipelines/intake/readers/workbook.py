"""XLSX: one sheet of text cells. Whatever would lose or change a cell silently is refused by row and column."""

import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree  # no entity of a document is ever expanded from outside

import openpyxl
import pyarrow as pa
from openpyxl.utils import get_column_letter
from openpyxl.utils.cell import coordinate_from_string
from openpyxl.utils.exceptions import CellCoordinatesException

from pipelines.errors import InputRefused
from pipelines.intake.readers.archive import open_archive, read_member
from pipelines.intake.readers.encodings import find_not_text
from pipelines.intake.readers.text_table import TextTable, check_header, text_table

_OLE = b"\xd0\xcf\x11\xe0"  # .xls, and .xlsx under a password
_MAX_ROW, _MAX_COLUMN = 1 << 20, 1 << 14
_WHY = {
    "f": "数式です。値だけを文字列として貼り付けてください",
    "e": "エラー値です。元の値を確認してください",
}
_BROKEN_XML = (ElementTree.ParseError, ValueError, LookupError, StopIteration)
_NO_TEXT = "文字列ではありません。セルの書式を文字列にしてください"

Row = list[tuple[str | None, str]]  # (text, why it is no text) of each cell


def read_xlsx(data: bytes, header: Sequence[str], file: str) -> TextTable:
    """Read the only sheet with cells of a workbook; blank rows after the last one are no rows.

    Raises:
        InputRefused: no workbook, a second sheet with cells, a hidden sheet, row or column, merged cells, another
            header, or a cell that is a formula, an error or no text (a number may have lost zeros).
    """
    rows = _rows(data, file)
    if not rows:
        raise InputRefused(f"{file}: 見出し行がありません。空のファイルです。")
    _assert_text(rows[0], 1, (), file)
    check_header(header_cells(rows[0]), header, file)
    ragged: list[tuple[int, str]] = []
    cells: list[list[str]] = []
    for number, row in enumerate(rows[1:], start=2):
        _assert_text(row, number, header, file)
        texts = [text or "" for text, _ in row]
        if len(texts) > len(header):
            ragged.append((number, "\t".join(texts)))
        else:
            cells.append(texts + [""] * (len(header) - len(texts)))
    columns = {
        name: pa.array([row[i] for row in cells], pa.string()) for i, name in enumerate(header)
    }
    return text_table(pa.table(columns), ragged, 2)


def _assert_text(row: Row, number: int, header: Sequence[str], file: str) -> None:
    """Refuse a cell that is no text, by row and column."""
    for place, (_, wrong) in enumerate(row):
        if wrong:
            name = header[place] if place < len(header) else f"{get_column_letter(place + 1)}列"
            raise InputRefused(f"{file}: {number}行目「{name}」が{wrong}。")


def header_of_workbook(data: bytes, file: str) -> list[str]:
    """The header's texts; empty where a cell is no text, no header where the sheet is blank.

    Raises:
        InputRefused: as `read_xlsx`.
    """
    rows = _rows(data, file)
    return header_cells(rows[0]) if rows else []


def header_cells(row: Row) -> list[str]:
    """The header's texts."""
    return [text or "" for text, _ in row]


def _rows(data: bytes, file: str) -> list[Row]:
    """The sheet's rows, each without the blank cells at its end."""
    if data.startswith(_OLE):
        raise InputRefused(
            f"{file}: 旧形式(.xls)か、パスワード付きです。パスワードのないXLSXで保存し直してください。"
        )
    if zipfile.is_zipfile(io.BytesIO(data)):
        with open_archive(data, file) as archive:
            _assert_plain_sheets(archive, file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl's may show a cell
            found = _open(data, file)
    except InputRefused:
        raise
    except (
        Exception
    ):  # whatever a broken workbook makes openpyxl raise; its message may show a cell
        raise InputRefused(
            f"{file}: XLSXとして読めません。ファイルが壊れていないか確認してください。"
        ) from None
    for number, row in enumerate(found, start=1):
        if any(text and find_not_text(text) for text, _ in row):
            raise InputRefused(
                f"{file}: {number}行目に文字ではない符号があります。提供元に再出力を依頼してください。"
            )
    return found


def _open(data: bytes, file: str) -> list[Row]:
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=False)
    filled = [(sheet, rows) for sheet in book.worksheets if (rows := _trim(_sheet_rows(sheet)))]
    if len(filled) > 1:
        raise InputRefused(
            f"{file}: 値のあるシートが{len(filled)}枚あります。一枚だけにしてください。"
        )
    if filled and filled[0][0].sheet_state != "visible":
        raise InputRefused(f"{file}: シートが非表示です。表示して確認し、保存し直してください。")
    return filled[0][1] if filled else []


def _sheet_rows(sheet: "openpyxl.worksheet._read_only.ReadOnlyWorksheet") -> Iterator[Row]:
    sheet.reset_dimensions()  # the size that the sheet states may be wrong and would cut rows off
    for row in sheet.iter_rows():
        yield [_cell(cell.value, cell.data_type) for cell in row]


def _cell(value: object, kind: str) -> tuple[str | None, str]:
    if value is None and kind != "f":
        return None, ""
    if kind in _WHY:
        return None, _WHY[kind]
    if not isinstance(value, str) or kind not in ("s", "inlineStr"):
        return None, _NO_TEXT
    return value, ""


def _trim(rows: Iterator[Row]) -> list[Row]:
    kept = []
    for row in rows:
        while row and not row[-1][0] and not row[-1][1]:
            row.pop()
        kept.append(row)
    while kept and not kept[-1]:
        kept.pop()
    return kept


def _assert_plain_sheets(archive: zipfile.ZipFile, file: str) -> None:
    """Look at the sheets' XML for what the workbook reader passes over without a word."""
    for number, name in enumerate(archive.namelist(), start=1):
        if not name.endswith(".xml"):
            continue
        body = io.BytesIO(read_member(archive, name, file, f"XLSXの部品{number}番目"))
        try:
            _, root = next(ElementTree.iterparse(body, ("start",)))  # noqa: S314
            if root.tag.rpartition("}")[2] == "worksheet":
                body.seek(0)
                _assert_plain_sheet(body, file)
        except (*_BROKEN_XML, CellCoordinatesException):
            raise InputRefused(
                f"{file}: XLSXとして読めません。ファイルが壊れていないか確認してください。"
            ) from None


def _assert_plain_sheet(body: io.BytesIO, file: str) -> None:
    """Rows and cells once each and in order, nothing merged, nothing hidden."""
    last_row = 0
    for _, element in ElementTree.iterparse(body):  # noqa: S314
        tag = element.tag.rpartition("}")[2]
        if tag == "mergeCell":
            raise InputRefused(
                f"{file}: 結合されたセルがあります。結合を解除して保存し直してください。"
            )
        if tag in ("row", "col") and element.get("hidden") in ("1", "true"):
            raise InputRefused(
                f"{file}: 非表示の行または列があります。表示して確認し、保存し直してください。"
            )
        if tag == "row":
            last_row = _assert_in_order(element, last_row)
            element.clear()


def _assert_in_order(row: ElementTree.Element, last_row: int) -> int:
    """The row's number, which must follow; its cells must lie in it from left to right."""
    number = int(row.get("r", last_row + 1))
    last_column = 0
    for cell in row:
        if place := cell.get("r"):
            letters, cell_row = coordinate_from_string(place)
            column = openpyxl.utils.column_index_from_string(letters)
        else:
            column, cell_row = last_column + 1, number
        if cell_row != number or not last_column < column <= _MAX_COLUMN:
            raise ValueError("cells out of order")
        _assert_one_value(cell)
        last_column = column
    if not last_row < number <= _MAX_ROW:
        raise ValueError("rows out of order")
    return number


def _assert_one_value(cell: ElementTree.Element) -> None:
    """A cell's value stands where its type says, or the workbook reader would take it for blank."""
    kinds = [child.tag.rpartition("}")[2] for child in cell]
    inline = cell.get("t") == "inlineStr"
    if len(kinds) != len(set(kinds)) or not set(kinds) <= (
        {"is"} if inline else {"f", "v", "extLst"}
    ):
        raise ValueError("value of another type")
