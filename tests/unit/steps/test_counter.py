"""`kyufu cash`: an approved person without an account is paid over the counter, once, by people who signed in."""

import re
import shutil
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from pipelines import cli_cash, sign_in
from pipelines.cli import app
from pipelines.disclosure.guard import Guard, Register
from pipelines.evidence.audit import verify
from pipelines.ledger import stops as ledger_stops
from pipelines.ledger import tables
from pipelines.ledger.approvals import ApprovalRefused
from pipelines.ledger.balance import assert_balanced, take_balance
from pipelines.ledger.cash import CashRefused
from pipelines.outputs.paper.reading import page_texts
from pipelines.reports.day_sheet import _batches
from pipelines.sign_in import NotSignedIn
from pipelines.steps import cash, claims, payments, results, stops
from pipelines.steps.campaign import Campaign
from pipelines.steps.roles import NotAllowed
from tests.link_world import world
from tests.unit.holds.holds_world import APPROVER, OPERATOR, SECOND_STEWARD, STEWARD, VIEWER
from tests.unit.steps.dated_world import DAY, NEXT, send_claims, states

WHY = "口座を持たない"


@pytest.fixture
def ward(campaign, monkeypatch):
    """Two whose claims name no account, and are held for it; two who are being paid by transfer."""
    send_claims(campaign, DAY, dict.fromkeys((1, 2, 3, 4), ("5020518", "")))
    claims.match_and_decide(campaign, DAY)
    days = {source.dataset: DAY for source in campaign.programme.list_sources}
    own = Register(lambda _births, _households: (), lambda: ())
    guard = Guard(frozenset(), frozenset, tuple, days, 0, lambda _people: own)
    monkeypatch.setattr(Campaign, "guard", lambda self, day: guard)
    with campaign.ledger.write() as connection:
        none = sa.update(tables.claim).where(tables.claim.c.claim_id.in_(["P1", "P2"]))
        connection.execute(none.values(account_number=None, account_holder_kana=""))
    assert payments.draft(campaign, DAY)["account_held"] == 2
    yield campaign
    with campaign.ledger.read() as connection:
        assert_balanced(take_balance(connection, campaign.programme.id))


def _faults(c):
    """What the whole ledger's audit finds."""
    shutil.copytree(world().pki, c.home / "pki")
    return verify(c).faults


def _order(c, *claim_ids):
    for claim_id in claim_ids:
        for actor in (STEWARD, APPROVER):
            decided = cash.order(c, claim_id, WHY, actor, DAY)
    return decided


def _approve(c, batch, *actors):
    for actor in actors:
        found = cash.decide(c, batch.batch_id, batch.code, True, actor, DAY)
    return found


def _at_counter(c, *claim_ids):
    _order(c, *claim_ids)
    batch = cash.draft(c, OPERATOR, DAY)
    _approve(c, batch, STEWARD, APPROVER)
    return batch, cash.issue(c, batch.batch_id, OPERATOR, DAY)


def _keys(c):
    _, waiting = cash.list_cash(c, VIEWER, "確認", DAY)
    return [one.payment_key for one in waiting]


def test_from_the_order_to_the_receipt(ward):
    assert states(ward)["1"] == ("held", "ACCOUNT_INVALID")
    assert not cash.order(ward, "P1", WHY, STEWARD, DAY).is_complete
    assert states(ward)["1"][0] == "held", "one person decides nothing"
    assert cash.order(ward, "P1", WHY, APPROVER, DAY).is_complete
    assert (states(ward)["1"], states(ward)["2"][0]) == (("approved", ""), "held")
    batch = cash.draft(ward, OPERATOR, DAY)
    assert (batch.payments, batch.people, batch.sum_yen, batch.approved) == (1, 1, 100_000, 0)
    with pytest.raises(ApprovalRefused, match="承認が2人必要"):
        cash.issue(ward, batch.batch_id, OPERATOR, DAY)
    assert _approve(ward, batch, STEWARD, APPROVER).approved == 2
    pdf = cash.issue(ward, batch.batch_id, OPERATOR, DAY)
    assert cash.issue(ward, batch.batch_id, OPERATOR, NEXT) == pdf, "printed again it is the same"
    (key,) = _keys(ward)
    text = re.sub(r"\s", "", "".join(page_texts(pdf)))
    for wanted in (key, "見本一子", "ミホン", "100,000", batch.batch_id, "2020年6月1日"):
        assert wanted in text
    assert cash.receive(ward, key, "R-1", OPERATOR, DAY).people == 1
    assert states(ward)["1"][0] == "paid"
    cash.receive(ward, key, "R-1", OPERATOR, DAY)
    with pytest.raises(CashRefused, match="二度"):
        cash.receive(ward, key, "R-2", OPERATOR, DAY)
    assert cash.draft(ward, OPERATOR, DAY) is None
    assert _faults(ward) == ()
    with ward.ledger.read() as connection:
        release = connection.execute(
            sa.select(tables.release).filter_by(disclosure="cash_list")
        ).one()
        assert (release.recipient, release.medium, release.state) == ("ward", "paper", "kept")
        assert (release.records, release.people, release.sum_yen) == (1, 1, 100_000)


def test_a_transfer_never_pays_who_is_paid_in_cash(ward):
    _order(ward, "P1")
    drafted = payments.draft(ward, NEXT)
    assert (drafted["payments"], drafted["account_held"]) == (0, 0)
    assert cash.draft(ward, OPERATOR, NEXT).people == 1


def test_f42_the_drafter_does_not_approve_and_a_changed_batch_is_refused(ward):
    _order(ward, "P1")
    batch = cash.draft(ward, STEWARD, DAY)
    with pytest.raises(ApprovalRefused, match="起案者"):
        _approve(ward, batch, STEWARD)
    with pytest.raises(CashRefused, match="確認符号"):
        cash.decide(ward, batch.batch_id, "0" * 12, True, APPROVER, DAY)
    with ward.ledger.write() as connection:
        connection.execute(sa.update(tables.payment_item).where(tables.LIVE).values(amount_yen=1))
    with pytest.raises(CashRefused, match="確認符号"):
        _approve(ward, batch, APPROVER)
    with ward.ledger.write() as connection:
        connection.execute(sa.update(tables.payment_item).values(amount_yen=100_000))


def test_what_changes_after_the_approvals_is_not_listed(ward):
    _order(ward, "P1")
    batch = cash.draft(ward, OPERATOR, DAY)
    _approve(ward, batch, STEWARD, APPROVER)
    changed = sa.update(tables.batch).filter_by(batch_id=batch.batch_id)
    with ward.ledger.write() as connection:
        connection.execute(changed.values(sum_yen=1))
    with pytest.raises(CashRefused, match="承認された内容と違います"):
        cash.issue(ward, batch.batch_id, OPERATOR, DAY)
    with ward.ledger.write() as connection:
        connection.execute(changed.values(sum_yen=100_000))


def test_a_rejected_batch_is_never_listed_and_its_people_are_drafted_anew(ward):
    _order(ward, "P1")
    batch = cash.draft(ward, OPERATOR, DAY)
    cash.decide(ward, batch.batch_id, batch.code, False, APPROVER, DAY)
    assert states(ward)["1"][0] == "approved"
    with pytest.raises(CashRefused, match="却下"):
        cash.issue(ward, batch.batch_id, OPERATOR, DAY)
    with pytest.raises(CashRefused, match="承認を待つ"):
        _approve(ward, batch, STEWARD)
    assert cash.draft(ward, OPERATOR, DAY).batch_id != batch.batch_id


def test_nothing_is_listed_while_all_sending_is_stopped(ward):
    _order(ward, "P1")
    batch = cash.draft(ward, OPERATOR, DAY)
    _approve(ward, batch, STEWARD, APPROVER)
    stops.stop(ward, "確認のため", STEWARD, DAY)
    with pytest.raises(ledger_stops.SendingStopped):
        cash.issue(ward, batch.batch_id, OPERATOR, DAY)


def test_what_nobody_collects_in_time_is_taken_back_with_the_days_results(ward):
    _at_counter(ward, "P1", "P2")
    first, _ = _keys(ward)
    cash.receive(ward, first, "R-1", OPERATOR, DAY)
    last = DAY + timedelta(ward.programme.cash.collect_days)
    assert "uncollected" not in results.settle(ward, last)
    assert results.settle(ward, last + timedelta(1))["uncollected"] == 1
    assert {p: s for p, (s, _) in states(ward).items() if p in "12"} == {
        "1": "paid",
        "2": "approved",
    }
    assert results.settle(ward, last + timedelta(2)).get("uncollected") is None
    assert cash.draft(ward, OPERATOR, NEXT).people == 1
    assert _faults(ward) == ()


def test_two_people_take_a_receipt_back_that_was_entered_wrongly(ward):
    _at_counter(ward, "P1")
    (key,) = _keys(ward)
    cash.receive(ward, key, "R-1", OPERATOR, DAY)
    assert not cash.withdraw(ward, key, WHY, STEWARD, DAY).is_complete
    assert states(ward)["1"][0] == "paid"
    assert cash.withdraw(ward, key, WHY, APPROVER, DAY).is_complete
    assert states(ward)["1"][0] == "approved"
    with pytest.raises(CashRefused, match="現金を渡さない"):
        cash.withdraw(ward, key, WHY, STEWARD, DAY)


def test_the_day_sheet_tells_what_waits(ward):
    _order(ward, "P1")
    batch = cash.draft(ward, OPERATOR, DAY)
    with ward.ledger.read() as connection:
        assert ("窓口払い 起案済み(承認待ち)", 1, 100_000) in _batches(
            connection, ward.programme.id
        )
    _approve(ward, batch, STEWARD, APPROVER)
    cash.issue(ward, batch.batch_id, OPERATOR, DAY)
    with ward.ledger.read() as connection:
        assert ("窓口払い 受領待ち", 1, 100_000) in _batches(connection, ward.programme.id)


def test_each_does_what_the_roles_allow(ward):
    _order(ward, "P1")
    for refused in (
        lambda: cash.order(ward, "P2", WHY, OPERATOR, DAY), lambda: cash.draft(ward, APPROVER, DAY),
        lambda: cash.decide(ward, "B", "c", True, OPERATOR, DAY), lambda: cash.issue(ward, "B", VIEWER, DAY),
        lambda: cash.receive(ward, "1", "R-1", APPROVER, DAY), lambda: cash.withdraw(ward, "1", WHY, OPERATOR, DAY),
    ):  # fmt: skip
        with pytest.raises(NotAllowed):
            refused()
    with pytest.raises(CashRefused, match="半角"):
        cash.receive(ward, "1", "受領 1", OPERATOR, DAY)


def test_a_programme_without_cash_pays_none(ward):
    ward.__dict__["programme"] = ward.programme.model_copy(update={"cash": None})
    for refused in (
        lambda: cash.order(ward, "P1", WHY, STEWARD, DAY),
        lambda: cash.draft(ward, OPERATOR, DAY),
    ):
        with pytest.raises(CashRefused, match="行いません"):
            refused()
    assert cash.give_up_waiting(ward, date(2021, 1, 1)) == {}


# at a terminal


@pytest.fixture
def kyufu(ward, monkeypatch):
    """Run a command as a signed-in person on this ward's ledger."""
    monkeypatch.setenv("KYUFU_LEDGER_URL", ward.settings.ledger_url)
    monkeypatch.setenv("KYUFU_HOME", str(ward.home))
    monkeypatch.setenv("KYUFU_PROGRAMME", str(ward.settings.programme_path))
    monkeypatch.setattr(cli_cash, "today", lambda: DAY)

    def run(actor, *words):
        monkeypatch.setattr(sign_in, "signed_in", lambda _home: actor)
        done = CliRunner().invoke(app, ["cash", *words], catch_exceptions=False)
        return re.sub(r"\s+", "", done.output)  # a narrow terminal folds cells

    return run


def test_the_commands_from_the_order_to_the_receipt(ward, kyufu, tmp_path):
    reason = ["--reason", WHY]
    assert "窓口払いはありません" in kyufu(VIEWER, "list")
    assert "支払うものはありません" in kyufu(OPERATOR, "draft")
    assert "あと1人" in kyufu(STEWARD, "order", "P1", *reason)
    assert "次の起案で支払います" in kyufu(APPROVER, "order", "P1", *reason)
    drafted = kyufu(OPERATOR, "draft")
    batch_id, code = re.search(r"(B[0-9a-f]{16}):1件.*確認符号([0-9a-f]{12})", drafted).groups()
    listed = kyufu(VIEWER, "list")
    for wanted in (batch_id, code, "0/2人"):
        assert wanted in listed
    assert "あと1人" in kyufu(STEWARD, "approve", batch_id, code)
    assert "issue" in kyufu(SECOND_STEWARD, "approve", batch_id, code)
    out = tmp_path / "list.pdf"
    assert "書き出しました" in kyufu(OPERATOR, "issue", batch_id, "--out", str(out))
    assert "見本一子" in "".join(page_texts(out.read_bytes()))
    listed = kyufu(VIEWER, "list")
    key = re.search(r"受領待ち(\d{10})", listed).group(1)
    assert "支払中" in listed
    assert "見本" not in listed
    assert "100,000円を給付済み" in kyufu(OPERATOR, "receive", key, "--receipt", "R-1")
    assert "あと1人" in kyufu(STEWARD, "withdraw", key, *reason)
    assert "取り消しました" in kyufu(APPROVER, "withdraw", key, *reason)
    again = kyufu(OPERATOR, "draft")
    batch_id, code = re.search(r"(B[0-9a-f]{16}):1件.*確認符号([0-9a-f]{12})", again).groups()
    assert "却下しました" in kyufu(STEWARD, "reject", batch_id, code)


def test_nobody_does_anything_without_signing_in(ward):
    home = ["--home", str(ward.home)]
    for words in (
        ["list"], ["draft"], ["order", "P1", "--reason", WHY], ["approve", "B", "c"], ["reject", "B", "c"],
        ["issue", "B", "--out", "x"], ["receive", "1", "--receipt", "R"], ["withdraw", "1", "--reason", WHY],
    ):  # fmt: skip
        with pytest.raises(NotSignedIn):
            CliRunner().invoke(app, ["cash", *words, *home], catch_exceptions=False)
