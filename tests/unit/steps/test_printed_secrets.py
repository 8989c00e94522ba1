"""The scan and a printer that has not every character: what is printed is looked for, and the register's own is known.

People of one household stand in one row of the forms, as many as a form has lines; the register's lines are cut alike.
"""

import pyarrow as pa
import pytest

from pipelines.disclosure.guard import DisclosureRefused, Secret
from pipelines.disclosure.scan import Covered, assert_silent, scan_text
from pipelines.outputs._csv import CsvProfile
from pipelines.outputs.forms import FormsProfile, build_forms
from pipelines.outputs.print_characters import CharacterSet
from pipelines.steps.campaign import ITEMS, PEOPLE, own_register
from pipelines.steps.form_profile import as_written_and_printed

PRINTER = FormsProfile(
    CsvProfile("cp932"), max_members=2, characters=CharacterSet("cp932", "cp932", keeps_gaiji=False)
)
HOME = "東京都新宿区西新宿２丁目８番１号\u3000𠮷荘ー１０１"
SECRET = Secret(
    "R9",
    "0000000009",
    as_written_and_printed(("𠮷田\u3000花\ue000", None), PRINTER),
    "19800401",
    "19800401",
    as_written_and_printed((HOME,), PRINTER),
)


def person(resident, household="0000000011", **items):
    return {
        "person_id": f"R{resident}",
        "resident_id": resident,
        "household_id": household,
        "name_kana": "ミホン",
        "name_kanji": "見本\u3000太郎",
        "relationship": "20",
        "birth_date": "19700101",
        "postal_code": "1600023",
        "address": "東京都新宿区新宿１丁目",
        "address_supplement": "",
        "head_name_kanji": "見本\u3000太郎",
        "date_key": items.get("birth_date", "19700101"),
    } | items


def look(printed, register=None):
    """Scan the form of `printed`; `register`: what the register says of the same people."""
    everybody = pa.Table.from_pylist(printed if register is None else register, PEOPLE)
    ids = frozenset(everybody.column("person_id").to_pylist())
    payload = build_forms(pa.Table.from_pylist(printed, PEOPLE).select(list(ITEMS)), PRINTER)
    own = own_register(everybody, ids, PRINTER)
    assert_silent(scan_text(payload.decode("cp932"), (SECRET,), Covered(), own))


PLAIN = [person(f"000000000{n}") for n in (1, 2, 3)]


@pytest.mark.parametrize(
    "leak",
    [
        {"name_kanji": "𠮷田\u3000花\ue000", "birth_date": "19800401"},
        {"name_kanji": "吉田\u3000花〓", "birth_date": "19800401"},
        {"resident_id": "0000000009"},
    ],
)
def test_a_protected_person_is_found_as_the_printer_prints_the_name(leak):
    look(PLAIN)
    with pytest.raises(DisclosureRefused):
        look([*PLAIN[:2], person("0000000003", **leak)], PLAIN)


def test_a_protected_address_is_found_as_it_is_printed():
    address, _, supplement = HOME.partition("\u3000")
    moved = {"address": address, "address_supplement": supplement, "household_id": "0000000012"}
    with pytest.raises(DisclosureRefused, match="居所1件"):
        look([*PLAIN[:2], person("0000000003", **moved)], PLAIN)
    look([*PLAIN[:2], person("0000000003", **moved)])


NAMESAKE = {"name_kanji": "𠮷田\u3000花\ue000", "birth_date": "19800401"}


def test_a_namesake_by_the_register_stops_nothing_however_the_name_is_printed():
    look([*PLAIN[:2], person("0000000003", **NAMESAKE)])
    look([*PLAIN[:2], person("0000000003", **NAMESAKE | {"name_kanji": "吉田\u3000花〓"})])


def test_a_household_in_two_rows_with_a_namesake_at_its_head_stops_nothing():
    head = {"head_name_kanji": "𠮷田\u3000花\ue000"}
    rows = [person(f"000000000{n}", birth_date="19800401", **head) for n in (1, 2, 3)]
    look(rows)
    with pytest.raises(DisclosureRefused, match="氏名と生年月日1件"):
        look([*rows, person("0000000004", "0000000012", **NAMESAKE)], [*rows, PLAIN[0]])
