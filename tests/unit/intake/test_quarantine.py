"""Quarantine and mending: what waits goes out protected, comes back through every check, and the record says who."""

import json
import os
import pwd
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipelines.errors import InputMissing, InputRefused
from pipelines.intake import receive
from pipelines.intake.mending_book import LOCKED
from pipelines.ledger import tables
from pipelines.ledger.store import verify_chain
from pipelines.steps import inbox, quarantine
from pipelines.steps.pseudonyms import pseudonym
from pipelines.terminal import os_user
from tests.intake_files import PEOPLE
from tests.unit.intake.intake_world import (
    PASSWORD,
    arrive,
    csv_bytes,
    freeze_register,
    mend,
    open_book,
    save_book,
    source_columns,
)
from tests.unit.intake.refusals import CANARY, refusal

DAY, TODAY = date(2020, 5, 18), date(2020, 5, 19)
ACTOR = "os:steward"
DATASET = "visually_impaired"
FILE = "visually_impaired_20200518.csv"
HEADER = "住民番号,氏名"
GOOD = ("0000000001,見本一", "0000000002,見本二")


@pytest.fixture
def staged(campaign):
    """Stage the list's rows as the day's delivery."""

    def put(*rows, data=None):
        arrive(campaign, FILE, data or csv_bytes(HEADER, *rows), DAY)
        files = inbox.read_ward_files(campaign, DATASET, DAY)
        return inbox.stage_and_enter(campaign, DATASET, DAY, files)

    return put


def _export(c):
    return quarantine.export(c, DATASET, DAY, PASSWORD, ACTOR, "修正", TODAY)


def _return(c, data, actor=ACTOR):
    return quarantine.take_back(c, data, "mended.xlsx", PASSWORD, actor, TODAY)


def _recheck(c):
    return quarantine.recheck(c, DATASET, DAY, ACTOR, TODAY)


def _accepted(c, version=None):
    rows = c.staging.read(DATASET, DAY, version=version)
    return dict(
        zip(rows.column("row").to_pylist(), rows.column("resident_id").to_pylist(), strict=True)
    )


def _events(c, event):
    a = tables.audit
    with c.ledger.read() as connection:
        verify_chain(connection)
        return list(connection.execute(sa.select(a).filter_by(event=event)).mappings())


def _totals(c):
    with c.ledger.read() as connection:
        return inbox.intake_totals(connection, c.programme.id)


# what waits


def test_what_waits_is_told_by_dataset_day_and_rule_without_a_value(campaign, staged):
    staged(*GOOD, f"3,{CANARY}", "4,見本四", "短い行")
    found = quarantine.list_waiting(campaign, TODAY)
    assert [(w.dataset, w.day, w.version, w.rule, w.rows) for w in found] == [
        (DATASET, DAY, 1, "DIGITS_10", 2), (DATASET, DAY, 1, "ROW_LENGTH", 1),
    ]  # fmt: skip
    assert CANARY not in repr(found)


def test_nothing_waits_where_every_row_is_good(campaign, staged):
    staged(*GOOD)
    assert quarantine.list_waiting(campaign, TODAY) == []
    assert "保留されている行はありません" in refusal(InputMissing, lambda: _export(campaign))


# taking it out


def test_the_workbook_shows_the_sources_own_words_with_rule_and_remedy(campaign, staged):
    staged(*GOOD, f"3,{CANARY}", "短い行,a,b")
    page = open_book(_export(campaign))["rows"]
    assert source_columns(page) == ["住民番号", "氏名"]
    rows = [[cell.value or "" for cell in row] for row in page.iter_rows(min_row=2)]
    assert [row[0] for row in rows] == ["4", "5"]
    assert rows[0][1] == "住民番号: DIGITS_10"
    assert "先頭の0" in rows[0][2]
    assert rows[0][len(LOCKED) :] == ["3", CANARY]
    assert rows[1][1] == "ROW_LENGTH"
    assert rows[1][3] == "短い行,a,b"
    assert rows[1][len(LOCKED) :] == ["", ""]


def test_codes_are_shown_as_the_source_writes_them(campaign):
    claims = (
        "受付番号,受付年月日,消印年月日,申請区分,元受付番号,世帯番号,申請者住民番号,申請者氏名,申請者カナ,申請者生年月日,"
        "代理区分,代理人カナ,金融機関コード,支店コード,預金種目,口座番号,口座名義カナ,記号,番号,不備コード"
    )
    row = "K1,20200518,,新規中,,1,,見本,ミホン,19800401,,,0001,001,1,1234567,ミホン,,,"
    files = {
        "inhouse_claims_20200518.csv": csv_bytes(claims, row, encoding="utf-8"),
        "inhouse_members_20200518.csv": csv_bytes(
            "受付番号,行,氏名,生年月日,不要", encoding="utf-8"
        ),
    }
    receive.stage(campaign.programme, campaign.staging, "inhouse_claims", DAY, files)
    data = quarantine.export(campaign, "inhouse_claims", DAY, PASSWORD, ACTOR, "修正", TODAY)
    page = open_book(data)["claims"]
    shown = dict(zip([c.value for c in page[1]], [c.value for c in page[2]], strict=True))
    assert (shown["申請区分"], shown["世帯番号"]) == ("新規中", "1")


def test_taking_rows_out_is_an_audit_event_with_counts_only(campaign, staged):
    staged(*GOOD, f"3,{CANARY}")
    _export(campaign)
    (event,) = _events(campaign, "quarantine.exported")
    assert (event["actor"], event["subject"]) == (
        ACTOR,
        "quarantine:visually_impaired:2020-05-18:v001",
    )
    detail = json.loads(event["detail"])
    assert (detail["rows"], detail["purpose"]) == ({"rows": 1}, "修正")
    assert CANARY not in event["detail"]


def test_whoever_the_rows_lead_to_is_on_record_and_the_others_are_counted(campaign, staged):
    freeze_register(campaign, PEOPLE, DAY)
    staged(*GOOD, f"0000000002,{CANARY},余分", "x,だれか")
    _export(campaign)
    (event,) = _events(campaign, "quarantine.exported")
    detail = json.loads(event["detail"])
    assert detail["people"] == [pseudonym(campaign, "R0000000002")]
    assert (detail["count"], detail["unknown"]) == (2, 1)


def test_the_actor_is_the_account_of_the_process(monkeypatch):
    monkeypatch.setenv("LOGNAME", "somebody-else")
    monkeypatch.setenv("USER", "somebody-else")
    assert os_user() == f"os:{pwd.getpwuid(os.geteuid()).pw_name}"


# giving it back


def test_a_mended_row_is_accepted_in_a_new_version_and_the_original_stays(campaign, staged):
    staged(*GOOD, "3,見本三")
    before = {p: p.read_bytes() for p in campaign.staging.root.rglob("*") if p.is_file()}
    result = _return(campaign, mend(_export(campaign), "rows", {4: {"住民番号": "0000000003"}}))
    assert (result["version"], result["changed"], result["accepted"], result["waiting"]) == (
        2,
        1,
        1,
        0,
    )
    assert _accepted(campaign) == {2: "0000000001", 3: "0000000002", 4: "0000000003"}
    assert _accepted(campaign, 1) == {2: "0000000001", 3: "0000000002"}
    assert {p: p.read_bytes() for p in before} == before
    assert campaign.staging.sources(DATASET, DAY) == campaign.staging.sources(DATASET, DAY, 1)
    assert _totals(campaign) == {"rows_in": 3, "accepted": 3, "quarantined": 0, "duplicates": 0}


def test_match_keys_are_made_of_what_was_mended(campaign, staged):
    staged("3,見本\u3000三")
    _return(campaign, mend(_export(campaign), "rows", {2: {"住民番号": "0000000003"}}))
    assert campaign.staging.read(DATASET, DAY).column("name_key").to_pylist() == ["見本三"]


def test_a_ragged_row_is_mended_by_filling_its_cells(campaign, staged):
    staged(*GOOD, f"0000000003,{CANARY},x", "0000000004")
    filled = {4: {"住民番号": "0000000003", "氏名": "見本三"}}
    result = _return(campaign, mend(_export(campaign), "rows", filled))
    assert (result["accepted"], result["waiting"]) == (1, 1)
    assert _accepted(campaign)[4] == "0000000003"
    assert [w.rule for w in quarantine.list_waiting(campaign, TODAY)] == ["ROW_LENGTH"]
    again = {5: {"住民番号": "0000000004", "氏名": "見本四"}}
    assert _return(campaign, mend(_export(campaign), "rows", again))["version"] == 3
    assert sorted(_accepted(campaign)) == [2, 3, 4, 5]


def test_the_history_shows_who_mended_which_columns_and_no_value(campaign, staged):
    staged(*GOOD, f"3,{CANARY}", "x,")
    book = mend(_export(campaign), "rows", {4: {"住民番号": "0000000003"}, 5: {"住民番号": "y"}})
    _return(campaign, book, actor="os:hanako")
    (event,) = _events(campaign, "quarantine.returned")
    detail = json.loads(event["detail"])
    assert event["actor"] == "os:hanako"
    assert detail["rows"] == [
        ["rows", 4, ["住民番号"], ["DIGITS_10"], []],
        ["rows", 5, ["住民番号"], ["DIGITS_10", "REQUIRED"], ["DIGITS_10", "REQUIRED"]],
    ]
    assert (detail["from"], detail["version"]) == (1, 2)
    assert CANARY not in event["detail"]
    assert "0000000003" not in event["detail"]


def test_a_row_that_is_still_bad_waits_under_its_new_rule_and_what_was_not_changed_stays(
    campaign, staged
):
    staged(*GOOD, "3,見本三", "4,見本四")
    mended = {4: {"住民番号": "0000000003", "氏名": ""}}
    result = _return(campaign, mend(_export(campaign), "rows", mended))
    assert (result["accepted"], result["waiting"]) == (0, 2)
    assert result["still_waiting"] == [["rows", 4, ["REQUIRED"]]]
    assert _totals(campaign) == {"rows_in": 4, "accepted": 2, "quarantined": 2, "duplicates": 0}
    page = open_book(_export(campaign))["rows"]
    assert [[c.value or "" for c in row][len(LOCKED) :] for row in page.iter_rows(min_row=2)] == [
        ["0000000003", ""], ["4", "見本四"],
    ]  # fmt: skip


def test_a_row_mended_into_an_accepted_one_is_an_exact_duplicate(campaign, staged):
    staged(*GOOD, "1,見本一")
    result = _return(campaign, mend(_export(campaign), "rows", {4: {"住民番号": "0000000001"}}))
    assert (result["accepted"], result["waiting"]) == (1, 0)
    assert _totals(campaign) == {"rows_in": 3, "accepted": 2, "quarantined": 0, "duplicates": 1}


def test_a_row_mended_onto_an_accepted_number_cannot_push_that_row_out(campaign, staged):
    staged(*GOOD, "9,別人", "3,見本三")
    mended = {4: {"住民番号": "0000000001"}, 5: {"住民番号": "0000000003"}}
    result = _return(campaign, mend(_export(campaign), "rows", mended))
    assert result["held_back"] == [["rows", 4]]
    assert (result["accepted"], result["waiting"]) == (1, 1)
    assert _accepted(campaign) == {2: "0000000001", 3: "0000000002", 5: "0000000003"}


def test_two_rows_that_contradict_each_other_are_settled_by_making_them_equal(campaign, staged):
    staged(*GOOD, "0000000003,見本三", "0000000003,見本参")
    assert quarantine.list_waiting(campaign, TODAY)[0].rule == "DUPLICATE_KEY"
    result = _return(campaign, mend(_export(campaign), "rows", {5: {"氏名": "見本三"}}))
    assert result["waiting"] == 0
    assert _totals(campaign) == {"rows_in": 4, "accepted": 3, "quarantined": 0, "duplicates": 1}


def test_the_lines_of_a_claim_are_released_with_it(campaign):
    dump = {
        "inhouse_claims_20200518.csv": csv_bytes(
            "受付番号,受付年月日,消印年月日,申請区分,元受付番号,世帯番号,申請者住民番号,申請者氏名,申請者カナ,申請者生年月日,"
            "代理区分,代理人カナ,金融機関コード,支店コード,預金種目,口座番号,口座名義カナ,記号,番号,不備コード",
            "K1,20200518,,新規,,1,,見本,ミホン,19800401,,,0001,001,1,1234567,ミホン,,,",
            encoding="utf-8",
        ),
        "inhouse_members_20200518.csv": csv_bytes(
            "受付番号,行,氏名,生年月日,不要", "K1,1,見本,19800401,", encoding="utf-8"
        ),
    }
    made = receive.stage(campaign.programme, campaign.staging, "inhouse_claims", DAY, dump)
    assert made.rules == {"CLAIM_UNKNOWN": 1, "DIGITS_10": 1}
    data = quarantine.export(campaign, "inhouse_claims", DAY, PASSWORD, ACTOR, "修正", TODAY)
    book = mend(data, "claims", {2: {"世帯番号": "0000000001"}})
    result = _return(campaign, book)
    assert (result["changed"], result["waiting"]) == (1, 0)
    assert campaign.staging.read("inhouse_claims", DAY, "members").num_rows == 1


def test_giving_the_same_workbook_back_again_changes_nothing(campaign, staged):
    staged(*GOOD, "3,見本三")
    book = mend(_export(campaign), "rows", {4: {"住民番号": "0000000003"}})
    first = _return(campaign, book)
    assert _return(campaign, book) == first
    assert campaign.staging.versions(DATASET, DAY) == [1, 2]
    assert len(_events(campaign, "quarantine.returned")) == 1


def test_receiving_the_same_file_again_keeps_what_was_mended(campaign, staged):
    staged(*GOOD, "3,見本三")
    _return(campaign, mend(_export(campaign), "rows", {4: {"住民番号": "0000000003"}}))
    result = staged(*GOOD, "3,見本三")
    assert (result["version"], result["accepted"], result["mended"]) == (2, 3, 1)


def test_a_replaced_file_is_a_new_version_without_the_old_mending(campaign, staged):
    staged(*GOOD, "3,見本三")
    _return(campaign, mend(_export(campaign), "rows", {4: {"住民番号": "0000000003"}}))
    result = staged(*GOOD)
    assert (result["version"], result["accepted"], result["mended"]) == (3, 2, 0)
    assert _totals(campaign)["rows_in"] == 2


# what is refused whole


def _stale(c, data, staged):
    staged(*GOOD, "5,見本五")
    return data


def _other_row(c, data, staged):
    book = open_book(data)
    book["rows"]["A2"].value = "2"
    return save_book(book)


def _swapped_check(c, data, staged):
    book = open_book(data)
    page = book["rows"]
    page["E2"].value, page["E3"].value = page["E3"].value, page["E2"].value
    return save_book(book)


def _row_twice(c, data, staged):
    book = open_book(data)
    page = book["rows"]
    page.append([cell.value for cell in page[2]])
    return save_book(book)


def _column_more(c, data, staged):
    book = open_book(data)
    book["rows"].cell(1, len(LOCKED) + 3).value = "備考"
    return save_book(book)


def _columns_swapped(c, data, staged):
    book = open_book(data)
    page = book["rows"]
    page.cell(1, 6).value, page.cell(1, 7).value = page.cell(1, 7).value, page.cell(1, 6).value
    return save_book(book)


def _told(item, value):
    def change(c, data, staged):
        book = open_book(data)
        for row in book["kyufu"].iter_rows():
            if row[0].value == item:
                row[1].value = value
        return save_book(book)

    return change


@pytest.mark.parametrize(
    "spoil",
    [
        _stale, _other_row, _swapped_check, _row_twice, _column_more, _columns_swapped,
        _told("programme", "another-2021"), _told("dataset", "facility_inside"), _told("day", "2020-05-17"),
        _told("day", "x"), _told("version", "2"), _told("run_key", "0" * 16),
    ],
)  # fmt: skip
def test_a_workbook_that_is_not_as_it_went_is_refused_whole(campaign, staged, spoil):
    staged(*GOOD, f"3,{CANARY}", "4,見本四")
    data = mend(_export(campaign), "rows", {4: {"住民番号": "0000000003"}})
    spoiled = spoil(campaign, data, staged)
    versions = campaign.staging.versions(DATASET, DAY)
    message = refusal(InputRefused, lambda: _return(campaign, spoiled))
    assert "mended.xlsx" in message
    assert campaign.staging.versions(DATASET, DAY) == versions
    assert _events(campaign, "quarantine.returned") == []


def test_rows_may_be_sorted_and_left_out(campaign, staged):
    staged(*GOOD, "3,見本三", "4,見本四", "5,見本五")
    book = open_book(mend(_export(campaign), "rows", {4: {"住民番号": "0000000003"}}))
    page = book["rows"]
    kept = [[cell.value for cell in page[n]] for n in (3, 2)]
    page.delete_rows(2, 3)
    for values in kept:
        page.append(values)
    result = _return(campaign, save_book(book))
    assert (result["accepted"], result["waiting"]) == (1, 2)


def test_a_workbook_without_a_change_is_refused(campaign, staged):
    staged(*GOOD, "3,見本三")
    assert "直された行がありません" in refusal(
        InputRefused, lambda: _return(campaign, _export(campaign))
    )


def test_an_older_version_is_refused_after_another_was_mended(campaign, staged):
    staged(*GOOD, "3,見本三", "4,見本四")
    first = _export(campaign)
    _return(campaign, mend(first, "rows", {4: {"住民番号": "0000000003"}}))
    other = mend(first, "rows", {5: {"住民番号": "0000000004"}})
    assert "第2版" in refusal(InputRefused, lambda: _return(campaign, other))


def test_other_rules_since_the_export_are_told(campaign, staged, monkeypatch):
    staged(*GOOD, "3,見本三")
    data = mend(_export(campaign), "rows", {4: {"住民番号": "0000000003"}})
    monkeypatch.setattr(receive, "schema_version", lambda _layout: "other")
    assert "recheck" in refusal(InputRefused, lambda: _return(campaign, data))


def test_killed_after_staging_the_return_is_completed_by_giving_it_back_again(
    campaign, staged, monkeypatch
):
    staged(*GOOD, "3,見本三")
    book = mend(_export(campaign), "rows", {4: {"住民番号": "0000000003"}})

    def die(_name):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(quarantine, "failpoint", die)
        with pytest.raises(KeyboardInterrupt):
            _return(campaign, book)
    assert _events(campaign, "quarantine.returned") == []
    assert _return(campaign, book)["accepted"] == 1
    assert campaign.staging.versions(DATASET, DAY) == [1, 2]
    assert len(_events(campaign, "quarantine.returned")) == 1
    assert _totals(campaign)["quarantined"] == 0


# other rules


def test_a_recheck_under_other_rules_is_a_new_version_that_says_what_differs(
    campaign, staged, monkeypatch
):
    staged(*GOOD, "3,見本三")
    assert _recheck(campaign)["differences"] == []
    monkeypatch.setattr(receive, "schema_version", lambda _layout: "other")
    monkeypatch.setattr(receive.checks, "rejected_rows", lambda _problems: set())
    found = _recheck(campaign)
    assert (found["version"], found["accepted"]) == (2, 3)
    assert found["differences"] == ["受入 2行 → 3行", "保留 1行 → 0行"]
    first, second = _events(campaign, "quarantine.rechecked")
    assert (first["actor"], first["subject"]) == (ACTOR, f"quarantine:{DATASET}:{DAY}:v001")
    assert (second["actor"], second["subject"]) == (ACTOR, f"quarantine:{DATASET}:{DAY}:v002")
    detail = json.loads(second["detail"])
    assert (detail["from"], detail["differences"]) == (1, found["differences"])


@pytest.mark.parametrize(
    "place", ["quarantine.staged", "quarantine.before_commit", "quarantine.after_commit"]
)
def test_killed_at_any_place_a_recheck_is_completed_by_running_it_again(
    campaign, staged, monkeypatch, place
):
    staged(*GOOD, "3,見本三")
    monkeypatch.setattr(receive, "schema_version", lambda _layout: "other")
    monkeypatch.setattr(receive.checks, "rejected_rows", lambda _problems: set())

    def die(name):
        if name == place:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(quarantine, "failpoint", die)
        with pytest.raises(KeyboardInterrupt):
            _recheck(campaign)
    for _ in range(2):
        assert _recheck(campaign)["version"] == 2
    assert campaign.staging.versions(DATASET, DAY) == [1, 2]
    (event,) = _events(campaign, "quarantine.rechecked")
    detail = json.loads(event["detail"])
    assert (event["subject"], detail["from"]) == (f"quarantine:{DATASET}:{DAY}:v002", 1)
    assert detail["differences"] == ["受入 2行 → 3行", "保留 1行 → 0行"]
    assert _totals(campaign)["accepted"] == 3


def test_no_value_is_in_any_file_name_or_printed_word(campaign, staged, capsys):
    staged(*GOOD, f"3,{CANARY}")
    _return(campaign, mend(_export(campaign), "rows", {4: {"住民番号": "0000000003"}}))
    out = capsys.readouterr()
    assert CANARY not in out.out + out.err
    assert not any(CANARY in str(path) for path in Path(campaign.home).rglob("*"))
