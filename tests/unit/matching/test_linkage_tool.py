"""`kyufu link`: any list against any register, columns of text in, outcomes out."""

from itertools import product

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import InputMissing, InputRefused
from pipelines.matching.engine import MatchingError
from pipelines.matching.linkage_tool import keyed, link_texts, room_key, unread_births

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


def _rows(**columns):
    """A list of one row whose other columns are these."""
    return pa.table({"row_id": ["a"], "name_kanji": ["高橋一郎"], **columns})


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (_rows().drop_columns(["row_id"]), "列 row_id がありません"),
        (_rows(row_id=["  "]), r"列 row_id が空の行があります\(1行目\)"),
        (
            pa.concat_tables([_rows(row_id=["b"]), *[_rows()] * 12]),
            r"列 row_id の同じ番号の行があります\(2、3、4、5、6、7、8、9、10、11行目ほか、計12行\)",
        ),
        (_rows(birth_date=[19800401.0]), "列 birth_date が文字列ではありません"),
        (_rows(address=[["西新宿"]]), "列 address が文字列ではありません"),
        (_rows(name_kana=[b"\x82"]), "列 name_kana が文字列ではありません"),
        (
            pa.table([["a"], ["高橋"], ["一郎"]], names=["row_id", "name_kanji", "name_kanji"]),
            "列 name_kanji が2つあります",
        ),
        (_rows().rename_columns(["row_id", "氏名"]), "氏名を比べられません"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_and_says_why(rows, told):
    with pytest.raises(MatchingError, match=told):
        link_texts(REGISTER, rows, "13104")


def test_a_register_that_cannot_be_used_is_refused_and_says_why():
    with pytest.raises(MatchingError, match="列 resident_id がありません"):
        link_texts(REGISTER.drop_columns(["resident_id"]), _rows(), "13104")
    with pytest.raises(MatchingError, match=r"同じ番号の行があります\(1、4行目\)"):
        link_texts(pa.concat_tables([REGISTER, REGISTER.slice(0, 1)]), _rows(), "13104")
    with pytest.raises(MatchingError, match="台帳に一人もいません"):
        link_texts(REGISTER.slice(0, 0), _rows(), "13104")
    in_kana = pa.table({"row_id": ["a"], "name_kana": ["タカハシイチロウ"]})
    with pytest.raises(MatchingError, match="氏名を比べられません"):
        link_texts(REGISTER.drop_columns(["name_kana"]), in_kana, "13104")


@pytest.mark.parametrize(
    "rows",
    [
        _rows(birth_date=["19800401"], name_kana=pa.nulls(1), address=pa.nulls(1, pa.string())),
        _rows(birth_date=pa.array([19800401])),
        _rows(birth_date=pa.array(["19800401"]).cast(pa.large_string())),
        _rows(birth_date=pa.array(["1980-04-01"]).dictionary_encode()),
        _rows(birth_date=pa.array(["1980-04-01"]).cast(pa.date32())),
        pa.concat_tables([_rows(birth_date=["19800401"]), _rows(birth_date=["0"]).slice(1)]),
    ],
)
def test_columns_of_text_in_any_arrow_type_are_read_and_empty_ones_are_unknown(rows):
    assert link_texts(REGISTER, rows, "13104")["resident_id"].to_pylist() == ["01"]


def test_a_row_without_a_name_leads_to_nobody_and_an_empty_list_to_no_rows():
    assert link_texts(REGISTER, _rows(name_kanji=[None]), "13104")["outcome"].to_pylist() == [
        "absent"
    ]
    assert link_texts(REGISTER, _rows().slice(0, 0), "13104").num_rows == 0


BIRTHS = [
    "19890108", "1989-1-8", "1989/01/08", "1989.1.8", "1989年1月8日", "1989年1月8日生", "平成元年1月8日",
    "平成1年1月8日生まれ", "平成元年一月八日", "H1.1.8", "H元.1.8", "Ｈ０１．０１．０８", "h010108", "㍻1年1月8日",
    "S64.1.8",
]  # fmt: skip


def test_birth_dates_in_any_style_are_one_date():
    register = pa.table(
        {
            "resident_id": [f"{n}" for n in range(len(BIRTHS))],
            "name_kanji": ["渡辺　元"] * len(BIRTHS),
            "birth_date": BIRTHS,
        }
    )
    assert set(keyed(register, "resident_id", "id", "13104")["date_key"].to_pylist()) == {
        "19890108"
    }
    assert unread_births(register) == ""


def test_parts_of_a_birth_date_that_are_unknown_stay_so():
    births = ["1989", "1989年", "平成元年1月", "19890100", "不詳", "1989-02-30", None]
    rows = pa.table({"row_id": [f"{n}" for n in range(7)], "birth_date": births})
    assert keyed(rows, "row_id", "row_id", "13104")["date_key"].to_pylist() == [
        "19890000", "19890000", "19890100", "19890100", None, None, None,
    ]  # fmt: skip
    assert unread_births(rows) == "5、6行目"


def test_a_register_of_one_person_can_be_asked():
    rows = pa.table(
        {
            "row_id": ["a", "b"],
            "name_kanji": ["高橋一朗", "山本五郎"],
            "birth_date": ["S55.4.1"] * 2,
        }
    )
    found = link_texts(REGISTER.slice(0, 1), rows, "13104")
    assert found["outcome"].to_pylist() == ["review", "absent"]


def test_a_register_of_fifty_people_links_who_agrees_and_nobody_else():
    families = ["高橋", "鈴木", "佐藤", "林", "五味"]
    given = ["一郎", "花子", "翔太", "葵", "実", "薫", "健", "恵", "学", "誠"]
    people = [
        (f"{n}", "　".join(name), f"19{40 + n}0{n % 9 + 1}1{n % 9}")
        for n, name in enumerate(product(families, given))
    ]
    columns = [pa.array(column) for column in zip(*people, strict=True)]
    register = pa.table(columns, names=["resident_id", "name_kanji", "birth_date"])
    rows = register.rename_columns(["row_id", "name_kanji", "birth_date"])
    found = link_texts(register, rows, "13104")
    assert found["resident_id"].to_pylist() == rows["row_id"].to_pylist()
    strangers = pa.table(
        {
            "row_id": rows["row_id"],
            "name_kanji": rows["name_kanji"],
            "birth_date": ["20010203"] * 50,
        }
    )
    assert "linked" not in link_texts(register, strangers, "13104")["outcome"].to_pylist()


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


def test_the_command_names_the_file_that_is_wrong_and_never_writes_over_its_input(tmp_path):
    paths = [f"{tmp_path}/{name}.parquet" for name in "RL"]
    pq.write_table(REGISTER, paths[0])
    pq.write_table(_rows(row_id=[None]), paths[1])
    asked = ["link", "--register", paths[0], "--list", paths[1], "--out"]
    refused = CliRunner().invoke(app, [*asked, f"{tmp_path}/O.parquet"]).exception
    assert isinstance(refused, InputRefused)
    assert str(refused).startswith(f"{paths[1]}: 列 row_id が空の行")
    assert not (tmp_path / "O.parquet").exists()
    before = (tmp_path / "R.parquet").read_bytes()
    refused = CliRunner().invoke(app, [*asked, paths[0]]).exception
    assert isinstance(refused, InputRefused)
    assert (tmp_path / "R.parquet").read_bytes() == before


def test_the_command_tells_which_birth_dates_it_cannot_read(tmp_path):
    paths = [f"{tmp_path}/{name}.parquet" for name in "RLO"]
    pq.write_table(REGISTER, paths[0])
    pq.write_table(_rows(birth_date=["四月一日"]), paths[1])
    asked = ["link", "--register", paths[0], "--list", paths[1], "--out", paths[2]]
    output = CliRunner().invoke(app, asked).output
    assert "L.parquet: 生年月日が読めない行(1行目)は、不明として扱いました。" in output
    assert "四月" not in output
