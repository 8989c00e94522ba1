"""A new municipality is a new layout file: other headers, order, codes, encodings and dates, the same staged people."""

from datetime import date

import pytest

from pipelines.errors import InputRefused
from pipelines.intake import receive
from pipelines.intake.layouts import FOLDER, load_layout, read_layout
from pipelines.intake.staging import Staging
from schemas.datasets import DATASETS
from tests.intake_files import PEOPLE, PROGRAMME, lines_of, register_file, with_layout, write_table
from tests.unit.intake.refusals import CANARY, refusal

DAY = date(2020, 5, 18)
GOOD = """
format = "csv"
encoding = "cp932"
[tables.rows]
file = "register_{day}.csv"
[tables.rows.columns]
"番号" = "resident_id"
"性別" = "sex"
[codes.sex]
"1" = "male"
"""
FIXED = """
format = "fixed"
encoding = "cp932"
[tables.rows]
file = "register_{day}.dat"
record_bytes = 20
[tables.rows.columns]
"番号" = "resident_id"
"氏名" = "name_kanji"
[tables.rows.positions]
"番号" = [1, 10]
"氏名" = [11, 10]
"""


def _stage(tmp_path, dataset, layout, data, day=DAY):
    programme = with_layout(dataset, layout)
    (name,) = receive.expected_files(programme, dataset, day)
    staging = Staging(tmp_path / layout.replace("/", "_"))
    return receive.stage(programme, staging, dataset, day, {name: data}), staging


def _staged(tmp_path, layout):
    manifest, staging = _stage(tmp_path, "register", layout, register_file(layout))
    assert (manifest.accepted, manifest.quarantined) == (len(PEOPLE), 0)
    assert manifest.rules["BIRTH_DATE_ODD"] == 1
    return staging.read("register", DAY)


@pytest.mark.parametrize("layout", ["mihon/register", "mihon/register_fixed"])
def test_the_same_people_through_another_layout_are_the_same_staged_table(tmp_path, layout):
    ours = _staged(tmp_path, "shinjuku/register")
    theirs = _staged(tmp_path, layout)
    apart = ["birth_date", "row"]
    assert theirs.drop_columns(apart).equals(ours.drop_columns(apart))
    assert ours.column("date_key").to_pylist() == [p["birth_date"] for p in PEOPLE]


def test_the_date_is_staged_as_written_beside_what_it_means(tmp_path):
    staged = _staged(tmp_path, "mihon/register")
    assert staged.column("birth_date").to_pylist() == [
        "S55.4.1", "S64.1.7", "H元.1.8", "R元.5.1", "S20.0.0", "S元.12.25",
    ]  # fmt: skip
    fixed = _staged(tmp_path, "mihon/register_fixed")
    assert fixed.column("birth_date").to_pylist()[:3] == ["3550401", "3640107", "4010108"]
    assert fixed.column("row").to_pylist() == [1, 2, 3, 4, 5, 6]


def _change(layout, **values):
    row = {
        "resident_id": "0000000001", "household_id": "0000000101", "change_reason": "death", "changed_on": "20200430",
        "notified_on": "20200501", "name_kana": "", "name_kanji": "", "relationship": "", "birth_date": "",
        "postal_code": "", "address": "", "address_supplement": "", "head_name_kanji": "",
    } | values  # fmt: skip
    return write_table(load_layout(layout), lines_of(load_layout(layout), [row]))


def test_utf_16_with_tabs_and_status_codes(tmp_path):
    born = {"change_reason": "birth", "changed_on": "20200427", "birth_date": "20200427"}
    for values in ({}, born | {"name_kanji": "髙橋\u3000新", "relationship": "20"}):
        manifest, theirs = _stage(
            tmp_path / str(len(values)), "register_changes", "mihon/register_changes",
            _change("mihon/register_changes", **values),
        )  # fmt: skip
        assert (manifest.accepted, manifest.quarantined) == (1, 0)
        _, ours = _stage(
            tmp_path / str(len(values)), "register_changes", "shinjuku/register_changes",
            _change("shinjuku/register_changes", **values),
        )  # fmt: skip
        apart = ["changed_on", "notified_on", "birth_date"]
        assert (
            theirs.read("register_changes", DAY)
            .drop_columns(apart)
            .equals(ours.read("register_changes", DAY).drop_columns(apart))
        )


def test_a_workbook_with_kanji_codes_and_full_width_dates(tmp_path):
    layout = load_layout("mihon/facility_children")
    header = list(layout.tables["rows"].columns)
    row = ["見本花子", "女", "平成２０年１２月３日", "新宿１", "新宿２", "2019/4/1", "入所中"]
    data = write_table(layout, [header, row, [*row[:6], "2020/13/1"]])
    manifest, staging = _stage(tmp_path, "facility_children", "mihon/facility_children", data)
    assert (manifest.accepted, manifest.quarantined) == (1, 1)
    assert manifest.rules["DATE_FORM"] == 1
    staged = staging.read("facility_children", DAY).to_pylist()[0]
    assert (staged["sex"], staged["date_key"]) == ("female", "20081203")
    assert staged["birth_date"] == "平成２０年１２月３日"


def test_a_date_in_another_style_is_told_and_never_guessed(tmp_path):
    lines = lines_of(load_layout("mihon/register"), PEOPLE[:2])
    lines[2][3] = "19890107"
    data = write_table(load_layout("mihon/register"), lines)
    manifest, staging = _stage(tmp_path, "register", "mihon/register", data)
    assert (manifest.accepted, manifest.rules["BIRTH_DATE_ODD"]) == (2, 1)
    assert staging.read("register", DAY).column("date_key").to_pylist() == ["19800401", None]
    assert staging.read("register", DAY).column("birth_date").to_pylist()[1] == "19890107"


def test_a_date_of_a_column_without_a_rule_of_its_own_is_told_too(tmp_path):
    layout = load_layout("mihon/facility_children")
    header = list(layout.tables["rows"].columns)
    data = write_table(layout, [header, ["見本", "男", "S55.4.1", "新宿１", "新宿２", "", ""]])
    manifest, staging = _stage(tmp_path, "facility_children", "mihon/facility_children", data)
    assert (manifest.accepted, manifest.rules["DATE_STYLE"]) == (1, 1)
    assert staging.read("facility_children", DAY).column("date_key").to_pylist() == [None]


def test_a_code_that_the_layout_does_not_know_waits_where_no_rule_lists_the_codes(tmp_path):
    lines = lines_of(load_layout("mihon/register"), PEOPLE[:3])
    lines[2][6], lines[3][6] = "77", "061"
    data = write_table(load_layout("mihon/register"), lines)
    manifest, staging = _stage(tmp_path, "register", "mihon/register", data)
    assert (manifest.accepted, manifest.quarantined) == (1, 2)
    assert manifest.rules["CODE_UNKNOWN"] == 2
    told = staging.read("register", DAY, "problems").to_pylist()
    assert [(p["row"], p["column"]) for p in told if p["rule"] == "CODE_UNKNOWN"] == [
        (3, "relationship"), (4, "relationship"),
    ]  # fmt: skip


def test_one_person_with_one_date_in_two_styles_enters_once(tmp_path):
    lines = lines_of(load_layout("mihon/register"), PEOPLE[:1] * 2)
    lines[2][3] = "昭和55年4月1日"
    data = write_table(load_layout("mihon/register"), lines)
    manifest, _ = _stage(tmp_path, "register", "mihon/register", data)
    assert (manifest.rows_in, manifest.accepted, manifest.duplicates) == (2, 1, 1)


def test_ragged_rows_are_staged_raw_for_the_steward(tmp_path):
    data = register_file("shinjuku/register", PEOPLE[:1]) + f"0000000009,{CANARY}\r\n".encode(
        "cp932"
    )
    manifest, staging = _stage(tmp_path, "register", "shinjuku/register", data)
    assert (manifest.rows_in, manifest.quarantined) == (2, 1)
    assert staging.read("register", DAY, "ragged_rows").to_pylist() == [
        {"row": 3, "text": f"0000000009,{CANARY}"}
    ]


@pytest.mark.parametrize(
    "data",
    [
        register_file("mihon/register_fixed").replace(b"\r\n", b"\n"),
        register_file("mihon/register_fixed")[:-2],
        register_file("shinjuku/register"),
    ],
)
def test_another_separator_a_cut_end_or_another_file_is_no_fixed_width_file(tmp_path, data):
    call = lambda: _stage(tmp_path, "register", "mihon/register_fixed", data)  # noqa: E731
    assert "jumin_20200518.dat" in refusal(InputRefused, call, "花子")


@pytest.mark.parametrize(
    "path", sorted(FOLDER.rglob("*.toml")), ids=lambda p: f"{p.parent.name}/{p.stem}"
)
def test_every_layout_loads_and_gives_a_dataset(path):
    layout = load_layout(f"{path.parent.name}/{path.stem}")
    given = {key: set(table.columns.values()) for key, table in layout.tables.items()}
    wanted = [{t.name: set(t.columns) for t in tables} for tables in DATASETS.values()]
    assert given in wanted


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('format = "csv"', 'format = "csv"\ncolour = "red"', "colour"),
        ('"csv"', '"pdf"', "format"),
        ('"cp932"', '"shift_jis"', "encoding 'shift_jis'"),
        ('"sex"', '"colour"', "colour is no column of ours"),
        ('"sex"', '"resident_id"', "two headers"),
        ('"性別" = "sex"', '"番号" = "sex"', "TOML"),
        ("[codes.sex]", "[codes.birth_date]", "codes: no table"),
        ("[codes.sex]", "[dates.birth_date]\nstyles=['YYYYMMDD']\n[codes.sex]", "dates: no table"),
        ("[codes.sex]", "[dates.sex]\nstyles=['YYYYMM']\n[codes.sex]", "'YYYYMM'"),
        ("[codes.sex]", "[dates.sex]\nstyles=['YYMMDD']\n[codes.sex]", "century"),
        ("[codes.sex]", "[dates.sex]\nstyles=['GYYYYMMDD']\n[codes.sex]", "GYYYYMMDD"),
        ("[codes.sex]", "[chained]\nsex = 2\n[codes.sex]", "chained: code '1'"),
        ("[codes.sex]", "[chained]\nresident_id = 2\n[codes.sex]", "chained"),
        ("{day}", "20200518", "no {day}"),
        ("{day}", "{name}", "only {dataset} and {day}"),
        ("{day}.csv", "{day}.zip#x.csv", "#member"),
        ('file = "register_{day}.csv"', "", "file"),
        ('"1" = "male"', '"1" = 1', "codes.sex.1"),
        ('format = "csv"', 'format = "fixed"', "record_bytes"),
    ],
)  # fmt: skip
def test_a_wrong_layout_is_refused_by_its_key(tmp_path, old, new, told):
    path = tmp_path / "wrong.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert read_layout(path, "wrong").encoding == "cp932"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    message = refusal(InputRefused, lambda: read_layout(path, "wrong"))
    assert told in message
    assert str(path) in message


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[11, 10]", "[10, 10]", "overlaps"),
        ("[11, 10]", "[11, 11]", "beyond record_bytes"),
        ("[11, 10]", "[11, 0]", "empty"),
        ('"氏名" = [11, 10]', "", "same headers"),
        ('"cp932"', '"utf-16"', "fixed-width"),
        ("record_bytes = 20", "record_bytes = 20\nkeep = ['住所']", "keep"),
        ("record_bytes = 20", "record_bytes = 20\nseparator = 'cr'", "separator"),
    ],
)
def test_wrong_positions_are_refused_by_their_key(tmp_path, old, new, told):
    path = tmp_path / "wrong.toml"
    path.write_text(FIXED, encoding="utf-8")
    assert read_layout(path, "wrong").tables["rows"].fixed.record_bytes == 20
    path.write_text(FIXED.replace(old, new, 1), encoding="utf-8")
    assert told in refusal(InputRefused, lambda: read_layout(path, "wrong"))


def test_an_archives_undeclared_file_keeps_it_out():
    layout = load_layout(PROGRAMME.source("online_claims").layout)
    assert layout.others == ("attachments/*",)
