"""Whether a file fits a layout, explained column by column: what a new municipality's layout file is written with.

The answer holds headers, counts, row numbers and codes, never a name, an address or a date of a row.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import InputRefused
from pipelines.intake import readers
from pipelines.intake.date_styles import DateColumn
from pipelines.intake.layouts import Layout, TableLayout, read_text
from pipelines.intake.readers.delimited import header_of
from pipelines.intake.readers.workbook import header_of_workbook
from schemas.datasets import ITEMS

_CODE = re.compile("[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]{1,4}")
_ITEM = re.compile(
    "番号|コード|氏名|名称|カナ|フリガナ|漢字|住所|方書|年月日|日時|世帯|続柄|郵便|区分|性別|事由|施設|口座|名義|"
    "金融|機関|支店|種目|記号|不備|添付|通知|給付|シリアル|証明|代理|申請|受付|市区町村|生年|入所|退所|異動|届出"
)
_LIKE = 0.4  # a header less similar than this is not proposed
_SHOWN = 10  # row numbers told of each finding


@dataclass(frozen=True)
class HeaderCell:
    """One position of the header. found: "" where the file has no such position; nearest: "" where nothing is near."""

    position: int
    expected: str
    found: str
    nearest: str
    fits: bool


@dataclass
class TableCheck:
    """One table of the file against its layout. problems and notes are sentences for ward staff."""

    table: str
    file: str
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    header: list[HeaderCell] = field(default_factory=list)
    rows: int = 0
    ragged: tuple[int, ...] = ()
    unknown_codes: dict[str, dict[str, int]] = field(default_factory=dict)
    styles: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def fits(self) -> bool:
        """Whether a day's file like this would enter with every row readable."""
        return not self.problems


def check_file(data: bytes, file: str, layout: Layout) -> list[TableCheck]:
    """Compare a file with the layout: its archive's tables, or the table that its name or its header tells.

    Raises:
        InputRefused: an archive that may not be opened.
    """
    if layout.format == "zip":
        return _check_archive(data, file, layout)
    named = layout.table_of(file)
    found = [_check_table(data, file, layout, key) for key in layout.tables if named in (None, key)]
    best = min(found, key=lambda check: sum(not cell.fits for cell in check.header))
    if named is None:
        pattern = layout.tables[best.table].file
        best.notes.append(
            f"ファイル名がレイアウトの {pattern} と違います。受け取るときは揃えてください。"
        )
    return [best]


def _check_archive(data: bytes, file: str, layout: Layout) -> list[TableCheck]:
    members = {key: table.file.partition("#")[2] for key, table in layout.tables.items()}
    with readers.open_archive(data, file) as archive:
        readers.assert_declared(archive, list(members.values()), layout.others, file)
        return [
            _check_table(readers.read_member(archive, name, file), f"{file}#{name}", layout, key)
            for key, name in members.items()
        ]


def _check_table(data: bytes, file: str, layout: Layout, key: str) -> TableCheck:
    table = layout.tables[key]
    check = TableCheck(key, file)
    try:
        if layout.format != "fixed":
            check.header = compare_headers(list(table.columns), _header(data, file, layout))
        text = read_text(data, file, layout, table)
    except InputRefused as error:
        check.problems.append(str(error))
        if fitting := _fitting_encodings(data, layout, table):
            check.problems.append(f"この文字コードなら読めます: {'、'.join(fitting)}")
        return check
    check.rows, check.ragged = text.rows_in, text.ragged
    if text.ragged:
        check.problems.append(f"列数または長さの違う行: {_some(text.ragged)}")
    rows = text.rows.rename_columns([*table.columns.values(), "row"])
    headers = {ours: header for header, ours in table.columns.items()}
    for column in layout.codes:
        if column in headers:
            _check_codes(rows, column, headers[column], layout, check)
    for column, style in layout.dates.items():
        if column in headers:
            _check_dates(rows, column, headers[column], style, check)
    return check


def _header(data: bytes, file: str, layout: Layout) -> list[str]:
    if layout.format == "xlsx":
        return header_of_workbook(data, file)
    return header_of(readers.decode(data, layout.encoding, file), file, layout.delimiter)


def _fitting_encodings(data: bytes, layout: Layout, table: TableLayout) -> list[str]:
    """The other encodings in which the file reads as this table."""
    fitting = []
    for encoding in readers.ENCODINGS:
        other = layout.model_copy(update={"encoding": encoding})
        if encoding == layout.encoding or layout.format == "xlsx":
            continue
        try:
            read_text(data, "", other, table)
        except InputRefused:
            continue
        fitting.append(encoding)
    return fitting


def compare_headers(expected: Sequence[str], found: Sequence[str]) -> list[HeaderCell]:
    """Position by position; a found cell that does not look like a header is not shown, as it may be a row's."""
    shown = [_shown(cell, expected, _is_header(found, expected)) for cell in found]
    cells = []
    for place in range(max(len(expected), len(found))):
        want = expected[place] if place < len(expected) else ""
        have = found[place] if place < len(found) else ""
        fits = place < len(expected) and place < len(found) and want == have
        seen = shown[place] if place < len(found) else ""
        cells.append(
            HeaderCell(
                place + 1, want, seen, "" if fits else _nearest(want, expected, found, shown), fits
            )
        )
    return cells


def _is_header(found: Sequence[str], expected: Sequence[str]) -> bool:
    """Whether a file's first row is a header at all: most of its cells are names of items."""
    return 2 * sum(_is_item(cell, expected) for cell in found) >= len(found)


def _is_item(cell: str, expected: Sequence[str]) -> bool:
    items = {*expected, *ITEMS}
    return cell in items or (
        len(cell) <= 20 and bool(_ITEM.search(unicodedata.normalize("NFKC", cell)))
    )


def _shown(cell: str, expected: Sequence[str], header: bool) -> str:
    if header and _is_item(cell, expected):
        return cell
    return f"({len(cell)}文字、表示しません)" if cell else "(空)"


def _nearest(want: str, expected: Sequence[str], found: Sequence[str], shown: Sequence[str]) -> str:
    """The file's header most like the one wanted, with its position; another column's own is none."""
    scored = [
        (SequenceMatcher(None, _folded(want), _folded(cell)).ratio(), -place)
        for place, cell in enumerate(found)
        if cell == want or cell not in expected
    ]
    score, place = max(scored, default=(0.0, 0))
    if not want or score < _LIKE or shown[-place] != found[-place]:
        return ""
    return f"{1 - place}列目「{found[-place]}」"


def _folded(header: str) -> str:
    return unicodedata.normalize("NFKC", header).replace("_", "").replace(" ", "").casefold()


def _check_codes(
    rows: pa.Table, column: str, header: str, layout: Layout, check: TableCheck
) -> None:
    """Codes that the layout does not have; only what looks like a code is shown."""
    counts: Counter[str] = Counter()
    for entry in pc.value_counts(rows.column(column)).to_pylist():
        if layout.code(column, entry["values"]) is None:
            code = entry["values"]
            counts[_code_shown(code)] += entry["counts"]
    if counts:
        check.unknown_codes[header] = dict(sorted(counts.items()))
        check.problems.append(f"「{header}」にコード表にない値: {sum(counts.values()):,}行")


def _code_shown(code: str) -> str:
    if not code:
        return "(空)"
    return code if _CODE.fullmatch(code) else "(コードに見えない値、表示しません)"


def _check_dates(
    rows: pa.Table, column: str, header: str, style: DateColumn, check: TableCheck
) -> None:
    """How many dates each declared style reads, and the rows that none does."""
    counts: Counter[str] = Counter()
    odd: list[str] = []
    for entry in pc.value_counts(rows.column(column)).to_pylist():
        found = style.read(entry["values"])
        if found is None:
            odd.append(entry["values"])
        else:
            counts[found[1] or "(日付なし)"] += entry["counts"]
    check.styles[header] = dict(counts)
    if odd:
        out = rows.filter(pc.is_in(rows.column(column), value_set=pa.array(odd, pa.string())))
        check.problems.append(
            f"「{header}」が {'、'.join(style.styles)} のどれでもない行: {_some(out.column('row').to_pylist())}"
        )


def _some(numbers: Sequence[int]) -> str:
    """A count with the first row numbers."""
    shown = "、".join(str(n) for n in numbers[:_SHOWN])
    return f"{len(numbers):,}行({shown}{'…' if len(numbers) > _SHOWN else ''}行目)"
