"""`kyufu audit verify` and the stop on a real campaign's home: every change is found (FAULTS.md 22, 41, 42)."""

import shutil
import sqlite3
from contextlib import closing
from datetime import date

import pytest

from pipelines.evidence.audit import verify
from pipelines.ledger import stops, tables
from pipelines.ledger.stops import SendingStopped
from pipelines.ledger.store import GENESIS, chain_hash
from pipelines.programme import settings_from_environment
from pipelines.steps import manifests, outbox
from pipelines.steps.campaign import open_campaign
from pipelines.steps.manifests import LedgerBehind
from pipelines.terminal import no_link
from tests.campaign_home import PROGRAMME, final_state, make_ward, run_campaign

DAY = date(2020, 6, 3)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    days = {"2020-05-18", "2020-05-20", "2020-06-03"}
    return make_ward(tmp_path_factory.mktemp("ward") / "inputs", 150, 7, days)


@pytest.fixture(scope="module")
def finished(inputs, tmp_path_factory):
    home = tmp_path_factory.mktemp("finished") / "home"
    done = run_campaign(inputs, home)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def home(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "home")


def _open(home):
    found = settings_from_environment().model_copy(
        update={
            "home": home, "programme_path": PROGRAMME, "ledger_url": f"sqlite:///{home / 'ledger.sqlite'}"
        }
    )  # fmt: skip
    return open_campaign(found, no_link)


def _tamper(home, *statements):
    """As somebody with the database file could."""
    with closing(sqlite3.connect(home / "ledger.sqlite")) as connection:
        for table in ("audit", "entitlement_event"):
            for change in ("update", "delete"):
                connection.execute(f"drop trigger if exists {table}_no_{change}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def _recompute(home):
    """Make the whole chain anew, so that it fits itself."""
    names = [column.name for column in tables.audit.c]
    with closing(sqlite3.connect(home / "ledger.sqlite")) as connection:
        previous = GENESIS
        for values in connection.execute("select * from audit order by number").fetchall():
            row = dict(zip(names, values, strict=True)) | {"previous": previous}
            connection.execute(
                "update audit set previous = ?, hash = ? where number = ?",
                (previous, previous := chain_hash(row), row["number"]),
            )
        connection.commit()


def _faults(home):
    c = _open(home)
    try:
        return "\n".join(verify(c).faults)
    finally:
        c.ledger.engine.dispose()


def test_nothing_parts_after_a_campaign(home):
    assert _faults(home) == ""


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("update audit set detail = '{}' where number = 3", "監査記録3番"),
        ("delete from audit where number = 4", "監査記録4番から4番までがありません"),
        ("update entitlement set state = 'paid' where state = 'unclaimed'", "今の状態が"),
        ("update entitlement_event set cause = 'x' where event_id = 1", "状態の記録1番から"),
        ("update payment set account_number = '7654321'", "支払の宛先か金額が"),
        ("update release set sha256 = 'x' where name like 'payments%'", "台帳のsha256が"),
        ("update release set state = 'released' where name like 'payments%'", "台帳の状態released"),
        ("update release set acknowledged = not acknowledged", "受領確認"),
        ("update approval set subject_hash = 'x'", "承認 payments:"),
        ("delete from approval where actor = 'approver2'", "台帳と違います"),
    ],
)
def test_f41_f42_a_changed_ledger_is_found_and_named(home, statement, told):
    _tamper(home, statement)
    assert told in _faults(home)


def test_f41_a_cut_off_tail_is_found_by_the_exported_head_and_locks_sending(home):
    _tamper(home, "delete from audit where number > 5")
    assert "5番で終わっています" in _faults(home)
    c = _open(home)
    with c.ledger.read() as connection, pytest.raises(LedgerBehind, match="送っていません"):
        manifests.assert_ledger_is_current(c, connection, "f.txt")


def test_f41_a_recomputed_chain_is_found_by_the_exported_head(home):
    _tamper(home, "update audit set actor = 'somebody' where number = 3")
    _recompute(home)
    assert "監査記録の作り直し" in _faults(home)


@pytest.mark.parametrize("file", ["payload", "sealed.p7m", "manifest"])
def test_changed_or_missing_stored_bytes_are_found(home, file):
    path = next((home / "releases").glob(f"payments_*/{file}"))
    path.write_bytes(path.read_bytes() + b"x")
    assert path.parent.name in _faults(home)
    path.unlink()
    assert path.parent.name in _faults(home)


def _stops(home, *words):
    c = _open(home)
    with c.ledger.write() as connection:
        for word, actor in words:
            word(connection, c.programme.id, actor, "確認", DAY)
    return c


@pytest.mark.parametrize("place", ["outbox.sealed", "payments.sending"])
def test_a_stopped_send_is_not_started_and_goes_on_after_the_resume(
    inputs, finished, tmp_path, place
):
    home = tmp_path / "home"
    shutil.copytree(finished / "pki", home / "pki")
    assert run_campaign(inputs, home, KYUFU_FAILPOINT=place).returncode < 0
    c = _stops(home, (stops.stop, "one"))
    with c.ledger.read() as connection:
        name = connection.exec_driver_sql(
            "select name from release where state in ('released', 'sealed') order by name desc"
        ).scalars().first()  # fmt: skip
    with pytest.raises(SendingStopped):
        outbox._start(c, name, DAY)
    stopped = run_campaign(inputs, home)
    assert stopped.returncode == 1
    assert "停止しました" in stopped.stderr
    assert not list((home / "link" / "homes").glob(f"*/inbox/{name}*"))
    _stops(home, (stops.resume, "two"), (stops.resume, "three"))
    assert run_campaign(inputs, home).returncode == 0
    expected, found = final_state(finished), final_state(home)
    assert [key for key in expected if found[key] != expected[key]] == []
