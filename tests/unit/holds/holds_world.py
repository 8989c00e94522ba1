"""A ward of a few people whose in-house claims are really received, matched and held."""

import shutil
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from pipelines.ledger import people, tables
from pipelines.ledger.holds import Choice
from pipelines.matching.persons import Addition, Person, Protection
from pipelines.steps import claims, holds, payments
from pipelines.steps.campaign import Campaign
from pipelines.steps.roles import Actor, Role
from tests.ledger_states import read_states
from tests.unit.intake.intake_world import arrive, csv_bytes, freeze_register, new_campaign

SNAPSHOT_DAY = date(2020, 5, 15)
DAY, NEXT, LATER = date(2020, 5, 18), date(2020, 5, 19), date(2020, 5, 20)
TODAY = date(2020, 5, 18)
CLAIMS = (
    "受付番号,受付年月日,消印年月日,申請区分,元受付番号,世帯番号,申請者住民番号,申請者氏名,申請者カナ,申請者生年月日,"
    "代理区分,代理人カナ,金融機関コード,支店コード,預金種目,口座番号,口座名義カナ,記号,番号,不備コード"
)
MEMBERS = "受付番号,行,氏名,生年月日,不要"
CHANGES = (
    "住民番号,世帯番号,異動事由,異動年月日,届出年月日,カナ氏名,漢字氏名,続柄,"
    "生年月日,郵便番号,住所,方書,世帯主漢字氏名"
)
# number, household, relationship, kanji, kana, birth date
RESIDENTS = (
    ("1", "1", "02", "甲野　一郎", "コウノ　イチロウ", "19800401"),
    ("2", "1", "20", "甲野　花子", "コウノ　ハナコ", "20100502"),
    ("3", "3", "02", "乙山　次郎", "オツヤマ　ジロウ", "19700603"),
    ("4", "4", "02", "丙田　三子", "ヘイダ　ミツコ", "19900704"),
    ("5", "5", "02", "丁川　五郎", "チョウカワ　ゴロウ", "19600805"),
)
ADDITION = ("9", "9", "02", "戊原　四郎", "ボハラ　シロウ", "19500906")  # registered late
_BY_NUMBER = {row[0]: row for row in (*RESIDENTS, ADDITION)}
STRANGER = "ベツノ　ヒト"  # an account holder who is nobody here

STEWARD = Actor("steward", frozenset({Role.STEWARD, Role.VIEWER}))
SECOND_STEWARD = Actor("steward2", frozenset({Role.STEWARD}))
APPROVER = Actor("approver1", frozenset({Role.APPROVER}))
AUDITOR = Actor("auditor1", frozenset({Role.AUDITOR}))
OPERATOR = Actor("operator", frozenset({Role.OPERATOR}))
VIEWER = Actor("viewer", frozenset({Role.VIEWER}))
NOBODY = Actor("somebody", frozenset())
ACTORS = {a.name: a for a in (STEWARD, SECOND_STEWARD, APPROVER, AUDITOR, OPERATOR, VIEWER, NOBODY)}


def claim(number, resident, *, holder=None, kind="新規", of="", account="1234567", lacks=""):
    """One claim by a resident for the resident's household, as the ward keys it."""
    _, home, _, who, kana, born = _BY_NUMBER[resident]
    household, resident_id = home.zfill(10), resident.zfill(10)
    return (
        f"{number},20200518,,{kind},{of},{household},{resident_id},{who},{kana},{born},,,0001,001,1,{account},"
        f"{holder or kana},,,{lacks}"
    )


def lines(number, *residents):
    """The claim's lines."""
    named = [_BY_NUMBER[n][3:6:2] for n in residents]
    return [f"{number},{place},{name},{born}," for place, (name, born) in enumerate(named, start=1)]


def pid(short):
    """`R1` -> the person id of resident number 1."""
    return f"R{short.removeprefix('R').zfill(10)}"


def short(person_id):
    return f"R{int(person_id.removeprefix('R'))}"


def _open_people(c):
    rows = [
        {
            "resident_id": n.zfill(10), "household_id": h.zfill(10), "name_kana": kana, "name_kanji": kanji,
            "relationship": r, "birth_date": born, "postal_code": "1600022",
            "address": "東京都新宿区新宿１丁目２番３号", "address_supplement": "",
            "head_name_kanji": next(o[3] for o in RESIDENTS if o[1] == h and o[2] == "02"),
        }
        for n, h, r, kanji, kana, born in RESIDENTS
    ]  # fmt: skip
    freeze_register(c, rows, SNAPSHOT_DAY)
    number, household, relationship, *names = ADDITION
    late = Person(pid(number), number.zfill(10), household.zfill(10))
    added = Addition(late, "register_changes:1", *names, relationship)
    with c.ledger.write() as connection:
        people.open_additions(connection, c.programme.id, [added], 100_000, DAY)


@cache
def _after_the_first_day() -> TemporaryDirectory:
    """A folder with everything as the first day leaves it; made once."""
    folder = TemporaryDirectory()
    c = new_campaign(Path(folder.name))
    _open_people(c)
    with pytest.MonkeyPatch.context() as patch:
        without_lists(patch)
        _hold_first_day(c)
    c.ledger.engine.dispose()
    return folder


def held_ward(folder) -> Campaign:
    """A campaign whose people are these, after the first day.

    K1: two held for a strange account. K3: deficient. K4: protected, held. K5: approved. KE: an addition, held.
    """
    c = new_campaign(folder)
    shutil.copytree(_after_the_first_day().name, folder, dirs_exist_ok=True)
    return c


def without_lists(monkeypatch) -> None:
    """The day's steps run without the lists that a real day needs."""
    listed = SimpleNamespace(assert_lists_current=lambda programme, day: None)
    monkeypatch.setattr(Campaign, "guard", lambda self, day: listed)


def receive(c, day, claim_rows, member_rows):
    """The day's in-house claims arrive and are matched."""
    for name, heading, rows in (("claims", CLAIMS, claim_rows), ("members", MEMBERS, member_rows)):
        data = csv_bytes(heading, *rows, encoding="utf-8")
        arrive(c, f"inhouse_{name}_{day:%Y%m%d}.csv", data, day)
    claims.receive(c, day, "inhouse")
    return claims.match_and_decide(c, day)


def _hold_first_day(c):
    protect(c, "R4")
    receive(
        c, DAY,
        [
            claim("K1", "1", holder=STRANGER), claim("K3", "3", lacks="03", account="3333333"),
            claim("K4", "4", holder=STRANGER, account="4444444"), claim("K5", "5", account="5555555"),
            claim("KE", "9", holder=STRANGER, account="6666666"),
        ],
        [*lines("K1", "1", "2"), *lines("K3", "3"), *lines("K4", "4"), *lines("K5", "5"), *lines("KE", "9")],
    )  # fmt: skip


def protect(c, *persons):
    with c.ledger.write() as connection:
        found = [
            Protection(pid(p), "evacuation_requests", "evacuation", "linked", "e", "")
            for p in persons
        ]
        people.protect(connection, c.programme.id, found, DAY)


def recover(c, person):
    """An earlier payment for the person is being recovered."""
    row = {
        "payment_key": "0000000001",
        "amount_yen": 100_000,
        "opened_on": DAY,
        "cause": "protection",
    }
    with c.ledger.write() as connection:
        connection.execute(
            sa.insert(tables.recovery).values(
                programme=c.programme.id, person_id=pid(person), **row
            )
        )


def states(c):
    with c.ledger.read() as connection:
        rows = read_states(connection, c.programme.id)
    return {short(row["person_id"]): row["state"] for row in rows}


def hold_of(c, person) -> str:
    """The number of the hold about a person."""
    with c.ledger.read() as connection:
        found = {h.person_id: h.hold_id for h in holds.holds.open_holds(connection, c.programme.id)}
    return found[pid(person)]


def look(c, person, actor=STEWARD):
    return holds.show(c, hold_of(c, person), actor, "確認", TODAY)


def say(c, person, choice=Choice.PAY, actor=STEWARD, reason="電話で確認した", on=None):
    """Look at a hold and decide it."""
    look(c, person, actor)
    return holds.decide(c, hold_of(c, person), choice, reason, actor, TODAY, on)


def draft(c, day=NEXT):
    return payments.draft(c, day)


def audit(c, event):
    a = tables.audit
    with c.ledger.read() as connection:
        query = sa.select(a.c.actor, a.c.subject, a.c.detail).filter_by(event=event)
        return [tuple(row) for row in connection.execute(query.order_by(a.c.number))]
