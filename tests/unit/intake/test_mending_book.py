"""The workbook of rows to mend: protected, text only, and every cell comes back exactly as it was (FAULTS 27)."""

import io

import msoffcrypto
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msoffcrypto.format.ooxml import OOXMLFile

from pipelines.errors import InputRefused, KyufuError
from pipelines.intake.mending_book import (
    LOCKED,
    Sheet,
    SheetRow,
    neutralise,
    read_book,
    restore,
    write_book,
)
from tests.unit.intake.refusals import CANARY, refusal

PASSWORD = "kyufu-test-password"
ABOUT = {"programme": "p", "dataset": "register", "day": "2020-05-18", "version": "1"}
RISKY = (
    "=1+1",
    "+81",
    "-5",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "\nx",
    "'x",
    "a\rb",
    "_x000D_",
    " x ",
    "\x01",
)


def _book(*cells, password=PASSWORD):
    rows = tuple(
        SheetRow(n, ("住民番号: DIGITS_10",), ("直してください。",), row, "", f"{n:016x}")
        for n, row in enumerate(cells, start=2)
    )
    header = tuple(f"列{n}" for n in range(len(cells[0])))
    return write_book(ABOUT, {"rows": Sheet(header, rows)}, password)


def _opened(data):
    plain = io.BytesIO()
    book = msoffcrypto.OfficeFile(io.BytesIO(data))
    book.load_key(password=PASSWORD, verify_password=True)
    book.decrypt(plain, verify_integrity=True)
    return openpyxl.load_workbook(plain)


def _changed(data, change):
    """The workbook after somebody changed it in a spreadsheet program and saved it protected again."""
    book = _opened(data)
    change(book)
    plain, protected = io.BytesIO(), io.BytesIO()
    book.save(plain)
    OOXMLFile(plain).encrypt(PASSWORD, protected)
    return protected.getvalue()


def _cells(returned):
    return [cells for _, _, cells in returned.tables["rows"][1]]


def test_what_was_written_comes_back(tmp_path):
    returned = read_book(_book(("0000000001", "見本花子"), ("NA", "")), PASSWORD, "x.xlsx")
    assert returned.about == ABOUT
    assert returned.tables["rows"][0] == ("列0", "列1")
    assert [(row, check) for row, check, _ in returned.tables["rows"][1]] == [
        ("2", f"{2:016x}"), ("3", f"{3:016x}"),
    ]  # fmt: skip
    assert _cells(returned) == [("0000000001", "見本花子"), ("NA", "")]


def test_nothing_can_be_read_without_the_password():
    data = _book((CANARY,))
    assert CANARY.encode() not in data
    assert not data.startswith(b"PK")
    message = refusal(InputRefused, lambda: read_book(data, "another-password", "x.xlsx"))
    assert "パスワード" in message


def test_a_short_password_is_refused():
    with pytest.raises(KyufuError, match="12文字"):
        _book(("a",), password="short")


def test_only_the_sources_columns_may_be_edited_and_every_cell_is_text():
    page = _opened(_book(("0000000001", "1")))["rows"]
    assert page.protection.sheet
    locked = [cell.protection.locked for cell in page[2]]
    assert locked == [True] * len(LOCKED) + [False, False]
    assert all(cell.protection.locked for cell in page[1])
    assert {cell.number_format for row in page.iter_rows() for cell in row} == {"@"}
    assert {cell.data_type for cell in page[2]} <= {"s", "inlineStr"}
    assert page["F2"].value == "0000000001"


@pytest.mark.parametrize("text", RISKY)
def test_f27_a_cell_is_neutral_in_the_spreadsheet_and_exact_on_return(text):
    data = _book((text,))
    shown = _opened(data)["rows"].cell(2, len(LOCKED) + 1)
    assert shown.data_type == "s"
    assert not str(shown.value).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert _cells(read_book(data, PASSWORD, "x.xlsx")) == [(text,)]


@given(st.text(st.characters(blacklist_categories=()), max_size=20))
@settings(deadline=None, max_examples=300)
def test_f27_restoring_undoes_neutralising(text):
    assert restore(neutralise(text)) == text


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6))
@settings(deadline=None, max_examples=8)
def test_f27_any_text_survives_the_workbook(texts):
    data = _book(*((text,) for text in texts))
    assert _cells(read_book(data, PASSWORD, "x.xlsx")) == [(text,) for text in texts]


def test_f27_what_a_steward_types_is_taken_as_typed():
    def mend(book):
        cell = book["rows"].cell(2, len(LOCKED) + 1)
        cell.value, cell.data_type = "+81", "s"

    assert _cells(read_book(_changed(_book(("a",)), mend), PASSWORD, "x.xlsx")) == [("+81",)]


@pytest.mark.parametrize("value", [5, "=1+1", True])
def test_a_cell_that_is_no_text_is_refused_by_its_place(value):
    def spoil(book):
        book["rows"].cell(2, len(LOCKED) + 1).value = value

    message = refusal(
        InputRefused, lambda: read_book(_changed(_book((CANARY,)), spoil), PASSWORD, "x.xlsx")
    )
    assert "rows F2" in message


def test_other_headings_are_refused():
    def rename(book):
        book["rows"]["A1"].value = "行"

    message = refusal(
        InputRefused, lambda: read_book(_changed(_book((CANARY,)), rename), PASSWORD, "x.xlsx")
    )
    assert "見出し" in message


def test_a_workbook_of_somebody_else_is_refused():
    def strip(book):
        del book["kyufu"]

    message = refusal(
        InputRefused, lambda: read_book(_changed(_book((CANARY,)), strip), PASSWORD, "x.xlsx")
    )
    assert "kyufu quarantine export" in message


def test_an_unprotected_workbook_is_refused():
    plain = io.BytesIO()
    _opened(_book((CANARY,))).save(plain)
    message = refusal(InputRefused, lambda: read_book(plain.getvalue(), PASSWORD, "x.xlsx"))
    assert "保護されていません" in message


@pytest.mark.parametrize("where", [0.1, 0.5, 0.9])
def test_a_damaged_workbook_is_refused(where):
    data = bytearray(_book((CANARY,)))
    place = int(len(data) * where)
    data[place : place + 64] = bytes(64)
    refusal(InputRefused, lambda: read_book(bytes(data), PASSWORD, "x.xlsx"))


@pytest.mark.parametrize("data", [b"", b"PK", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", CANARY.encode()])
def test_what_is_no_workbook_is_refused(data):
    refusal(InputRefused, lambda: read_book(data, PASSWORD, "x.xlsx"))


def test_a_cell_that_is_too_long_is_named():
    message = refusal(KyufuError, lambda: _book((CANARY * 9000,)))
    assert "rows 2行目「列0」" in message
