"""Make the deliberately bad files of `index.toml`: `python -m tests.bad_files.make` writes them beside itself.

Every file is small, made of made-up people, and wrong in one way. What must become of it stands in the index, by hand.
"""

import re
import stat
import struct
import zipfile
from pathlib import Path

from pipelines.intake.layouts import load_layout
from tests.intake_files import (
    ENTRY_DATE,
    PEOPLE,
    fixed_record,
    lines_of,
    register_file,
    write_table,
    write_xlsx,
    write_zip,
)

HERE = Path(__file__).parent
SECRET = "見本秘密"  # stands in what is refused or waits; no message may show it
REGISTER, MIHON, FIXED = (
    load_layout(n) for n in ("shinjuku/register", "mihon/register", "mihon/register_fixed")
)
CHANGES, BOOK = load_layout("mihon/register_changes"), load_layout("mihon/facility_children")
FACILITY = load_layout("shinjuku/facility_disability")
PORTAL, POSTAL = load_layout("shinjuku/mynaportal"), load_layout("shinjuku/postal_claims")


def _register(*people):
    return lines_of(REGISTER, people or PEOPLE[:3])


def _csv(lines, encoding="cp932", end="\r\n"):
    return "".join(",".join(line) + end for line in lines).encode(encoding)


def _cell(row, column, value, lines=None):
    """The register's first three people with one cell changed (row 1 is the header)."""
    lines = lines or _register()
    lines[row - 1][column] = value
    return lines


def _with(*extra):
    """The register's first three people and then raw lines."""
    return _csv(_register()) + "".join(f"{line}\r\n" for line in extra).encode("cp932")


def csv_files():
    good, utf_8 = _csv(_register()), _csv(_register(), "utf-8")
    lines = good.split(b"\r\n")
    moved = _register()
    moved.append([*moved[1][:7], "東京都新宿区大久保２丁目１番１号", *moved[1][8:]])
    swapped = [[row[1], row[0], *row[2:]] for row in _register()]
    secret = ",".join(_cell(2, 3, SECRET)[1])
    digits = _cell(3, 5, "１９８９０１０７", _cell(2, 8, "１２３"))
    return {
        "f23_utf8_as_cp932.csv": utf_8,
        "f23_bom_as_cp932.csv": b"\xef\xbb\xbf" + utf_8,
        "f23_half_utf8.csv": good + utf_8.split(b"\r\n")[1] + b"\r\n",
        "f23_byte_80.csv": good.replace(b"\x8c\xa9\x96\x7b", b"\x80\x8c\xa9\x96\x7b", 1),
        "f23_byte_a0.csv": good[:-2] + b"\xa0\r\n",
        "f23_byte_ff.csv": good[:-2] + b"\xff\r\n",
        "f23_lead_byte_before_comma.csv": good
        + secret.encode("cp932").replace(b",02,", b"\x8c,02,")
        + b"\r\n",
        "f23_utf16_as_cp932.csv": good.decode("cp932").encode("utf-16"),
        "f23_iso2022jp.csv": good.decode("cp932").replace("髙", "高").encode("iso2022_jp"),
        "f23_eucjp.csv": good.decode("cp932").replace("髙", "高").encode("euc_jp"),
        "f23_missing_bom.csv": register_file("mihon/register")[3:],
        "f23_cp932_as_utf8sig.csv": b"\xef\xbb\xbf"
        + write_table(MIHON, lines_of(MIHON, PEOPLE)).decode("utf-8-sig").encode("cp932"),
        "f23_two_boms.csv": register_file("mihon/register") + register_file("mihon/register"),
        "f23_overlong_utf8.csv": register_file("mihon/register")[:-2] + b"\xc0\xaf\r\n",
        "f23_surrogate_utf8.csv": register_file("mihon/register")[:-2] + b"\xed\xa0\x80\r\n",
        "f24_nul.csv": good[:-2] + b"\0\r\n",
        "f24_escape.csv": good[:-2] + b"\x1b\r\n",
        "f24_ctrl_z.csv": good + b"\x1a",
        "f24_lone_cr.csv": good.replace(b"\r\n", b"\r"),
        "f24_cr_in_row.csv": _with(secret.replace(",02,", ",\r02,")),
        "f24_open_quote.csv": _with(secret.replace(SECRET, f'"{SECRET}')),
        "f24_two_open_quotes.csv": _with('"' + secret, '"' + secret),
        "f24_text_after_quote.csv": _with(secret.replace(SECRET, f'"{SECRET}"余')),
        "f24_newline_in_quotes.csv": _with(
            secret.replace(SECRET, f'"{SECRET}\r\n二行目"').replace("0000000001", "0000000009", 1)
        ),
        "f24_vertical_tab.csv": good[:-2] + b"\x0b\r\n",
        "f25_short_row.csv": _with("0000000009," + SECRET),
        "f25_long_row.csv": _with(secret + ",余り"),
        "f25_trailing_comma.csv": _csv([_register()[0]])
        + b"".join(line + b",\r\n" for line in lines[1:4]),
        "f25_trailing_comma_header.csv": b"".join(line + b",\r\n" for line in lines[:4]),
        "f25_header_swapped.csv": _csv(swapped),
        "f25_header_renamed.csv": good.replace(
            "漢字氏名".encode("cp932"), "氏名漢字".encode("cp932"), 1
        ),
        "f25_header_missing.csv": b"\r\n".join(lines[1:]),
        "f25_header_twice.csv": _csv([_register()[0], *_register()]),
        "f25_column_added.csv": _csv(
            [[*row, "1"] if n else [*row, "性別"] for n, row in enumerate(_register())]
        ),
        "f25_column_dropped.csv": _csv([row[:-1] for row in _register()]),
        "f25_tab_separated.csv": good.replace(b",", b"\t"),
        "f25_semicolons.csv": good.replace(b",", b";"),
        "f25_blank_line.csv": _with("", ",".join(_register(PEOPLE[3])[1])),
        "f25_blank_header.csv": b"\r\n" + good,
        "f25_comma_in_name.csv": _with(secret.replace(SECRET, "見本,秘密")),
        "f26_na_null_zeros.csv": _csv(_cell(3, 3, "NULL", _cell(2, 3, "NA"))),
        "f26_leading_zero_lost.csv": _csv(_cell(2, 0, "1")),
        "f26_full_width_digits.csv": _csv(digits),
        "f26_exponent.csv": _csv(_cell(2, 0, "1.00E+09")),
        "f27_formula_text.csv": _csv(_cell(4, 3, "@SUM", _cell(3, 8, "+81", _cell(2, 3, "=1+1")))),
        "f29_empty.csv": b"",
        "f29_newlines_only.csv": b"\r\n\r\n",
        "f29_cut_in_a_row.csv": good[:-20],
        "f29_cut_in_a_character.csv": good[: good.rindex("区".encode("cp932")) + 1],
        "f29_cut_before_newline.csv": good[:-1],
        "f29_repeated_inside.csv": good + b"\r\n".join(lines[1:]),
        "f31_repeated_rows.csv": good + lines[1] + b"\r\n" + lines[1] + b"\r\n",
        "f31_contradiction.csv": _csv(moved),
        "key_missing.csv": _csv(_cell(2, 0, "")),
        "name_missing.csv": _csv(_cell(2, 3, "")),
        "two_faults_one_row.csv": _csv(_cell(2, 3, "", _cell(2, 0, "x"))),
        "unknown_code.csv": write_table(MIHON, _cell(2, 6, "77", lines_of(MIHON, PEOPLE[:3]))),
        "code_cut.csv": write_table(MIHON, _cell(4, 6, "060", lines_of(MIHON, PEOPLE[:3]))),
        "date_in_another_style.csv": write_table(
            MIHON, _cell(2, 3, "19800401", lines_of(MIHON, PEOPLE[:3]))
        ),
        "date_before_its_era.csv": write_table(
            MIHON, _cell(2, 3, "R1.4.30", lines_of(MIHON, PEOPLE[:3]))
        ),
    }


def utf_16_files():
    row = ["22", "R02.04.30", "R02.05.01", "0000000001", "0000000101", *[""] * 8]
    header = list(CHANGES.tables["rows"].columns)
    good = write_table(CHANGES, [header, row])
    text = good.decode("utf-16")
    bad = write_table(CHANGES, [header, row, ["22", "R02.04.31", *row[2:]], ["99", *row[1:]]])
    return {
        "utf16_no_bom.tsv": good[2:],
        "utf16_odd_bytes.tsv": good[:-1],
        "utf16_lone_surrogate.tsv": good[:-4] + b"\x00\xd8\r\0\n\0",
        "utf16_bom_of_the_other_order.tsv": b"\xfe\xff" + good[2:],
        "utf16_is_utf8.tsv": text.encode(),
        "utf16_shifted.tsv": good[:2] + b"\0" + good[2:-1],
        "utf16_big_endian.tsv": b"\xfe\xff" + text.encode("utf-16-be"),
        "utf16_commas.tsv": text.replace("\t", ",").encode("utf-16"),
        "utf16_date_and_code.tsv": bad,
        "utf16_two_files_in_one.tsv": good + good,
    }


def fixed_files():
    table = FIXED.tables["rows"]
    cells = lines_of(FIXED, PEOPLE[:3])[1:]
    records = [fixed_record(table, "cp932", row) for row in cells]
    good = b"".join(records)
    filled = bytearray(good)
    filled[118:119] = b"1"  # byte 119 belongs to no column
    split = bytearray(good)
    split[60 + 38 : 60 + 41] = " 女".encode("cp932")  # across the border of name and relationship
    unknown = [
        cells[0],
        [*cells[1][:4], "77", *cells[1][5:]],
        [*cells[2][:5], "9550401", *cells[2][6:]],
    ]
    return {
        "fixed_cut.dat": good[:-30],
        "fixed_lf.dat": good.replace(b"\r\n", b"\n"),
        "fixed_no_separator.dat": good.replace(b"\r\n", b""),
        "fixed_short_record.dat": records[0] + records[1][:-10] + b"\r\n" + records[2],
        "fixed_long_record.dat": records[0] + b" " + records[1] + records[2],
        "fixed_blank_line.dat": records[0] + b"\r\n" + records[1],
        "fixed_all_records_short.dat": b"".join(r[:-3] + b"\r\n" for r in records),
        "fixed_text_between_columns.dat": bytes(filled),
        "fixed_character_across_columns.dat": bytes(split),
        "fixed_nul_padding.dat": good.replace(b"  \r\n", b"\0\0\r\n"),
        "fixed_is_utf8.dat": good.decode("cp932").encode(),
        "fixed_bom.dat": b"\xef\xbb\xbf" + good,
        "fixed_empty.dat": b"",
        "fixed_unknown_code_and_era.dat": b"".join(
            fixed_record(table, "cp932", row) for row in unknown
        ),
        "fixed_repeated.dat": good + records[0],
        "fixed_ctrl_z.dat": good + b"\x1a",
        "fixed_shifted_by_one.dat": b"".join(b" " + r[:-3] + b"\r\n" for r in records),
        "fixed_csv_instead.dat": register_file("shinjuku/register"),
    }


def _sheet(change):
    """An edit of the first sheet's XML."""
    return lambda name, body: change(body) if name.endswith("sheet1.xml") else body


def xlsx_files():
    header = list(FACILITY.tables["rows"].columns)
    row = ["見本花子", "S55.4.1", "2", "新宿１", "新宿２", "20190401", ""]
    rows = [header, row, [SECRET, "19900101", *row[2:]]]
    good = write_xlsx(rows)

    def put(cell, value):
        return write_xlsx(rows, lambda book: book.active.__setitem__(cell, value))

    def second_sheet(book):
        book.create_sheet("控え").append([SECRET])

    def hide(book):
        second_sheet(book)
        book.worksheets[0].sheet_state = "hidden"
        del book["控え"]["A1"]
        book.active = 1

    def swap(body):
        return body.replace(b'r="2"', b'r="9"').replace(b'r="3"', b'r="2"')

    return {
        "xlsx_number.xlsx": put("C2", 2),
        "xlsx_date_cell.xlsx": put("F2", __import__("datetime").date(2019, 4, 1)),
        "xlsx_true.xlsx": put("C3", True),
        "xlsx_formula.xlsx": put("A3", '="見本"&"秘密"'),
        "xlsx_formula_in_header.xlsx": put("A1", '="氏名"'),
        "xlsx_error_cell.xlsx": put("E3", "#N/A"),
        "xlsx_formula_beside_the_table.xlsx": put("J3", "=1+1"),
        "xlsx_cell_beside_the_table.xlsx": put("J3", SECRET),
        "xlsx_merged.xlsx": write_xlsx(rows, lambda book: book.active.merge_cells("A2:A3")),
        "xlsx_hidden_row.xlsx": write_xlsx(
            rows, lambda book: setattr(book.active.row_dimensions[3], "hidden", True)
        ),
        "xlsx_hidden_column.xlsx": write_xlsx(
            rows, lambda book: setattr(book.active.column_dimensions["C"], "hidden", True)
        ),
        "xlsx_second_sheet.xlsx": write_xlsx(rows, second_sheet),
        "xlsx_hidden_sheet.xlsx": write_xlsx(rows, hide),
        "xlsx_two_header_rows.xlsx": write_xlsx([["施設入所者一覧"], *rows]),
        "xlsx_header_renamed.xlsx": write_xlsx([["名前", *header[1:]], *rows[1:]]),
        "xlsx_small_dimension.xlsx": write_xlsx(
            rows,
            edit=_sheet(lambda b: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:G2"', b)),
        ),
        "xlsx_rows_out_of_order.xlsx": write_xlsx(rows, edit=_sheet(swap)),
        "xlsx_row_twice.xlsx": write_xlsx(
            rows, edit=_sheet(lambda b: b.replace(b'r="3"', b'r="2"'))
        ),
        "xlsx_cell_twice.xlsx": write_xlsx(
            rows, edit=_sheet(lambda b: b.replace(b'r="B3"', b'r="A3"'))
        ),
        "xlsx_row_beyond_the_sheet.xlsx": write_xlsx(
            rows,
            edit=_sheet(lambda b: re.sub(rb'([ A-Z])?r="([A-G]?)3"', rb' r="\g<2>99999999"', b)),
        ),
        "xlsx_no_such_string.xlsx": write_xlsx(
            rows,
            edit=_sheet(
                lambda b: re.sub(rb't="inlineStr"><is>.*?</is>', b't="s"><v>999</v>', b, count=1)
            ),
        ),
        "xlsx_value_of_another_type.xlsx": write_xlsx(
            rows, edit=_sheet(lambda b: b.replace(b'r="C3" t="inlineStr"', b'r="C3" t="n"'))
        ),
        "xlsx_broken_xml.xlsx": write_xlsx(rows, edit=_sheet(lambda b: b[: len(b) // 2])),
        "xlsx_cut.xlsx": good[: len(good) // 2],
        "xlsx_is_xls.xlsx": bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504),
        "xlsx_is_csv.xlsx": "氏名,生年月日\r\n".encode("cp932"),
        "xlsx_no_sheet.xlsx": write_zip(("readme.txt", SECRET.encode())),
        "xlsx_unknown_sex.xlsx": write_xlsx([header, row, [SECRET, row[1], "3", *row[3:]]]),
        "xlsx_kanji_dates.xlsx": write_table(
            BOOK,
            [
                list(BOOK.tables["rows"].columns),
                ["見本花子", "女", "平成元年１月７日", "新宿１", "新宿２", "2019/4/1", "入所中"],
                ["見本花子", "女", "平成元年１月８日", "新宿１", "新宿２", "2019.4.1", "入所中"],
            ],
        ),
    }


def _tables(claims=("N1",), members=("N1",)):
    claim = (
        "{0},2020-05-20T10:00:00,新規,,見本花子,ミホンハナコ,19800401,新宿1,08E2C368FD,"
        "0001,001,1,0000001,ミホンハナコ,,,1"
    )
    line = "{0},1,見本花子,19800401,希望する"
    bodies = []
    for key, rows in (
        ("claims", [claim.format(n) for n in claims]),
        ("members", [line.format(n) for n in members]),
    ):
        header = ",".join(PORTAL.tables[key].columns)
        bodies.append("".join(f"{row}\r\n" for row in (header, *rows)).encode())
    return tuple(zip(("applications.csv", "members.csv"), bodies, strict=True))


def _named(name, *, attributes=0, method=zipfile.ZIP_STORED):
    info = zipfile.ZipInfo(name, ENTRY_DATE)
    info.external_attr = attributes << 16
    info.compress_type = method
    return info


def zip_files():
    tables = _tables()
    good = write_zip(*tables)
    name = f"attachments/{SECRET}.jpg".encode("cp932")
    cp932 = write_zip(*tables, ("a" * len(name), b"x")).replace(b"a" * len(name), name)
    locked = bytearray(good)
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(signature) + place] |= 1
    method = bytearray(good)
    for signature, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", method, method.index(signature) + place, 14)
    double = write_zip(*tables, ("members.csx", tables[1][1])).replace(
        b"members.csx", b"members.csv"
    )
    damaged = bytearray(good)
    damaged[60] ^= 0xFF
    return {
        "f28_parent_folder.zip": write_zip(*tables, (f"attachments/../../{SECRET}", b"x")),
        "f28_absolute.zip": write_zip(*tables, (f"/etc/{SECRET}", b"x")),
        "f28_drive.zip": write_zip(*tables, (f"C:{SECRET}", b"x")),
        "f28_backslash.zip": write_zip(*tables, (f"attachments\\..\\{SECRET}", b"x")),
        "f28_symlink.zip": write_zip(
            *tables, (_named("attachments/N1/a", attributes=stat.S_IFLNK | 0o777), b"/etc/passwd")
        ),
        "f28_device.zip": write_zip(
            *tables, (_named("attachments/N1/a", attributes=stat.S_IFCHR | 0o666), b"")
        ),
        "f28_duplicate.zip": double,
        "f28_duplicate_but_case.zip": write_zip(*tables, ("Members.CSV", tables[1][1])),
        "f28_cp932_name.zip": cp932,
        "f28_password.zip": bytes(locked),
        "f28_bomb.zip": write_zip(
            *tables, (_named("attachments/N1/a", method=zipfile.ZIP_DEFLATED), b"\0" * (2 << 20))
        ),
        "f28_lzma.zip": bytes(method),
        "f28_undeclared_file.zip": write_zip(*tables, ("性別.csv", b"x")),
        "f29_cut.zip": good[:-10],
        "f29_damaged_member.zip": bytes(damaged),
        "zip_without_members.zip": write_zip(tables[0]),
        "zip_is_csv.zip": tables[0][1],
        "zip_member_in_cp932.zip": write_zip(
            (tables[0][0], tables[0][1].decode().encode("cp932")), tables[1]
        ),
        "zip_member_cut.zip": write_zip(tables[0], (tables[1][0], tables[1][1][:-4])),
        "zip_line_without_its_claim.zip": write_zip(*_tables(members=("N1", "N9"))),
        "zip_claim_twice.zip": write_zip(*_tables(claims=("N1", "N1"))),
    }


def pair_files():
    claim = ["P1", "20200531", "20200530", "新規", "", "0000000101", "見本花子", "ミホンハナコ", "19800401", "", "",
             "0001", "001", "1", "0000001", "ミホンハナコ", "", "", ""]  # fmt: skip
    lines = [list(POSTAL.tables["claims"].columns), claim]
    members = [list(POSTAL.tables["members"].columns), ["P1", "1", "見本花子", "19800401", ""]]
    odd = [
        ["P2", "2020年5月31日", *claim[2:]],
        ["P3", "31/05/2020", *claim[2:]],
        ["P4", *claim[1:3], "変更", *claim[4:]],
    ]
    return {
        "pair_good_members.csv": _csv(members),
        "pair_dates_and_kinds.csv": _csv([*lines, *odd]),
        "pair_good_claims.csv": _csv(lines),
        "pair_unknown_mark.csv": _csv([*members, ["P1", "2", SECRET, "", "レ"]]),
        "pair_swapped_files.csv": _csv(members),
    }


def make() -> dict[str, bytes]:
    """Every file by name."""
    parts = (csv_files, utf_16_files, fixed_files, xlsx_files, zip_files, pair_files)
    return {name: data for part in parts for name, data in part().items()}


if __name__ == "__main__":
    for old in HERE.iterdir():
        if old.suffix in (".csv", ".tsv", ".dat", ".xlsx", ".zip"):
            old.unlink()
    for name, data in make().items():
        (HERE / name).write_bytes(data)
