"""What happens to a small ward's money, cut into scenes that a process plays and may be killed in.

Every scene is a program's or a person's doing from start to end; whoever plays it again after a kill does what they
would do again: a step is run again, a person looks first whether it is done.
"""

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from pipelines import failpoints
from pipelines.campaign import run_day
from pipelines.errors import KyufuError
from pipelines.ledger import people, recoveries, stops, tables
from pipelines.ledger.cash import CashRefused
from pipelines.ledger.payable import NO_ACCOUNT
from pipelines.ledger.recoveries import RecoveryRefused
from pipelines.ledger.results import Choice
from pipelines.ledger.states import Entitlement, Route
from pipelines.link.session import Endpoint, SFTPClient, open_session, read_host_key
from pipelines.programme import Settings
from pipelines.steps import (
    cash,
    claims,
    forms,
    inbox,
    payments,
    register,
    results,
    stray_money,
    welfare,
)
from pipelines.steps import stops as sending
from pipelines.steps.approvals import rehearse
from pipelines.steps.campaign import Campaign, open_campaign
from pipelines.steps.roles import Actor, Role
from pipelines.steps.stray_money import DecisionRefused
from tests.campaign_home import PROGRAMME

FORMS, FIRST, SECOND, THIRD = (
    date(2020, 5, 18), date(2020, 5, 20), date(2020, 6, 3), date(2020, 6, 17),
)  # fmt: skip
DAYS = {str(day) for day in (FORMS, FIRST, SECOND, THIRD)}
MOODS = {f"payments_{THIRD:%Y%m%d}_01.txt": "contradiction"}
STEWARD = Actor("steward", frozenset({Role.STEWARD}))
APPROVER = Actor("approver1", frozenset({Role.APPROVER}))
OPERATOR = Actor("operator", frozenset({Role.OPERATOR}))
WHY = "銀行と戸籍で確認した"
RECEIPT = "R-1"


@dataclass(frozen=True)
class Place:
    """Where a scene is played. port: the relay's."""

    home: Path
    inputs: Path
    url: str
    port: int

    def open(self) -> Campaign:
        """The campaign, with the relay as the home's keys know it."""
        ward = self.home / "pki" / "ward"

        def sessions(party: str) -> AbstractContextManager[SFTPClient]:
            account = f"ward-{party}"
            key, host_key = ward / "ssh" / account, read_host_key(ward / "known_hosts")
            return open_session(Endpoint("127.0.0.1", self.port, account, key, host_key))

        settings = Settings(
            programme_path=PROGRAMME, home=self.home, inputs=self.inputs, ledger_url=self.url
        )
        return open_campaign(settings, sessions)


# --- the scenes ---


def first_days(c: Campaign) -> None:
    """Forms go out, the first claims are paid; one payment is returned."""
    for day in (FORMS, FIRST):
        run_day(c, day, lambda *_: None)


def take_in_second(c: Campaign) -> None:
    _take_in(c, SECOND)


def pay(c: Campaign) -> None:
    """A payment day: draft, approve, seal, send, deliver; the letter about the return; the bank's result."""
    _draft_and_build(c, SECOND)
    payments.send(c, SECOND)
    results.send_notices(c, SECOND)
    results.settle(c, SECOND)


def take_in_third(c: Campaign) -> None:
    _take_in(c, THIRD)


def pay_again(c: Campaign) -> None:
    """New attempts after a return and after a recovery, all sending stopped and resumed before; a result disputed."""
    _draft_and_build(c, THIRD)
    if _newest_stop(c) is None:
        sending.stop(c, WHY, STEWARD, THIRD)
    for actor in (STEWARD, APPROVER):
        if _stands(c):
            _send_in_vain(c)
        if _stands(c) and actor.name not in _agreed(c):
            sending.resume(c, WHY, actor, THIRD)
    payments.send(c, THIRD)
    results.send_notices(c, THIRD)
    results.settle(c, THIRD)


def find_wrongly_paid(c: Campaign) -> None:
    """The register tells late that somebody who is paid was not eligible."""
    e, i, p = tables.entitlement, tables.payment_item, tables.payment
    query = (
        sa.select(e.c.person_id, e.c.claim_id)
        .join(i, (i.c.programme == e.c.programme) & (i.c.person_id == e.c.person_id))
        .join(p, (p.c.programme == i.c.programme) & (p.c.payment_key == i.c.payment_key))
        .where(e.c.programme == c.programme.id, e.c.state == Entitlement.PAID, tables.LIVE)
        .where(p.c.attempt == 1)
        .order_by(e.c.person_id)
        .limit(1)
    )
    with c.ledger.write() as connection:
        row = connection.execute(query).one()
        found = [(row.person_id, row.claim_id)]
        people.add_findings(
            connection, c.programme.id, recoveries.PAID_NOT_ELIGIBLE, "review", found
        )


def decide(c: Campaign) -> None:
    """Two people decide a disputed result, two open a recovery; what came back is entered; cash at the counter."""
    key = _disputed(c)
    for actor in (STEWARD, APPROVER):
        with suppress(DecisionRefused):  # it is decided
            stray_money.decide_result(c, key, Choice.PAID, WHY, actor, THIRD)
    number = _wrong_payment(c)
    for actor in (STEWARD, APPROVER):
        with suppress(RecoveryRefused):  # it is open
            stray_money.open_recovery(c, number, WHY, actor, THIRD)
    stray_money.settle_recovery(c, number, RECEIPT, 40_000, STEWARD, THIRD)
    _pay_in_cash(c)


STORY: dict[str, Callable[[Campaign], None]] = {
    scene.__name__: scene
    for scene in (
        first_days, take_in_second, pay, take_in_third, pay_again, find_wrongly_paid, decide
    )
}  # fmt: skip


def play(place: Place, scene: str, failpoint: str, told: Path) -> None:
    """Play one scene in this process and tell the places that were reached, or the refusal."""
    os.environ[failpoints.VARIABLE] = failpoint
    inbox._POLL_SECONDS = 0.05
    c = place.open()
    answer: dict[str, object] = {}
    try:
        STORY[scene](c)
    except KyufuError as error:
        answer["refused"] = str(error)
    told.write_text(json.dumps({**answer, "passed": failpoints.passed}), encoding="utf-8")


# --- parts of scenes ---


def _take_in(c: Campaign, day: date) -> None:
    """A day up to the decisions about its claims."""
    register.receive_changes(c, day)
    register.apply_changes(c, day)
    for dataset in welfare.look(c, day):
        welfare.receive_list(c, day, dataset)
    rehearse(c, welfare.link_people(c, day), day)
    welfare.apply_people(c, day)
    rehearse(c, forms.build(c, day), day)
    forms.release(c, day)
    forms.confirm(c, day)
    for channel in claims.CHANNELS:
        claims.receive(c, day, channel)
    claims.match_and_decide(c, day)


def _draft_and_build(c: Campaign, day: date) -> None:
    rehearse(c, payments.draft(c, day), day)
    payments.build(c, day)


def _send_in_vain(c: Campaign) -> None:
    """Nothing is sent while sending is stopped.

    Raises:
        AssertionError: something was.
    """
    try:
        payments.send(c, THIRD)
    except stops.SendingStopped:
        return
    raise AssertionError("sent in spite of the stop")


def _newest_stop(c: Campaign) -> stops.Stop | None:
    with c.ledger.read() as connection:
        return stops.newest(connection, c.programme.id)


def _stands(c: Campaign) -> bool:
    found = _newest_stop(c)
    return found is not None and found.stands


def _agreed(c: Campaign) -> set[str]:
    found = _newest_stop(c)
    return {name for name, _ in found.agreed} if found else set()


def _pay_in_cash(c: Campaign) -> None:
    """Two claims without a usable account are paid at the counter: one is collected, one is taken back."""
    for claim_id in _without_account(c):
        for actor in (STEWARD, APPROVER):
            with suppress(CashRefused):  # it is ordered
                cash.order(c, claim_id, WHY, actor, THIRD)
    if not _cash_keys(c):
        cash.draft(c, OPERATOR, THIRD)
    batches, _ = cash.list_cash(c, STEWARD, WHY, THIRD)
    for batch in batches:
        for actor in (STEWARD, APPROVER):
            with suppress(CashRefused):  # it is at the counter
                cash.decide(c, batch.batch_id, batch.code, True, actor, THIRD)
        cash.issue(c, batch.batch_id, OPERATOR, THIRD)
    collected, left = _cash_keys(c)
    cash.receive(c, collected, RECEIPT, OPERATOR, THIRD)
    for actor in (STEWARD, APPROVER):
        with suppress(CashRefused):  # it is taken back
            cash.withdraw(c, left, WHY, actor, THIRD)


def _without_account(c: Campaign) -> list[str]:
    """Two claims whose people wait for an account, or are paid in cash for it already."""
    e, o = tables.entitlement, tables.cash_order
    waits = (e.c.state == Entitlement.RETURNED) | (e.c.codes == NO_ACCOUNT)
    held = sa.select(e.c.claim_id).where(waits, e.c.claim_id.is_not(None))
    with c.ledger.read() as connection:
        found = connection.execute(held.union(sa.select(o.c.claim_id))).scalars()
        return sorted(map(str, found))[:2]


def _cash_keys(c: Campaign) -> list[str]:
    """The payments at the counter, or that were there."""
    p, b = tables.payment, tables.batch
    query = (
        sa.select(p.c.payment_key)
        .join(b, (b.c.programme == p.c.programme) & (b.c.batch_id == p.c.batch_id))
        .where(b.c.route == str(Route.CASH))
        .order_by(p.c.payment_key)
    )
    with c.ledger.read() as connection:
        return list(connection.execute(query).scalars())


def _disputed(c: Campaign) -> str:
    """The payment that the bank contradicted itself about."""
    u = tables.unreconciled_result
    with c.ledger.read() as connection:
        return str(connection.execute(sa.select(u.c.payment_key).distinct()).scalar_one())


def _wrong_payment(c: Campaign) -> str:
    """The number of the recovery of who was paid and was not eligible."""
    f, i = tables.finding, tables.payment_item
    query = (
        sa.select(i.c.payment_key, i.c.person_id)
        .join(f, (f.c.programme == i.c.programme) & (f.c.person_id == i.c.person_id))
        .where(f.c.code == recoveries.PAID_NOT_ELIGIBLE)
    )
    with c.ledger.read() as connection:
        row = connection.execute(query).one()
    return recoveries.recovery_id(c.programme.id, row.payment_key, row.person_id)
