"""A register change that waits in quarantine holds the payment of the person it names until it is mended."""

import json

import pytest
import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.intake import receive
from pipelines.intake.staging import partition_name, write_parquet
from pipelines.ledger import tables
from pipelines.steps import claims, payments, quarantine, register, waiting_changes
from tests.unit.intake.refusals import refusal
from tests.unit.steps.dated_world import DAY, NEXT, mend_changes, send_changes, send_claims, states

DATES = dict.fromkeys((1, 2, 3, 4), ("5020518", ""))
CODE = waiting_changes.CODE


@pytest.fixture
def approved(campaign):
    """Everybody's claim is approved."""
    send_claims(campaign, DAY, DATES)
    claims.match_and_decide(campaign, DAY)
    assert {state for state, _ in states(campaign).values()} == {"approved"}
    return campaign


def _findings(c):
    f = tables.finding
    with c.ledger.read() as connection:
        query = sa.select(f.c.person_id, f.c.claim_id, f.c.severity).where(f.c.code == CODE)
        return sorted(map(tuple, connection.execute(query)))


def test_whoever_may_be_dead_is_held_and_the_others_are_paid(approved):
    assert send_changes(
        approved,
        (1, "死亡", "先月"),
        (2, "改名", "5020420"),  # an unknown reason may be anything
        (9, "死亡", "先月"),  # nobody of ours
        "x,0000000003,死亡,5020420,5020510,,,,,,,,",  # names nobody
    )["quarantined"] == 4  # fmt: skip
    drafted = payments.draft(approved, DAY)
    assert (drafted["people"], drafted["change_held"], drafted["change_freed"]) == (2, 2, 0)
    assert states(approved) == {
        "1": ("held", CODE), "2": ("held", CODE), "3": ("in_payment", ""), "4": ("in_payment", "")
    }  # fmt: skip
    assert _findings(approved) == [
        ("R0000000001", "P1", "review"), ("R0000000002", "P2", "review")
    ]  # fmt: skip


def test_an_arrival_or_a_later_departure_in_quarantine_holds_nobody(approved):
    lost = "{0:010d},x,{1},{2},5020510,,,,,,,,"
    rows = [(1, "転出", "5020501"), (2, "転入", "5020401"), (3, "転出", "5020426"), (4, "転出", "")]
    assert send_changes(approved, *(lost.format(*row) for row in rows))["quarantined"] == 4
    assert payments.draft(approved, DAY)["change_held"] == 2
    assert {p for p, (state, _) in states(approved).items() if state == "held"} == {"3", "4"}


def test_a_mended_row_decides(approved):
    send_changes(approved, (1, "死亡", "先月"), (2, "死亡", "先月"), (3, "死亡", "先月"))
    assert payments.draft(approved, DAY)["change_held"] == 3
    mended = {2: {"異動年月日": "5020420"}, 3: {"異動年月日": "5020501"}}
    assert mend_changes(approved, DAY, mended)["accepted"] == 2
    applied = register.apply_changes(approved, NEXT)
    assert (applied["ineligible"], applied["change_held"], applied["change_freed"]) == (1, 0, 1)
    drafted = payments.draft(approved, NEXT)
    assert (drafted["people"], drafted["change_held"], drafted["change_freed"]) == (1, 0, 0)
    assert {p: state for p, (state, _) in states(approved).items()} == {
        "1": "ineligible", "2": "in_payment", "3": "held", "4": "in_payment"
    }  # fmt: skip


@pytest.mark.parametrize("table", ["rows", "quarantine_rows"])
def test_what_an_older_kyufu_staged_without_a_dates_key_says_to_recheck_it(
    approved, monkeypatch, table
):
    """The first version is as a Kyufu left it that made no such key under rules of its own."""
    send_changes(approved, (1, "死亡", "5020420"), (2, "死亡", "先月"))
    folder = approved.staging.folder("register_changes", DAY)
    path, about = folder / f"{table}.parquet", folder / "manifest.json"
    staged = approved.staging.read("register_changes", DAY, table)
    path.unlink()
    older, partition = (
        staged.drop_columns("changed_on_key"),
        partition_name("register_changes", DAY),
    )
    manifest = json.loads(about.read_text())
    manifest["tables"][table] = write_parquet(older, path, approved.at_rest, partition)
    about.write_text(json.dumps(manifest))
    monkeypatch.setattr(receive, "schema_version", lambda _layout: "later")
    message = refusal(KyufuError, lambda: register.apply_changes(approved, DAY))
    for told in ("register_changes 2020-05-18", table, "changed_on_key"):
        assert told in message
    assert "kyufu quarantine recheck register_changes 2020-05-18 を実行" in message
    quarantine.recheck(approved, "register_changes", DAY, "os:steward", NEXT)
    applied = register.apply_changes(approved, DAY)
    assert (applied["ineligible"], applied["change_held"]) == (1, 1)


def test_a_column_that_is_asked_for_and_not_staged_says_to_recheck(approved):
    send_changes(approved, (1, "死亡", "5020420"))
    args = ("register_changes", DAY, "rows", 1, ["resident_id", "changed_by"])
    message = refusal(KyufuError, lambda: approved.staging.read(*args))
    assert "changed_by" in message
    assert "kyufu quarantine recheck register_changes 2020-05-18" in message


def test_a_programme_may_only_note_it(approved):
    noting = {**approved.programme.findings, CODE: "note"}
    approved.__dict__["programme"] = approved.programme.model_copy(update={"findings": noting})
    send_changes(approved, (1, "死亡", "先月"))
    assert payments.draft(approved, DAY)["people"] == 4
    assert _findings(approved) == [("R0000000001", "P1", "note")]
