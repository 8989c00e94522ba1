"""Application forms: nobody dropped, and every printed field compared with the register."""

import csv
import io

import pyarrow as pa
import pytest

from pipelines.outputs._csv import CsvError, CsvProfile
from pipelines.outputs.barcode import encode
from pipelines.outputs.forms import FormsError, FormsProfile, build_forms, heading
from pipelines.outputs.forms_check import compare_forms, count_rows, read_forms, restore
from pipelines.outputs.print_characters import CharacterSet

NAMES = (
    *("household_id", "resident_id", "name_kana", "name_kanji", "relationship", "birth_date"),
    *("postal_code", "address", "address_supplement", "head_name_kanji"),
)
SMALL = FormsProfile(max_members=2)
ADDRESS = "東京都新宿区西新宿６丁目２６番"


def person(household: str, resident: str, **items: str | None) -> dict[str, str | None]:
    return {
        "household_id": household,
        "resident_id": resident,
        "name_kana": f"カナ{resident}",
        "name_kanji": f"氏名{resident}",
        "relationship": "20",
        "birth_date": f"1980{resident:>04}",
        "postal_code": "1600023",
        "address": ADDRESS,
        "address_supplement": None,
        "head_name_kanji": f"世帯主{household}",
    } | items


def register(*people: dict[str, str | None]) -> pa.Table:
    return pa.table(
        {name: pa.array([each[name] for each in people], pa.string()) for name in NAMES}
    )


PEOPLE = register(
    person("H2", "21"),
    person("H1", "11"),
    person("H3", "31", postal_code="1600022", address_supplement='メゾン"A", 3号'),
    person("H1", "12"),
    person("H1", "13", name_kana=None),
)


def cells(data: bytes) -> list[list[str]]:
    return [line.split(",") for line in data.decode().split("\r\n")[:-1]]


def test_one_row_a_household_and_further_rows_for_further_members() -> None:
    first, *rows = cells(build_forms(PEOPLE, SMALL))
    assert first == heading(SMALL)
    assert [(row[0], row[5], row[-10], row[-5]) for row in rows[1:]] == [
        ("H1", "1", "11", "12"),
        ("H1", "2", "13", ""),
        ("H2", "1", "21", ""),
    ]
    assert rows[0][:2] == ["H3", "1600022"]
    assert rows[1][6:9] == [str(encode("1600023", ADDRESS)), "3", ""]
    assert rows[2][:5] == ["H1", "1600023", ADDRESS, "", "世帯主H1"]


def test_total_only_if_asked() -> None:
    asked = FormsProfile(amount_yen_per_person=100_000)
    rows = cells(build_forms(PEOPLE, asked))
    assert rows[0][9] == "給付額"
    assert rows[2][9] == "300000"
    assert compare_forms(PEOPLE, build_forms(PEOPLE, asked), asked) == []
    assert "給付額" not in heading(SMALL)
    wrong = build_forms(PEOPLE, asked).replace(b",300000,", b",200000,")
    assert compare_forms(PEOPLE, wrong, asked) == ["file row 3: 給付額: is wrong"]


@pytest.mark.parametrize(
    "profile",
    [
        FormsProfile(),
        SMALL,
        FormsProfile(max_members=1),
        FormsProfile(CsvProfile("cp932", "\n")),
        FormsProfile(CsvProfile("utf-8-sig")),
        FormsProfile(CsvProfile("cp932", quotes_all=True), max_members=2),
    ],
)
def test_file_holds_what_the_register_holds(profile: FormsProfile) -> None:
    data = build_forms(PEOPLE, profile)
    assert compare_forms(PEOPLE, data, profile) == []
    printed = read_forms(data, profile).select(list(NAMES)).to_pylist()
    expected = [{name: each[name] or "" for name in NAMES} for each in PEOPLE.to_pylist()]
    assert sorted(printed, key=str) == sorted(expected, key=str)


def test_nobody_is_a_heading_alone() -> None:
    data = build_forms(register(), SMALL)
    assert cells(data) == [heading(SMALL)]
    assert compare_forms(register(), data, SMALL) == []


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (PEOPLE.drop_columns(["birth_date"]), "birth_date: the column is missing"),
        (register(person("H1", "")), "row 1: resident_id: is missing"),
        (register(person("", "11")), "row 1: household_id: is missing"),
        (
            register(person("H1", "1"), person("H2", "2"), person("H1", "3", address="よそ")),
            "row 3: address: is not the same",
        ),
    ],
)
def test_register_rows_no_form_can_be_made_of(bad: pa.Table, message: str) -> None:
    with pytest.raises(FormsError, match=message):
        build_forms(bad)


def test_character_the_encoding_cannot_hold_is_placed_and_not_shown() -> None:
    people = register(person("H1", "11"), person("H2", "21", name_kanji="𠮷田"))
    with pytest.raises(CsvError) as caught:
        build_forms(people, FormsProfile(CsvProfile("cp932")))
    assert str(caught.value) == "row 3: 漢字氏名1: has a character cp932 cannot hold"
    wave = register(person("H1", "11", address_supplement="A〜B"))
    with pytest.raises(CsvError, match="方書"):
        build_forms(wave, FormsProfile(CsvProfile("cp932")))


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("19800012", "19800011", "file row 3: 生年月日2: is not what the register says"),
        ("氏名11", "氏名12", "file row 3: 漢字氏名1: is not what the register says"),
        ("H2,1600023", "H2,1600022", "file row 5: 郵便番号: is not what the register says"),
        ("H2,1600023", "H2,1600022", "file row 5: カスタマバーコード: is not that of the address"),
        ("世帯主H2", "世帯主H1", "file row 5: 世帯主漢字氏名: is not what the register says"),
        (",21,", ",99,", "file row 5: 住民番号1: is not on the register"),
        (",21,", ",99,", "register row 1: is on no form"),
        (",21,", ",11,", "file row 5: 住民番号1: was printed before"),
        (",1,13,カナ13", ",1,13,カナ13", ""),
        ("stop,3,,13", "stop,2,,13", "file row 4: 世帯人数: is wrong"),
        ("H1,2,", "H1,1,", "file row 4: 行: is wrong"),
        ("CC4 CC8 stop,1,,21", "CC4 CC7 stop,1,,21", "file row 5: カスタマバーコード"),
    ],
)
def test_every_misprint_is_found(old: str, new: str, difference: str) -> None:
    data = build_forms(PEOPLE, SMALL).decode()
    check = str(encode("1600023", ADDRESS)).split()[-2]
    old, new = old.replace("CC8", check), new.replace("CC7", "CC7" if check != "CC7" else "CC8")
    found = compare_forms(PEOPLE, data.replace(old, new).encode(), SMALL)
    assert any(text.startswith(difference) for text in found) or (not difference and not found)
    assert not any("氏名1" in text.split(": ", 2)[-1] for text in found)


def test_rows_out_of_order_lost_or_doubled_are_found() -> None:
    first, *rows = build_forms(PEOPLE, SMALL).split(b"\r\n")[:-1]

    def compare(*chosen: bytes) -> list[str]:
        return compare_forms(PEOPLE, b"\r\n".join([first, *chosen]) + b"\r\n", SMALL)

    assert compare(*rows) == []
    assert "file row 3: is out of order" in compare(rows[1], rows[0], *rows[2:])
    assert "register row 5: is on no form" in compare(rows[0], rows[1], rows[3])
    assert any("was printed before" in text for text in compare(*rows, rows[3]))
    assert any("next place" in text for text in compare(rows[0], rows[2], rows[1], rows[3]))


def test_register_with_one_number_twice_is_found() -> None:
    twice = register(person("H1", "11"), person("H1", "11"))
    assert "register row 2: has the number of an earlier row" in compare_forms(
        twice, build_forms(twice)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: b"x" + data, "row 1: is not the heading"),
        (lambda data: b"", "row 1: is not the heading"),
        (lambda data: data + b"H9,1\r\n", "row 6: has not one cell"),
        (lambda data: data.replace(b",21,", b",,"), "row 5: has an empty place"),
        (lambda data: data[:-2] + b"x\r\n", "row 5: has items of a member without"),
        (lambda data: data + b'"', "row 6: is not CSV"),
        (lambda data: data + b"\xff", "row 0: is not utf-8"),
    ],
)
def test_file_that_is_no_forms_file(change, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(CsvError, match=message):
        read_forms(change(build_forms(PEOPLE, SMALL)), SMALL)


RARE = register(
    person("H1", "11", name_kanji="𠮷田　髙子", head_name_kanji="𠮷田　髙子"),
    person("H1", "12", name_kanji="𠮷田　葛\U000e0101実", head_name_kanji="𠮷田　髙子"),
    person("H1", "13", name_kanji="𠮷田　\ue001\ue000", head_name_kanji="𠮷田　髙子"),
    person("H2", "21", name_kanji="𠮷田〓", address_supplement="A〜B"),
)
PRINTER = FormsProfile(
    CsvProfile("cp932"),
    max_members=2,
    characters=CharacterSet("cp932", "cp932", keeps_gaiji=False, own={"\ue001": "辻"}),
)


def test_what_the_printer_has_not_is_printed_by_the_rule_and_the_original_is_kept() -> None:
    data = build_forms(RARE, PRINTER)
    _, *rows = csv.reader(io.StringIO(data.decode("cp932"), newline=""))
    assert [row[4] for row in rows] == ["吉田　髙子", "吉田　髙子", "世帯主H2"]
    assert [row[3] for row in rows] == ["", "", "A～B"]
    assert [(row[11], row[16]) for row in rows] == [
        ("吉田　髙子", "吉田　葛実"),
        ("吉田　辻〓", ""),
        ("吉田〓", ""),
    ]
    assert [row[8] for row in rows] == [
        "世帯主漢字氏名:1=U+20BB7 漢字氏名1:1=U+20BB7 漢字氏名2:1=U+20BB7 漢字氏名2:4=U+845B+E0101",
        "世帯主漢字氏名:1=U+20BB7 漢字氏名1:1=U+20BB7 漢字氏名1:4=U+E001 漢字氏名1:5=U+E000",
        "方書:2=U+301C 漢字氏名1:1=U+20BB7",
    ]
    assert compare_forms(RARE, data, PRINTER) == []
    restored, wrong = restore(read_forms(data, PRINTER), PRINTER)
    assert not wrong
    assert restored["name_kanji"].to_pylist() == RARE["name_kanji"].to_pylist()


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("吉田　葛実", "佶田　葛実", "file row 2: 漢字氏名2: is not what the register says"),
        (
            "吉田　葛実",
            "佶田　葛実",
            "file row 2: 置換文字: a character is not printed by the rule",
        ),
        ("漢字氏名2:1=U+20BB7", "漢字氏名2:1=U+5409", "file row 2: 置換文字: a character is not"),
        (" 漢字氏名2:1=U+20BB7", "", "file row 2: 漢字氏名2: is not what the register says"),
        ("漢字氏名2:1=", "漢字氏名2:9=", "file row 2: 置換文字: a note names a place"),
        ("漢字氏名2:1=", "氏名2:1=", "file row 2: 置換文字: a note names a cell"),
        ("漢字氏名2:1=", "漢字氏名2=", "file row 2: 置換文字: a note cannot be read"),
        ("U+845B+E0101", "U+", "file row 2: 置換文字: a note cannot be read"),
        ("U+845B+E0101", "U+FFFFFF", "file row 2: 置換文字: a note names no character"),
        ("吉田　葛実", "吉田　\ue005実", "file row 2: 漢字氏名2: has a character that the printer"),
    ],
)
def test_a_wrong_replacement_is_found(old: str, new: str, difference: str) -> None:
    data = build_forms(RARE, PRINTER).decode("cp932").replace(old, new).encode("cp932")
    found = compare_forms(RARE, data, PRINTER)
    assert any(text.startswith(difference) for text in found), found
    assert not any("田" in text for text in found)


def test_rows_are_counted_whatever_stands_in_quotes() -> None:
    people = register(person("H1", "1", address_supplement='A\r\n"B"'), person("H2", "2"))
    for profile in (SMALL, FormsProfile(CsvProfile("cp932", "\n", quotes_all=True))):
        data = build_forms(people, profile)
        assert count_rows(data, profile) == 2
        assert compare_forms(people, data, profile) == []


@pytest.mark.parametrize("setting", [{"max_members": 0}, {"amount_yen_per_person": 0}])
def test_profile_nobody_can_print(setting: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        FormsProfile(**setting)  # type: ignore[arg-type]
