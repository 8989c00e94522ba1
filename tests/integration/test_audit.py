"""`kyufu audit verify` and the stop on a real campaign's home: every change is found (FAULTS.md 22, 41, 42)."""

import shutil
import sqlite3
from contextlib import closing
from datetime import date

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from pipelines.at_rest.store import OUTGOING_COPIES, AtRest
from pipelines.cli import app
from pipelines.evidence.audit import verify
from pipelines.ledger import incidents, payments, stops, tables
from pipelines.ledger.incidents import DeliveriesSuspended, Kind, Step
from pipelines.ledger.rosters import NotOnRoster, RosterIncomplete
from pipelines.ledger.stops import SendingStopped
from pipelines.ledger.store import GENESIS, chain_hash
from pipelines.link.pki import create_demonstration_pki
from pipelines.programme import settings_from_environment
from pipelines.steps import concerned, manifests, outbox, rosters
from pipelines.steps.campaign import open_campaign
from pipelines.steps.manifests import LedgerBehind
from pipelines.steps.roles import Actor, Role
from pipelines.steps.rosters import RosterRefused
from pipelines.terminal import no_link
from tests.campaign_home import (
    PROGRAMME,
    THREE_DAYS,
    copy_home,
    final_state,
    make_ward,
    run_campaign,
    stored_payload,
)
from tests.link_world import PARTIES, small_keys

DAY = date(2020, 6, 3)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_ward(tmp_path_factory.mktemp("ward") / "inputs", 150, 7, THREE_DAYS)


@pytest.fixture(scope="module")
def finished(inputs, tmp_path_factory):
    home = tmp_path_factory.mktemp("finished") / "home"
    done = run_campaign(inputs, home)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def home(finished, tmp_path):
    return copy_home(finished, tmp_path / "home")


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
        ("update handler_roster set content = '[]' where party = 'bank'", "名簿の登録 roster:bank"),
        (
            "update handler_confirmation set actor = 'x' where party = 'bank'",
            "名簿の確認 roster:bank",
        ),
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


def test_what_is_kept_of_whom_a_file_was_about_cannot_be_changed(home):
    path = next((home / concerned.FOLDER).glob("payments_*"))
    path.write_bytes(path.read_bytes()[16:])
    assert f"対象者の記録 {path.name}" in _faults(home)


@pytest.mark.parametrize("file", ["payload", "sealed.p7m", "manifest"])
def test_changed_or_missing_stored_bytes_are_found(home, file):
    path = next((home / "releases").glob(f"payments_*/{file}"))
    path.write_bytes(path.read_bytes() + b"x")
    assert path.parent.name in _faults(home)
    path.unlink()
    assert path.parent.name in _faults(home)


def _stop(connection, programme):
    stops.stop(connection, programme, "one", "確認", DAY)


def _resume(connection, programme):
    for actor in ("two", "three"):
        stops.resume(connection, programme, actor, "確認", DAY)


def _suspect_the_contractor(connection, programme):
    incidents.open_incident(
        connection, programme, "contractor", Kind.SUSPICION, "誤封入の疑い", None, None, "one", DAY
    )


def _close_the_incident(connection, programme):
    steps = [(step, "one") for step in (Step.NOTICE, Step.REPORT, Step.INSTRUCTION)]
    for step, actor in (*steps, (Step.RESUME, "two"), (Step.RESUME, "three")):
        incidents.enter_step(connection, programme, 1, step, "確認", actor, DAY)


def _do(home, word):
    c = _open(home)
    with c.ledger.write() as connection:
        word(connection, c.programme.id)
    return c


@pytest.mark.parametrize(
    ("place", "stop", "resume", "error", "tables_of_it"),
    [
        ("outbox.sealed", _suspect_the_contractor, _close_the_incident, DeliveriesSuspended,
         {"incident", "incident_step"}),
        ("payments.sending", _stop, _resume, SendingStopped, {"sending_stop", "sending_resume"}),
    ],
)  # fmt: skip
def test_a_stopped_send_is_not_started_and_goes_on_after_the_resume(
    inputs, finished, tmp_path, place, stop, resume, error, tables_of_it
):
    home = tmp_path / "home"
    shutil.copytree(finished / "pki", home / "pki")
    assert run_campaign(inputs, home, KYUFU_FAILPOINT=place).returncode < 0
    c = _do(home, stop)
    with c.ledger.read() as connection:
        name, recipient = connection.exec_driver_sql(
            "select name, recipient from release where state in ('released', 'sealed') order by name desc"
        ).first()  # fmt: skip
    with pytest.raises(error):
        outbox._start(c, name, recipient, DAY)
    stopped = run_campaign(inputs, home)
    assert stopped.returncode == 1
    assert "送っていません" in stopped.stderr
    assert not list((home / "link" / "homes").glob(f"*/inbox/{name}*"))
    _do(home, resume)
    assert run_campaign(inputs, home).returncode == 0
    expected, found = final_state(finished), final_state(home)
    assert {key for key in expected if found[key] != expected[key]} == tables_of_it


def _wait_again(home):
    """The last file to the bank as if it still waited to be sent."""
    _tamper(
        home, "update release set state = 'sealed', acknowledged = 0 where name like 'payments%'"
    )
    c = _open(home)
    with c.ledger.read() as connection:
        names = connection.execute(sa.select(tables.release.c.name).filter_by(recipient="bank"))
        return c, names.scalars().first()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("delete from handler_roster where party = 'bank'", "名簿が登録されていません"),
        (
            "delete from handler_confirmation where party = 'bank'",
            "研修の実施の確認が登録されていません",
        ),
        ("update handler_roster set content = '[]' where party = 'bank'", "変わっています"),
    ],
)
def test_nothing_is_sent_to_a_party_without_its_roster_or_training(home, change, told):
    _tamper(home, change)
    c, name = _wait_again(home)
    with pytest.raises(RosterIncomplete, match=told):
        outbox.send(c, name, DAY)
    with pytest.raises(RosterIncomplete, match=told):
        outbox._start(c, name, "bank", DAY)


def test_f37_a_partys_certificate_that_its_roster_does_not_name_is_refused(home):
    parties = home / "pki" / "ward" / "parties"
    shutil.copyfile(parties / "jlis.crt", parties / "bank.crt")
    c = _open(home)
    with pytest.raises(NotOnRoster, match="登録された名簿のものではありません"):
        c.certificate("bank")
    with pytest.raises(RosterRefused, match="証明書が名簿のものではありません"):
        rosters.register(c, "bank", Actor("operator", frozenset({Role.OPERATOR})), DAY)
    assert c.certificate("contractor")


def _verify(home):
    """`kyufu audit verify`: its exit status and what it says."""
    done = CliRunner().invoke(app, ["audit", "verify", "--home", str(home)])
    return done.exit_code, done.output


def test_the_command_ends_with_0_only_if_nothing_parts(home):
    code, told = _verify(home)
    assert (code, "すべて一致しています" in told, "不一致" in told) == (0, True, False)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("update audit set actor = 'other' where number = 3", "監査記録3番"),
        ("delete from audit where number = 4", "監査記録4番から4番までがありません"),
        ("delete from audit where number > 5", "5番で終わっています"),
        ("update payment set amount_yen = amount_yen + 1", "その内訳と違います"),
        ("update payment_item set amount_yen = amount_yen + 1", "支払の宛先か金額が"),
    ],
)
def test_f41_the_command_fails_and_says_where_the_ledger_was_changed(home, statement, told):
    _tamper(home, statement)
    code, output = _verify(home)
    assert (code, told in output) == (1, True)


@pytest.mark.parametrize("file", ["payload", "sealed.p7m", "manifest"])
def test_f41_the_command_fails_and_names_the_changed_file(home, file):
    path = next((home / "releases").glob(f"payments_*/{file}"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    code, output = _verify(home)
    assert (code, path.parent.name in output) == (1, True)


def _rotate(home, keep_former):
    """The ward gets a new key and certificate; the old certificate is kept, or forgotten."""
    ward = home / "pki" / "ward"
    if keep_former:
        (ward / "former").mkdir()
        shutil.copyfile(ward / "identity.crt", ward / "former" / "2020.crt")
    shutil.rmtree(home / "newer", ignore_errors=True)
    with small_keys():
        create_demonstration_pki(home / "newer", PARTIES)
    for name in ("identity.crt", "identity.key"):
        (ward / name).write_bytes((home / "newer" / "ward" / name).read_bytes())


def _assert_current(home):
    c = _open(home)
    try:
        with c.ledger.read() as connection:
            manifests.assert_ledger_is_current(c, connection, "f.txt")
    finally:
        c.ledger.engine.dispose()


def test_f37_what_was_signed_under_a_former_certificate_still_verifies(home):
    _rotate(home, keep_former=True)
    assert _faults(home) == ""
    assert _verify(home)[0] == 0
    _assert_current(home)


def test_f37_a_former_certificate_that_was_not_kept_locks_sending_and_is_told(home):
    _rotate(home, keep_former=False)
    code, output = _verify(home)
    assert (code, "区の署名を確認できません" in output) == (1, True)
    with pytest.raises(LedgerBehind, match="pki/ward/former"):
        _assert_current(home)


def test_f22_a_changed_manifest_locks_sending(home):
    _assert_current(home)
    path = next((home / "releases").glob("payments_*/manifest"))
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(LedgerBehind, match=path.parent.name):
        _assert_current(home)


def _killed(inputs, finished, home, place):
    """A campaign killed at that place of the first payments; on its first day nobody is paid yet."""
    shutil.copytree(finished / "pki", home / "pki")
    assert run_campaign(inputs, home, KYUFU_FAILPOINT=f"{place}:2").returncode < 0
    return home


@pytest.fixture
def approved(inputs, finished, tmp_path):
    """Two people have approved the first payments, and no file is built yet."""
    return _killed(inputs, finished, tmp_path / "home", "ledger.before_commit.payments.build")


def _declare_anew(home):
    """The batches declared anew, as somebody would who knows how."""
    c = _open(home)
    with c.ledger.write() as connection:
        b = tables.batch
        for batch_id in connection.execute(sa.select(b.c.batch_id)).scalars().all():
            found = payments.read_batch(connection, c.programme.id, batch_id)
            content = payments.content_hash(found)
            connection.execute(
                sa.update(b).filter_by(batch_id=batch_id).values(content_hash=content)
            )
    c.ledger.engine.dispose()


@pytest.mark.parametrize("declared_anew", [False, True])
def test_f42_payments_changed_after_the_approvals_are_not_built(inputs, approved, declared_anew):
    _tamper(approved, "update payment set account_number = '7654321'")
    if declared_anew:
        _declare_anew(approved)
    done = run_campaign(inputs, approved)
    assert done.returncode == 1
    assert ("承認のあとで" if declared_anew else "承認された内容と違います") in done.stderr
    assert not list((approved / "link" / "homes" / "bank" / "inbox").glob("payments_*"))


def test_f42_stored_bytes_changed_before_the_seal_are_not_sent(inputs, finished, tmp_path):
    home = _killed(inputs, finished, tmp_path / "home", "ledger.after_commit.payments.build")
    path = next((home / "releases").glob("payments_*/payload"))
    changed = stored_payload(path).replace(b"\r\n2", b"\r\n3", 1)
    AtRest(home).write(OUTGOING_COPIES, path.parent.name, path, changed)
    done = run_campaign(inputs, home)
    assert done.returncode == 1
    assert "保存した内容が審査時と違います" in done.stderr
    assert not list((home / "link" / "homes" / "bank" / "inbox").glob("payments_*"))
