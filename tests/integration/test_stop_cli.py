"""`kyufu stop`, `resume` and `erasure` in processes of their own, by people whom a real Airflow signs in."""

import shutil

import pytest

from pipelines import sign_in
from tests.airflow_people import password, serve_people
from tests.campaign_home import PROGRAMME_ID, rows
from tests.kyufu_process import run_kyufu
from tests.link_world import world
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


# --- erasure ---


@pytest.fixture
def overdue(kyufu):
    """A home in which something lies whose period is over, and nothing needs it."""
    shutil.copytree(world().pki, kyufu.home / "pki")
    kept = kyufu.home / "attachments" / "online_claims" / "kept"
    kept.parent.mkdir(parents=True)
    kept.write_text("見本太郎", encoding="utf-8")
    return kept


def test_two_others_agree_to_an_erasure_before_it_is_done(kyufu, overdue):
    _refused(kyufu("viewer", "erasure", "plan"), "権限がありません")
    _refused(kyufu("steward", "erasure", "run"), "計画がありません")
    planned = kyufu("steward", "erasure", "plan")
    assert (planned.returncode, "申請の添付書類" in planned.stdout) == (0, True), planned.stderr
    _refused(kyufu("steward", "erasure", "approve"), "別の職員")
    _refused(kyufu("steward", "erasure", "run"), "承認が2人必要")
    assert "あと1人" in kyufu("approver1", "erasure", "approve").stdout
    assert kyufu("approver2", "erasure", "approve").returncode == 0
    assert overdue.is_file()
    done = kyufu("steward", "erasure", "run")
    assert (done.returncode, "消去報告書" in done.stdout) == (0, True), done.stderr
    assert not overdue.exists()
    assert (kyufu.home / "erasure" / "001" / "certificate.pdf").is_file()
    told = kyufu(None, "erasure", "status").stdout
    assert "消去報告書を発行済み" in told
    assert "指定金融機関: 未依頼" in told
    events = [event for event, actor in rows(kyufu.home, "audit", ("event", "actor"))]
    assert {"erasure.planned", "approval.approve", "erasure.erased", "erasure.certified"} <= set(
        events
    )


def test_what_changed_after_the_plan_is_planned_anew(kyufu, overdue):
    assert kyufu("steward", "erasure", "plan").returncode == 0
    overdue.with_name("later").write_text("見本花子", encoding="utf-8")
    _refused(kyufu("approver1", "erasure", "approve"), "内容が変わりました")
    assert kyufu("steward", "erasure", "plan").returncode == 0
    assert kyufu("approver1", "erasure", "approve").returncode == 0


def test_a_certificate_of_a_party_that_was_not_asked_is_refused(kyufu, overdue):
    _refused(kyufu("steward", "erasure", "receive", "bank", str(overdue)), "依頼していません")
