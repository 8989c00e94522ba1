"""Holds with real people: Airflow's auth manager signs them in, the command line asks it, a campaign pays.

One ward runs its first days; then stewards decide, and the ward's next day pays. Airflow's part is its simple auth
manager with Kyufu's plugin, in a process of its own (`tests/airflow_people.py`).
"""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
from datetime import date
from types import SimpleNamespace

import httpx
import pytest
import sqlalchemy as sa

from pipelines import sign_in
from pipelines.errors import KyufuError
from pipelines.intake.staging import Staging
from pipelines.ledger import tables
from pipelines.ledger.engine import open_engine
from pipelines.outputs.paper.reading import page_texts
from pipelines.sign_in import NotSignedIn
from pipelines.steps.pseudonyms import pseudonym
from pipelines.steps.roles import Role
from tests.airflow_people import password, serve_people
from tests.campaign_home import (
    PROGRAMME_ID,
    environment,
    faults,
    make_ward,
    rows,
    run_campaign,
)
from tests.kyufu_process import run_kyufu

SECONDS = 120
FIRST, LAST = {"2020-05-18", "2020-05-20"}, "2020-06-03"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where the ward's home will be."""
    return tmp_path_factory.mktemp("holds") / "home"


@pytest.fixture(scope="module")
def url(tmp_path_factory, place):
    with serve_people(tmp_path_factory.mktemp("airflow"), KYUFU_HOME=str(place)) as address:
        yield address


# --- signing in ---


@pytest.mark.parametrize(
    ("user", "roles"),
    [
        ("steward", {"steward", "viewer"}),
        ("approver1", {"approver", "viewer"}),
        ("operator", {"operator", "viewer"}),
        ("viewer", {"viewer"}),
        ("admin", {"viewer"}),  # who administers Airflow decides nothing
    ],
)
def test_who_signs_in_is_who_airflow_says(url, tmp_path, user, roles):
    actor = sign_in.sign_in(tmp_path, url, user, password(user))
    assert (actor.name, actor.roles) == (user, {Role(role) for role in roles})
    assert sign_in.signed_in(tmp_path) == actor
    assert (tmp_path / sign_in.FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("user", "word"), [("steward", "wrong"), ("nobody", "x"), ("", ""), ("steward", "")]
)
def test_a_wrong_user_or_password_is_refused_and_nothing_is_kept(url, tmp_path, user, word):
    with pytest.raises(NotSignedIn, match="ユーザー名かパスワード"):
        sign_in.sign_in(tmp_path, url, user, word)
    assert not (tmp_path / sign_in.FILE).exists()


def test_a_forged_token_is_refused(url, tmp_path):
    sign_in.sign_in(tmp_path, url, "viewer", password("viewer"))
    path = tmp_path / sign_in.FILE
    kept = json.loads(path.read_text())
    head, body, signature = kept["token"].split(".")
    forged = f"{head}.{body}.{signature[::-1]}"
    for token, words in ((forged, "期限"), ("nothing", "期限"), ("", "壊れて"), ("名前", "壊れて")):
        path.write_text(json.dumps({**kept, "token": token}))
        with pytest.raises(NotSignedIn, match=words):
            sign_in.signed_in(tmp_path)


def test_the_server_tells_a_stranger_nothing(url):
    answers = [
        httpx.get(f"{url}/kyufu/who", trust_env=False),
        httpx.get(f"{url}/kyufu/who", headers={"Authorization": "Bearer x"}, trust_env=False),
    ]
    assert [answer.status_code for answer in answers] == [401, 403]
    assert not [answer for answer in answers if "roles" in answer.text]


def test_without_airflow_nobody_is_anybody(tmp_path):
    with serve_people(tmp_path / "airflow") as address:
        sign_in.sign_in(tmp_path, address, "steward", password("steward"))
    with pytest.raises(NotSignedIn, match="接続できません") as caught:
        sign_in.signed_in(tmp_path)
    assert address in str(caught.value)
    with pytest.raises(NotSignedIn, match="接続できません"):
        sign_in.sign_in(tmp_path, address, "steward", password("steward"))


def test_a_production_programme_gives_the_simple_auth_managers_people_no_role(tmp_path):
    from tests.campaign_home import PROGRAMME

    text = PROGRAMME.read_text(encoding="utf-8")
    text = text.replace('mode = "demonstration"', 'mode = "production"')
    production = tmp_path / "production.toml"
    production.write_text(text[: text.index("[demonstration]")], encoding="utf-8")
    with serve_people(tmp_path / "airflow", KYUFU_PROGRAMME=str(production)) as address:
        assert sign_in.sign_in(tmp_path, address, "steward", password("steward")).roles == set()


def test_who_is_not_signed_in_is_told_how(tmp_path):
    with pytest.raises(NotSignedIn, match="kyufu login"):
        sign_in.signed_in(tmp_path)


def test_a_token_that_others_can_read_or_that_is_broken_is_not_used(url, tmp_path):
    sign_in.sign_in(tmp_path, url, "steward", password("steward"))
    path = tmp_path / sign_in.FILE
    path.chmod(0o640)
    with pytest.raises(NotSignedIn, match="ほかの利用者"):
        sign_in.signed_in(tmp_path)
    path.chmod(0o600)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(NotSignedIn, match="壊れて"):
        sign_in.signed_in(tmp_path)
    assert sign_in.sign_out(tmp_path)
    assert not sign_in.sign_out(tmp_path)


@pytest.mark.parametrize("address", ["http://airflow.example", "ftp://127.0.0.1", "127.0.0.1:8080"])
def test_a_password_never_travels_in_the_clear(tmp_path, address):
    with pytest.raises(KyufuError, match="https"):
        sign_in.sign_in(tmp_path, address, "steward", "secret")


def test_a_server_that_is_not_ours_is_told(url, tmp_path):
    with pytest.raises(NotSignedIn, match="KYUFU_AIRFLOW_URL"):
        sign_in.sign_in(tmp_path, f"{url}/kyufu", "steward", password("steward"))


# --- the command line ---


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """All days of a ward, and its first days alone."""
    whole = make_ward(tmp_path_factory.mktemp("ward") / "inputs", 150, 7, {*FIRST, LAST})
    early = tmp_path_factory.mktemp("early") / "inputs"
    shutil.copytree(whole, early)
    for day in early.glob(f"*/{LAST}"):
        shutil.rmtree(day)
    return whole, early


@pytest.fixture(scope="module")
def home(inputs, place):
    """The ward after its first days."""
    done = run_campaign(inputs[1], place)
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="module")
def kyufu(home, url):
    def run(user, *arguments, **variables):
        if user is not None:
            sign_in.sign_in(home, url, user, password(user))
        return run_kyufu(*arguments, "--home", str(home), **variables)

    return run


def _held(home):
    """Person id -> (claim, codes) of everybody who is held, all undisputed in their accounts."""
    columns = ("person_id", "state", "claim_id", "codes")
    return {
        person: (claim, codes)
        for person, state, claim, codes in _rows(home, "entitlement", columns)
        if state == "held"
    }


def _rows(home, table, columns):
    chosen = [tables.metadata.tables[table].c[name] for name in columns]
    engine = open_engine(f"sqlite:///{home / 'ledger.sqlite'}")
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.select(*chosen))]
    finally:
        engine.dispose()


def _state(home, person):
    return dict(_rows(home, "entitlement", ("person_id", "state")))[person]


@pytest.fixture(scope="module")
def holds(home):
    """Two holds that can be paid, and one whose account cannot be read: (person, hold id) each."""
    from pipelines.ledger.holds import hold_id

    found = sorted(_held(home).items())
    payable = [p for p, (_, codes) in found if codes in ("NOT_HEAD", "SAME_CERTIFICATE")][:2]
    broken = next(p for p, (_, codes) in found if "ACCOUNT_INVALID" in codes)
    assert len(payable) == 2
    ids = {p: hold_id("shinjuku-2020", claim, p) for p, (claim, _) in found}
    return [(person, ids[person]) for person in (*payable, broken)]


def _refused(done, words):
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("エラー:") == 1
    assert words in done.stderr


def test_logging_in_asks_at_the_terminal_and_prints_no_secret(home, url):
    controlling, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", "login", "--home", str(home)], stdin=terminal, stdout=terminal,
        stderr=terminal, env=environment(KYUFU_AIRFLOW_URL=url), start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    said = _until(controlling, "ユーザー名")
    os.write(controlling, b"approver1\n")
    said += _until(controlling, "パスワード")
    _await_no_echo(controlling)
    os.write(controlling, f"{password('approver1')}\n".encode())
    said += _until(controlling, "役割")
    assert process.wait(60) == 0
    os.close(controlling)
    assert "approver1 としてログインしました" in said
    token = json.loads((home / sign_in.FILE).read_text())["token"]
    assert password("approver1") not in said
    assert token not in said


def _until(descriptor, words):
    """What the terminal shows until these words."""
    said = b""
    while words not in said.decode(errors="replace"):
        assert select.select([descriptor], [], [], SECONDS)[0], said.decode(errors="replace")
        said += os.read(descriptor, 4096)
    return said.decode(errors="replace")


def _await_no_echo(descriptor):
    """Whoever asks for a password throws away what was typed before it hides the typing."""
    last_moment = time.monotonic() + SECONDS
    while termios.tcgetattr(descriptor)[3] & termios.ECHO:
        assert time.monotonic() < last_moment
        time.sleep(0.02)


def test_the_queue_tells_numbers_and_reasons_and_no_name(kyufu, home, holds):
    done = kyufu("viewer", "holds", "list", "--limit", "500")
    assert done.returncode == 0, done.stderr
    for _, number in holds:
        assert number in done.stdout
    waiting = len(_held(home)) + _deficient(home) + _unresolved(home)
    assert f"{waiting}件のうち" in done.stdout
    names = {row for row in _names(home) if row in done.stdout.replace(" ", "").replace("　", "")}
    assert names == set()


def _unresolved(home):
    return [outcome for (outcome,) in _rows(home, "claim", ("outcome",))].count("unresolved")


def _deficient(home):
    return [state for (state,) in _rows(home, "entitlement", ("state",))].count("claimed")


def _names(home):
    staging = Staging(home)
    (day,) = staging.days("register", date.max)
    found = staging.read("register", day, version=1, columns=["name_kanji"]).column(0).to_pylist()
    return {re.sub(r"[ 　]", "", name) for name in found}


def test_a_hold_is_shown_to_a_steward_and_not_to_a_viewer(kyufu, home, holds):
    (person, number), *_ = holds
    done = kyufu("steward", "holds", "show", number, "--purpose", "電話照会")
    assert done.returncode == 0, done.stderr
    assert "申請の記載" in done.stdout
    assert "一致" in done.stdout
    shown = [r for r in rows(home, "audit", ("event", "actor", "subject")) if r[0] == "hold.shown"]
    c = SimpleNamespace(home=home, programme=SimpleNamespace(id=PROGRAMME_ID))
    assert ("hold.shown", "steward", pseudonym(c, person)) in shown
    _refused(kyufu("viewer", "holds", "show", number), "権限がありません")


def test_deciding_needs_a_session_and_the_right_person(kyufu, holds):
    (_, number), *_ = holds
    decide = ("holds", "decide", number, "pay", "--reason", "電話で確認した")
    _refused(kyufu("approver1", *decide), "権限がありません")
    _refused(kyufu("viewer", *decide), "権限がありません")
    assert kyufu("viewer", "logout").returncode == 0
    _refused(kyufu(None, *decide), "kyufu login")


def test_an_account_that_cannot_be_read_is_never_paid_to(kyufu, holds):
    *_, (_, number) = holds
    assert kyufu("steward", "holds", "show", number).returncode == 0
    _refused(
        kyufu("steward", "holds", "decide", number, "pay", "--reason", "確認した"), "another-claim"
    )


def test_a_decision_that_is_killed_is_whole_or_not_there(kyufu, home, holds):
    (_, first), (_, second), _ = holds
    for number in (first, second):
        assert kyufu("steward", "holds", "show", number).returncode == 0
    decide = ("holds", "decide", first, "pay", "--reason", "電話で確認した")
    killed = kyufu("steward", *decide, KYUFU_FAILPOINT="holds.before_commit")
    assert killed.returncode == -signal.SIGKILL
    assert rows(home, "hold_decision") == rows(home, "hold_reason") == []
    killed = kyufu("steward", *decide, KYUFU_FAILPOINT="holds.decided")
    assert killed.returncode == -signal.SIGKILL
    for number in (first, second):
        done = kyufu("steward", "holds", "decide", number, "pay", "--reason", "電話で確認した")
        assert done.returncode == 0, done.stderr
        assert "次の振込の起案で反映します" in done.stdout
    decided = sorted(rows(home, "hold_decision", ("hold_id", "number")))
    assert decided == sorted([(first, 1), (second, 1)])
    assert faults(home) == []


def test_a_decided_hold_is_paid_on_the_next_day_whatever_kills_the_run(home, inputs, holds):
    (one, _), (two, _), (broken, _) = holds
    killed = run_campaign(
        inputs[0], home, KYUFU_FAILPOINT="ledger.before_commit.payments.draft:1"
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    assert (_state(home, one), _state(home, two)) == ("held", "held")
    assert {row[0] for row in rows(home, "hold_decision", ("applied_on",))} == {None}
    assert faults(home) == []
    done = run_campaign(inputs[0], home)
    assert done.returncode == 0, done.stderr
    assert (_state(home, one), _state(home, two), _state(home, broken)) == ("paid", "paid", "held")
    assert {str(day) for (day,) in rows(home, "hold_decision", ("applied_on",))} == {LAST}
    assert faults(home) == []
    items = sorted(_rows(home, "payment_item", ("person_id", "live")))
    assert [items.count((person, True)) for person in (one, two)] == [1, 1]
    again = run_campaign(inputs[0], home)
    assert again.returncode == 0, again.stderr
    assert sorted(_rows(home, "payment_item", ("person_id", "live"))) == items


def test_what_was_decided_can_no_longer_be_decided(kyufu, holds):
    (_, number), *_ = holds
    _refused(kyufu("steward", "holds", "show", number), "ありません")


# --- who saw somebody ---


def _resident(home):
    """(person, resident number) of somebody whose form went to the contractor and who is not protected."""
    protected = {person for (person,) in _rows(home, "protection", ("person_id",))}
    columns = ("person_id", "resident_id", "form_route")
    return next(
        (person, number)
        for person, number, route in sorted(_rows(home, "entitlement", columns), key=str)
        if route == "contractor" and person not in protected
    )


def _inquire(url, home, user, number, purpose="電話照会"):
    """As the page in Airflow does: the session's token, the number in the form's body."""
    sign_in.sign_in(home, url, user, password(user))
    token = json.loads((home / sign_in.FILE).read_text())["token"]
    return httpx.post(
        f"{url}/kyufu-inquiry/", headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=SECONDS,
        data={"resident_id": number, "purpose": purpose},
    )  # fmt: skip


def test_an_access_through_each_path_is_in_the_answer_to_a_disclosure_request(
    kyufu, home, url, tmp_path
):
    _, number = _resident(home)
    assert kyufu(None, "status", number, "--purpose", "窓口での照会").returncode == 0
    page = _inquire(url, home, "approver1", number)
    assert (page.status_code, "申請書:" in page.text, number in page.text) == (200, True, False)
    assert page.headers["cache-control"] == "no-store"
    out = tmp_path / "answer.pdf"
    done = kyufu("steward", "audit", "who", number, "--out", str(out), COLUMNS="300")
    assert done.returncode == 0, done.stderr
    for words in (
        "窓口での照会", "状況の照会(Airflow)", "approver1 見本 区三", "電話照会", "トッパン・フォームズ株式会社",
        "再委託先: 北海道", "外部結合 第17条第1項第4号", "forms_20200518.csv", "受領確認 2020-05-18",
    ):  # fmt: skip
        assert words in done.stdout, words
    assert number not in done.stdout
    printed = "".join("".join(page_texts(out.read_bytes())).split())
    for words in ("個人データの閲覧・提供の記録", "状況の照会(Airflow)", "再委託先:北海道"):
        assert words in printed
    assert number not in printed
    again = kyufu("steward", "audit", "who", number, COLUMNS="300")
    assert "閲覧・提供の記録の照会" in again.stdout  # asking is itself on the record


def test_the_inquiry_page_is_for_people_of_the_roster_whose_role_allows_it(home, url):
    _, number = _resident(home)
    before = len(rows(home, "audit"))
    for user, words in (("viewer", "権限がありません"), ("admin", "権限がありません")):
        refused = _inquire(url, home, user, number)
        assert (refused.status_code, words in refused.text) == (400, True)
    assert "目的がありません" in _inquire(url, home, "steward", number, "").text
    assert "対象者はいません" in _inquire(url, home, "steward", "0000000000").text
    assert httpx.post(f"{url}/kyufu-inquiry/", trust_env=False, timeout=SECONDS).status_code == 401
    assert len(rows(home, "audit")) == before


def test_who_saw_somebody_is_told_to_stewards_and_auditors_alone(kyufu, home):
    _, number = _resident(home)
    _refused(kyufu("approver1", "audit", "who", number), "権限がありません")
    _refused(kyufu("steward", "audit", "who", "0000000000"), "対象者はいません")
    _refused(kyufu("admin", "audit", "who", number), "名簿にない")


# --- incidents and rosters at a terminal ---


def test_an_incident_at_a_terminal_from_its_entry_to_two_people(kyufu, home, tmp_path):
    opened = kyufu(
        "operator", "incident", "open", "contractor", "--what", "誤封入の疑い", "--people", "12"
    )
    assert opened.returncode == 0, opened.stderr
    assert "トッパン・フォームズ株式会社への送付を停止しました(operator)" in opened.stdout
    _refused(
        kyufu("operator", "incident", "open", "nobody", "--what", "x"), "この相手先はありません"
    )
    _refused(
        kyufu("operator", "incident", "notice", "1", "--note", "電話0312345678"), "番号が含まれ"
    )
    for step in ("notice", "report", "instruct"):
        done = kyufu("operator", "incident", step, "1", "--note", "文書で確認した")
        assert done.returncode == 0, done.stderr
    assert kyufu(None, "incident", "list").returncode == 1
    _refused(kyufu("operator", "incident", "resume", "1", "--note", "確認した"), "権限がありません")
    assert kyufu("steward", "incident", "resume", "1", "--note", "確認した").returncode == 0
    _refused(kyufu("steward", "incident", "resume", "1", "--note", "確認した"), "別の職員")
    second = kyufu("approver1", "incident", "resume", "1", "--note", "確認した")
    assert "再開しました(approver1、steward)" in second.stdout
    assert kyufu(None, "incident", "list").returncode == 0
    out = tmp_path / "report.pdf"
    assert kyufu("steward", "incident", "print", "1", "--out", str(out)).returncode == 0
    printed = "".join("".join(page_texts(out.read_bytes())).split())
    for words in ("個人情報取扱事故報告書", "誤封入の疑い", "12人", "書面報告", "再開"):
        assert words in printed


def test_the_roster_at_a_terminal(kyufu):
    listed = kyufu(None, "roster", "list")
    assert (listed.returncode, "再委託の承諾" in listed.stdout) == (0, True)
    _refused(kyufu("viewer", "roster", "register", "bank"), "権限がありません")
    done = kyufu("operator", "roster", "register", "bank")
    assert "名簿(第1版、2人)" in done.stdout
    _refused(
        kyufu("operator", "roster", "training", "bank", "--evidence", "研修1号"), "権限がありません"
    )
    again = kyufu("steward", "roster", "training", "bank", "--evidence", "研修1号")
    assert "すでに記録されています" in again.stdout
    nothing = ("roster", "consent", "bank", "--evidence", "x", "--subcontractor", "だれか")
    _refused(kyufu("steward", *nothing), "確認する必要はありません")
