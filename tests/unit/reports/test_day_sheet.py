"""The day's sheet: who was written to, who claimed, who waits and since when, what is paid, what needs a person."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from pipelines.ledger import incidents, mail, people, tables
from pipelines.ledger.balance import take_balance
from pipelines.ledger.incidents import Kind
from pipelines.ledger.states import Entitlement
from pipelines.programme import ROOT, load_programme
from pipelines.reports import pages
from pipelines.reports.arrivals import Owed
from pipelines.reports.day_sheet import AGES, Count, list_deadlines, read_day_sheet
from pipelines.steps import closeout, reports
from tests.unit.ledger import ledger_world
from tests.unit.ledger.conftest import ledger  # noqa: F401
from tests.unit.reports.report_world import open_home

BEFORE, DAY = ledger_world.DAY, ledger_world.DAY + timedelta(days=10)
FILE = load_programme(ROOT / "programmes" / "shinjuku-2020.toml")


@pytest.fixture
def sheet(ledger):  # noqa: F811
    """Two households of three and one: forms sent, claims of two days, somebody paid, held, deficient, returned."""
    persons = ledger_world.open_people(ledger, 3, 1)
    with ledger.write() as connection:
        people.mark_form_sent(connection, ledger.programme, persons[:3], "contractor", "f1", BEFORE)
        people.mark_form_sent(connection, ledger.programme, persons[3:], "inhouse", "f2", DAY)
    claim = ledger_world.add_claim(ledger, "P1")
    ledger_world.approve(ledger, claim, persons[0])
    ledger_world.pay(ledger)
    returned = ledger_world.add_claim(ledger, "P2", account_number="7654321")
    ledger_world.approve(ledger, returned, persons[1])
    batch = ledger_world.draft(ledger)
    ledger_world.deliver(ledger, batch)
    ledger_world.settle(ledger, batch, {batch.payments[0].payment_key})
    ledger_world.put(ledger, Entitlement.CLAIMED, persons[2], claim=claim)
    window = ledger_world.add_claim(ledger, "W1", "inhouse")
    ledger_world.put(ledger, Entitlement.HELD, persons[3], claim=window)
    with ledger.write() as connection:
        e, c = tables.entitlement, tables.claim
        for person, codes in ((persons[2], "DEFICIENT"), (persons[3], "LATE;NOT_HEAD")):
            connection.execute(sa.update(e).filter_by(person_id=person).values(codes=codes))
        connection.execute(sa.update(c).filter_by(claim_id=window).values(day=DAY))
    programme = FILE.model_copy(
        update={"benefit": FILE.benefit.model_copy(update={"id": ledger.programme})}
    )
    owed = [Owed("facility_children", None, None, 100, "missing")]
    with ledger.read() as connection:
        balance = take_balance(connection, ledger.programme)
        return read_day_sheet(connection, programme, DAY, balance, [], owed)


def test_who_was_written_to_and_who_claimed(sheet):
    assert sheet.mailed == [
        Count("委託先から(世帯)", 0, 1),
        Count("委託先から(人)", 0, 3),
        Count("区から(世帯)", 1, 1),
        Count("区から(人)", 1, 1),
    ]
    assert sheet.claims == [
        Count("オンライン", 0, 0), Count("郵送", 0, 2), Count("窓口", 1, 1)
    ]  # fmt: skip


def test_the_wards_letters_and_what_came_back_are_counted(ledger):  # noqa: F811
    (person,) = ledger_world.open_people(ledger, 1)
    sheets = [
        mail.Mailing(f"{kind}{n}", kind, "household", person, (person,), "", f"{kind}.pdf", 1)
        for kind, n in (("form", 1), ("decision", 1), ("decision", 2))
    ]
    with ledger.write() as connection:
        mail.enter(connection, ledger.programme, sheets, BEFORE)
        mail.mark_sent(connection, ledger.programme, ["form.pdf"], BEFORE)
        mail.mark_sent(connection, ledger.programme, ["decision.pdf"], DAY)
        mail.enter_return(connection, ledger.programme, "form1", "moved", DAY, "operator", DAY)
        balance = take_balance(connection, ledger.programme)
        programme = FILE.model_copy(
            update={"benefit": FILE.benefit.model_copy(update={"id": ledger.programme})}
        )
        found = read_day_sheet(connection, programme, DAY, balance, [], [])
    assert [(c.title, c.today, c.total) for c in found.letters if c.total] == [
        ("申請書", 0, 1), ("給付決定通知", 2, 2), ("返戻(委託先の発送分を含む)", 1, 1)
    ]  # fmt: skip
    assert dict(found.needed)["返戻されたまま対応していない郵便物(kyufu mail list --returned)"] == 1
    assert "返戻(委託先の発送分を含む)" in pages.render_day(found).decode()


def test_whoever_waits_is_counted_under_each_reason_and_by_age(sheet):
    assert [title for _, title in AGES][:2] == ["7日以内", "8〜14日"]
    assert {(h.code, h.by_age) for h in sheet.held} == {
        ("DEFICIENT", (0, 1, 0, 0)), ("LATE", (1, 0, 0, 0)), ("NOT_HEAD", (1, 0, 0, 0))
    }  # fmt: skip


def test_money_and_people_are_where_the_ledger_has_them(sheet):
    assert [(c.title, c.total) for c in sheet.paid if c.total] == [
        ("給付済み", 1), ("振込不能(返戻)", 1)
    ]  # fmt: skip
    assert sum(number for _, number in sheet.states) == sheet.balance.eligible == 4
    assert sheet.batches == []


def test_what_needs_a_person_is_named_and_nothing_else(sheet):
    assert dict(sheet.needed) == {
        "名簿・研修・再委託の承諾が登録されていない相手先(kyufu roster list)": 3,
        "保留・不備の人の確認(kyufu holds list)": 2,
        "振込不能の人(口座の訂正を求める)": 1,
        "届いていない・古い・拒否されたままの名簿": 1,
    }


def test_deadlines_are_those_ahead_the_nearest_first():
    deadline = FILE.claims.deadline
    found = list_deadlines(FILE, deadline)
    assert (found[0].day, found[0].days) == (deadline, 0)
    assert "申請期限(消印・オンライン申請日)" in {d.title for d in found}
    assert "未申請の失効" in {d.title for d in found}
    assert [d.day for d in found] == sorted(d.day for d in found)
    assert list_deadlines(FILE, date(2031, 1, 1)) == []


def test_the_page_tells_all_of_it(sheet):
    text = pages.render_day(sheet).decode()
    for told in ("日報", "8〜14日", "LATE", "給付済み", "振込不能の人", "100,000円"):
        assert told in text
    assert ledger_world.CANARY not in text


def test_closing_writes_the_newest_days_sheet_and_the_index_links_it(tmp_path):
    c = open_home(tmp_path)
    closeout.balance(c, DAY)
    page = reports.folder(c) / pages.day_page_name(DAY)
    before = page.read_bytes()
    closeout.balance(c, BEFORE)
    assert not (reports.folder(c) / pages.day_page_name(BEFORE)).exists()
    assert page.read_bytes() == before
    index = (reports.folder(c) / "index.html").read_text(encoding="utf-8")
    assert f"days/{DAY}.html" in index
    c.ledger.engine.dispose()


def test_a_delivery_that_nobody_acknowledged_in_time_needs_a_person(ledger):  # noqa: F811
    ledger_world.open_people(ledger, 1)
    programme = FILE.model_copy(
        update={"benefit": FILE.benefit.model_copy(update={"id": ledger.programme})}
    )
    row = {
        "programme": ledger.programme, "name": "payments_1.txt", "disclosure": "payments", "recipient": "bank",
        "medium": "lgwan", "basis": "", "fields": "", "records": 1, "people": 1, "sha256": "", "scanned_for": "",
        "business_date": BEFORE, "state": "delivered", "acknowledged": False,
    }  # fmt: skip
    late = "期限までに受領の確認が来なかった送付(kyufu deliveries)"
    with ledger.write() as connection:
        connection.execute(sa.insert(tables.release).values(row))
        balance = take_balance(connection, ledger.programme)
        on_the_day, afterwards = (
            dict(read_day_sheet(connection, programme, day, balance, [], []).needed)
            for day in (BEFORE, DAY)
        )
    assert late not in on_the_day
    assert afterwards[late] == 1


def test_an_incident_needs_a_person_first_and_more_so_when_a_step_is_overdue(ledger):  # noqa: F811
    ledger_world.open_people(ledger, 1)
    programme = FILE.model_copy(
        update={"benefit": FILE.benefit.model_copy(update={"id": ledger.programme})}
    )
    with ledger.write() as connection:
        incidents.open_incident(
            connection, ledger.programme, "bank", Kind.SUSPICION, "疑い", None, None, "one", BEFORE
        )
        balance = take_balance(connection, ledger.programme)
        on_the_day, afterwards = (
            read_day_sheet(connection, programme, day, balance, [], []).needed
            for day in (BEFORE, DAY)
        )
    first = ("事故・事故のおそれで送付を止めている相手先の対応(kyufu incident list)", 1)
    assert on_the_day[0] == afterwards[0] == first
    assert ("うち手続の期限を過ぎたもの", 1) not in on_the_day
    assert ("うち手続の期限を過ぎたもの", 1) in afterwards
