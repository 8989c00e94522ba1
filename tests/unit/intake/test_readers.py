"""Strict readers (FAULTS.md 23-28): a file is read exactly, or refused, or its row is told by number."""

import io
import re
import stat
import zipfile

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import InputRefused
from pipelines.intake.readers import decode, open_archive, read_csv, read_member, read_xlsx
from tests.unit.intake.refusals import CANARY, refusal

HEADER = ("住民番号", "氏名")
FILE = "list_20200518.csv"


def _csv(*lines, end="\r\n", encoding="cp932"):
    return "".join(f"{line}{end}" for line in lines).encode(encoding)


def _read(data, encoding="cp932", header=HEADER):
    return read_csv(data, encoding, header, FILE)


def _rows(table):
    return [tuple(row.values()) for row in table.rows.to_pylist()]


def _refused_csv(data, encoding="cp932"):
    return refusal(InputRefused, lambda: _read(data, encoding))


# CSV: what is read


@pytest.mark.parametrize("encoding", ["cp932", "utf-8"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_rows_are_read_with_the_source_row_number(encoding, end):
    found = _read(
        _csv(
            "住民番号,氏名",
            "0000000001,髙橋\u3000花子",
            "0000000002,田中",
            encoding=encoding,
            end=end,
        ),
        encoding,
    )
    assert found.rows.column_names == [*HEADER, "row"]
    assert _rows(found) == [("0000000001", "髙橋\u3000花子", 2), ("0000000002", "田中", 3)]
    assert (found.ragged, found.rows_in) == ((), 2)


def test_gaiji_and_old_forms_survive_cp932():
    name = "\ue000﨑濵①Ⅲ"
    assert _rows(_read(_csv("住民番号,氏名", f"1,{name}"))) == [("1", name, 2)]


@pytest.mark.parametrize(
    "cell",
    [
        "NA",
        "NULL",
        "null",
        "nan",
        "None",
        "",
        "0000000001",
        "１２３",
        "1e5",
        "TRUE",
        "2020-05-18",
        "=1+1",
        "+81",
        "-1",
        "@x",
        " 前後に空白 ",
        "\u3000",
    ],
)
def test_f26_text_is_kept_as_it_is(cell):
    assert _rows(_read(_csv("住民番号,氏名", f"{cell},{cell}")))[0][:2] == (cell, cell)


def test_quoted_cells_keep_commas_quotes_and_line_ends():
    found = _read(_csv("住民番号,氏名", '1,"花子, ""旧姓""\r\n二行目\r三"', "2", "3,太郎"))
    assert _rows(found) == [("1", '花子, "旧姓"\r\n二行目\r三', 2), ("3", "太郎", 4)]
    assert found.ragged == (3,)


def test_a_header_alone_is_an_empty_list():
    found = _read(_csv("住民番号,氏名"))
    assert (found.rows.num_rows, found.rows_in) == (0, 0)


def test_a_quoted_header_is_the_same_header():
    assert _read(_csv('"住民番号","氏名"', '"1","花子"')).rows_in == 1


@given(
    st.lists(
        st.tuples(*[st.text(st.sampled_from('あ亜0Aｱ,"\r\n ーNA'), min_size=1, max_size=6)] * 2),
        max_size=8,
    )
)
@settings(deadline=None, max_examples=30)
def test_whatever_is_quoted_is_read_back_exactly(cells):
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in cells]
    found = _read(_csv("住民番号,氏名", *lines))
    assert _rows(found) == [(*row, number) for number, row in enumerate(cells, start=2)]


# CSV: rows that do not fit


def test_f25_ragged_rows_are_told_by_number_and_shift_nothing():
    found = _read(
        _csv(
            "住民番号,氏名",
            "1,花子",
            "2",
            "3,太郎,余り",
            "4,次郎,",
            "5,三郎",
            f"{CANARY}",
            "7,四郎",
        )
    )
    assert found.ragged == (3, 4, 5, 7)
    assert _rows(found) == [("1", "花子", 2), ("5", "三郎", 6), ("7", "四郎", 8)]
    assert found.rows_in == 7


def test_a_blank_line_is_counted_and_moves_no_row_number():
    found = _read(_csv("住民番号,氏名", "1,花子", "", "2,太郎", "3", "4,次郎"))
    assert found.rows_in == 5
    assert [row for row in _rows(found) if row[0]] == [
        ("1", "花子", 2),
        ("2", "太郎", 4),
        ("4", "次郎", 6),
    ]
    assert found.ragged == (5,)


# CSV: files that are refused whole


@pytest.mark.parametrize("bom", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
@pytest.mark.parametrize("encoding", ["cp932", "utf-8"])
def test_f23_a_byte_order_mark_is_refused(bom, encoding):
    assert "BOM" in _refused_csv(
        bom + _csv("住民番号,氏名", f"1,{CANARY}", encoding="utf-8"), encoding
    )


def test_f23_a_wrong_byte_is_told_by_offset_and_row():
    good = _csv("住民番号,氏名", "1,花子", encoding="utf-8")
    data = good + f"2,{CANARY}".encode() + b"\x81,x\r\n"
    message = _refused_csv(data, "utf-8")
    assert f"{len(data) - 5}バイト目" in message
    assert "3行目" in message
    assert FILE in message


def test_f23_one_encoding_a_file():
    in_utf_8 = _csv("住民番号,氏名", f"1,{CANARY}", encoding="utf-8")
    in_cp932 = _csv("住民番号,氏名", f"1,{CANARY}", encoding="cp932")
    assert "1行目" in _refused_csv(in_cp932, "utf-8")
    assert _refused_csv(in_utf_8, "cp932")
    assert "2行目" in _refused_csv(
        _csv("住民番号,氏名", encoding="utf-8") + in_cp932[-12:], "utf-8"
    )


@pytest.mark.parametrize("byte", [b"\x80", b"\xa0", b"\xfd", b"\xfe", b"\xff", b"\x00"])
def test_f24_nul_and_bytes_that_cp932_does_not_define(byte):
    data = _csv("住民番号,氏名", "1,花子") + CANARY.encode("cp932") + byte + b",x\r\n"
    assert "3行目" in _refused_csv(data)


@pytest.mark.parametrize(
    "lines",
    [
        (f'1,"{CANARY}', "2,太郎"),
        (f'"1,{CANARY}', '"2,太郎'),  # two of them would swallow a row between each other
        (f'1,"{CANARY}"余り', "2,太郎"),
        ("1,花子", f'2,"{CANARY}'),
    ],
)
def test_f24_quotes_that_do_not_close_are_refused(lines):
    assert "引用符" in _refused_csv(_csv("住民番号,氏名", *lines))


@pytest.mark.parametrize("line", [f"1,{CANARY}\r2,太郎", f'1,{CANARY}\r2,"太郎"', f"1,{CANARY}\r"])
def test_f24_a_lone_carriage_return_is_refused(line):
    assert "CR" in _refused_csv(_csv("住民番号,氏名", line))


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("氏名,住民番号", "順序"),
        ("住民番号,名前", "足りない列: 氏名"),
        ("住民番号", "足りない列: 氏名"),
        ("住民番号,氏名,性別", "予定にない列: 1列"),
        ("住民番号,氏名,", "予定にない列: 1列"),
        ("住民番号,氏名,氏名", "順序"),
        (f"0000000001,{CANARY}", "予定にない列: 2列"),  # no header at all: the first row is data
    ],
)
def test_f25_another_header_is_refused(header, told):
    message = _refused_csv(_csv(header, f"1,{CANARY}"))
    assert told in message
    assert FILE in message


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\n\n"])
def test_f29_an_empty_file_is_refused(data):
    assert FILE in _refused_csv(data)


def test_f29_a_truncated_file_is_refused():
    whole = _csv("住民番号,氏名", "1,花子", f"2,{CANARY}")
    for length in range(1, len(whole)):
        cut = whole[:length]
        if cut.endswith(b"\n"):
            assert _read(cut).rows_in < 2  # at a row's end: only the declared count can tell
        else:
            assert FILE in _refused_csv(cut)


@given(st.binary(max_size=40), st.sampled_from(["cp932", "utf-8"]))
@settings(deadline=None, max_examples=80)
def test_any_bytes_are_read_or_refused_and_the_rows_add_up(tail, encoding):
    data = _csv("住民番号,氏名", "1,花子", encoding=encoding) + tail
    try:
        found = _read(data, encoding)
    except InputRefused:
        return
    numbers = sorted([*found.rows.column("row").to_pylist(), *found.ragged])
    assert numbers == list(range(2, found.rows_in + 2))
    if b'"' not in tail:
        assert found.rows_in == decode(data, encoding, FILE).count("\n") - 1


# XLSX


def _xlsx(*rows, sheet=None):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if sheet:
        sheet(book.active)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _refused_xlsx(data):
    return refusal(InputRefused, lambda: read_xlsx(data, HEADER, "list.xlsx"))


def test_a_workbook_of_text_cells_is_read():
    found = read_xlsx(_xlsx(HEADER, ["0000000001", "髙橋"], ["NA", None]), HEADER, "list.xlsx")
    assert _rows(found) == [("0000000001", "髙橋", 2), ("NA", "", 3)]


def test_blank_rows_after_the_last_are_no_rows_but_those_between_are():
    data = _xlsx(
        HEADER, ["1", "花子"], [None, None], ["2", "太郎"], sheet=lambda s: _touch(s, "B9")
    )
    assert _rows(read_xlsx(data, HEADER, "list.xlsx")) == [
        ("1", "花子", 2),
        ("", "", 3),
        ("2", "太郎", 4),
    ]


def _touch(sheet, cell):
    sheet[cell].number_format = "@"


@pytest.mark.parametrize("cell", [1, 1.5, True])
def test_a_cell_that_is_no_text_is_told_by_row_and_column(cell):
    message = _refused_xlsx(_xlsx(HEADER, ["1", CANARY], [cell, CANARY]))
    assert "3行目「住民番号」" in message


def test_a_column_too_many_in_a_workbook_is_refused():
    assert "予定にない列: 1列" in _refused_xlsx(_xlsx((*HEADER, "障害等級"), ["1", CANARY, "2"]))


def test_a_cell_beside_the_table_makes_its_row_ragged():
    found = read_xlsx(_xlsx(HEADER, ["1", "花子"], ["2", "太郎", CANARY]), HEADER, "list.xlsx")
    assert (found.ragged, found.rows_in) == ((3,), 2)


def test_another_header_in_a_workbook_is_refused():
    assert "順序" in _refused_xlsx(_xlsx(HEADER[::-1], ["1", CANARY]))
    assert _refused_xlsx(_xlsx())


def test_what_is_no_workbook_is_refused():
    whole = _xlsx(HEADER, ["1", CANARY])
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("readme.txt", CANARY)
    for data in (b"", CANARY.encode(), whole[:-40], whole[: len(whole) // 2], other.getvalue()):
        assert "list.xlsx" in _refused_xlsx(data)


def _with_sheet_xml(data, change):
    """The same workbook with its first sheet's XML changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            body = old.read(info)
            new.writestr(info.filename, change(body) if "sheet1" in info.filename else body)
    return out.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        lambda xml: xml[: len(xml) // 2],
        lambda xml: re.sub(
            rb'<c r="A2"[^>]*>.*?</c>', f'<c r="A2" t="n"><v>{CANARY}</v></c>'.encode(), xml
        ),
        lambda xml: re.sub(rb'<c r="A2"[^>]*>.*?</c>', b'<c r="A2" t="s"><v>999</v></c>', xml),
    ],
)
def test_a_workbook_with_broken_xml_is_refused_without_its_cells(change):
    assert "list.xlsx" in _refused_xlsx(_with_sheet_xml(_xlsx(HEADER, ["1", "花子"]), change))


def test_a_workbook_is_held_to_the_rules_of_an_archive():
    bomb = _with_sheet_xml(_xlsx(HEADER, ["1", CANARY]), lambda xml: xml + b" " * (50 << 20))
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(bomb)) as old, zipfile.ZipFile(packed, "w", 8) as new:
        for info in old.infolist():
            new.writestr(info.filename, old.read(info))
    assert "圧縮率" in _refused_xlsx(packed.getvalue())


# ZIP


def _zip(*members, compression=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, body in members:
            archive.writestr(name, body)
    return out.getvalue()


def _refused_zip(data):
    return refusal(InputRefused, lambda: open_archive(data, "dump.zip"))


def _named(name, attributes=0):
    info = zipfile.ZipInfo(name)
    info.external_attr = attributes << 16
    return info


def test_an_archive_gives_its_members():
    data = _zip(("members.csv", b"x"), ("attachments/0001/account.jpg", b"y"), ("空/名.csv", b"z"))
    with open_archive(data, "dump.zip") as archive:
        assert read_member(archive, "members.csv", "dump.zip") == b"x"
        assert read_member(archive, "空/名.csv", "dump.zip") == b"z"


@pytest.mark.parametrize(
    "name",
    [f"../{CANARY}", f"a/../../{CANARY}", f"/etc/{CANARY}", f"C:{CANARY}", f"a\\..\\{CANARY}"],
)
def test_f28_a_name_that_points_outside_is_refused(name):
    assert "名前" in _refused_zip(_zip((name, b"x")))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_f28_duplicate_names_are_refused():
    assert "同じ名前" in _refused_zip(_zip((CANARY, b"x"), (CANARY, b"y")))


def test_f28_a_link_is_refused():
    link = _named(CANARY, stat.S_IFLNK | 0o777)
    assert "リンク" in _refused_zip(_zip((link, b"/etc/passwd")))


def test_f28_an_encrypted_member_is_refused():
    data = bytearray(_zip((CANARY, b"x")))
    for signature, flag in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + flag] |= 1
    assert "暗号" in _refused_zip(bytes(data))


def test_f28_a_bomb_is_refused_before_it_is_unpacked():
    assert "圧縮率" in _refused_zip(_zip((CANARY, b"\0" * (20 << 20))))


def test_f28_too_much_in_all_is_refused(monkeypatch):
    monkeypatch.setattr("pipelines.intake.readers.archive.MAX_UNPACKED", 1000)
    assert "上限" in _refused_zip(_zip((CANARY, b"x" * 600), ("b", b"x" * 600)))


def test_a_missing_member_is_named():
    with open_archive(_zip(("members.csv", b"x")), "dump.zip") as archive:
        message = refusal(
            InputRefused, lambda: read_member(archive, "applications.csv", "dump.zip")
        )
    assert "applications.csv" in message
    assert "dump.zip" in message


@pytest.mark.parametrize("data", [b"", b"PK", CANARY.encode()])
def test_what_is_no_archive_is_refused(data):
    assert "dump.zip" in _refused_zip(data)


def test_f29_a_truncated_archive_is_refused():
    whole = _zip(("members.csv", b"x" * 300))
    for length in range(len(whole)):
        assert "dump.zip" in _refused_zip(whole[:length])


@given(st.data())
@settings(deadline=None, max_examples=80)
def test_a_damaged_archive_is_refused_or_gives_the_bytes(data):
    body = bytes(range(256)) * 3
    whole = bytearray(_zip(("members.csv", body)))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    try:
        with open_archive(bytes(whole), "dump.zip") as archive:
            found = read_member(archive, "members.csv", "dump.zip")
    except InputRefused:
        return
    assert found == body
