"""Row checks: a `reject` keeps a row out, a `warn` only counts; told by row, column and rule, never by value."""

import os
import subprocess
import sys
from datetime import date

import pyarrow as pa
import pytest
from pandera.config import ValidationDepth, config_context

from pipelines.errors import KyufuError
from pipelines.intake.checks import (
    assert_validation_is_on,
    check_rows,
    drop_exact_duplicates,
    rejected_rows,
    split_rows,
)
from pipelines.intake.references import references
from pipelines.programme import ROOT
from schemas.datasets import DATASETS
from schemas.rules import RULES

REGISTER = DATASETS["register"][0]
REFERENCES = references(date(2020, 4, 27), date(2020, 5, 18))
GOOD = {
    "resident_id": "0000000001",
    "household_id": "0000000001",
    "name_kana": "ミホン\u3000ハナコ",
    "name_kanji": "見本\u3000花子",
    "relationship": "02",
    "birth_date": "19800401",
    "postal_code": "1600022",
    "address": "東京都新宿区新宿１丁目",
    "address_supplement": "",
    "head_name_kanji": "見本\u3000花子",
}


def _table(*rows):
    """Register rows that differ from the good one as said, numbered from 2."""
    made = [{**GOOD, "household_id": row.get("resident_id", "0000000001"), **row} for row in rows]
    columns = {name: [row[name] for row in made] for name in REGISTER.columns}
    return pa.table({**columns, "row": list(range(2, len(rows) + 2))})


def _problems(*rows):
    found = check_rows(_table(*rows), REGISTER, REFERENCES).to_pylist()
    assert all(problem["table"] == "rows" for problem in found)
    return {(problem["row"], problem["column"], problem["rule"]) for problem in found}


def test_a_good_row_breaks_nothing():
    assert _problems({}) == set()


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("resident_id", "", "DIGITS_10"),
        ("resident_id", "123456789", "DIGITS_10"),
        ("resident_id", "12345678901", "DIGITS_10"),
        ("resident_id", "123456789X", "DIGITS_10"),
        ("resident_id", " 000000001", "DIGITS_10"),
        ("resident_id", "0000000001\n", "DIGITS_10"),
        ("household_id", "000-000-01", "DIGITS_10"),
        ("name_kanji", "", "REQUIRED"),
        ("relationship", "", "REQUIRED"),
        ("birth_date", "", "REQUIRED"),
    ],
)
def test_a_broken_key_or_an_empty_necessity_keeps_the_row_out(column, value, rule):
    found = _problems({}, {"resident_id": "0000000002", column: value})
    assert (3, column, rule) in found
    assert RULES[rule].severity == "reject"
    assert {row for row, _, _ in found} == {3}


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("birth_date", "19450000", "BIRTH_DATE_ODD"),
        ("birth_date", "19801301", "BIRTH_DATE_ODD"),
        ("birth_date", "昭和55年", "BIRTH_DATE_ODD"),
        ("postal_code", "", "POSTAL_CODE_FORM"),
        ("postal_code", "160-0022", "POSTAL_CODE_FORM"),
        ("name_kana", "", "NAME_EMPTY"),
    ],
)
def test_nobody_loses_an_entitlement_to_a_warning(column, value, rule):
    rows = _table({column: value})
    broken = check_rows(rows, REGISTER, REFERENCES)
    assert [(2, column, rule)] == [(p["row"], p["column"], p["rule"]) for p in broken.to_pylist()]
    assert rejected_rows(broken) == set()
    assert split_rows(rows, rejected_rows(broken))[0].num_rows == 1


def test_every_rule_that_breaks_is_told():
    assert _problems({"resident_id": "x", "household_id": "y", "postal_code": "z"}) == {
        (2, "resident_id", "DIGITS_10"),
        (2, "household_id", "DIGITS_10"),
        (2, "postal_code", "POSTAL_CODE_FORM"),
    }


def test_rows_of_one_key_that_differ_all_wait():
    found = _problems({}, {"address": "東京都新宿区新宿２丁目"}, {"resident_id": "0000000009"}, {})
    assert found == {(row, "resident_id", "DUPLICATE_KEY") for row in (2, 3, 5)}


def test_equal_rows_are_duplicates_and_break_nothing():
    rows = _table({}, {"resident_id": "0000000009"}, {}, {})
    assert check_rows(rows, REGISTER, REFERENCES).num_rows == 0
    assert drop_exact_duplicates(rows).column("row").to_pylist() == [2, 3]


def test_every_row_goes_one_way():
    nameless = {"resident_id": "0000000003", "name_kanji": ""}
    rows = _table({}, {"resident_id": "x"}, nameless, {"resident_id": "0000000002"})
    good, bad = split_rows(rows, rejected_rows(check_rows(rows, REGISTER, REFERENCES)))
    assert good.column("row").to_pylist() == [2, 5]
    assert bad.column("row").to_pylist() == [3, 4]


def test_no_rows_break_nothing():
    assert check_rows(_table(), REGISTER, REFERENCES).num_rows == 0
    assert drop_exact_duplicates(_table()).num_rows == 0


def test_every_check_names_a_rule_that_says_what_to_do():
    codes = {code for tables in DATASETS.values() for table in tables for code in table.codes}
    assert codes <= set(RULES)
    # told by the reader, the layout, the key, the other table and the search for My Numbers
    outside = {"ROW_LENGTH", "DUPLICATE_KEY", "CLAIM_UNKNOWN", "MY_NUMBER", "DATE_STYLE"}
    assert set(RULES) == codes | outside
    assert all(rule.remedy.endswith("。") for rule in RULES.values() if rule.severity == "reject")


@pytest.mark.parametrize("dataset", sorted(DATASETS))
def test_keys_are_columns(dataset):
    for table in DATASETS[dataset]:
        assert set(table.key) <= set(table.columns)


def test_f40_the_self_test_passes_here():
    assert_validation_is_on()


def _start(tmp_path, code, **variables):
    environment = {**os.environ, "KYUFU_HOME": str(tmp_path), **variables}
    arguments = [sys.executable, "-c", code]
    return subprocess.run(
        arguments, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_f40_validation_switched_off_stops_the_start(tmp_path):
    code = (
        "from pipelines.programme import settings_from_environment\n"
        "from pipelines.steps.campaign import open_campaign\n"
        "open_campaign(settings_from_environment(), None)"
    )
    done = _start(tmp_path, code, PANDERA_VALIDATION_ENABLED="False")
    assert done.returncode != 0
    assert "PANDERA_VALIDATION_ENABLED" in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "off", [{"validation_enabled": False}, {"validation_depth": ValidationDepth.SCHEMA_ONLY}]
)
def test_f40_the_self_test_sees_that_nothing_is_checked(off):
    """Whatever variable did it: pandera has several, each with its own spellings."""
    assert_validation_is_on.cache_clear()
    with config_context(**off), pytest.raises(KyufuError, match="PANDERA_VALIDATION_DEPTH"):
        check_rows(_table({"resident_id": "x"}), REGISTER, REFERENCES)
    assert_validation_is_on()
