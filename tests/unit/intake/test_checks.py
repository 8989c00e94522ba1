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
from schemas.tables import table as schema_table

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
    # told by the reader, the layout, the key, the archive and the search for My Numbers
    outside = {
        "ROW_LENGTH", "DUPLICATE_KEY", "ATTACHMENT_CLAIM_UNKNOWN", "MY_NUMBER", "DATE_STYLE",
    }  # fmt: skip
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


def _claims(dataset, **values):
    """One claim of a paper channel that breaks nothing but what is said, numbered 2."""
    good = dict.fromkeys(DATASETS[dataset][0].columns, "")
    good |= {
        "claim_no": "P1", "received_on": "20200518", "claim_kind": "new", "applicant_name_kanji": "見本",
        "bank_code": "0001", "branch_code": "001", "account_type": "1", "account_number": "0000001",
        "received_at": "2020-05-18T10:00:00", "certificate_serial": "08E2C368FD", "attachments": "1",
    }  # fmt: skip
    row = {name: {**good, **values}[name] for name in DATASETS[dataset][0].columns}
    return pa.table({**{name: [value] for name, value in row.items()}, "row": [2]})


def _broken_of(rows, table):
    found = check_rows(rows, table, REFERENCES).to_pylist()
    return {(problem["column"], problem["rule"]) for problem in found}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, set()),
        ({"postal_code": "9999999"}, {("postal_code", "POSTAL_CODE_UNKNOWN")}),
        ({"postal_code": "1600023"}, {("postal_code", "POSTAL_CODE_TOWN")}),
        ({"postal_code": "1600023", "address": "東京都新宿区西新宿２丁目８番１号"}, set()),
        ({"postal_code": "1631312", "address": "東京都新宿区西新宿６丁目５番１号"}, set()),
        ({"postal_code": "1600000"}, set()),
        ({"postal_code": "６００００２２"}, {("postal_code", "POSTAL_CODE_FORM")}),
        ({"birth_date": "20200428"}, {("birth_date", "BIRTH_AFTER_BASE_DATE")}),
        ({"birth_date": "20200427"}, set()),
        ({"birth_date": "20200500"}, {("birth_date", "BIRTH_DATE_ODD")}),
        (
            {"relationship": "021"},
            {("relationship", "RELATIONSHIP_FORM"), ("relationship", "HEAD_ONE")},
        ),
        ({"relationship": "20"}, {("relationship", "HEAD_ONE")}),
        ({"head_name_kanji": "見本太郎"}, {("head_name_kanji", "HEAD_NAME")}),
        ({"household_id": "０００００００００１"}, {("household_id", "DIGITS_10")}),
    ],
)
def test_rules_of_the_register(values, expected):
    assert _broken_of(_table(values), REGISTER) == expected


def test_a_household_needs_exactly_one_head():
    family = {"household_id": "0000000009"}
    one = {**family, "resident_id": "0000000001"}
    two = {**family, "resident_id": "0000000002"}
    assert _problems(one, {**two, "relationship": "12"}) == set()
    heads = {(row, "relationship", "HEAD_ONE") for row in (2, 3)}
    assert _problems(one, two, {"resident_id": "0000000003"}) == heads
    assert _problems(one, one, {**two, "relationship": "12"}) == set()
    assert _problems({**two, "relationship": "12"}) == {(2, "relationship", "HEAD_ONE")}


def test_a_member_carries_the_heads_name():
    family = {"household_id": "0000000009"}
    head = {**family, "resident_id": "0000000001", "name_kanji": "見本", "head_name_kanji": "見本"}
    child = {**family, "resident_id": "0000000002", "relationship": "20", "name_kanji": "見本一"}
    assert _problems(head, {**child, "head_name_kanji": "見本"}) == set()
    wrong = {**child, "head_name_kanji": "見本一"}
    assert _problems(wrong, head) == {(2, "head_name_kanji", "HEAD_NAME")}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, set()),
        ({"bank_code": "00１1"}, {("bank_code", "BANK_FORM")}),
        ({"bank_code": "9998"}, {("bank_code", "BANK_UNKNOWN")}),
        ({"branch_code": "000"}, {("branch_code", "BRANCH_UNKNOWN")}),
        ({"bank_code": "9998", "branch_code": "000"}, {("bank_code", "BANK_UNKNOWN")}),
        ({"branch_code": "１"}, {("branch_code", "BANK_FORM")}),
        ({"account_type": "3"}, {("account_type", "ACCOUNT_TYPE_UNKNOWN")}),
        ({"account_number": "123456"}, {("account_number", "ACCOUNT_NUMBER_FORM")}),
        ({"yucho_symbol": "20000"}, {("yucho_symbol", "YUCHO_FORM")}),
        ({"yucho_number": "123456789"}, {("yucho_number", "YUCHO_FORM")}),
        ({"received_on": "20200519"}, {("received_on", "DATE_FUTURE")}),
        ({"received_on": "20200231"}, {("received_on", "DATE_ODD")}),
        ({"received_on": "２０２００５１８"}, set()),
        ({"received_on": "18/5/2020"}, {("received_on", "DATE_FORM"), ("received_on", "DATE_ODD")}),
        ({"postmarked_on": "R2.5.18"}, set()),
        ({"postmarked_on": "20200518", "received_on": "20200517"}, {("received_on", "DATE_ORDER")}),
        ({"applicant_birth_date": "いつか"}, {("applicant_birth_date", "DATE_ODD")}),
        ({"claim_kind": "correction"}, {("supersedes_no", "SUPERSEDES_ODD")}),
        ({"claim_kind": "correction", "supersedes_no": "P0"}, set()),
        ({"supersedes_no": "P0"}, {("supersedes_no", "SUPERSEDES_ODD")}),
        ({"household_id": "1"}, {("household_id", "DIGITS_10")}),
    ],
)
def test_rules_of_paper_claims(values, expected):
    assert _broken_of(_claims("postal_claims", **values), DATASETS["postal_claims"][0]) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, set()),
        ({"certificate_serial": "XYZ"}, {("certificate_serial", "CERTIFICATE_FORM")}),
        ({"certificate_serial": ""}, {("certificate_serial", "REQUIRED")}),
        ({"received_at": "昨日"}, {("received_at", "DATE_FORM"), ("received_at", "DATE_ODD")}),
        ({"received_at": "2020-05-19T00:00:00"}, {("received_at", "DATE_FUTURE")}),
        ({"received_at": "2020-05-18 23:59:59"}, set()),
        ({"attachments": "二"}, {("attachments", "COUNT_FORM")}),
    ],
)
def test_rules_of_online_claims(values, expected):
    assert _broken_of(_claims("online_claims", **values), DATASETS["online_claims"][0]) == expected


def test_an_account_that_matching_will_hold_is_accepted_here():
    rows = _claims("postal_claims", account_number="12", bank_code="X", yucho_symbol="9")
    broken = check_rows(rows, DATASETS["postal_claims"][0], REFERENCES)
    assert broken.num_rows == 3
    assert rejected_rows(broken) == set()


UNSURE = ("changed_on", "CHANGE_DATE_UNSURE")


@pytest.mark.parametrize(
    ("reason", "changed", "told", "expected"),
    [
        ("death", "20200510", "20200509", {("notified_on", "DATE_ORDER")}),
        ("moved_in", "20200510", "20200510", set()),
        ("moved_out", "20200530", "20200509", set()),
        ("birth", "20200510", "20200519", {("notified_on", "DATE_FUTURE")}),
        ("death", "20200431", "20200511", {("changed_on", "DATE_ODD"), UNSURE}),
        ("death", "20200400", "20200511", {UNSURE}),
        ("birth", "20200000", "20200511", {UNSURE}),
        ("moved_out", "20200300", "20200511", set()),
        ("death", "20200500", "20200511", set()),
        ("moved_in", "20190000", "20200511", set()),
        ("gone", "20200510", "20200511", {("change_reason", "CODE_UNKNOWN")}),
    ],
)
def test_rules_of_changes(reason, changed, told, expected):
    table = DATASETS["register_changes"][0]
    row = dict.fromkeys(table.columns, "") | {
        "resident_id": "0000000001", "household_id": "0000000001", "change_reason": reason,
        "changed_on": changed, "notified_on": told,
    }  # fmt: skip
    rows = pa.table({**{name: [value] for name, value in row.items()}, "row": [2]})
    assert _broken_of(rows, table) == expected


@pytest.mark.parametrize(
    ("admitted", "discharged", "expected"),
    [
        ("20200401", "20200501", set()),
        ("20200401", "", set()),
        ("20200401", "20200331", {("discharged_on", "DATE_ORDER")}),
        ("19991231", "", {("admitted_on", "DATE_ORDER")}),
        ("20200400", "20200401", set()),
        ("20200519", "", {("admitted_on", "DATE_FUTURE")}),
    ],
)
def test_rules_of_facilities_only_warn(admitted, discharged, expected):
    table = DATASETS["facility_children"][0]
    row = dict.fromkeys(table.columns, "見本") | {
        "birth_date": "20000101", "sex": "", "admitted_on": admitted, "discharged_on": discharged,
    }  # fmt: skip
    rows = pa.table({**{name: [value] for name, value in row.items()}, "row": [2]})
    broken = check_rows(rows, table, REFERENCES)
    assert {(p["column"], p["rule"]) for p in broken.to_pylist()} == expected
    assert rejected_rows(broken) == set()


BREAKS = dict.fromkeys(REGISTER.columns, "×") | {"name_kana": "", "name_kanji": ""}
del BREAKS["address_supplement"]  # free text, and often empty


@pytest.mark.parametrize("column", sorted(BREAKS))
def test_breaking_a_column_of_every_row_is_found_in_every_row(column, monkeypatch):
    """In slices, too: pandera sees each row once, and each is told by its own number."""
    monkeypatch.setattr("pipelines.intake.checks._SLICE", 3)
    monkeypatch.setattr("schemas.across._SLICE", 4)
    rows = _table(*({"resident_id": f"{n:010d}"} for n in range(10)))
    assert check_rows(rows, REGISTER, REFERENCES).num_rows == 0
    value = pa.array([BREAKS[column]] * 10)
    broken = rows.set_column(rows.column_names.index(column), column, value)
    at = "postal_code" if column == "address" else column
    told = [
        (problem["row"], problem["rule"])
        for problem in check_rows(broken, REGISTER, REFERENCES).to_pylist()
        if problem["column"] == at and problem["rule"] != "DUPLICATE_KEY"
    ]
    assert {row for row, _ in told} == set(range(2, 12))
    assert len(told) == len(set(told))


def test_every_column_is_declared_with_its_item_and_meaning():
    for tables in DATASETS.values():
        for table in tables:
            assert all(field.item and field.meaning for _, field in table.fields)


def test_a_rule_on_a_column_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="no such column: y"):
        schema_table("rows", ("y",), {"x": REGISTER.fields[0][1]})
