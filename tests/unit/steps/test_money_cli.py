"""`kyufu recovery` and `kyufu results` at a terminal; who is signed in is `tests/integration/test_holds_cli.py`'s."""

import re

import pytest
from typer.testing import CliRunner

from pipelines import sign_in
from pipelines.cli import app
from pipelines.ledger import results
from pipelines.sign_in import NotSignedIn
from pipelines.steps import stray_money
from tests.unit.holds.holds_world import APPROVER, STEWARD
from tests.unit.ledger.ledger_world import told
from tests.unit.steps.dated_world import NEXT, states
from tests.unit.steps.test_stray_money import (  # noqa: F401 - fixtures
    _number,
    _payments,
    delivered,
    wrongly_paid,
)

WHY = ["--reason", "銀行に確認した"]


@pytest.fixture
def kyufu(wrongly_paid, monkeypatch):  # noqa: F811 - a fixture
    """Run a command as a signed-in person on this ward's ledger."""
    monkeypatch.setenv("KYUFU_LEDGER_URL", wrongly_paid.settings.ledger_url)
    monkeypatch.setenv("KYUFU_HOME", str(wrongly_paid.home))
    monkeypatch.setenv("KYUFU_PROGRAMME", str(wrongly_paid.settings.programme_path))

    def run(actor, *words):
        monkeypatch.setattr(sign_in, "signed_in", lambda _home: actor)
        done = CliRunner().invoke(app, list(words), catch_exceptions=False)
        return re.sub(r"\s+", "", done.output)  # a narrow terminal folds cells

    return run


def test_a_recovery_is_listed_opened_by_two_and_settled(wrongly_paid, kyufu):  # noqa: F811
    number = _number(wrongly_paid)
    listed = kyufu(STEWARD, "recovery", "list")
    assert number in listed
    assert "未決定" in listed
    assert "0/2人" in listed
    for secret in ("見本一子", "R0000000001", "1234561"):
        assert secret not in listed
    assert "あと1人" in kyufu(STEWARD, "recovery", "open", number, *WHY)
    assert "始めました" in kyufu(APPROVER, "recovery", "open", number, *WHY)
    assert states(wrongly_paid)["1"][0] == "ineligible"
    paid = ["recovery", "settle", number, "--amount", "40000", "--receipt", "R-1"]
    for _ in range(2):
        assert "回収済み40,000円/残り60,000円" in kyufu(STEWARD, *paid)
    balance = kyufu(STEWARD, "balance")
    for wanted in ("回収済み40,000円/回収中60,000円", "回収中1人残り60,000円", "収支は一致"):
        assert wanted in balance
    kyufu(STEWARD, "recovery", "settle", number, "--amount=-40000", "--receipt", "R-1-C")
    assert "回収済み0円/回収中100,000円" in kyufu(STEWARD, "balance")


def test_a_disputed_result_is_listed_and_decided_by_two(wrongly_paid, kyufu):  # noqa: F811
    first, *_ = _payments(wrongly_paid)
    row = told(first, payment_key="9999999999")
    with wrongly_paid.ledger.write() as connection:
        file = results.ResultFile("x.txt", "h", [row])
        results.settle(connection, wrongly_paid.programme.id, file, NEXT)
    assert "9999999999" in kyufu(STEWARD, "results", "list")
    decide = ["results", "decide", "9999999999", "dismiss", *WHY]
    assert "あと1人" in kyufu(STEWARD, *decide)
    assert "反映しました" in kyufu(APPROVER, *decide)
    assert "照合できない振込結果はありません" in kyufu(STEWARD, "results", "list")


def test_nobody_does_anything_without_signing_in(wrongly_paid):  # noqa: F811
    home = ["--home", str(wrongly_paid.home)]
    for words in (
        ["recovery", "list"], ["recovery", "show", "x"], ["recovery", "open", "x", *WHY],
        ["recovery", "settle", "x", "--amount", "1", "--receipt", "R"], ["results", "list"],
        ["results", "decide", "x", "paid", *WHY],
    ):  # fmt: skip
        with pytest.raises(NotSignedIn):
            CliRunner().invoke(app, [*words, *home], catch_exceptions=False)
    waiting, opened = stray_money.list_recoveries(wrongly_paid, STEWARD, "確認", NEXT)
    assert (len(waiting), waiting[0].agreed, opened) == (1, 0, [])
