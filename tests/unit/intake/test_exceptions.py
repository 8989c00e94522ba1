"""Rows that nobody can mend: two people sign, what waited goes on, the counts stay, other bytes start anew."""

import json
from datetime import date

import pytest
import sqlalchemy as sa

from pipelines.errors import InputMissing, InputRefused, KyufuError
from pipelines.intake.staging import sha256
from pipelines.ledger import tables
from pipelines.ledger.store import verify_chain
from pipelines.steps import exceptions, inbox, quarantine, register, waiting_changes
from pipelines.steps.roles import Actor, NotAllowed, Role
from tests.unit.intake.intake_world import PASSWORD, arrive, csv_bytes, mend
from tests.unit.intake.refusals import CANARY
from tests.unit.steps.dated_world import send_changes

DAY, TODAY = date(2020, 5, 18), date(2020, 5, 19)
LIST, FILE, HEADER = "visually_impaired", "visually_impaired_20200518.csv", "住民番号,氏名"
GOOD, TOTALS = "0000000001,見本一", f"合計,{CANARY}"
STEWARD, APPROVER = (Actor(r.value, frozenset({r})) for r in (Role.STEWARD, Role.APPROVER))
REGISTER = "住民番号,世帯番号,カナ氏名,漢字氏名,続柄,生年月日,郵便番号,住所,方書,世帯主漢字氏名"
RESIDENT = "{0:010d},{0:010d},ミホン,見本一,02,19800401,1600022,東京都新宿区新宿１丁目,,見本一"


def put(c, *rows):
    arrive(c, FILE, csv_bytes(HEADER, *rows), DAY)
    return inbox.stage_and_enter(c, LIST, DAY, inbox.read_ward_files(c, LIST, DAY))


def put_register(c, *rows):
    data = csv_bytes(REGISTER, *rows)
    items = {
        "基準日": "20200427", "抽出日時": "20200518090000", "件数": str(len(rows)), "世帯数": "2",
        "SHA256": sha256(data), "作成者": "見本",
    }  # fmt: skip
    arrive(c, "register_20200518.csv", data, DAY)
    sheet = csv_bytes("項目,値", *(f"{item},{value}" for item, value in items.items()))
    arrive(c, "register_20200518.control.csv", sheet, DAY)
    return register.receive_register(c, DAY)


def sign(c, actor, dataset=LIST):
    return exceptions.sign(c, dataset, DAY, "合計行のため", actor, TODAY)


def waiting(c):
    return exceptions.waiting(c, c.staging.manifest(LIST, DAY))


def stopped_rows(c):
    """The list's rows for which everything outgoing waits."""
    return c._quarantined_list_rows({LIST: DAY})


def test_nobody_waits_for_a_row_that_two_people_signed(campaign):
    put(campaign, GOOD, TOTALS)
    assert sign(campaign, STEWARD).approved_by == {"steward"}
    assert (waiting(campaign), stopped_rows(campaign)) == (1, 1)
    assert sign(campaign, APPROVER).is_complete
    assert (waiting(campaign), stopped_rows(campaign)) == (0, 0)
    assert quarantine.list_waiting(campaign, TODAY) == []
    manifest = campaign.staging.manifest(LIST, DAY)
    assert (manifest.rows_in, manifest.accepted, manifest.quarantined) == (2, 1, 1)


def test_one_person_is_not_two(campaign):
    put(campaign, GOOD, TOTALS)
    sign(campaign, STEWARD)
    assert not sign(campaign, STEWARD).is_complete
    assert waiting(campaign) == 1


def test_other_bytes_have_no_exceptions(campaign):
    put(campaign, GOOD, TOTALS)
    sign(campaign, STEWARD)
    sign(campaign, APPROVER)
    put(campaign, GOOD, "0000000002,見本二", TOTALS)
    assert (waiting(campaign), stopped_rows(campaign)) == (1, 1)


def test_a_row_that_waits_since_the_first_signature_needs_both_again(campaign):
    put(campaign, GOOD, TOTALS, "x,見本二")
    sign(campaign, STEWARD)
    book = quarantine.export(campaign, LIST, DAY, PASSWORD, "os:x", "修正", TODAY)
    book = mend(book, "rows", {4: {"住民番号": "0000000002"}})
    quarantine.take_back(campaign, book, "back.xlsx", PASSWORD, "os:x", TODAY)
    assert not sign(campaign, APPROVER).is_complete
    assert sign(campaign, STEWARD).is_complete
    assert waiting(campaign) == 0


def test_the_register_freezes_on_what_is_accepted_and_signed(campaign):
    row = RESIDENT.format(1)
    put_register(campaign, row, row, RESIDENT.format(2), f"合計{'':>9},3{',' * 8}")
    with pytest.raises(InputRefused, match="保留1行、重複1行"):
        register.freeze_snapshot(campaign, DAY)
    sign(campaign, STEWARD, "register")
    with pytest.raises(InputRefused, match="保留1行、重複1行"):
        register.freeze_snapshot(campaign, DAY)
    sign(campaign, APPROVER, "register")
    assert register.freeze_snapshot(campaign, DAY)["people"] == 2
    a = tables.audit
    with campaign.ledger.read() as connection:
        query = sa.select(a.c.detail).filter_by(event="snapshot.frozen")
        assert json.loads(connection.execute(query).scalar_one())["exceptions"] == 2


def test_a_change_of_the_register_that_is_an_exception_holds_nobody(campaign):
    send_changes(campaign, "0000000001,0000000001,死亡,先月,20200510,,,,,,,,")
    assert waiting_changes.people_waiting(campaign, DAY) == {"R0000000001"}
    sign(campaign, STEWARD, "register_changes")
    sign(campaign, APPROVER, "register_changes")
    assert waiting_changes.people_waiting(campaign, DAY) == set()


def test_who_may_not_sign_and_what_cannot_be_signed(campaign):
    put(campaign, GOOD)
    with pytest.raises(InputRefused, match="例外とする行はありません"):
        sign(campaign, STEWARD)
    with pytest.raises(InputMissing):
        exceptions.sign(campaign, LIST, TODAY, "理由", STEWARD, TODAY)
    put(campaign, GOOD, TOTALS)
    with pytest.raises(NotAllowed):
        sign(campaign, Actor("viewer", frozenset({Role.VIEWER})))
    with pytest.raises(KyufuError, match="理由がありません"):
        exceptions.sign(campaign, LIST, DAY, " ", STEWARD, TODAY)


def test_the_record_tells_who_and_how_many_and_no_value(campaign):
    put(campaign, GOOD, TOTALS)
    sign(campaign, STEWARD)
    sign(campaign, APPROVER)
    a, d = tables.audit, tables.money_decision
    with campaign.ledger.read() as connection:
        verify_chain(connection)
        query = sa.select(a.c.actor, a.c.detail).filter_by(event="quarantine.excepted")
        told = [(actor, json.loads(detail)) for actor, detail in connection.execute(query)]
        kept = connection.execute(sa.select(d.c.content)).scalars().all()
    assert [(actor, detail["rows"], detail["signed"]) for actor, detail in told] == [
        ("steward", 1, 1), ("approver", 1, 2)
    ]  # fmt: skip
    assert CANARY not in repr((told, kept))
