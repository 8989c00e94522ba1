"""The files of a day, written as a source would: the same people in any layout, by its headers, codes and dates."""

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

import openpyxl

from pipelines.intake.layouts import Layout, TableLayout, load_layout
from pipelines.programme import ROOT, ListSource, Programme, load_programme

PROGRAMME = load_programme(ROOT / "programmes" / "shinjuku-2020.toml")
_LEFT_OUT = re.compile(rb"(?:core|theme1)\.xml$")
ENTRY_DATE = (
    2020,
    1,
    1,
    0,
    0,
    0,
)  # of every archive member: the bytes must not depend on the clock

# resident_id, household_id, name_kana, name_kanji, relationship, birth_date (ours), postal_code, address,
# address_supplement, head_name_kanji
_KEYS = (
    "resident_id", "household_id", "name_kana", "name_kanji", "relationship", "birth_date", "postal_code", "address",
    "address_supplement", "head_name_kanji",
)  # fmt: skip
PEOPLE = [
    dict(zip(_KEYS, row, strict=True))
    for row in (
        ("0000000001", "0000000101", "ミホン\u3000ハナコ", "髙橋\u3000花子", "02", "19800401", "1600022",
         "東京都新宿区新宿１丁目２番３号", "見本荘\u3000１０１", "髙橋\u3000花子"),
        ("0000000002", "0000000101", "ミホン\u3000タロウ", "髙橋\u3000太郎", "20", "19890107", "1600022",
         "東京都新宿区新宿１丁目２番３号", "見本荘\u3000１０１", "髙橋\u3000花子"),
        ("0000000003", "0000000101", "ミホン\u3000サクラ", "髙橋\u3000さくら", "2012", "19890108", "1600022",
         "東京都新宿区新宿１丁目２番３号", "見本荘\u3000１０１", "髙橋\u3000花子"),
        ("0000000004", "0000000102", "ミホン\u3000イチロウ", "﨑濵\u3000一郎", "02", "20190501", "1690072",
         "東京都新宿区大久保２丁目３４番２号", "", "﨑濵\u3000一郎"),
        ("0000000005", "0000000102", "", "ＭＩＨＯＮ\u3000ＡＮＮＡ", "12", "19450000", "1690072",
         "東京都新宿区大久保２丁目３４番２号", "", "﨑濵\u3000一郎"),
        ("0000000006", "0000000103", "ミホン\u3000ウメ", "見本\u3000ウメ", "02", "19261225", "1610033",
         "東京都新宿区下落合４丁目２１番２１号", "コーポ\u3000０２", "見本\u3000ウメ"),
    )
]  # fmt: skip

_ERAS = (
    ("5", "R", "令和", 20190501, 2018),
    ("4", "H", "平成", 19890108, 1988),
    ("3", "S", "昭和", 19261225, 1925),
)


def write_date(day: str, style: str) -> str:
    """A YYYYMMDD as one of the styles of the fictional municipality's layouts."""
    western, month, gone = day[:4], day[4:6], day[6:]
    compared = int(day) if gone != "00" else int(western) * 10000 + 1231
    number, letter, kanji, _, zero = next(era for era in _ERAS if compared >= era[3])
    year = int(western) - zero
    shown = "元" if year == 1 else str(year)
    return {
        "YYYYMMDD": day,
        "YYYY-MM-DD": f"{western}-{month}-{gone}",
        "YYYY/M/D": f"{western}/{int(month)}/{int(gone)}",
        "GE.M.D": f"{letter}{shown}.{int(month)}.{int(gone)}",
        "GEE.MM.DD": f"{letter}{year:02d}.{month}.{gone}",
        "GGE年M月D日": f"{kanji}{shown}年{int(month)}月{int(gone)}日",
        "NEEMMDD": f"{number}{year:02d}{month}{gone}",
    }[style]


def in_words_of(layout: Layout, row: dict[str, str]) -> dict[str, str]:
    """Our values as the source writes them."""
    told = dict(row)
    for column, codes in layout.codes.items():
        theirs = {ours: code for code, ours in codes.items()}
        if column in row:
            value = row[column]
            step = 2 if column in layout.chained else len(value) or 1
            told[column] = "".join(theirs[value[i : i + step]] for i in range(0, len(value), step))
    for column, style in layout.dates.items():
        if row.get(column):
            told[column] = write_date(row[column], style.styles[0])
    return told


def lines_of(
    layout: Layout, rows: Iterable[dict[str, str]], table: str = "rows"
) -> list[list[str]]:
    """The cells of a table in the layout's order, header first."""
    columns = layout.tables[table].columns
    body = [[in_words_of(layout, row)[ours] for ours in columns.values()] for row in rows]
    return [list(columns), *body]


def write_table(layout: Layout, lines: Sequence[Sequence[str]], table: str = "rows") -> bytes:
    """A table's lines in the layout's format and encoding; cells must need no quotes."""
    if layout.format == "xlsx":
        return write_xlsx(lines)
    if layout.format == "fixed":
        return b"".join(
            fixed_record(layout.tables[table], layout.encoding, row) for row in lines[1:]
        )
    text = "".join(layout.delimiter.join(line) + "\r\n" for line in lines)
    return text.encode(layout.encoding)


def fixed_record(table: TableLayout, encoding: str, cells: Sequence[str]) -> bytes:
    """One record: full-width padding where the cell is full-width and the column's bytes are even."""
    record = bytearray(b" " * (table.record_bytes or 0))
    for cell, (first, width) in zip(cells, table.positions.values(), strict=True):
        raw = cell.encode(encoding)
        full = raw and not cell.isascii()
        filler = "\u3000".encode(encoding) if full else b" "
        raw = (
            (raw + filler * width)[:width]
            if (width - len(raw)) % len(filler) == 0
            else raw.ljust(width)
        )
        record[first - 1 : first - 1 + width] = raw
    return bytes(record) + {"crlf": b"\r\n", "lf": b"\n", "none": b""}[table.separator]


def write_xlsx(
    lines: Sequence[Sequence[object]],
    change: Callable[[openpyxl.Workbook], object] = lambda _book: None,
    edit: Callable[[str, bytes], bytes] = lambda _name, body: body,
) -> bytes:
    """A workbook; `change` sees the book, `edit` every part's name and bytes. The bytes depend on nothing else."""
    book = openpyxl.Workbook()
    for line in lines:
        book.active.append(list(line))
    change(book)
    out = io.BytesIO()
    book.save(out)
    with zipfile.ZipFile(out) as old:
        parts = [
            (name, old.read(name)) for name in old.namelist() if not _LEFT_OUT.search(name.encode())
        ]
    return write_zip(*((name, edit(name, _forget(body))) for name, body in parts))


def _forget(part: bytes) -> bytes:
    """Without what refers to the parts left out: one holds the time of writing, one only colours."""
    return re.sub(rb"<(?:Relationship|Override) [^>]*(?:core|theme1)\.xml[^>]*/>", b"", part)


def write_zip(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    """An archive whose bytes depend on its members alone."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in members:
            info = zipfile.ZipInfo(name, ENTRY_DATE) if isinstance(name, str) else name
            archive.writestr(info, body)
    return out.getvalue()


def with_layout(dataset: str, layout: str, programme: Programme = PROGRAMME) -> Programme:
    """The programme with another layout for one dataset."""
    source = programme.source(dataset)
    other = source.model_copy(update={"layout": layout})
    group = "list_sources" if isinstance(source, ListSource) else "sources"
    parts = [other if s.dataset == dataset else s for s in getattr(programme, group)]
    return programme.model_copy(update={group: tuple(parts)})


def register_file(layout: str, people: Sequence[dict[str, str]] = PEOPLE) -> bytes:
    """The register's extract in one of its layouts."""
    found = load_layout(layout)
    return write_table(found, lines_of(found, people))


def files_of(
    dataset: str, day: date, tables: Mapping[str, Sequence[dict[str, str]]]
) -> dict[str, bytes]:
    """A dataset's files of a day in the ward's layout: table -> rows by our columns; what a row leaves out is empty."""
    layout = load_layout(PROGRAMME.source(dataset).layout)
    files: dict[str, bytes] = {}
    archives: dict[str, list[tuple[str, bytes]]] = {}
    for table, rows in tables.items():
        empty = dict.fromkeys(layout.tables[table].columns.values(), "")
        lines = lines_of(layout, [{**empty, **row} for row in rows], table)
        name, _, member = layout.tables[table].file_name(dataset, day).partition("#")
        data = write_table(layout, lines, table)
        if member:
            archives.setdefault(name, []).append((member, data))
        else:
            files[name] = data
    return files | {name: write_zip(*members) for name, members in archives.items()}
