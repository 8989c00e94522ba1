"""`kyufu layout check`: a mismatch is explained by position, header, code and count, and shows nobody."""

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.intake.layout_check import check_file, compare_headers
from pipelines.intake.layouts import load_layout
from tests.intake_files import PEOPLE, lines_of, register_file, write_table, write_xlsx, write_zip

CANARIES = ("花子", "新宿１丁目", "19800401", "S55", "0000000001", "ミホン")


def _run(tmp_path, name, data, layout):
    path = tmp_path / name
    path.write_bytes(data)
    result = CliRunner().invoke(
        app, ["layout", "check", str(path), "--layout", layout], env={"COLUMNS": "200"}
    )
    assert not any(canary in result.output for canary in CANARIES)
    return result.exit_code, result.output


def _changed(layout, change):
    found = load_layout(layout)
    lines = lines_of(found, PEOPLE)
    change(lines)
    return write_table(found, lines)


@pytest.mark.parametrize(
    ("name", "layout", "style"),
    [
        ("register_20200518.csv", "shinjuku/register", None),
        ("jumin_20200518.csv", "mihon/register", "GE.M.D 6行"),
        ("jumin_20200518.dat", "mihon/register_fixed", "NEEMMDD 6行"),
    ],
)
def test_a_file_that_fits(tmp_path, name, layout, style):
    status, output = _run(tmp_path, name, register_file(layout), layout)
    assert status == 0, output
    assert "行数 6 / 列数や長さの違う行 0" in output
    assert "合っています" in output
    assert "注意" not in output
    assert style is None or style in output


def test_a_renamed_header_is_told_by_position_with_the_nearest(tmp_path):
    def change(lines):
        lines[0][3] = "氏名（漢字）"

    status, output = _run(
        tmp_path, "x.csv", _changed("shinjuku/register", change), "shinjuku/register"
    )
    assert status == 1
    row = next(line for line in output.splitlines() if "漢字氏名" in line and "×" in line)
    assert "4" in row
    assert "4列目「氏名（漢字）」" in row
    assert "足りない列: 漢字氏名" in output


def test_swapped_headers_are_proposed_at_their_places():
    cells = compare_headers(["住民番号", "世帯番号"], ["世帯番号", "住民番号"])
    assert [(c.position, c.nearest, c.fits) for c in cells] == [
        (1, "2列目「住民番号」", False), (2, "1列目「世帯番号」", False),
    ]  # fmt: skip


def test_a_file_without_a_header_shows_no_row(tmp_path):
    data = register_file("shinjuku/register").split(b"\r\n", 1)[1]
    status, output = _run(tmp_path, "x.csv", data, "shinjuku/register")
    assert status == 1
    assert "文字、表示しません" in output


def test_the_encoding_is_verified_and_the_right_one_proposed(tmp_path):
    data = register_file("shinjuku/register").decode("cp932").encode()
    status, output = _run(tmp_path, "x.csv", data, "shinjuku/register")
    assert status == 1
    assert "この文字コードなら読めます: utf-8\n" in output
    status, output = _run(tmp_path, "x.csv", b"\xef\xbb\xbf" + data, "shinjuku/register")
    assert status == 1
    assert "この文字コードなら読めます: utf-8-sig" in output
    assert "BOM" in output


def test_unknown_codes_are_counted_and_shown_only_if_they_look_like_codes(tmp_path):
    def change(lines):
        lines[1][6], lines[2][6], lines[3][6], lines[4][6] = "77", "77", "花子", "0199"

    status, output = _run(
        tmp_path, "jumin_20200518.csv", _changed("mihon/register", change), "mihon/register"
    )
    assert status == 1
    assert (
        "コード表にない値 「続柄コード」: (コードに見えない値、表示しません) 1行、0199 1行、77 2行"
        in output
    )


def test_dates_in_no_declared_style_are_told_by_row(tmp_path):
    def change(lines):
        lines[1][3], lines[3][3] = "昭和55年4月1日", "19890108"

    status, output = _run(
        tmp_path, "jumin_20200518.csv", _changed("mihon/register", change), "mihon/register"
    )
    assert status == 1
    assert "「生年月日」が GE.M.D、GGE年M月D日 のどれでもない行: 1行(4行目)" in output
    assert "GGE年M月D日 1行" in output


def test_ragged_rows_are_told_by_number(tmp_path):
    data = register_file("shinjuku/register") + b"1,2\r\n" * 12
    status, output = _run(tmp_path, "register_20200518.csv", data, "shinjuku/register")
    assert status == 1
    assert "12行(8、9、10、11、12、13、14、15、16、17…行目)" in output


def test_every_table_of_an_archive_and_of_a_pair_is_checked(tmp_path):
    layout = load_layout("shinjuku/mynaportal")
    tables = {
        key: ",".join(table.columns).encode() + b"\r\n" for key, table in layout.tables.items()
    }
    data = write_zip(("applications.csv", tables["claims"]), ("members.csv", tables["members"]))
    assert _run(tmp_path, "mynaportal_20200520.zip", data, "shinjuku/mynaportal")[0] == 0
    strange = write_zip(
        ("applications.csv", tables["claims"]), ("members.csv", tables["members"]), ("sex.csv", b"")
    )
    status, _ = _run(tmp_path, "mynaportal_20200520.zip", strange, "shinjuku/mynaportal")
    assert status == 1
    pair = load_layout("shinjuku/postal_claims")
    data = ",".join(pair.tables["members"].columns).encode("cp932") + b"\r\n"
    (found,) = check_file(data, "unnamed.csv", pair)
    assert (found.table, found.fits) == ("members", True)
    assert "postal_members_{day}.csv" in found.notes[0]


def test_a_workbook_with_a_formula_is_told_by_row_and_column(tmp_path):
    layout = load_layout("mihon/facility_children")
    row = ["見本花子", "女", "昭和55年4月1日", "新宿１", "新宿２", "2019/4/1", "=1+1"]
    data = write_xlsx([list(layout.tables["rows"].columns), row])
    status, output = _run(tmp_path, "boshi_20200518.xlsx", data, "mihon/facility_children")
    assert status == 1
    assert "2行目「退所日」が数式" in output


def test_an_absent_file_or_layout_is_a_clear_error(tmp_path):
    missing = CliRunner().invoke(
        app, ["layout", "check", str(tmp_path / "x"), "--layout", "mihon/register"]
    )
    assert "ありません" in str(missing.exception)
    data = register_file("mihon/register")
    (tmp_path / "x.csv").write_bytes(data)
    absent = CliRunner().invoke(
        app, ["layout", "check", str(tmp_path / "x.csv"), "--layout", "mihon/none"]
    )
    assert "レイアウト mihon/none がありません" in str(absent.exception)
