"""The synthetic ward is what the interface pages say it is, and the same every time."""

import ast
import csv
import hashlib
import io
import json
import re
import tomllib
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pytest

from data.synthetic_ward import generate
from data.synthetic_ward.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "data" / "samples" / "ward"
PACKAGE = ROOT / "data" / "synthetic_ward"
SETUP = "ward/2020-05-18"
MEGABYTE = 2**20
STATES = {
    "paid",
    "returned",
    "held",
    "claimed",
    "declined",
    "elsewhere",
    "elsewhere_pending",
    "ineligible",
    "lapsed",
}
OUTCOMES = {
    "paid",
    "held",
    "deficient",
    "duplicate",
    "superseded",
    "withdrawn",
    "unresolved",
    "no_effect",
}


def contents(ward: Path) -> dict[str, bytes]:
    return {str(p.relative_to(ward)): p.read_bytes() for p in ward.rglob("*") if p.is_file()}


def table(content: bytes, encoding: str) -> list[dict[str, str]]:
    text = content.decode(encoding)
    assert text.count("\n") == text.count("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def read(path: str, encoding: str = "utf-8") -> list[dict[str, str]]:
    return table((SAMPLE / path).read_bytes(), encoding)


def read_all(pattern: str, encoding: str) -> list[dict[str, str]]:
    return [row for p in sorted(SAMPLE.glob(pattern)) for row in table(p.read_bytes(), encoding)]


def applications(member: str = "applications.csv") -> list[dict[str, str]]:
    rows = []
    for path in sorted(SAMPLE.glob("jlis/*/mynaportal_*.zip")):
        with ZipFile(path) as archive:
            rows += table(archive.read(member), "utf-8")
    return rows


def documented_columns() -> dict[str, list[str]]:
    page = (ROOT / "docs" / "interfaces" / "inputs.md").read_text(encoding="utf-8")
    rows = page.split("| dataset | columns |")[1].split("##")[0].strip().splitlines()[1:]
    columns = {}
    for row in rows:
        names, text = (cell.strip() for cell in row.strip("|").split("|"))
        text = re.sub(r"\([^)]*\)", "", text.split(";")[0])
        for name in re.sub(r"\([^)]*\)", "", names).split(","):
            columns[name.strip()] = [c.strip() for c in text.split(",")]
    claim = columns["postal_claims"]
    after = claim.index("世帯番号") + 1
    columns["inhouse_claims"] = [*claim[:after], "申請者住民番号", *claim[after:]]
    columns["inhouse_members"] = columns["postal_members"]
    return columns


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ward = tmp_path_factory.mktemp("small") / "ward"
    generate(400, 1, ward)
    return ward


def test_same_seed_same_bytes(small: Path, tmp_path: Path) -> None:
    generate(400, 1, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(small)


def test_other_seed_other_people(small: Path, tmp_path: Path) -> None:
    generate(400, 2, tmp_path / "other")
    register = f"{SETUP}/register_20200518.csv"
    assert (tmp_path / "other" / register).read_bytes() != (small / register).read_bytes()


def test_committed_sample_is_fresh(tmp_path: Path) -> None:
    counts = generate(3000, 20200427, tmp_path / "ward")
    assert contents(tmp_path / "ward") == contents(SAMPLE)
    assert counts["residents"] == 3000


def test_committed_sample_is_small() -> None:
    assert sum(map(len, contents(SAMPLE).values())) < 4 * MEGABYTE


@pytest.mark.parametrize("residents", [1, 2, 40])
def test_tiny_wards_can_be_made(residents: int, tmp_path: Path) -> None:
    assert generate(residents, 5, tmp_path / "ward")["residents"] == residents


def test_refuses_a_directory_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("kept", encoding="utf-8")
    with pytest.raises(FileExistsError, match="is not empty"):
        generate(10, 1, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["kept.txt"]


def test_refuses_a_ward_without_residents(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one resident"):
        generate(0, 1, tmp_path / "ward")


def test_broken_run_leaves_no_half_ward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("data.synthetic_ward.truth.write_truth", fail)
    with pytest.raises(OSError, match="disk full"):
        generate(10, 1, tmp_path / "ward")
    assert list(tmp_path.iterdir()) == []


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--residents", "50", "--seed", "3", "--out", str(tmp_path / "ward")]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["residents"] == 50
    assert main(arguments) == 2
    assert "is not empty" in capsys.readouterr().err


def test_shares_no_code_with_the_pipeline() -> None:
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names.append(node.module or "")
            assert not [n for n in names if n.split(".")[0] in {"pipelines", "schemas", "dags"}]


def test_columns_are_the_documented_ones() -> None:
    columns = documented_columns()
    utf8 = {"evacuation_requests", "inhouse_claims", "inhouse_members"}
    seen = set()
    for path in [*SAMPLE.glob("ward/*/*.csv"), *SAMPLE.glob("contractor/*/*.csv")]:
        name = re.sub(r"_\d{8}", "", path.name).removesuffix(".csv")
        documented = {"register.control": "register control sheet"}.get(name, name)
        if name.endswith(".zero"):
            documented = "declaration of zero"
        encoding = "utf-8" if name in utf8 else "cp932"
        header = path.read_bytes().decode(encoding).split("\r\n")[0].split(",")
        assert header == columns[documented], path
        seen.add(documented)
    for path in SAMPLE.glob("ward/*/*.xlsx"):
        rows = list(openpyxl.load_workbook(path).active.iter_rows(values_only=True))
        assert list(rows[0]) == columns["facility_disability"]
        assert all(value is None or isinstance(value, str) for row in rows for value in row)
        seen.add("facility_disability")
    for name in ("applications", "members"):
        assert list(applications(f"{name}.csv")[0]) == columns[name]
    assert list(read("bank/accounts.csv")[0]) == columns["bank accounts"]
    unsent = {"any other control sheet", "declaration"}  # a sender may add them; this ward's do not
    assert seen | {"applications", "members", "bank accounts"} | unsent == set(columns)


def test_files_have_no_byte_order_mark() -> None:
    assert not [n for n, b in contents(SAMPLE).items() if b.startswith(b"\xef\xbb\xbf")]


def test_control_sheet_agrees_with_the_extract() -> None:
    content = (SAMPLE / SETUP / "register_20200518.csv").read_bytes()
    rows = table(content, "cp932")
    sheet = read(f"{SETUP}/register_20200518.control.csv", "cp932")
    control = {row["項目"]: row["値"] for row in sheet}
    assert control["件数"] == str(len(rows)) == "3000"
    assert control["世帯数"] == str(len({r["世帯番号"] for r in rows}))
    assert control["SHA256"] == hashlib.sha256(content).hexdigest()
    assert control["基準日"] == "20200427"


def test_register_rows() -> None:
    rows = read(f"{SETUP}/register_20200518.csv", "cp932")
    numbers = [r["住民番号"] for r in rows]
    assert len(set(numbers)) == len(rows)
    assert all(re.fullmatch(r"\d{10}", n) for n in numbers)
    assert any(n.startswith("0") for n in numbers)
    household = ""
    for row in rows:  # by household, the head first
        assert (row["続柄"] == "02") == (row["世帯番号"] != household)
        household = row["世帯番号"]
        assert row["住所"].startswith("東京都新宿区")
        assert re.fullmatch(r"\d{8}", row["生年月日"])
        assert re.fullmatch(r"16\d{5}", row["郵便番号"])


def test_register_has_the_names_that_make_matching_hard() -> None:
    rows = read(f"{SETUP}/register_20200518.csv", "cp932")
    names = "".join(r["漢字氏名"] for r in rows)
    assert re.search("[髙﨑邉邊齋澤]", names)
    assert re.search("[\ue000-\ue757]", names)
    assert re.search("[Ａ-Ｚ]", names)
    assert "（" in names
    assert any(not r["カナ氏名"] for r in rows)
    assert any(r["生年月日"].endswith("00") for r in rows)
    pairs = [(r["漢字氏名"], r["生年月日"]) for r in rows]
    assert len(pairs) - len(set(pairs)) == 2


def test_every_scenario_is_planted_in_the_sample() -> None:
    planted = {row["kind"]: int(row["count"]) for row in read("truth/planted.csv")}
    settings = tomllib.loads((PACKAGE / "shinjuku.toml").read_text(encoding="utf-8"))
    assert settings["scenarios"].keys() <= planted.keys()
    assert not [kind for kind, count in planted.items() if count == 0]


def test_every_code_of_the_rules_occurs() -> None:
    page = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    rules = set(re.findall(r"^\| ([A-Z_]+) \|", page, re.MULTILINE))
    codes = {c for row in read("truth/claims.csv") for c in row["codes"].split(";") if c}
    of_changes = {"CHANGE_IN_QUARANTINE", "PAID_NOT_ELIGIBLE"}  # of the register, not of a claim
    # nobody in the ward names another's claim: tests/sql/claims and the planted town have those
    assert codes == rules - of_changes - {"NOT_OWN_CLAIM"}


def test_truth_covers_everybody_once() -> None:
    truth = read("truth/people.csv")
    numbers = [r["resident_id"] for r in truth if r["resident_id"]]
    late = {
        r["住民番号"]
        for r in read_all("ward/*/register_changes_*.csv", "cp932")
        if r["異動事由"] in {"出生", "転入"} and r["異動年月日"] <= "20200427"
    }
    extract = {r["住民番号"] for r in read(f"{SETUP}/register_20200518.csv", "cp932")}
    assert len(set(numbers)) == len(numbers)
    assert set(numbers) == extract | late
    additions = [(r["name_kanji"], r["birth_date"]) for r in truth if not r["resident_id"]]
    assert len(set(additions)) == len(additions) > 0
    assert all(r["protected"] == "1" for r in truth if not r["resident_id"])


def test_truth_balances() -> None:
    claims = {r["claim"]: r for r in read("truth/claims.csv")}
    people = read("truth/people.csv")
    assert {r["state"] for r in people} == STATES
    assert {r["outcome"] for r in claims.values()} == OUTCOMES
    for person in people:
        assert (person["state"] == "paid") == (person["paid_yen"] == "100000")
        assert (person["state"] == "held") <= bool(person["reasons"])
        if person["state"] in {"paid", "returned", "held", "claimed", "declined"}:
            codes = claims[person["claim"]]["codes"].split(";")
            assert set(person["reasons"].split(";")) - {""} <= set(codes)
        else:
            assert not person["claim"]
    paying = {r["claim"] for r in people if r["state"] == "paid"}
    assert {c for c in paying if claims[c]["outcome"] != "paid"} == set()
    assert {r["recovery_yen"] for r in people} == {"0", "100000"}


def test_claims_in_refused_files_have_no_true_answer() -> None:
    entered = {r["claim"] for r in read("truth/claims.csv")}
    online = {r["申請受付番号"] for r in applications()}
    inhouse = {r["受付番号"] for r in read_all("ward/*/inhouse_claims_*.csv", "utf-8")}
    postal = {r["受付番号"] for r in read_all("contractor/*/postal_claims_*.csv", "cp932")}
    refused = {n for n in online | postal if "20200916" in n}
    assert refused
    assert entered == (online | postal | inhouse) - refused
    assert any("20200916" in n for n in inhouse)


def test_corrections_name_a_claim_that_came_before() -> None:
    claims = read_all("contractor/*/postal_claims_*.csv", "cp932")
    days = {r["受付番号"]: r["受付年月日"] for r in claims}
    followers = [r for r in claims if r["申請区分"] != "新規"]
    assert {r["申請区分"] for r in followers} == {"訂正", "取下"}
    assert all(days[r["元受付番号"]] <= r["受付年月日"] for r in followers)
    assert all(not r["元受付番号"] for r in claims if r["申請区分"] == "新規")


def test_a_list_delivered_again_is_whole() -> None:
    for name, encoding in (("evacuation_requests", "utf-8"), ("facility_children", "cp932")):
        first = read(f"{SETUP}/{name}_20200518.csv", encoding)
        again = read(f"ward/2020-06-17/{name}_20200617.csv", encoding)
        assert again[: len(first)] == first
    late = read("ward/2020-06-17/evacuation_requests_20200617.csv")
    assert len(late) > len(read(f"{SETUP}/evacuation_requests_20200518.csv"))


def test_empty_list_comes_with_its_declaration() -> None:
    assert read(f"{SETUP}/placement_elderly_20200518.csv", "cp932") == []
    rows = read(f"{SETUP}/placement_elderly_20200518.zero.csv", "cp932")
    declaration = {r["項目"]: r["値"] for r in rows}
    assert declaration["名簿"] == "placement_elderly"
    assert declaration["基準日"] == "20200518"
    assert declaration["件数"] == "0"
    content = (SAMPLE / SETUP / "placement_elderly_20200518.csv").read_bytes()
    assert declaration["SHA256"] == hashlib.sha256(content).hexdigest()
    assert declaration["申告者"] != declaration["確認者"]
    assert declaration["申告日"] == "20200518"


def test_attachments_belong_to_applications() -> None:
    for path in SAMPLE.glob("jlis/*/*.zip"):
        with ZipFile(path) as archive:
            rows = table(archive.read("applications.csv"), "utf-8")
            pictures = {n for n in archive.namelist() if n.startswith("attachments/")}
            expected = {r["申請受付番号"] for r in rows if r["添付数"] != "0"}
            assert pictures == {f"attachments/{n}/account.jpg" for n in expected}
            assert all(archive.read(n).startswith(b"\xff\xd8\xff") for n in pictures)


def test_the_banks_book_knows_what_was_paid() -> None:
    book = {tuple(r.values())[:4] for r in read("bank/accounts.csv")}
    truth = {r["claim"]: r["state"] for r in read("truth/people.csv") if r["claim"]}
    claims = read_all("contractor/*/postal_claims_*.csv", "cp932")
    paid = [
        tuple(r[c] for c in ("金融機関コード", "支店コード", "預金種目", "口座番号"))
        for r in claims
        if truth.get(r["受付番号"]) == "paid" and not r["記号"]
    ]
    assert len(paid) > 100
    assert set(paid) <= book
