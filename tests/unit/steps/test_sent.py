"""A delivery that is not acknowledged by its deadline is late: listed, in the summary, and told once a day."""

from datetime import date, timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.evidence import summary
from pipelines.ledger import tables
from pipelines.ledger.engine import open_engine
from pipelines.ledger.store import Ledger, add_refusal, record
from pipelines.programme import ROOT, load_programme
from pipelines.steps import sent
from tests.unit.ledger.ledger_world import new_sqlite

FILE = ROOT / "programmes" / "shinjuku-2020.toml"
PROGRAMME = load_programme(FILE)
DAY = date(2020, 6, 3)
LATE = DAY + timedelta(days=2)


def _note(ledger):
    def note_refusal(subject, reason, day):
        with ledger.write() as connection:
            add_refusal(connection, PROGRAMME.id, subject, reason, day)

    return note_refusal


@pytest.fixture
def c(tmp_path):
    ledger = Ledger(open_engine(new_sqlite(tmp_path)), PROGRAMME.id)
    yield SimpleNamespace(
        programme=PROGRAMME, ledger=ledger, home=tmp_path, note_refusal=_note(ledger)
    )
    ledger.engine.dispose()


def _sent(c, name, recipient="bank", state="delivered", acknowledged=False, medium="lgwan", on=DAY):
    row = {
        "programme": PROGRAMME.id, "name": name, "disclosure": "payments", "recipient": recipient, "medium": medium,
        "basis": "", "fields": "", "records": 3, "people": 3, "sum_yen": 1, "sha256": "", "scanned_for": "",
        "business_date": DAY, "state": state, "acknowledged": acknowledged,
    }  # fmt: skip
    with c.ledger.write() as connection:
        connection.execute(sa.insert(tables.release).values(row))
        record(connection, PROGRAMME.id, "release.sending", "system", name, {}, on)


def _waiting(c):
    with c.ledger.read() as connection:
        return sent.unacknowledged(connection, PROGRAMME)


def test_what_is_on_its_way_and_not_acknowledged_waits(c):
    _sent(c, "delivered.txt")
    _sent(c, "sending.txt", state="sending")
    _sent(c, "unknown.txt", state="unknown")
    _sent(c, "acknowledged.txt", acknowledged=True)
    _sent(c, "sealed.txt", state="sealed")
    _sent(c, "withdrawn.txt", state="withdrawn")
    _sent(c, "by_hand.csv", recipient="ward", state="kept", medium="paper")
    assert [one.name for one in _waiting(c)] == ["delivered.txt", "sending.txt", "unknown.txt"]


def test_the_deadline_counts_from_the_sending_and_is_the_partys(c):
    _sent(c, "at_once.txt")
    _sent(c, "later.txt", on=DAY + timedelta(days=3))
    days = {party.id: party.acknowledge_days for party in PROGRAMME.parties}
    due = {one.name: one.due for one in _waiting(c)}
    assert due["at_once.txt"] == DAY + timedelta(days=days["bank"])
    assert due["later.txt"] == DAY + timedelta(days=3 + days["bank"])
    with c.ledger.read() as connection:
        (patient, _) = sent.sent.unacknowledged(connection, PROGRAMME.id, {"bank": 10})
    assert patient.due == DAY + timedelta(days=10)


def test_the_last_day_is_in_time_and_the_next_is_late(c):
    _sent(c, "a.txt")
    (one,) = _waiting(c)
    assert not one.is_late(one.due)
    assert one.is_late(one.due + timedelta(days=1))


def test_a_late_one_is_told_once_a_day_with_whom_to_ask(c):
    _sent(c, "a.txt")
    assert sent.tell_late(c, DAY) == []
    (line,) = sent.tell_late(c, LATE)
    assert sent.tell_late(c, LATE) == [line]
    assert "指定金融機関に、受け取ったかを確認" in line
    with c.ledger.read() as connection:
        reasons = connection.execute(sa.select(tables.refusal.c.reason)).scalars().all()
    assert reasons == [line]


def _command(c, *more):
    options = ["--home", str(c.home), "--programme", str(FILE), *more]
    return CliRunner().invoke(app, ["deliveries", *options])


def test_the_command_lists_them_and_fails_only_if_one_is_late(c):
    assert _command(c).exit_code == 0
    _sent(c, "payments_20200603_01.txt")
    in_time = _command(c, "--day", str(DAY))
    assert (in_time.exit_code, "期限切れ" in in_time.output) == (0, False)
    late = _command(c, "--day", str(LATE))
    assert (late.exit_code, "期限切れ" in late.output) == (1, True)
    assert "payments_20200603_01.txt" in late.output


def test_the_summary_tells_it_as_of_the_newest_business_day(c):
    _sent(c, "a.txt")
    c.ledger.once("closeout.lapse", DAY, lambda _: {})
    with c.ledger.read() as connection:
        assert summary._late_deliveries(c, connection) == []
    c.ledger.once("closeout.lapse", LATE, lambda _: {})
    with c.ledger.read() as connection:
        (line,) = summary._late_deliveries(c, connection)
    assert line.startswith("a.txt: ")
