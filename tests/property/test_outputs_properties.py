"""What holds for every bank file, barcode, name and CSV file."""

from collections.abc import Sequence

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.outputs._csv import CsvProfile, read_csv, write_csv
from pipelines.outputs.barcode import CHARACTERS, check_character, encode, extract
from pipelines.outputs.forms import FormsProfile, build_forms
from pipelines.outputs.forms_check import compare_forms
from pipelines.outputs.zengin import (
    Header,
    Payment,
    Profile,
    ZenginError,
    account_hash,
    bank_name_kana,
    read,
    split,
    write,
)
from pipelines.outputs.zengin.characters import BANK_NAME_SET, NAME_SET
from tests.zengin_samples import HEADER, PAYMENTS


def digits(width: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=width, max_size=width)


def kana(characters: str, most: int, least: int = 0) -> st.SearchStrategy[str]:
    text = st.text(characters, min_size=least, max_size=most)
    return text.map(lambda value: value.strip(" ")).filter(lambda value: len(value) >= least)


payments = st.builds(
    Payment,
    bank_code=digits(4),
    bank_name=kana(BANK_NAME_SET, 15),
    branch_code=digits(3),
    branch_name=kana(BANK_NAME_SET, 15),
    account_type=st.sampled_from("1249"),
    account_number=digits(7),
    payee_kana=kana(NAME_SET, 30, 1),
    amount_yen=st.integers(1, 9_999_999_999),
    customer_code_1=digits(10),
    customer_code_2=digits(10),
    new_code=st.sampled_from("012"),
    transfer_kind=st.sampled_from("78"),
)
headers = st.builds(
    Header,
    client_code=digits(10),
    client_name=kana(NAME_SET, 40, 1),
    transfer_mmdd=st.dates().map(lambda day: f"{day:%m%d}"),
    bank_code=digits(4),
    bank_name=kana(BANK_NAME_SET, 15),
    branch_code=digits(3),
    branch_name=kana(BANK_NAME_SET, 15),
    account_type=st.sampled_from("129"),
    account_number=digits(7),
)
profiles = st.builds(
    Profile,
    line_break=st.sampled_from(["crlf", "none"]),
    clearing_house=st.sampled_from(["0000", "    "]),
)
some_payments = st.lists(payments, min_size=1, max_size=8)


@given(headers, some_payments, profiles)
def test_reading_undoes_writing(header: Header, paid: Sequence[Payment], profile: Profile) -> None:
    data = write(header, paid, profile)
    file = read(data, profile)
    assert (file.header, file.payments) == (header, tuple(paid))
    assert write(file.header, file.payments, profile) == data


@given(st.data())
def test_one_byte_changed_is_refused_or_read_as_another_file(data: st.DataObject) -> None:
    """No change of a byte is read as the file that was sent."""
    good = write(HEADER, PAYMENTS, Profile())
    place = data.draw(st.integers(0, len(good) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != good[place]))
    bad = good[:place] + bytes([byte]) + good[place + 1 :]
    try:
        file = read(bad, Profile())
    except ZenginError:
        return
    assert write(file.header, file.payments, Profile(clearing_house="0000")) == bad


@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(ZenginError):
        read(data, Profile())


@given(some_payments, st.integers(1, 9))
def test_split_keeps_all_and_hash_forgets_the_order(paid: list[Payment], most: int) -> None:
    parts = split(paid, most)
    assert [payment for part in parts for payment in part] == paid
    assert all(0 < len(part) <= most for part in parts)
    assert account_hash(paid) == account_hash(paid[::-1])


@given(st.text())
def test_names_are_always_in_the_banks_characters(name: str) -> None:
    value = bank_name_kana(name).value
    assert set(value) <= set(NAME_SET)
    assert len(value.encode("cp932")) == len(value) <= 30
    assert bank_name_kana(value).value == value
    if value:
        payment = Payment("0001", "001", "1", "1234567", value, 1, "0000000001")
        assert read(write(HEADER, (payment,), Profile()), Profile()).payments == (payment,)


@given(st.lists(st.sampled_from(CHARACTERS), min_size=20, max_size=20).map(tuple))
def test_check_character_brings_the_sum_to_19(body: tuple[str, ...]) -> None:
    values = [CHARACTERS.index(code) for code in (*body, check_character(body))]
    assert sum(values) % 19 == 0


@given(st.text("0123456789一二十百番丁目号の-－ABFfz &・ビル　"))
def test_display_number_has_its_form(part_b: str) -> None:
    number = extract(part_b)
    assert set(number) <= set("0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert "--" not in number
    assert number.strip("-") == number
    barcode = encode("1600023", f"東京都新宿区西新宿　{part_b}")
    assert barcode is not None
    assert (len(barcode.codes), len(barcode.bars)) == (23, 67)


cells = st.text(st.characters(codec="utf-8"), max_size=8)


@given(st.lists(st.lists(cells, min_size=3, max_size=3)), st.sampled_from(["\r\n", "\n"]))
def test_csv_comes_back(rows: list[list[str]], line_end: str) -> None:
    profile = CsvProfile(line_end=line_end)
    data = write_csv(["a", "b", "c"], rows, profile)
    assert [row for _, row in read_csv(data, profile)][1:] == rows


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 4), cells, cells), max_size=20),
    st.integers(1, 4),
)
def test_forms_hold_everybody(people: list[tuple[int, str, str]], most: int) -> None:
    rows = pa.table(
        {
            "household_id": pa.array([f"H{house}" for house, _, _ in people], pa.string()),
            "resident_id": pa.array([str(number) for number, _ in enumerate(people)], pa.string()),
            "name_kana": pa.array([name for _, name, _ in people], pa.string()),
            "name_kanji": pa.array([name for _, _, name in people], pa.string()),
            **{
                name: pa.array(["1600023"] * len(people), pa.string())
                for name in (
                    *("relationship", "birth_date", "postal_code", "address"),
                    *("address_supplement", "head_name_kanji"),
                )
            },
        }
    )
    profile = FormsProfile(max_members=most)
    assert compare_forms(rows, build_forms(rows, profile), profile) == []
