"""`kyufu stop` and `kyufu resume` in processes of their own, by people whom a real Airflow signs in."""

import pytest

from pipelines import sign_in
from tests.airflow_people import password, serve_people
from tests.campaign_home import PROGRAMME_ID, rows
from tests.kyufu_process import run_kyufu
from tests.unit.ledger.ledger_world import new_sqlite

SECONDS = 120


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with serve_people(tmp_path_factory.mktemp("airflow")) as address:
        yield address


@pytest.fixture
def kyufu(tmp_path, url):
    """Run a command as a user, or as whoever is signed in."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    new_sqlite(home)

    def run(user, *arguments):
        if user is None:
            sign_in.sign_out(home)
        else:
            sign_in.sign_in(home, url, user, password(user))
        return run_kyufu(*arguments, "--home", str(home), seconds=SECONDS, COLUMNS="200")

    run.home = home
    return run


def _stop(kyufu, user):
    return kyufu(user, "stop", "--reason", "誤った振込データの疑い")


def _resume(kyufu, user):
    return kyufu(user, "resume", "--reason", "銀行と照合した")


def _refused(done, words):
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_one_person_stops_and_two_different_people_resume(kyufu):
    _refused(_resume(kyufu, "steward"), "停止されていません")
    stopped = _stop(kyufu, "operator")
    assert stopped.returncode == 0, stopped.stderr
    assert "すべての送付を停止しました(operator" in stopped.stdout
    assert "すべての送付を停止しています" in kyufu(None, "balance").stdout
    _refused(_resume(kyufu, "operator"), "権限がありません")
    first = _resume(kyufu, "steward")
    assert (first.returncode, "あと1人" in first.stdout) == (0, True)
    _refused(_resume(kyufu, "steward"), "別の職員")
    second = _resume(kyufu, "approver1")
    assert "再開しました(approver1、steward)" in second.stdout
    assert "停止" not in kyufu(None, "balance").stdout
    events = rows(kyufu.home, "audit", ("event", "actor"))
    assert events == [
        ("sending.resume_agreed", "steward"),
        ("sending.resumed", "approver1"),
        ("sending.stopped", "operator"),
    ]


def test_who_is_nobody_or_only_looks_stops_nothing(kyufu):
    _refused(_stop(kyufu, None), "kyufu login")
    _refused(_stop(kyufu, "viewer"), "権限がありません")
    _refused(_stop(kyufu, "admin"), "権限がありません")  # who administers Airflow
    assert rows(kyufu.home, "sending_stop") == []


def test_a_stop_has_a_short_reason(kyufu):
    assert kyufu("operator", "stop").returncode == 2
    _refused(kyufu("operator", "stop", "--reason", " "), "理由がありません")
    _refused(kyufu("operator", "stop", "--reason", "あ" * 201), "200字まで")
    assert rows(kyufu.home, "sending_stop") == []


def test_a_new_stop_voids_an_agreement(kyufu):
    assert _stop(kyufu, "operator").returncode == 0
    assert _resume(kyufu, "steward").returncode == 0
    assert _stop(kyufu, "approver2").returncode == 0
    after = _resume(kyufu, "approver1")
    assert "あと1人" in after.stdout
    assert {row[0] for row in rows(kyufu.home, "sending_stop", ("programme",))} == {PROGRAMME_ID}
