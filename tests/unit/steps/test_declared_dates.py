"""A date style that only the layout knows decides in every step what the same date in eight digits would decide."""

from datetime import date

import pyarrow as pa
import pytest

from pipelines.errors import InputRefused
from pipelines.intake import receive as intake
from pipelines.intake.layouts import load_layout, map_dates
from pipelines.ledger import people
from pipelines.matching.claims import claim_relation
from pipelines.matching.persons import Protection
from pipelines.outputs.forms import FormsProfile
from pipelines.steps import approvals, claims, register, welfare
from pipelines.steps.campaign import Campaign, own_register
from schemas import forms
from schemas.datasets import DATASETS
from tests.unit.intake.intake_world import arrive, csv_bytes
from tests.unit.intake.refusals import refusal
from tests.unit.steps.dated_world import (
    CHANGE,
    CHILD,
    CHILDREN,
    COMPACT,
    DAY,
    MEMBERS,
    NAMES,
    NEXT,
    mend_changes,
    send_changes,
    send_claims,
    states,
)


@pytest.mark.parametrize(
    ("dataset", "table", "column"),
    [
        (dataset, table, column)
        for dataset, tables in DATASETS.items()
        for table in tables
        for column in table.date_keys
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_every_declared_date_has_its_key_in_the_layouts_style(dataset, table, column):
    """The text stays; without a declared style any style is read, and this one in none."""
    plain = load_layout("shinjuku/register")
    style = {"styles": [COMPACT], "unknown": ["00"], "none": ["なし"]}
    layout = plain.model_validate(
        {
            **plain.model_dump(),
            "tables": {"rows": {"file": "{day}", "columns": {n: n for n in table.columns}}},
            "dates": {column: style},
        }
    )
    texts = ["5020420", "5020400", "なし", "", "20200420", "5020431"]
    rows = pa.table({**dict.fromkeys(table.columns, texts), "row": range(6)})
    key = table.date_keys[column]
    staged, seen = map_dates(rows, layout, table.date_keys)
    assert staged.column(column).to_pylist() == texts
    assert staged.column(key).to_pylist() == ["20200420", "20200400", None, None, None, None]
    assert seen.column(key).equals(staged.column(key))
    assert seen.column(column).to_pylist()[4:] == ["?20200420", "?5020431"]
    staged, _ = map_dates(rows, plain, table.date_keys)
    assert staged.column(key).to_pylist() == [None, None, None, None, "20200420", None]


def test_every_column_with_the_form_of_a_date_is_declared_a_date():
    of_dates = {forms.DATE, forms.DATE_OR_EMPTY, forms.TIMESTAMP, forms.BIRTH_DATE}
    for tables in DATASETS.values():
        for table in tables:
            for name, field in table.fields:
                looks = name.endswith(("_on", "_at", "_date")) or of_dates & set(field.checks)
                assert field.is_date == bool(looks), name


def test_a_death_and_a_departure_before_the_base_date_are_applied(campaign):
    assert send_changes(
        campaign, (1, "死亡", "5020420"), (2, "死亡", "5020501"), (3, "転出", "5020426"),
        (4, "転出", "5020427"),
    )["accepted"] == 4  # fmt: skip
    assert register.apply_changes(campaign, DAY)["ineligible"] == 2
    assert {p: state for p, (state, _) in states(campaign).items()} == {
        "1": "ineligible", "2": "unclaimed", "3": "ineligible", "4": "unclaimed"
    }  # fmt: skip
    assert register.died_since_base_date(campaign, DAY) == {"R0000000002"}


def test_births_and_arrivals_fall_on_their_side_of_the_base_date(campaign):
    send_changes(campaign, (5, "出生", "5020427"), (6, "出生", "5020428"), (7, "転入", "5020301"))
    rows = register.changes_until(campaign, DAY)
    eligible = register.eligible_arrivals(campaign, rows).column("resident_id").to_pylist()
    assert eligible == ["0000000005", "0000000007"]
    late = register.late_arrivals(campaign, DAY).column("resident_id").to_pylist()
    assert late == ["0000000006"]


def test_a_late_registration_is_known_by_the_birth_date_that_its_style_says(campaign):
    newborn = "0000000005,0000000001,出生,5020420,5020510,ミホン,見本五子,20,5020420,1600022,東京都,,見本一子"
    assert send_changes(campaign, newborn)["accepted"] == 1
    draft = welfare.link_people(campaign, DAY)
    for actor in ("approver1", "approver2"):
        approvals.decide(campaign, draft["subject"], draft["hash"], actor, True, "operator", DAY)
    assert welfare.apply_people(campaign, DAY)["additions"] == 1
    (added,) = campaign.additions().to_pylist()
    assert (added["birth_date"], added["date_key"]) == ("5020420", "20200420")
    everybody = campaign.people()
    lines = own_register(everybody, frozenset({"R0000000005"}), FormsProfile()).lines
    assert len(lines(frozenset({"20200420"}), frozenset())) == 1


def test_a_protected_birth_date_is_known_to_the_scan_in_eight_digits_too(campaign, monkeypatch):
    monkeypatch.undo()
    everybody = campaign.people()
    compact = pa.array(["3550401"] * everybody.num_rows)
    at = everybody.column_names.index("birth_date")
    written = everybody.set_column(at, "birth_date", compact)
    monkeypatch.setattr(Campaign, "snapshot_people", written)
    with campaign.ledger.write() as connection:
        kept = Protection("R0000000001", "facility_children", "facility", "linked", "list:2", "")
        people.protect(connection, campaign.programme.id, [kept], DAY)
    (secret,) = campaign.guard(DAY).secrets
    assert (secret.birth_date, secret.birth_key) == ("3550401", "19800401")


def test_a_mended_death_goes_the_same_way(campaign):
    assert send_changes(campaign, (1, "死亡", "先月"), (2, "転出", "5020501"))["quarantined"] == 1
    assert register.apply_changes(campaign, DAY)["ineligible"] == 0
    assert mend_changes(campaign, DAY, {2: {"異動年月日": "5020420"}})["accepted"] == 1
    assert register.apply_changes(campaign, NEXT)["ineligible"] == 1
    assert states(campaign)["1"][0] == "ineligible"


def test_rules_and_gates_compare_the_dates_of_the_declared_style(campaign):
    rows = [(1, "死亡", "5020511"), (2, "死亡", "5020400"), (3, "転出", "5020230")]
    rules = send_changes(campaign, *rows)["rules"]
    assert rules == {
        "DATE_ORDER": 1,
        "DATE_FORM": 2,
        "DATE_ODD": 2,
    }  # unknown parts are not declared
    later = [CHANGE.format(n, n, "死亡", "5020420").replace("5020510", "5020620") for n in (1, 2)]
    message = refusal(InputRefused, lambda: send_changes(campaign, *later, day=NEXT))
    assert "中の日付の半分より多く" in message


def test_whoever_was_discharged_before_the_base_date_is_not_protected(campaign):
    rows = [
        CHILD.format(n, NAMES[n], gone) for n, gone in ((1, "5020426"), (2, "5020501"), (3, ""))
    ]
    arrive(campaign, "facility_children_20200518.csv", csv_bytes(CHILDREN, *rows), DAY)
    assert welfare.receive_list(campaign, DAY, "facility_children")["accepted"] == 3
    welfare.link_people(campaign, DAY)
    with campaign.ledger.read() as connection:
        protected = people.protected_ids(connection, campaign.programme.id)
    assert protected == {"R0000000002", "R0000000003"}


def test_receipt_and_postmark_decide_whether_a_claim_is_late(campaign):
    day = date(2020, 9, 9)
    dates = {
        1: ("5020901", ""), 2: ("5020901", "5020831"), 3: ("5020831", ""), 4: ("5020903", "5020901")
    }  # fmt: skip
    assert send_claims(campaign, day, dates)["accepted"] == 8
    claims.match_and_decide(campaign, day)
    assert states(campaign) == {
        "1": ("held", "LATE"), "2": ("approved", ""), "3": ("approved", ""), "4": ("held", "LATE")
    }  # fmt: skip


def test_postal_claims_arrive_on_the_day_that_their_style_says(campaign):
    layout = load_layout("compact/postal_claims")
    lines = [
        ["P1", "5020603", "5020601"], ["P2", "5020602", ""], ["P3", "5020604", "20200601"]
    ]  # fmt: skip
    claim = dict.fromkeys(layout.tables["claims"].columns, "") | {
        "申請区分": "新規", "申請者氏名": "見本一子", "世帯番号": "0000000001"
    }  # fmt: skip
    rows = [
        {**claim, "受付番号": no, "受付年月日": came, "消印年月日": mark}
        for no, came, mark in lines
    ]
    files = {
        "postal_claims_20200605.csv": csv_bytes(
            ",".join(claim), *(",".join(row.values()) for row in rows)
        ),
        "postal_members_20200605.csv": csv_bytes(MEMBERS),
    }
    day = date(2020, 6, 5)
    manifest = intake.stage(campaign.programme, campaign.staging, "postal_claims", day, files)
    assert manifest.quarantined == 1  # a postmark in another style than the layout's
    staged = campaign.staging.read("postal_claims", day, "claims")
    assert staged.column("received_on").to_pylist() == ["5020603", "5020602"]
    relation = claim_relation("postal", staged)
    assert relation.column("arrival").to_pylist() == ["20200603", "20200602"]
    assert relation.column("effective_on").to_pylist() == ["20200601", "20200602"]


def test_online_claims_keep_the_time_behind_their_date():
    text = ["2020-06-03T12:00:01.5Z", "2020/06/03 09:30", "2020-06-03", "2020-02-31T10:00"]
    columns = DATASETS["online_claims"][0].columns
    rows = pa.table({**{n: [""] * 4 for n in columns}, "received_at": text})
    keys = dict.fromkeys(
        ("name_key", "kana_key", "loose_kana_key", "address_key", "holder_key"), pa.nulls(4, pa.string())
    )  # fmt: skip
    staged, _ = map_dates(
        rows, load_layout("shinjuku/mynaportal"), DATASETS["online_claims"][0].date_keys
    )
    for name, values in keys.items():
        staged = staged.append_column(name, values)
    relation = claim_relation("online", staged)
    assert relation.column("arrival").to_pylist() == [
        "202006031200015", "202006030930", "20200603", None
    ]  # fmt: skip
    assert relation.column("effective_on").to_pylist() == [*["20200603"] * 3, None]
