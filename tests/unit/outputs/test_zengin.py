"""The bank's file: layout, golden bytes, and every way a file can be wrong."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from pipelines.outputs.zengin import (
    Profile,
    ZenginError,
    account_hash,
    mmdd,
    read,
    split,
    write,
)
from pipelines.outputs.zengin.fields import Field, Kind, Layout, read_record
from tests.zengin_samples import HEADER, PAYMENTS, SATO, YAMADA

GOLDEN = Path(__file__).parents[2] / "golden"
CRLF = Profile()
PLAIN = Profile(line_break="none")


def lines(data: bytes) -> list[bytes]:
    return data.split(b"\r\n")[:-1]


def changed(record: int, first: int, new: bytes) -> bytes:
    """The good file with some columns (from 1) of one record (from 1) overwritten."""
    rows = lines(write(HEADER, PAYMENTS, CRLF))
    row = rows[record - 1]
    rows[record - 1] = row[: first - 1] + new + row[first - 1 + len(new) :]
    return b"".join(row + b"\r\n" for row in rows)


def test_small_file_is_the_golden_one() -> None:
    assert write(HEADER, PAYMENTS, CRLF) == (GOLDEN / "zengin_small.txt").read_bytes()


@pytest.mark.parametrize(("profile", "length"), [(CRLF, 122), (PLAIN, 120)])
def test_records_are_120_bytes_in_order(profile: Profile, length: int) -> None:
    data = write(HEADER, PAYMENTS, profile)
    assert len(data) == 5 * length
    assert bytes(data[start] for start in range(0, len(data), length)) == b"12289"


def test_columns_of_the_records() -> None:
    header, first, second, trailer, end = lines(write(HEADER, PAYMENTS, CRLF))
    assert header[:14] == b"1210" + b"1310400001"
    assert header[54:62] == b"0626" + b"0001"
    assert header[77:80] == b"170"
    assert header[95:] == b"1" + b"0012345" + b" " * 17
    assert first[1:5] + first[20:23] + first[38:50] == b"0005" + b"001" + b"0000" + b"17654321"
    assert first[50:80].decode("cp932").rstrip() == "ﾔﾏﾀﾞ ﾀﾛｳ"
    assert first[80:] == b"0000300000" + b"0" + b"0000000042" + b"0" * 10 + b"7" + b" " * 8
    assert second[90:91] == b"1"
    assert trailer == b"8" + b"000002" + b"000000400000" + b" " * 101
    assert end == b"9" + b" " * 119


@pytest.mark.parametrize("profile", [CRLF, PLAIN, Profile(clearing_house="    ")])
def test_reading_gives_back_what_was_written(profile: Profile) -> None:
    file = read(write(HEADER, PAYMENTS, profile), profile)
    assert (file.header, file.payments) == (HEADER, PAYMENTS)
    assert (file.trailer.count, file.trailer.amount_yen) == (2, 400_000)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bank_code", "005"),
        ("bank_code", "00055"),
        ("bank_code", "００05"),
        ("bank_name", "ﾐｽﾞﾎ ｷﾞﾝｺｳ"),
        ("bank_name", "X" * 16),
        ("branch_code", ""),
        ("account_type", "3"),
        ("account_number", "12345"),
        ("account_number", 7654321),
        ("payee_kana", ""),
        ("payee_kana", "ﾔﾏﾀﾞ "),
        ("payee_kana", " ﾔﾏﾀﾞ"),
        ("payee_kana", "ｱ" * 31),
        ("payee_kana", "ｷｭｳﾖ"),
        ("payee_kana", "ｦｶﾞﾜ"),
        ("payee_kana", "山田"),
        ("payee_kana", "YAMADA/TARO"),
        ("payee_kana", "A|B"),
        ("amount_yen", 0),
        ("amount_yen", -1),
        ("amount_yen", 10_000_000_000),
        ("amount_yen", 100_000.0),
        ("amount_yen", True),
        ("amount_yen", "100000"),
        ("customer_code_1", "42"),
        ("customer_code_2", "ABCDEFGHIJ"),
        ("new_code", "3"),
        ("transfer_kind", "9"),
    ],
)
def test_value_that_does_not_fit_is_refused_without_being_shown(
    field: str, value: str | int | float
) -> None:
    bad = replace(SATO, **{field: value})  # type: ignore[arg-type]
    with pytest.raises(ZenginError) as caught:
        write(HEADER, (YAMADA, bad), CRLF)
    assert (caught.value.record, caught.value.field) == (3, field)
    assert caught.value.__cause__ is None
    if len(str(value)) > 2:
        assert str(value) not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("client_code", "1"),
        ("client_name", ""),
        ("transfer_mmdd", "0631"),
        ("transfer_mmdd", "1301"),
        ("account_type", "4"),
    ],
)
def test_bad_header_is_refused(field: str, value: str) -> None:
    with pytest.raises(ZenginError) as caught:
        write(replace(HEADER, **{field: value}), PAYMENTS, CRLF)
    assert (caught.value.record, caught.value.field) == (1, field)


def test_wide_value_beside_a_narrow_one_does_not_slip_through() -> None:
    shifted = replace(SATO, amount_yen=12_345_678_901, new_code="")
    with pytest.raises(ZenginError) as caught:
        write(HEADER, (shifted,), CRLF)
    assert caught.value.field == "amount_yen"


def test_extra_marks_only_where_the_bank_takes_them() -> None:
    payment = replace(SATO, payee_kana="ｱ/ｲ")
    profile = Profile(extra_marks="/")
    assert read(write(HEADER, (payment,), profile), profile).payments == (payment,)
    with pytest.raises(ZenginError):
        read(write(HEADER, (payment,), profile), CRLF)


def test_counts_and_sums_have_limits() -> None:
    with pytest.raises(ZenginError, match="nothing to pay"):
        write(HEADER, (), CRLF)
    with pytest.raises(ZenginError, match="more than the 1"):
        write(HEADER, PAYMENTS, Profile(max_records=1))
    with pytest.raises(ZenginError, match="more than the 1"):
        read(write(HEADER, PAYMENTS, CRLF), Profile(max_records=1))
    most = (replace(SATO, amount_yen=9_999_999_999),) * 101
    with pytest.raises(ZenginError, match="does not fit into 12 digits") as caught:
        write(HEADER, most, CRLF)
    assert caught.value.record == 103


@pytest.mark.parametrize(
    ("record", "column", "new", "field"),
    [
        (1, 1, b"2", "record_type"),
        (1, 2, b"11", "transfer_type"),
        (1, 4, b"1", "code_section"),
        (1, 55, b"0230", "transfer_mmdd"),
        (1, 104, b"X", "filler"),
        (2, 1, b"8", "record_type"),
        (2, 2, b"000A", "bank_code"),
        (2, 6, b" \xd0", "bank_name"),
        (2, 39, b"1234", "clearing_house"),
        (2, 43, b"3", "account_type"),
        (2, 51, b" ", "payee_kana"),
        (2, 51, b" " * 30, "payee_kana"),
        (2, 52, b"a", "payee_kana"),
        (2, 52, b"\x00", "payee_kana"),
        (2, 52, b"\x82\xa0", "payee_kana"),
        (2, 52, b"\xa6", "payee_kana"),
        (2, 81, b"0000000000", "amount_yen"),
        (2, 81, b" ", "amount_yen"),
        (2, 81, b"-", "amount_yen"),
        (2, 113, b"Y", "identification"),
        (2, 114, b"1", "filler"),
        (3, 1, b"1", "record_type"),
        (4, 2, b"000003", "count"),
        (4, 8, b"000000400001", "amount_yen"),
        (4, 20, b"0", "filler"),
        (5, 1, b"8", "record_type"),
        (5, 2, b"9", "filler"),
    ],
)
def test_wrong_file_is_refused(record: int, column: int, new: bytes, field: str) -> None:
    with pytest.raises(ZenginError) as caught:
        read(changed(record, column, new), CRLF)
    assert (caught.value.record, caught.value.field) == (record, field)


def test_changed_amount_no_longer_adds_up() -> None:
    with pytest.raises(ZenginError, match="is not the sum"):
        read(changed(2, 81, b"0000300001"), CRLF)


@pytest.mark.parametrize(
    "cut",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data + b"\x1a",
        lambda data: data[122:],
        lambda data: data[:-122],
        lambda data: data[:122] + data[-244:],
        lambda data: data[:-366] + data[-244:],
        lambda data: data.replace(b"\r\n", b"\n\r"),
        lambda data: data[:120] + b"  " + data[122:],
        lambda data: data + data,
    ],
    ids=[
        "empty",
        "one byte short",
        "end-of-file mark",
        "no header",
        "no end",
        "no data",
        "a data record lost",
        "line breaks turned round",
        "a line break overwritten",
        "twice",
    ],
)
def test_file_that_is_not_whole_is_refused(cut) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ZenginError):
        read(cut(write(HEADER, PAYMENTS, CRLF)), CRLF)


def test_line_breaks_must_be_the_profiles() -> None:
    with pytest.raises(ZenginError):
        read(write(HEADER, PAYMENTS, CRLF), PLAIN)
    with pytest.raises(ZenginError):
        read(write(HEADER, PAYMENTS, PLAIN), CRLF)


@pytest.mark.parametrize(
    "setting",
    [
        {"line_break": "lf"},
        {"max_records": 0},
        {"max_records": 1_000_000},
        {"extra_marks": "*"},
        {"code_section": "1"},
        {"clearing_house": ""},
    ],
)
def test_profile_no_bank_has(setting: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        Profile(**setting)  # type: ignore[arg-type]


def test_split_loses_nothing() -> None:
    many = [replace(SATO, amount_yen=amount) for amount in range(1, 8)]
    parts = split(many, 3)
    assert [len(part) for part in parts] == [3, 3, 1]
    assert [payment for part in parts for payment in part] == many
    assert split([], 3) == []
    with pytest.raises(ValueError, match="max_records"):
        split(many, 0)


def test_account_hash_knows_the_money_and_not_the_order() -> None:
    renamed = replace(YAMADA, payee_kana="ﾔﾏﾀﾞ", customer_code_1="9999999999")
    assert account_hash(PAYMENTS) == account_hash((SATO, YAMADA)) == account_hash((SATO, renamed))
    assert account_hash(PAYMENTS) != account_hash((YAMADA,))
    assert account_hash((YAMADA,)) != account_hash((YAMADA, YAMADA))
    for change in ({"amount_yen": 1}, {"account_number": "7654322"}, {"account_type": "2"}):
        assert account_hash((replace(YAMADA, **change),)) != account_hash((YAMADA,))


def test_nothing_of_a_person_is_in_repr() -> None:
    assert not any(text in repr(YAMADA) for text in ("7654321", "ﾔﾏﾀﾞ", "0005"))
    assert "0012345" not in repr(HEADER)


def test_transfer_date_as_the_header_holds_it() -> None:
    assert mmdd(date(2020, 7, 3)) == "0703"


def test_record_that_is_not_120_bytes() -> None:
    with pytest.raises(ZenginError, match="is not 120 bytes long"):
        read_record(Layout(Field("all", "全", 120, Kind.DIGITS)), "0" * 119, 7, "")


def test_layout_must_be_120_bytes() -> None:
    with pytest.raises(ValueError, match="120"):
        Layout(Field("filler", "ダミー", 1, Kind.CODE, (" ",)))
