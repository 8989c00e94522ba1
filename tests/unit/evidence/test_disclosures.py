"""What was given to whom: from the ledger alone, with counts and hashes, refusals beside it, and nobody named."""

import csv
import io
from datetime import date

import pytest
import sqlalchemy as sa

from pipelines.evidence.disclosures import HEADINGS, REFUSAL_HEADINGS, read_report
from pipelines.ledger import municipal_letters as letters
from pipelines.ledger import tables
from pipelines.ledger.engine import open_engine
from pipelines.ledger.store import Ledger, record
from pipelines.outputs.disclosure_report import build_csv, build_pages
from pipelines.outputs.paper.reading import page_texts
from pipelines.programme import ROOT, load_programme
from tests.unit.ledger.ledger_world import new_sqlite

PROGRAMME = load_programme(ROOT / "programmes" / "shinjuku-2020.toml")
DAY, NEXT, LATER = date(2020, 5, 18), date(2020, 5, 19), date(2020, 6, 3)


@pytest.fixture
def ledger(tmp_path):
    engine = open_engine(new_sqlite(tmp_path))
    found = Ledger(engine, PROGRAMME.id)
    _fill(found)
    yield found
    engine.dispose()


def _fill(ledger):
    def release(name, disclosure, day, **more):
        chosen = PROGRAMME.disclosure(disclosure)
        row = {
            "programme": PROGRAMME.id, "name": name, "disclosure": disclosure, "recipient": chosen.recipient,
            "medium": chosen.medium, "basis": chosen.basis, "fields": ",".join(chosen.fields), "records": 3,
            "people": 5,
            "sum_yen": None, "sha256": "a" * 64, "scanned_for": "", "business_date": day, "state": "delivered",
            "acknowledged": True, **more,
        }  # fmt: skip
        connection.execute(sa.insert(tables.release).values(row))

    with ledger.write() as connection:
        release("forms_20200518.csv", "forms", DAY)
        release("payments_20200603_01.txt", "payments", LATER, sum_yen=300_000)
        release("facility_notice_14100_20200518.pdf", "facility_notices", DAY, state="kept")
        release("rehearsal_20200518_01_forms.csv", "forms", DAY, people=0)
        release("forms_20200519.csv", "forms", NEXT, state="withdrawn")
        for event, day in (("release.delivered", DAY), ("release.acknowledged", NEXT)):
            record(connection, PROGRAMME.id, event, "system", "forms_20200518.csv", {}, day)
        detail = {"rule": "PEOPLE", "disclosure": "forms", "people": 2}
        refused = "forms_20200603.csv"
        record(connection, PROGRAMME.id, "release.refused", "system", refused, detail, LATER)
        name, paid = "facility_notice_14100_20200518.pdf", {"R1": True}
        letters.enter(connection, PROGRAMME.id, name, "神奈川県横浜市", paid, 0, "a" * 64, DAY)
        letter = letters.find(connection, PROGRAMME.id, name)
        letters.enter_posting(connection, PROGRAMME.id, letter, "12345678901", "one", NEXT)


def _report(ledger, first=None, last=None):
    with ledger.read() as connection:
        return read_report(connection, PROGRAMME, first, last)


def test_each_release_says_to_whom_what_when_on_which_basis(ledger):
    found = {
        one.name: dict(zip(HEADINGS, one.cells(), strict=True)) for one in _report(ledger).given
    }
    forms = found["forms_20200518.csv"]
    assert (forms["提供先"], forms["対象者数"], forms["件数"]) == (
        "トッパン・フォームズ株式会社",
        "5",
        "3",
    )
    assert (forms["送付・発送日"], forms["受領確認日"], forms["媒体"]) == (
        "2020-05-18",
        "2020-05-19",
        "LGWAN(暗号化)",
    )
    assert "第14条" in forms["根拠"]
    assert forms["SHA-256"] == "a" * 64
    letter = found["facility_notice_14100_20200518.pdf"]
    assert (letter["提供先"], letter["媒体"]) == ("都道府県・他市区町村(神奈川県横浜市)", "紙")
    posted = (letter["状態"], letter["送付・発送日"], letter["書留番号"])
    assert posted == ("発送済み", "2020-05-19", "12345678901")
    assert found["rehearsal_20200518_01_forms.csv"]["状態"].startswith("予行")
    assert found["payments_20200603_01.txt"]["金額(円)"] == "300000"


def test_what_was_refused_stands_beside_it(ledger):
    (refused,) = _report(ledger).refused
    cells = dict(zip(REFUSAL_HEADINGS, refused.cells(), strict=True))
    assert cells == {
        "日": "2020-06-03", "名称": "forms_20200603.csv", "提供": "forms", "規則": "PEOPLE", "件数": "people 2"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("first", "last", "count", "refused"),
    [
        (None, None, 5, 1),
        (DAY, DAY, 3, 0),
        (NEXT, None, 2, 1),
        (None, NEXT, 4, 0),
        (LATER, DAY, 0, 0),
    ],
)
def test_both_ends_of_the_period_are_in_it(ledger, first, last, count, refused):
    found = _report(ledger, first, last)
    assert (len(found.given), len(found.refused)) == (count, refused)


def test_totals_leave_out_what_was_withdrawn_or_rehearsed(ledger):
    totals = {recipient: (n, records) for recipient, _, n, records in _report(ledger).totals()}
    assert totals["トッパン・フォームズ株式会社"] == (1, 3)


def test_as_a_file_for_a_spreadsheet_and_as_pages(ledger):
    found = _report(ledger)
    given = [one.cells() for one in found.given]
    rows = list(csv.reader(io.StringIO(build_csv(HEADINGS, given).decode("utf-8-sig"))))
    assert rows == [list(HEADINGS), *map(list, given)]
    assert build_csv(HEADINGS, []).decode("utf-8-sig").strip() == ",".join(HEADINGS)
    pages = build_pages(
        programme="特別定額給付金", municipality="新宿区", period="全期間",
        totals=[(*names, str(n), str(r)) for *names, n, r in found.totals()], given=given,
        refused=[one.cells() for one in found.refused], day=DAY,
    )  # fmt: skip
    text = "".join(page_texts(pages)).replace("\r\n", "")
    for told in ("forms_20200518.csv", "a" * 32, "12345678901", "PEOPLE", "神奈川県横浜市"):
        assert told in text
