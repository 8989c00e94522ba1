"""From a day's files to a staged partition: basis and period first, then every row goes exactly one way."""

import io
import zipfile
from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import InputMissing, InputRefused, PeriodRefused
from pipelines.intake import receive
from pipelines.intake.layouts import load_layout
from pipelines.intake.staging import Staging, sha256
from pipelines.programme import ROOT, ListSource, ProgrammeError, load_programme
from schemas.datasets import DATASETS
from tests.unit.intake.refusals import CANARY, refusal

DAY = date(2020, 5, 18)
PROGRAMME = load_programme(ROOT / "programmes" / "shinjuku-2020.toml")
REGISTER = "住民番号,世帯番号,カナ氏名,漢字氏名,続柄,生年月日,郵便番号,住所,方書,世帯主漢字氏名"
HANAKO = (
    "0000000001,0000000001,ミホン\u3000ハナコ,見本\u3000花子,02,19800401,1600022,"
    "東京都新宿区新宿１丁目,,見本\u3000花子"
)
TARO = HANAKO.replace("0000000001", "0000000002", 1).replace("花子,02", "太郎,11")
CLAIMS = (
    "申請受付番号,申請日時,申請区分,元申請受付番号,申請者氏名,申請者カナ,申請者生年月日,申請者住所,証明書シリアル番号,"
    "金融機関コード,支店コード,預金種目,口座番号,口座名義カナ,記号,番号,添付数"
)
CLAIM = "{0},2020-05-20T10:00:00,{1},,見本花子,ミホンハナコ,19800401,新宿1,S{0},0001,001,1,0000001,ミホンハナコ,,,1"
MEMBERS = "申請受付番号,連番,氏名,生年月日,給付希望"


def _csv(*lines, encoding="cp932"):
    return "".join(f"{line}\r\n" for line in lines).encode(encoding)


def _register(*rows, day=DAY):
    return {f"register_{day:%Y%m%d}.csv": _csv(REGISTER, *rows)}


def _dump(claims, members, day=date(2020, 5, 20)):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("applications.csv", _csv(CLAIMS, *claims, encoding="utf-8"))
        archive.writestr("members.csv", _csv(MEMBERS, *members, encoding="utf-8"))
    return {f"mynaportal_{day:%Y%m%d}.zip": out.getvalue()}


@pytest.fixture
def staging(tmp_path):
    return Staging(tmp_path)


def _stage(staging, dataset, files, day=DAY, programme=PROGRAMME):
    return receive.stage(programme, staging, dataset, day, files)


def _problems(staging, dataset, day=DAY):
    rows = staging.read(dataset, day, "problems").to_pylist()
    return {(p["table"], p["row"], p["column"], p["rule"], p["file"]) for p in rows}


def test_every_row_is_accepted_quarantined_or_a_duplicate(staging):
    rows = (
        HANAKO,
        TARO,
        HANAKO,
        "x" + TARO[1:],
        "短い行",
        HANAKO.replace("0000000001", "0000000003"),
    )
    manifest = _stage(staging, "register", _register(*rows))
    assert (manifest.rows_in, manifest.accepted, manifest.quarantined, manifest.duplicates) == (
        6,
        3,
        2,
        1,
    )
    assert manifest.rules == {"DIGITS_10": 1, "ROW_LENGTH": 1}
    assert staging.read("register", DAY).column("row").to_pylist() == [2, 3, 7]
    assert staging.read("register", DAY, "quarantine_rows").column("row").to_pylist() == [5]
    file = "register_20200518.csv"
    assert _problems(staging, "register") == {
        ("rows", 5, "resident_id", "DIGITS_10", file),
        ("rows", 6, "", "ROW_LENGTH", file),
    }


def test_a_warning_lets_the_row_pass_and_is_counted(staging):
    manifest = _stage(staging, "register", _register(HANAKO.replace("1600022", "160-0022"), TARO))
    assert (manifest.accepted, manifest.quarantined, manifest.warnings) == (2, 0, 1)


def test_rows_that_contradict_each_other_all_wait(staging):
    moved = HANAKO.replace("新宿１丁目", "新宿２丁目")
    manifest = _stage(staging, "register", _register(HANAKO, moved, TARO, HANAKO))
    assert (manifest.accepted, manifest.quarantined, manifest.duplicates) == (1, 3, 0)
    assert manifest.rules == {"DUPLICATE_KEY": 3}


@given(
    st.lists(
        st.sampled_from(
            [HANAKO, TARO, "x" + TARO, "a,b", "", HANAKO + ",", TARO.replace("太郎", "")]
        )
    )
)
@settings(deadline=None, max_examples=6)
def test_the_counts_always_add_up(tmp_path_factory, rows):
    staging = Staging(tmp_path_factory.mktemp("home"))
    manifest = _stage(staging, "register", _register(*rows))
    assert manifest.rows_in == len(rows)
    assert manifest.rows_in == manifest.accepted + manifest.quarantined + manifest.duplicates
    assert staging.read("register", DAY).num_rows == manifest.accepted


def test_text_is_staged_as_it_came_under_our_names(staging):
    row = HANAKO.replace("見本\u3000花子", "NA").replace("1600022", "0010001")
    _stage(staging, "register", _register(row))
    staged = staging.read("register", DAY).to_pylist()[0]
    assert staged["name_kanji"] == "NA"
    assert (staged["resident_id"], staged["postal_code"]) == ("0000000001", "0010001")
    assert staged["address"] == "東京都新宿区新宿１丁目"
    columns = {column for _, field in DATASETS["register"][0].fields for column in [field.item]}
    assert columns == set(REGISTER.split(","))


def test_match_keys_stand_beside_the_text(staging):
    _stage(staging, "register", _register(HANAKO))
    staged = staging.read("register", DAY)
    assert staged.column("date_key").to_pylist() == ["19800401"]
    assert {"name_key", "kana_key", "loose_kana_key", "address_key"} <= set(staged.column_names)
    assert all(staged.schema.field(name).type == pa.string() for name in ("name_key", "name_kanji"))


def test_codes_are_ours_and_an_unknown_code_waits(staging):
    claims = [CLAIM.format("N1", "新規"), CLAIM.format("N2", "訂正"), CLAIM.format("N3", CANARY)]
    members = ["N1,1,見本花子,19800401,希望する", "N2,1,見本花子,19800401,希望しない"]
    day = date(2020, 5, 20)
    manifest = _stage(staging, "online_claims", _dump(claims, members), day)
    assert (manifest.quarantined, manifest.rules["CODE_UNKNOWN"]) == (1, 1)
    staged = staging.read("online_claims", day, "claims")
    assert staged.column("claim_kind").to_pylist() == ["new", "correction"]
    lines = staging.read("online_claims", day, "members")
    assert lines.column("not_wanted").to_pylist() == ["no", "yes"]


def test_a_member_line_without_its_claim_waits(staging):
    members = ["N1,1,見本花子,19800401,希望する", f"N9,1,{CANARY},19800401,希望する"]
    day = date(2020, 5, 20)
    manifest = _stage(staging, "online_claims", _dump([CLAIM.format("N1", "新規")], members), day)
    assert (manifest.rows_in, manifest.accepted, manifest.quarantined) == (3, 2, 1)
    assert ("members", 3, "claim_no", "CLAIM_UNKNOWN", "mynaportal_20200520.zip#members.csv") in (
        _problems(staging, "online_claims", day)
    )


def test_the_member_lines_of_a_claim_that_waits_wait_too(staging):
    day = date(2020, 5, 20)
    files = _dump([CLAIM.format("N1", "?")], ["N1,1,見本花子,19800401,希望する"])
    manifest = _stage(staging, "online_claims", files, day)
    assert (manifest.accepted, manifest.quarantined) == (0, 2)


def test_an_archive_without_its_tables_is_refused(staging):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("applications.csv", _csv(CLAIMS, encoding="utf-8"))
    files = {"mynaportal_20200520.zip": out.getvalue()}
    day = date(2020, 5, 20)
    message = refusal(InputRefused, lambda: _stage(staging, "online_claims", files, day))
    assert "members.csv" in message


def test_a_refused_file_leaves_nothing_staged(staging, tmp_path):
    files = _register(HANAKO, CANARY)
    cut = {name: data[:-1] for name, data in files.items()}
    assert "register_20200518.csv" in refusal(
        InputRefused, lambda: _stage(staging, "register", cut)
    )
    assert not staging.root.exists()


def test_a_missing_file_is_named(staging):
    assert "register_20200518.csv" in refusal(
        InputMissing, lambda: _stage(staging, "register", {"register_20200519.csv": b""})
    )


@pytest.mark.parametrize("day", [date(2020, 5, 14), date(2020, 9, 1)])
def test_f35_a_day_outside_the_collection_period_is_refused_unread(staging, day):
    message = refusal(
        PeriodRefused, lambda: _stage(staging, "online_claims", {"x": CANARY.encode()}, day)
    )
    assert str(day) in message
    assert "2020-05-15 .. 2020-08-31" in message
    assert "第17条" in message
    assert not staging.root.exists()


@pytest.mark.parametrize("dataset", sorted(DATASETS))
def test_f35_a_column_outside_its_basis_is_refused_unread(staging, dataset):
    source = PROGRAMME.source(dataset)
    poorer = source.model_copy(update={"columns": source.columns[:-1]})
    group = "list_sources" if isinstance(source, ListSource) else "sources"
    others = [poorer if s.dataset == dataset else s for s in getattr(PROGRAMME, group)]
    programme = PROGRAMME.model_copy(update={group: tuple(others)})
    day = source.period.first
    names = receive.expected_files(PROGRAMME, dataset, day)
    unread = dict.fromkeys(names, CANARY.encode())
    message = refusal(InputRefused, lambda: _stage(staging, dataset, unread, day, programme))
    assert source.columns[-1] in message
    assert source.basis in message
    assert not staging.root.exists()


def test_f35_a_column_that_only_the_file_has_is_refused(staging, monkeypatch):
    layout = load_layout("shinjuku/register")
    rows = layout.tables["rows"]
    wider = rows.model_copy(update={"columns": {**rows.columns, "性別": "sex"}})
    with_sex = layout.model_copy(update={"tables": {"rows": wider}})
    monkeypatch.setattr(receive, "load_layout", lambda _name: with_sex)
    files = {"register_20200518.csv": _csv(REGISTER + ",性別", HANAKO + ",2")}
    assert "sex" in refusal(InputRefused, lambda: _stage(staging, "register", files))


def test_an_unknown_dataset_is_an_error(staging):
    with pytest.raises(ProgrammeError, match="tax_records"):
        _stage(staging, "tax_records", {})


def test_an_unknown_layout_is_an_error():
    with pytest.raises(InputRefused, match="shinjuku/absent"):
        load_layout("shinjuku/absent")


@pytest.mark.parametrize("dataset", sorted(DATASETS))
def test_layouts_cover_their_datasets_and_nothing_else(dataset):
    layout = load_layout(PROGRAMME.source(dataset).layout)
    assert set(layout.tables) == {table.name for table in DATASETS[dataset]}
    for table in DATASETS[dataset]:
        assert set(layout.tables[table.name].columns.values()) == set(table.columns)
        assert "20200518" in layout.tables[table.name].file_name(dataset, DAY)


def test_the_names_of_a_days_files():
    assert receive.expected_files(PROGRAMME, "placement_elderly", DAY) == [
        "placement_elderly_20200518.csv"
    ]
    assert receive.expected_files(PROGRAMME, "online_claims", DAY) == ["mynaportal_20200518.zip"]
    assert receive.expected_files(PROGRAMME, "postal_claims", DAY) == [
        "postal_claims_20200518.csv",
        "postal_members_20200518.csv",
    ]


def test_the_manifest_names_the_files_by_hash(staging):
    files = _register(HANAKO)
    manifest = _stage(staging, "register", files)
    assert manifest.sources == {name: sha256(data) for name, data in files.items()}


def test_a_gate_sees_the_counts_and_can_keep_the_day_out(staging):
    seen = []

    def gate(counts, tables):
        seen.append((counts.rows_in, counts.accepted, tables["rows"].num_rows))
        raise InputRefused("3件のはずです")

    with pytest.raises(InputRefused, match="3件"):
        receive.stage(PROGRAMME, staging, "register", DAY, _register(HANAKO, "x"), gate)
    assert seen == [(2, 1, 1)]
    assert not staging.root.exists()
