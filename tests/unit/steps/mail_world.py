"""A ward of a few households: a wife who fled with her child, a head in a facility, a placement, Braille."""

from dataclasses import replace
from datetime import date

import sqlalchemy as sa

from pipelines.intake import receive
from pipelines.ledger import people, tables
from pipelines.matching.persons import Protection
from pipelines.outputs.paper.reading import page_texts
from pipelines.steps import outbox
from pipelines.steps.campaign import Campaign
from tests.intake_files import files_of
from tests.unit.intake.intake_world import freeze_register, new_campaign

SNAPSHOT_DAY, DAY, NEXT = date(2020, 5, 15), date(2020, 5, 18), date(2020, 5, 19)
HIDDEN = "東京都中野区中野９丁目８番７号"
FACILITY = "東京都新宿区西早稲田３丁目２番１号見本園"
# number, household, relationship, kanji, kana, birth date
RESIDENTS = (
    ("1", "1", "02", "甲野　一郎", "コウノ　イチロウ", "19800401"),
    ("2", "1", "11", "甲野　花子", "コウノ　ハナコ", "19820502"),
    ("3", "1", "20", "甲野　小太郎", "コウノ　コタロウ", "20100603"),
    ("4", "4", "02", "乙山　次郎", "オツヤマ　ジロウ", "19500704"),
    ("5", "4", "11", "乙山　月子", "オツヤマ　ツキコ", "19550805"),
    ("6", "6", "02", "丙田　三子", "ヘイダ　ミツコ", "19600906"),
    ("7", "6", "20", "丙田　風子", "ヘイダ　フウコ", "19901007"),
    ("8", "8", "02", "丁川　雪子", "チョウカワ　ユキコ", "19401108"),
    ("9", "9", "02", "戊原　四郎", "ボハラ　シロウ", "19701209"),
)
PLACED, UNSURE = "R0000000008", "R0000000009"


def pid(number) -> str:
    return f"R{int(number):010d}"


def open_ward(folder) -> Campaign:
    """The ward after its lists: 2 and 3 evacuated under one request, 4 in a facility, 8 placed, 6 reads Braille."""
    c = new_campaign(folder)
    names = {home: name for _, home, relationship, name, *_ in RESIDENTS if relationship == "02"}
    rows = [
        {
            "resident_id": n.zfill(10), "household_id": h.zfill(10), "name_kana": kana, "name_kanji": kanji,
            "relationship": r, "birth_date": born, "postal_code": "1600022",
            "address": f"東京都新宿区新宿１丁目２番{h}号", "address_supplement": "見本荘１０１" if h == "6" else "",
            "head_name_kanji": names[h],
        }
        for n, h, r, kanji, kana, born in RESIDENTS
    ]  # fmt: skip
    freeze_register(c, rows, SNAPSHOT_DAY)
    first = _stage_request(c)
    care = [
        _care(2, "evacuation_requests", "evacuation", HIDDEN, f"evacuation_requests/{DAY}:{first}"),
        _care(3, "evacuation_requests", "evacuation", HIDDEN, f"evacuation_requests/{DAY}:{first + 1}"),
        _care(4, "facility_disability", "facility", FACILITY, "facility_disability/2020-05-18:2"),
        _care(8, "placement_elderly", "placement", "", "placement_elderly/2020-05-18:2"),
    ]  # fmt: skip
    with c.ledger.write() as connection:
        people.protect(connection, c.programme.id, care, DAY)
        connection.execute(
            sa.insert(tables.braille_holder).values(
                programme=c.programme.id, person_id=pid(6), evidence="visually_impaired/x:2"
            )
        )
    return c


def _care(number, dataset, kind, address, evidence, certainty="linked") -> Protection:
    return Protection(pid(number), dataset, kind, certainty, evidence, address)


def _stage_request(c) -> int:
    """The request of 2 with 3; returns its first row."""
    rows = [
        {
            "request_no": "1", "requested_on": "20200501", "request_role": role, "name_kanji": kanji, "name_kana": kana,
            "birth_date": born, "registered_address": "東京都新宿区新宿１丁目２番１号", "current_address": HIDDEN,
        }
        for (_, _, _, kanji, kana, born), role in zip(RESIDENTS[1:3], ("evacuee", "companion"), strict=True)
    ]  # fmt: skip
    files = files_of("evacuation_requests", DAY, {"rows": rows})
    receive.stage(c.programme, c.staging, "evacuation_requests", DAY, files)
    return min(c.staging.read("evacuation_requests", DAY).column("row").to_pylist())


def with_lists(monkeypatch) -> None:
    """Every list came on the day, and leaves nobody undecided."""
    real = Campaign.guard

    def guard(self, day):
        days = {source.dataset: DAY for source in self.programme.list_sources}
        return replace(real(self, day), list_days=days, undecided_rows=0)

    monkeypatch.setattr(Campaign, "guard", guard)


def pages(c, name) -> list[str]:
    """A release's pages, without blanks."""
    found = page_texts(outbox.read_payload(c, name))
    return ["".join(text.split()) for text in found]
