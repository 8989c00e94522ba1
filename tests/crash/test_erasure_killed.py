"""A campaign's erasure killed again and again: run again it goes on, and in the end nothing of anybody is left.

Real processes and SIGKILL (`pipelines/failpoints.py`). CI kills at every fourth place, the soak at every one
(`KYUFU_EVERY_COMMIT`).
"""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
from datetime import date

import pytest
import sqlalchemy as sa

from pipelines.at_rest.store import SEARCH_LIST, Erased, beside
from pipelines.evidence.access import who_saw
from pipelines.evidence.audit import verify
from pipelines.evidence.history import read_history
from pipelines.ledger import tables
from pipelines.ledger.balance import take_balance
from pipelines.outputs.paper.reading import page_texts
from pipelines.steps import closeout, erasure, reports
from tests.campaign_home import THREE_DAYS, make_ward, run_campaign
from tests.components import require
from tests.crash.erasure_places import AT_THE_PARTIES, LAST_PLACES, PLACES
from tests.erasure_world import (
    ASKED,
    BANK_ASKED,
    FIRST_END,
    LAST_END,
    STEWARD,
    ask,
    canaries,
    erase_at,
    finish,
    opened,
    play,
    standing,
    states,
)

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.erasure_world"])
EVERY = 1 if os.environ.get("KYUFU_EVERY_COMMIT") else 4
SECONDS = 600.0  # a limit for what never ends, not a speed


def _killed(work, place, *arguments):
    """Do it in a process of its own that dies at the place."""
    process = _PROCESSES.Process(target=play, args=(work, place, *arguments))
    process.start()
    process.join(SECONDS)
    code = process.exitcode
    assert code is not None, "it does not end"
    process.close()
    return code == -signal.SIGKILL


@pytest.fixture(scope="module")
def erased(tmp_path_factory):
    """(home, inputs, canaries, what stood before, kills): a campaign, closed out and erased to the end."""
    folder = tmp_path_factory.mktemp("erased")
    inputs = make_ward(folder / "inputs", 150, 7, THREE_DAYS)
    home, words, kills = folder / "home", canaries(inputs), []
    done = run_campaign(inputs, home)
    assert done.returncode == 0, done.stderr
    finish(home, inputs)
    before = (sum(standing([home], words).values()), _told(home, inputs))
    kills += [(p, _killed(ask, p, home, inputs, ASKED)) for p in AT_THE_PARTIES]
    ask(home, inputs, ASKED)
    kills += [(p, _killed(erase_at, p, home, inputs, FIRST_END)) for p in PLACES[::EVERY]]
    erase_at(home, inputs, FIRST_END)
    ask(home, inputs, BANK_ASKED)
    kills += [(p, _killed(erase_at, p, home, inputs, LAST_END)) for p in LAST_PLACES[::EVERY]]
    erase_at(home, inputs, LAST_END)
    yield home, inputs, words, before, kills
    shutil.rmtree(folder)


def _told(home, inputs):
    """Where everybody and every yen are."""
    with opened(home, inputs) as c, c.ledger.read() as connection:
        found = take_balance(connection, c.programme.id)
        return states(c), found.paid_yen, found.returned_yen, found.recovered_yen, found.faults


def test_f44_it_was_killed_on_the_way(erased):
    *_, kills = erased
    assert [place for place, killed in kills if not killed] == []
    assert len(kills) >= (20 if EVERY == 1 else 9)


def test_f44_nothing_of_anybody_is_left_here_or_at_the_parties(erased):
    home, inputs, words, (stood_before, _), _ = erased
    assert stood_before > 100
    parties = [inputs / party for party in ("ward", "contractor", "jlis")]
    assert standing([home, beside(home), *parties], words) == {}


def test_everybody_and_every_yen_still_add_up(erased):
    home, inputs, _, (_, before), _ = erased
    assert _told(home, inputs) == before
    with opened(home, inputs) as c:
        assert closeout.balance(c, LAST_END)["eligible"] == sum(before[0].values())
        assert closeout.list_holdings(c, LAST_END)["overdue"] == 0


def test_the_audit_chain_names_nobody_and_still_verifies(erased):
    home, inputs, *_ = erased
    with opened(home, inputs) as c:
        assert verify(c).faults == ()


def test_changed_afterwards_it_is_found(erased, tmp_path):
    home, inputs, *_ = erased
    copied = shutil.copytree(home, tmp_path / "home")
    with opened(copied, inputs) as c:
        with c.ledger.write() as connection:
            connection.execute(sa.update(tables.payment).values(account_number="7654321"))
        assert any("支払の宛先か金額" in fault for fault in verify(c).faults)


def test_an_erased_person_is_said_to_be_erased_and_nothing_more(erased):
    home, inputs, words, *_ = erased
    number = next(word[1:] for word in words if word.startswith("R") and word[1:].isdigit())
    with opened(home, inputs) as c:
        found = read_history(c, number, "os:auditor", "照会", LAST_END)
    assert (found.codes, found.form, found.events) == ("", "", ())
    assert "消去済み" in found.state


def test_who_saw_an_erased_person_and_who_received_the_data_is_still_told(erased):
    home, inputs, words, *_ = erased
    numbers = [word[1:] for word in words if word.startswith("R") and word[1:].isdigit()]
    with opened(home, inputs) as c:
        told = [who_saw(c, number, STEWARD, "開示請求への回答", LAST_END) for number in numbers]
    received = {receipt.given.recipient_id for one in told for receipt in one.receipts}
    assert {"contractor", "bank"} <= received
    assert not any(one.untold for one in told)


def test_what_is_erased_says_so(erased):
    home, inputs, *_ = erased
    with opened(home, inputs) as c:
        with pytest.raises(Erased, match="消去されました"):
            c.people()
        assert reports.write_all(c)["pages"] > 10
        assert reports.profile_now(c)["profiled"] == 0
        pages = [p.read_text("utf-8") for p in (reports.folder(c) / "intake").rglob("*.html")]
        assert all("消去されました" in page for page in pages if "届いたファイル" in page)
        assert closeout.plan_erasure(c, LAST_END)["needed"] == 0
        assert c.at_rest.partitions(SEARCH_LIST) == []


def test_the_certificate_says_what_when_and_what_not(erased):
    home, *_ = erased
    first, last = (
        "".join(page_texts((home / "erasure" / n / "certificate.pdf").read_bytes())).replace("\r\n", "")
        for n in ("001", "002")
    )  # fmt: skip
    for told in (
        "申請の添付書類",
        "受け取ったファイルの原本",
        "2020-12-01",
        "トッパン・フォームズ",
        "紙の書類",
        "approver1",
    ):
        assert told in first
    assert "支払の記録" in last
    assert "一件もないことを確認" in last


def test_every_certificate_is_verified_by_a_stranger_with_openssl(erased):
    home, *_ = erased
    openssl = require("openssl")
    ca = ["-CAfile", str(home / "pki" / "ward" / "ca.crt"), "-purpose", "any"]
    verify_it = [openssl, "cms", "-verify", "-binary", "-inform", "DER", *ca]
    for number in ("001", "002"):
        folder = home / "erasure" / number
        content = [
            "-in",
            str(folder / "certificate.p7s"),
            "-content",
            str(folder / "certificate.pdf"),
        ]
        assert (
            subprocess.run([*verify_it, *content], capture_output=True, check=False).returncode == 0
        )
    for party in ("contractor", "jlis", "bank"):
        signed = ["-in", str(home / "erasure" / "parties" / f"{party}.p7m")]
        done = subprocess.run([*verify_it, *signed], capture_output=True, check=False)
        told = json.loads(done.stdout)
        assert (done.returncode, told["party"], told["returned"]) == (0, party, [])
        assert told["erased"]


def test_run_again_nothing_happens(erased):
    home, inputs, *_ = erased
    with opened(home, inputs) as c:
        assert erasure.run(c, date(2026, 5, 1))["repeated"]
