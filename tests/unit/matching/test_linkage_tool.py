"""`kyufu link`: any list against any register, columns of text in, outcomes out."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import InputMissing, InputRefused
from pipelines.matching.engine import MatchingError
from pipelines.matching.linkage_tool import link_texts, room_key

REGISTER = pa.table(
    {
        "resident_id": ["01", "02", "03"],
        "name_kanji": ["髙橋　一郎", "斎藤　花子", "森　薫"],
        "name_kana": ["タカハシ　イチロウ", "サイトウ　ハナコ", ""],
        "sex": ["1", "2", ""],
        "birth_date": ["19800401", "1975-03-12", "19880808"],
        "address": ["東京都新宿区西新宿２丁目８番１号", "東京都新宿区矢来町１２３番地", ""],
        "address_extra": ["都庁ハイツ　３０５号室", "", ""],
    }
)


def test_dates_and_names_in_any_style_are_linked_in_the_order_of_the_list():
    rows = pa.table(
        {
            "row_id": ["c", "b", "a"],
            "name_kanji": ["森薫", "山本五郎", "高橋 一郎"],
            "name_kana": [None, "", "ﾀｶﾊｼ ｲﾁﾛｳ"],
            "birth_date": ["昭和63年8月8日", "S10.1.1", "S55.4.1"],
            "address": ["", None, "新宿区西新宿2-8-1"],
        }
    )
    found = link_texts(REGISTER, rows, "13104")
    assert found.column_names == [
        "row_id",
        "outcome",
        "resident_id",
        "rule",
        "score",
        "explanation",
    ]
    assert found["row_id"].to_pylist() == ["c", "b", "a"]
    assert found["outcome"].to_pylist() == ["linked", "absent", "linked"]
    assert found["resident_id"].to_pylist() == ["03", None, "01"]
    assert found["rule"].to_pylist() == ["NAME_BIRTH", None, "NAME_KANA_BIRTH_ADDRESS"]


def test_sex_is_not_needed_and_does_not_matter():
    rows = pa.table(
        {"row_id": ["a"], "name_kanji": ["高橋一郎"], "birth_date": ["19800401"], "sex": ["2"]}
    )
    found = link_texts(REGISTER.drop_columns(["sex"]), rows, "13104")
    assert found["resident_id"].to_pylist() == ["01"]
    assert link_texts(REGISTER, rows, "13104").equals(found)


def test_a_list_with_names_only_leads_to_nobody_by_itself():
    rows = pa.table({"row_id": ["a"], "name_kanji": ["高橋一郎"]})
    assert link_texts(REGISTER, rows, "13104")["outcome"].to_pylist() == ["review"]


def test_a_file_without_its_ids_is_refused():
    rows = pa.table({"row_id": ["a"], "name_kanji": ["高橋一郎"]})
    with pytest.raises(MatchingError, match="lacks the column resident_id"):
        link_texts(REGISTER.drop_columns(["resident_id"]), rows, "13104")
    with pytest.raises(MatchingError, match="a row_id is empty or there twice"):
        link_texts(REGISTER, pa.concat_tables([rows, rows]), "13104")


@pytest.mark.parametrize(
    ("extra", "room"),
    [
        ("都庁ハイツ　３０５号室", "305"),
        ("第2コーポ 0101", "101"),
        ("１２階１２０３", "1203"),
        ("みどり荘", None),
        ("", None),
        (None, None),
    ],
)
def test_the_room_is_the_last_number_of_the_supplement(extra, room):
    assert room_key(pa.array([extra], pa.string())).to_pylist() == [room]


def test_the_command_writes_the_outcomes_and_tells_only_counts(tmp_path):
    rows = pa.table(
        {
            "row_id": ["a", "b"],
            "name_kanji": ["高橋一郎", "山本五郎"],
            "birth_date": ["19800401", "19110101"],
        }
    )
    pq.write_table(REGISTER, tmp_path / "R.parquet")
    pq.write_table(rows, tmp_path / "L.parquet")
    paths = [f"{tmp_path}/{name}.parquet" for name in "RLO"]
    asked = ["link", "--register", paths[0], "--list", paths[1], "--out", paths[2]]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0
    assert result.output.strip() == "2行: 特定 1、要確認 0、該当なし 1"
    assert pq.read_table(paths[2])["resident_id"].to_pylist() == ["01", None]


def test_a_missing_file_and_one_that_is_no_parquet_are_named(tmp_path):
    (tmp_path / "no.parquet").write_bytes(b"name\n")
    asked = ["link", "--register", f"{tmp_path}/no.parquet", "--list", f"{tmp_path}/gone.parquet"]
    result = CliRunner().invoke(app, [*asked, "--out", f"{tmp_path}/out.parquet"])
    assert isinstance(result.exception, InputRefused)
    pq.write_table(REGISTER, tmp_path / "no.parquet")
    result = CliRunner().invoke(app, [*asked, "--out", f"{tmp_path}/out.parquet"])
    assert isinstance(result.exception, InputMissing)
