"""The bank is asked about accounts before the first payment: once about each, and whom it does not confirm is held.

The simulated bank answers over a real link from this process. Killed at every arrow, in processes of their own, it ends
as if it had never been killed.
"""

import multiprocessing
import os
import shutil
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipelines import failpoints
from pipelines.disclosure.guard import Guard, Register
from pipelines.errors import InputRefused
from pipelines.intake.staging import Staging
from pipelines.ledger import tables
from pipelines.ledger.engine import open_engine
from pipelines.ledger.store import Ledger, verify_chain
from pipelines.link.session import Endpoint, open_session, read_host_key
from pipelines.programme import AccountCheck, ProgrammeError, Settings, load_programme
from pipelines.steps import accounts, claims, payments, rosters
from pipelines.steps.campaign import Campaign
from tests.campaign_home import PROGRAMME, sqlite_url
from tests.components import require
from tests.crash.money_world import LONGEST_SECONDS, answering
from tests.crash.scenes import Place
from tests.link_server import serve
from tests.link_world import world
from tests.unit.steps.conftest import campaign  # noqa: F401 - a fixture
from tests.unit.steps.dated_world import DAY, NEXT, send_claims, states

pytestmark = pytest.mark.component("openssl")

CHECK = AccountCheck(
    columns={
        "bank_code": 2, "branch_code": 21, "account_type": 43, "account_number": 44, "payee_kana": 51, "key": 92,
        "answer": 112,
    },
    answers={"0": "confirmed", "1": "ACCOUNT_NOT_FOUND", "2": "HOLDER_DIFFERS", "9": "ACCOUNT_UNCONFIRMED"},
)  # fmt: skip
BOOK = (
    "金融機関コード,支店コード,預金種目,口座番号,口座名義カナ\r\n"
    "0001,001,1,1234561,ミホン\r\n0001,001,1,1234562,ベツジン\r\n0001,001,1,1234564,ミホン\r\n"
)
# place -> the day of the step: the first asks, the second takes the answer
PLACES = {
    "ledger.before_commit.accounts.ask": DAY, "ledger.after_commit.accounts.ask": DAY, "outbox.sealed": DAY,
    "link.after_rename": DAY, "outbox.sent": DAY, "outbox.acknowledged": NEXT, "accounts.read": NEXT,
    "ledger.before_commit:2": NEXT, "ledger.after_commit:2": NEXT,
}  # fmt: skip
ENDED = {
    "1": ("approved", ""), "2": ("held", "HOLDER_DIFFERS"), "3": ("held", "ACCOUNT_NOT_FOUND"), "4": ("approved", "")
}  # fmt: skip
# Children are forked off a server that has imported everything.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.crash.test_accounts_killed"])


@pytest.fixture
def ward(campaign, monkeypatch):  # noqa: F811 - a fixture
    """A folder with a ward of four whose claims are approved, and the bank's own book."""
    require("openssl")
    send_claims(campaign, DAY, dict.fromkeys((1, 2, 3, 4), ("5020518", "")))
    claims.match_and_decide(campaign, DAY)
    shutil.copytree(world().pki, campaign.home / "pki")
    book = campaign.settings.inputs / "bank" / "accounts.csv"
    book.parent.mkdir(parents=True)
    book.write_text(BOOK, encoding="utf-8", newline="")
    rosters.rehearse(campaign, DAY)
    monkeypatch.setattr(Campaign, "guard", _guard)
    return campaign.home.parent


def _guard(self, _day):
    """Nobody is protected, and every list came."""
    days = {source.dataset: DAY for source in self.programme.list_sources}
    own = Register(lambda _births, _households: (), lambda: ())
    return Guard(frozenset(), frozenset, tuple, days, 0, lambda _people: own)


def opened(folder: Path, port: int = 0, check: AccountCheck | None = CHECK) -> Campaign:
    """The ward's campaign, of a programme that asks the bank first."""
    home = folder / "home"
    settings = Settings(
        programme_path=PROGRAMME, home=home, inputs=folder / "inputs", ledger_url=sqlite_url(folder)
    )
    programme = load_programme(PROGRAMME)
    bank = programme.bank.model_copy(update={"account_check": check})
    programme = programme.model_copy(update={"bank": bank})
    ward = home / "pki" / "ward"

    def sessions(_party):
        key, host_key = ward / "ssh" / "ward-bank", read_host_key(ward / "known_hosts")
        return open_session(Endpoint("127.0.0.1", port, "ward-bank", key, host_key))

    ledger = Ledger(open_engine(settings.ledger_url), programme.id)
    return Campaign(programme, settings, ledger, Staging(home), sessions)


@contextmanager
def the_bank(folder: Path):
    """The link of the ward with the bank at its other end; the port."""
    place = Place(folder / "home", folder / "inputs", sqlite_url(folder), 0)
    with (
        serve(place.home / "link" / "homes", world()) as endpoint,
        answering("bank", place, endpoint.port),
    ):
        yield endpoint.port


def check_until_answered(c: Campaign, day):
    last_moment = time.monotonic() + LONGEST_SECONDS
    answers = {}
    while (told := accounts.check(c, day))["files_waiting"]:
        assert time.monotonic() < last_moment, "no answer comes"
        answers |= told["answers"]
        time.sleep(0.05)
    return answers | told["answers"]


def play(folder: Path, port: int, place: str, day) -> None:
    """The day's step in this process, to its end or its kill."""
    Campaign.guard = _guard
    os.environ[failpoints.VARIABLE] = place
    c = opened(folder, port)
    if day == NEXT:
        check_until_answered(c, day)
    else:
        accounts.check(c, day)


def was_killed(*played) -> bool:
    process = _PROCESSES.Process(target=play, args=played)
    process.start()
    process.join(LONGEST_SECONDS)
    assert process.exitcode is not None, "it does not end"
    return process.exitcode == -9


def rows(c: Campaign, table: str):
    with c.ledger.read() as connection:
        return sorted(map(tuple, connection.execute(sa.select(tables.metadata.tables[table]))))


def test_who_waits_for_the_banks_answer_is_not_drafted_and_whom_it_does_not_confirm_is_held(ward):
    with the_bank(ward) as port:
        c = opened(ward, port)
        told = accounts.check(c, DAY)
        assert (told["asked"], told["answers"], told["files_waiting"]) == (4, {}, 1)
        assert payments.draft(c, DAY)["payments"] == 0
        assert {state for state, _ in states(c).values()} == {"approved"}
        answers = check_until_answered(c, NEXT)
        assert answers == {"confirmed": 2, "HOLDER_DIFFERS": 1, "ACCOUNT_NOT_FOUND": 1}
        assert states(c) == ENDED
        again = accounts.check(c, NEXT)
        assert (again["asked"], again["answers"], again["files_waiting"]) == (0, {}, 0)
        drafted = payments.draft(c, NEXT)
        assert (drafted["payments"], drafted["account_held"]) == (2, 0)
    found = {(code, severity) for _, _, _, code, severity, _ in rows(c, "finding")}
    assert {("ACCOUNT_NOT_FOUND", "block"), ("HOLDER_DIFFERS", "review")} <= found
    with c.ledger.read() as connection:
        verify_chain(connection)


def test_who_has_no_account_to_ask_about_is_held_and_nobody_is_asked_about_twice(ward):
    c = opened(ward)
    changed = sa.update(tables.claim).filter_by(claim_id="P1").values(account_holder_kana="")
    with c.ledger.write() as connection:
        connection.execute(changed)
        first = accounts._ask(c, accounts.check_profile(c, CHECK), connection, DAY)
        assert first["accounts"] == 3
        assert accounts._ask(c, accounts.check_profile(c, CHECK), connection, NEXT)["accounts"] == 0
    assert payments.draft(c, DAY)["account_held"] == 1
    assert states(c)["1"] == ("held", "ACCOUNT_INVALID")


def test_a_programme_that_does_not_ask_asks_nobody(ward):
    c = opened(ward, check=None)
    assert accounts.check(c, DAY) == {}
    assert payments.draft(c, DAY)["payments"] == 4


def test_positions_that_cannot_be_are_an_error_of_the_programme(ward):
    columns = {**CHECK.columns, "answer": 101}
    c = opened(ward, check=CHECK.model_copy(update={"columns": columns}))
    with pytest.raises(ProgrammeError, match=r"bank.account_check.*stands on another"):
        accounts.check(c, DAY)


def test_after_the_banks_connection_no_answer_is_looked_for(ward):
    c = opened(ward)
    with c.ledger.write() as connection:
        accounts._ask(c, accounts.check_profile(c, CHECK), connection, DAY)
    assert (
        accounts._take_answers(
            c,
            accounts.check_profile(c, CHECK),
            c.programme.party("bank").connection.last + timedelta(1),
        )
        == {}
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data.replace(b"1234561", b"1234569"), "違う口座"),
        (lambda data: data.replace(b"199", b"198", 1), "読めません"),
    ],
)
def test_an_answer_to_another_question_is_refused_whole(ward, change, told, monkeypatch):
    """The bank's file is changed on its way into the program, as if the bank had written it so."""
    with the_bank(ward) as port:
        c = opened(ward, port)
        accounts.check(c, DAY)
        take = accounts.fetching.take

        def changed(*arguments, **named):
            received = take(*arguments, **named)
            object.__setattr__(received, "payload", change(received.payload))
            return received

        monkeypatch.setattr(accounts.fetching, "take", changed)
        with pytest.raises(InputRefused, match=told):
            check_until_answered(c, NEXT)
    assert {state for state, _ in states(c).values()} == {"approved"}


def test_an_answer_code_makes_a_known_finding_or_the_programme_is_refused(tmp_path):
    text = PROGRAMME.read_text(encoding="utf-8").replace(
        "# [bank.account_check]", "[bank.account_check]"
    )
    text = text.replace("# columns = {", "columns = {").replace(
        '# answers = { "0"', 'answers = { "0"'
    )
    path = tmp_path / "asking.toml"
    path.write_text(text, encoding="utf-8")
    assert load_programme(path).bank.account_check == CHECK, (
        "what the programme file shows as a comment"
    )
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(
        text.replace('"1" = "ACCOUNT_NOT_FOUND"', '"1" = "NO_FINDING"'), encoding="utf-8"
    )
    with pytest.raises(ProgrammeError, match="NO_FINDING"):
        load_programme(wrong)


def test_killed_and_run_again_each_account_is_asked_about_once_and_ends_as_if_undisturbed(
    ward, tmp_path
):
    for number, (place, day) in enumerate(PLACES.items()):
        folder = tmp_path / f"copy{number}"
        shutil.copytree(ward, folder, ignore=shutil.ignore_patterns("copy*"))
        with the_bank(folder) as port:
            if day == NEXT:
                accounts.check(opened(folder, port), DAY)
            assert was_killed(folder, port, place, day), place
            c = opened(folder, port)
            accounts.check(c, DAY)
            check_until_answered(c, NEXT)
        assert states(c) == ENDED, place
        assert [row[2] for row in rows(c, "account_check")] == ["accounts_20200518_01.txt"] * 4, (
            place
        )
        inbox = folder / "home" / "link" / "homes" / "bank" / "inbox"
        assert [p.name for p in inbox.glob("*.p7m")] == ["accounts_20200518_01.txt.p7m"], place
        with c.ledger.read() as connection:
            verify_chain(connection)
