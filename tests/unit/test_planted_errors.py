"""Hard errors are planted on top of the usual ward, and the true answers name every one of them."""

import csv
import io
from collections import Counter
from pathlib import Path
from zipfile import ZipFile

import pytest

from data.synthetic_ward import generate

RESIDENTS, SEED = 400, 1
LATE_LIST = "ward/2020-06-17/facility_disability_20200617.xlsx"
REFUSED_LIST = "ward/2020-06-17/facility_children_20200617.csv"
ADDED_DAYS = {"2020-05-15", "2020-06-04", "2020-06-15", "2020-06-18"}
ENCODINGS = {"inhouse_claims": "utf-8", "evacuation_requests": "utf-8", "online_claims": "utf-8"}


def contents(ward: Path) -> dict[str, bytes]:
    """Every file by its path; of an archive every member, by the name that the true answers use."""
    found = {}
    for path in sorted(p for p in ward.rglob("*") if p.is_file()):
        name = path.relative_to(ward).as_posix()
        if path.suffix == ".zip":
            with ZipFile(path) as archive:
                found |= {f"{name}#{member}": archive.read(member) for member in archive.namelist()}
        else:
            found[name] = path.read_bytes()
    return found


def rows(data: bytes, encoding: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(encoding), newline=""), strict=True))


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    ward = tmp_path_factory.mktemp("usual") / "ward"
    generate(RESIDENTS, SEED, ward)
    return contents(ward)


@pytest.fixture(scope="module")
def hard(tmp_path_factory):
    ward = tmp_path_factory.mktemp("hard") / "ward"
    generate(RESIDENTS, SEED, ward, errors="hard")
    return contents(ward)


@pytest.fixture(scope="module")
def truth(hard):
    text = hard["truth/quarantine.csv"].decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def planted_rows(truth) -> dict[str, set[int]]:
    """File name -> the numbers of its planted rows."""
    found: dict[str, set[int]] = {}
    for row in truth:
        if row["row"]:
            found.setdefault(row["file"], set()).add(int(row["row"]))
    return found


def test_same_seed_same_bytes(hard, tmp_path):
    generate(RESIDENTS, SEED, tmp_path / "again", errors="hard")
    assert contents(tmp_path / "again") == hard


def test_unknown_errors_are_refused(tmp_path):
    with pytest.raises(ValueError, match="normal, hard"):
        generate(10, 1, tmp_path / "ward", errors="harder")


def test_without_the_planted_rows_every_file_is_the_usual_wards(usual, hard, truth):
    planted = planted_rows(truth)
    changed = set()
    for name, data in usual.items():
        if name in (LATE_LIST, REFUSED_LIST) or hard[name] == data:
            continue
        file = name.rpartition("/")[2]
        dataset = next(row["dataset"] for row in truth if row["file"] == file)
        encoding = ENCODINGS.get(dataset, "cp932")
        left = [
            row
            for number, row in enumerate(rows(hard[name], encoding), start=1)
            if number not in planted[file]
        ]
        assert left == rows(data, encoding), name
        changed.add(file)
    on_usual_days = {file for file in planted if "20200615" not in file}
    assert changed == on_usual_days
    assert len(changed) > 15


def test_only_the_named_days_and_files_are_added(usual, hard):
    added = hard.keys() - usual.keys() - {"truth/quarantine.csv"}
    assert {name.split("/")[1] for name in added} == ADDED_DAYS
    assert usual.keys() - hard.keys() == {LATE_LIST}
    assert hard["truth/people.csv"] == usual["truth/people.csv"]
    assert hard["truth/claims.csv"] == usual["truth/claims.csv"]


def test_every_rule_that_rejects_a_row_is_planted_except_what_only_the_table_can_tell(truth):
    from schemas.rules import RULES

    rules = Counter(row["rule"] for row in truth if row["outcome"] == "quarantined")
    assert rules.keys() <= {code for code, rule in RULES.items() if rule.severity == "reject"}
    assert rules.keys() == {
        "ROW_LENGTH", "REQUIRED", "DIGITS_10", "DUPLICATE_KEY", "CODE_UNKNOWN", "DATE_FORM", "CLAIM_UNKNOWN",
    }  # fmt: skip
    assert min(rules.values()) > 5


def test_a_planted_copy_stands_behind_a_row_that_is_equal_to_it(hard, truth):
    by_name = {name.rpartition("/")[2]: data for name, data in hard.items()}
    copies = [row for row in truth if row["outcome"] == "duplicate"]
    assert len(copies) > 15
    for row in copies:
        table = rows(by_name[row["file"]], ENCODINGS.get(row["dataset"], "cp932"))
        place = int(row["row"]) - 1
        assert table[place] in table[1:place], row


def test_whole_files_arrive_as_the_answers_say(usual, hard, truth):
    refused = {row["file"] for row in truth if row["outcome"] == "refused"}
    assert refused == {
        "register_20200515.csv", "register_changes_20200604.csv", "inhouse_claims_20200604.csv",
        "inhouse_members_20200604.csv", "facility_children_20200617.csv", "mynaportal_20200916.zip",
        "postal_claims_20200916.csv", "postal_members_20200916.csv",
    }  # fmt: skip
    setup = usual["ward/2020-05-18/register_20200518.csv"]
    cut = hard["ward/2020-05-15/register_20200515.csv"]
    assert setup.startswith(cut)
    assert not cut.endswith(b"\r\n")
    for table in ("register_changes", "inhouse_claims", "inhouse_members"):
        again = hard[f"ward/2020-06-04/{table}_20200604.csv"]
        assert again == hard[f"ward/2020-06-03/{table}_20200603.csv"]
    with pytest.raises(UnicodeDecodeError):
        hard[REFUSED_LIST].decode("cp932")
    assert hard["ward/2020-06-18/facility_children_20200618.csv"] == usual[REFUSED_LIST]
    assert hard["ward/2020-06-18/facility_disability_20200618.xlsx"] == usual[LATE_LIST]
    assert [row["file"] for row in truth if row["outcome"] == "late"] == [
        "facility_disability_20200618.xlsx"
    ]
