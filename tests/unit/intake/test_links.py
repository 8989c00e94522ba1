"""Rows that name something in another table: what is not there is told, and nothing is lost by it."""

import io
import zipfile
from datetime import date

import pyarrow as pa
import pytest

from pipelines.intake import links, receive
from pipelines.intake.mending import Mending
from pipelines.steps import inbox
from schemas.datasets import DATASETS
from schemas.rules import RULES
from schemas.tables import Field, Link, table
from tests.intake_files import PEOPLE, files_of, write_zip
from tests.unit.intake.intake_world import freeze_register

SNAPSHOT, DAY = date(2020, 5, 15), date(2020, 5, 20)
KNOWN, UNKNOWN = "0000000001", "0000009999"
HOUSEHOLD = "0000000101"
CLAIM = {
    "received_on": "20200520", "claim_kind": "new", "applicant_name_kanji": "見本", "bank_code": "0001",
    "branch_code": "001", "account_type": "1", "account_number": "1234567",
}  # fmt: skip
CHANGE = {
    "household_id": HOUSEHOLD, "changed_on": "20200501", "notified_on": "20200507", "change_reason": "death",
}  # fmt: skip
ONLINE = {
    "claim_no": "C1", "received_at": "2020-05-19T10:00:00", "claim_kind": "new", "applicant_name_kanji": "見本",
    "certificate_serial": "A1", "attachments": "1",
}  # fmt: skip
NAMING = [(name, t, link) for name, ts in DATASETS.items() for t in ts for link in t.links]


@pytest.fixture
def stage(campaign):
    def put(dataset, day=DAY, **tables):
        return inbox.stage_and_enter(campaign, dataset, day, files_of(dataset, day, tables))

    return put


@pytest.fixture
def frozen(campaign):
    freeze_register(campaign, PEOPLE, SNAPSHOT)


def _found(c, dataset):
    problems = c.staging.read(dataset, DAY, "problems").to_pylist()
    codes = {link.code for _, _, link in NAMING} | {"ATTACHMENT_CLAIM_UNKNOWN"}
    return [(p["table"], p["row"], p["column"], p["rule"]) for p in problems if p["rule"] in codes]


@pytest.mark.parametrize(("dataset", "table_", "link"), NAMING)
def test_every_link_names_a_column_that_is_there_and_a_rule(dataset, table_, link):
    tables = {t.name: t for t in DATASETS[link.dataset or dataset]}
    assert link.to in tables[link.table].columns
    assert link.code in RULES
    if not link.dataset:  # an earlier table of the same delivery
        names = [t.name for t in DATASETS[dataset]]
        assert names.index(link.table) < names.index(table_.name)


@pytest.mark.usefixtures("frozen")
def test_a_claim_for_an_unknown_household_goes_on_with_a_warning(campaign, stage):
    claims = [
        CLAIM | {"claim_no": "K1", "household_id": HOUSEHOLD},
        CLAIM | {"claim_no": "K2", "household_id": UNKNOWN},
        CLAIM | {"claim_no": "K3", "household_id": ""},
        CLAIM | {"claim_no": "K4", "household_id": "99"},
    ]
    result = stage("postal_claims", claims=claims, members=[])
    assert (result["accepted"], result["quarantined"]) == (3, 1)
    assert _found(campaign, "postal_claims") == [("claims", 3, "household_id", "HOUSEHOLD_UNKNOWN")]
    broken = campaign.staging.read("postal_claims", DAY, "problems").to_pylist()
    assert [p["rule"] for p in broken if p["row"] == 5 and p["column"] == "household_id"] == [
        "DIGITS_10"
    ]


@pytest.mark.usefixtures("frozen")
def test_an_inhouse_claim_names_its_applicant_too(campaign, stage):
    named = {"household_id": HOUSEHOLD, "applicant_resident_id": UNKNOWN}
    claims = [
        CLAIM | {"claim_no": "K1", "household_id": "", "applicant_resident_id": KNOWN},
        CLAIM | {"claim_no": "K2", **named},
        CLAIM | {"claim_no": "K3"},
    ]
    assert stage("inhouse_claims", claims=claims, members=[])["accepted"] == 3
    assert _found(campaign, "inhouse_claims") == [
        ("claims", 3, "applicant_resident_id", "RESIDENT_UNKNOWN")
    ]


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize(
    ("reason", "told"),
    [("death", True), ("moved_out", True), ("birth", False), ("moved_in", False)],
)
def test_whoever_died_or_left_was_there_and_whoever_came_was_not(campaign, stage, reason, told):
    new = CHANGE | {"resident_id": UNKNOWN, "change_reason": reason}
    rows = [CHANGE | {"resident_id": KNOWN}, new]
    assert stage("register_changes", rows=rows)["accepted"] == 2
    expected = [("rows", 3, "resident_id", "RESIDENT_UNKNOWN")] if told else []
    assert _found(campaign, "register_changes") == expected


@pytest.mark.usefixtures("frozen")
def test_a_list_with_resident_numbers_names_residents(campaign, stage):
    rows = [{"resident_id": number, "name_kanji": "見本"} for number in (KNOWN, UNKNOWN)]
    assert stage("visually_impaired", rows=rows)["accepted"] == 2
    assert _found(campaign, "visually_impaired") == [("rows", 3, "resident_id", "RESIDENT_UNKNOWN")]


def test_before_the_register_is_frozen_nobody_is_called_unknown_and_that_stays(campaign, stage):
    rows = [{"resident_id": UNKNOWN, "name_kanji": "見本"}]
    first = stage("visually_impaired", rows=rows)
    assert _found(campaign, "visually_impaired") == []
    freeze_register(campaign, PEOPLE, SNAPSHOT)
    assert stage("visually_impaired", rows=rows) == first
    again = [*rows, {"resident_id": KNOWN, "name_kanji": "見本"}]
    assert stage("visually_impaired", rows=again)["version"] == 2
    assert _found(campaign, "visually_impaired") == [("rows", 2, "resident_id", "RESIDENT_UNKNOWN")]


@pytest.mark.usefixtures("frozen")
def test_the_manifest_says_what_a_delivery_was_judged_against(campaign, stage):
    stage("visually_impaired", rows=[{"resident_id": "3", "name_kanji": "見本"}])
    made = campaign.staging.manifest("visually_impaired", DAY)
    assert made.against == {"register": ["2020-05-15", 1]}
    files = campaign.staging.sources("visually_impaired", DAY)
    mended = receive.stage(
        campaign.programme, campaign.staging, "visually_impaired", DAY, files,
        mended=Mending({("rows", 2): (UNKNOWN, "見本")}),
    )  # fmt: skip
    assert mended.against == made.against
    assert mended.rules == {"RESIDENT_UNKNOWN": 1}
    stage("facility_disability", rows=[])
    assert campaign.staging.manifest("facility_disability", DAY).against == {}


def test_a_member_line_without_its_claim_is_nobodys_and_waits(campaign, stage):
    line = {"line": "1", "name_kanji": "見本", "not_wanted": "no"}
    members = [line | {"claim_no": number} for number in ("C1", "C2")]
    result = stage("online_claims", claims=[ONLINE], members=members)
    assert (result["accepted"], result["quarantined"]) == (2, 1)
    assert _found(campaign, "online_claims") == [("members", 3, "claim_no", "CLAIM_UNKNOWN")]


def test_an_attachment_of_no_application_is_told_by_its_place(campaign):
    refused = ONLINE | {"claim_no": "C2", "applicant_name_kanji": ""}
    found = files_of("online_claims", DAY, {"claims": [ONLINE, refused], "members": []})
    ((name, _),) = found.items()
    data = _with_attachments(found[name], "C1", "C9", "C2")
    result = inbox.stage_and_enter(campaign, "online_claims", DAY, {name: data})
    assert (result["accepted"], result["quarantined"]) == (1, 1)
    assert _found(campaign, "online_claims") == [
        ("attachments", 2, "claim_no", "ATTACHMENT_CLAIM_UNKNOWN")
    ]


def _with_attachments(data, *claims):
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        members = [(name, old.read(name)) for name in old.namelist()]
    return write_zip(*members, *((f"attachments/{claim}/a.jpg", b"x") for claim in claims))


def test_many_rows_are_asked_at_once():
    names = Link("RESIDENT_UNKNOWN", "resident_id", "rows", "resident_id", "register")
    many = table("rows", (), {"resident_id": Field("住民番号", "")}, links=(names,))
    numbers = [f"{n:010d}" for n in range(50_000)]
    rows = pa.table({"resident_id": numbers, "row": range(2, 50_002)})
    asked = []

    def known(link):
        asked.append(link)
        return pa.chunked_array([numbers[:20_000], numbers[20_001:]])

    told = receive.checks.PROBLEM.empty_table()
    found = links.check_links(rows, many, known, told)
    assert asked == [names]
    assert found.column("row").to_pylist() == [20_002]
