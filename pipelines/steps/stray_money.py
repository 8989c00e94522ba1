"""Money that went astray: recoveries of wrong payments, and results of the bank that need people.

Every decision is taken by as many different signed-in people as the programme asks for money, on content that is the
same for each of them. It takes effect in the transaction of the last one's agreement.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import money_decisions, recoveries, results, whose
from pipelines.ledger.money_decisions import Decision
from pipelines.ledger.people import protected_ids
from pipelines.ledger.recoveries import Recovery, RecoveryRefused
from pipelines.ledger.results import Choice, Fault
from pipelines.ledger.store import record
from pipelines.matching.comparison import MASK
from pipelines.steps.campaign import Campaign
from pipelines.steps.reasons import assert_given, assert_no_number
from pipelines.steps.roles import Act, Actor
from pipelines.steps.showings import record_showing

_SHOWN = ("resident_id", "household_id", "name_kanji")
RECEIPT = re.compile(r"[0-9A-Za-z-]{1,30}")


class DecisionRefused(KyufuError):
    """This cannot be decided so."""


@dataclass(frozen=True)
class ListedRecovery:
    """A line of the list: nothing personal. agreed: how many people agreed to open it."""

    recovery: Recovery
    agreed: int


@dataclass(frozen=True)
class OpenResult:
    """A payment whose result is not known or disputed. people, amount_yen: 0 where nobody waits for it."""

    payment_key: str
    people: int
    amount_yen: int
    faults: tuple[Fault, ...]
    choices: tuple[Choice, ...]
    decided: str
    agreed: int


def list_recoveries(
    c: Campaign, actor: Actor, purpose: str, day: date
) -> tuple[list[ListedRecovery], list[ListedRecovery]]:
    """(wrong payments that nobody decided to recover yet, recoveries with money still to come).

    Raises:
        NotAllowed: the actor may not list them.
    """
    actor.assert_may(Act.LIST_MONEY)
    with c.ledger.write() as connection:
        found = recoveries.candidates(connection, c.programme.id)
        waiting = [ListedRecovery(r, _agreed(c, connection, _opening(r))) for r in found]
        opened = [r for r in recoveries.opened(connection, c.programme.id) if r.open_yen]
        people = [r.person_id for r in (*found, *opened)]
        record_showing(
            c, connection, "recovery.listed", actor.name, purpose, people, day, subject="recovery",
            count=len(waiting) + len(opened),
        )  # fmt: skip
    return waiting, [ListedRecovery(r, c.programme.people.money_approvals) for r in opened]


def show_recovery(
    c: Campaign, recovery_id: str, actor: Actor, purpose: str, day: date
) -> tuple[Recovery, Mapping[str, str]]:
    """One recovery, and whom it is about (numbers and name; masked for who may not see protected people).

    Raises:
        NotAllowed: the actor may not see it.
        RecoveryRefused: there is no such recovery.
    """
    actor.assert_may(Act.SHOW_MONEY)
    with c.ledger.write() as connection:
        found = _find(c, connection, recovery_id)
        is_protected = found.person_id in protected_ids(connection, c.programme.id)
        record_showing(
            c, connection, "recovery.shown", actor.name, purpose, [found.person_id], day, recovery=recovery_id
        )  # fmt: skip
    if is_protected and not actor.may(Act.SHOW_PROTECTED):
        return found, dict.fromkeys(_SHOWN, MASK)
    people = c.people()
    row = people.filter(pc.equal(people.column("person_id"), pa.scalar(found.person_id)))
    return found, {name: row.column(name)[0].as_py() or "" for name in _SHOWN}


def open_recovery(c: Campaign, recovery_id: str, reason: str, actor: Actor, day: date) -> Decision:
    """Enter one person's decision to recover a payment; with the last one needed it opens.

    From then on the person is ineligible.

    Raises:
        NotAllowed: the actor may not decide.
        RecoveryRefused: there is nothing to open under that number.
        DecisionRefused: no reason, or one that tells a number.
        ApprovalRefused: the actor may not decide this.
    """
    actor.assert_may(Act.DECIDE_MONEY)
    assert_reason(reason)
    with c.ledger.write() as connection:
        found = _find(c, connection, recovery_id)
        if found.opened_on is not None:
            raise RecoveryRefused(f"{recovery_id}: 回収はすでに{found.opened_on}に始まっています。")
        content = {
            "payment_key": found.payment_key, "person": found.person_id, "amount_yen": found.amount_yen,
            "cause": found.cause,
        }  # fmt: skip
        decided = decide_by_two(c, connection, _opening(found), content, reason, actor, day)
        if decided.is_complete:
            recoveries.open_for_not_eligible(connection, c.programme.id, found, day)
            detail = {"amount_yen": found.amount_yen, "cause": found.cause}
            record(
                connection, c.programme.id, "recovery.opened", actor.name, recovery_id, detail, day
            )
    return decided


def settle_recovery(
    c: Campaign, recovery_id: str, receipt: str, amount_yen: int, actor: Actor, day: date
) -> Recovery:
    """Enter what came back under a receipt number, once; a minus takes back what was entered wrongly.

    Raises:
        NotAllowed: the actor may not enter it.
        RecoveryRefused: no such recovery is open, or the amount or receipt cannot be.
    """
    actor.assert_may(Act.ENTER_MONEY)
    if not RECEIPT.fullmatch(receipt):
        raise RecoveryRefused("領収番号は半角の英数字とハイフンで30字までです。")
    with c.ledger.write() as connection:
        found = _find(c, connection, recovery_id)
        if found.opened_on is None:
            raise RecoveryRefused(
                f"{recovery_id}: 回収はまだ始まっていません。kyufu recovery open で二人が決定してください。"
            )
        if recoveries.enter_receipt(
            connection, c.programme.id, found, receipt, amount_yen, actor.name, day
        ):
            detail = {"receipt": receipt, "amount_yen": amount_yen}
            record(
                connection, c.programme.id, "recovery.settled", actor.name, recovery_id, detail, day
            )
        found = _find(c, connection, recovery_id)
    return found


def list_results(c: Campaign, actor: Actor, purpose: str, day: date) -> list[OpenResult]:
    """Every payment whose result is unknown or disputed, by its key; the listing is an audit event.

    Raises:
        NotAllowed: the actor may not list them.
    """
    actor.assert_may(Act.LIST_MONEY)
    with c.ledger.write() as connection:
        unknown = results.unknown_payments(connection, c.programme.id)
        faults = results.open_faults(connection, c.programme.id)
        found = []
        for key in sorted({*unknown, *faults}):
            people, amount_yen = unknown.get(key, (0, 0))
            choices = results.choices_for(connection, c.programme.id, key)
            decided = _waiting(c, connection, _result(key))
            found.append(
                OpenResult(
                    key, people, amount_yen, tuple(faults.get(key, ())), tuple(sorted(choices)),
                    str(decided.content["choice"]) if decided else "", len(decided.approved_by) if decided else 0,
                )
            )  # fmt: skip
        those = [one.payment_key for one in found]
        whom = whose.people_of_payments(connection, c.programme.id, those)
        record_showing(
            c, connection, "results.listed", actor.name, purpose, whom, day, subject="results", count=len(found)
        )  # fmt: skip
    return found


def decide_result(
    c: Campaign, payment_key: str, choice: Choice, reason: str, actor: Actor, day: date
) -> Decision:
    """Enter one person's decision about a payment's result; with the last one needed it takes effect.

    Raises:
        NotAllowed: the actor may not decide.
        DecisionRefused: this payment does not wait for such a decision; no reason, or one that tells a number.
        ApprovalRefused: the actor may not decide this.
    """
    actor.assert_may(Act.DECIDE_MONEY)
    assert_reason(reason)
    with c.ledger.write() as connection:
        choices = results.choices_for(connection, c.programme.id, payment_key)
        if choice not in choices:
            possible = "、".join(sorted(choices)) or "なし"
            raise DecisionRefused(
                f"{payment_key}: {choice}とは決定できません(できる決定: {possible})。"
                "kyufu results list で確認してください。"
            )
        faults = results.open_faults(connection, c.programme.id).get(payment_key, [])
        content = {"payment_key": payment_key, "choice": str(choice), "faults": [*map(str, faults)]}
        subject = _result(payment_key)
        decided = decide_by_two(c, connection, subject, content, reason, actor, day)
        if decided.is_complete:
            reference = f"{subject}:{decided.number}"
            results.apply_decision(connection, c.programme.id, payment_key, choice, reference, day)
            detail = {"choice": str(choice), "faults": content["faults"]}
            record(connection, c.programme.id, "results.decided", actor.name, subject, detail, day)
    return decided


def decide_by_two(
    c: Campaign, connection: sa.Connection, subject: str, content: Mapping[str, Any], reason: str, actor: Actor,
    day: date,
) -> Decision:  # fmt: skip
    """Enter one person's decision, marked as applied once enough people agree: the caller then lets it take effect."""
    needed = c.programme.people.money_approvals
    decided = money_decisions.decide(
        connection, c.programme.id, subject, content, needed, actor.name, reason.strip(), day
    )
    if decided.is_complete:
        money_decisions.mark_applied(connection, c.programme.id, decided, day)
    return decided


def _agreed(c: Campaign, connection: sa.Connection, subject: str) -> int:
    decided = _waiting(c, connection, subject)
    return len(decided.approved_by) if decided else 0


def _waiting(c: Campaign, connection: sa.Connection, subject: str) -> Decision | None:
    """The subject's newest decision, if it has not taken effect."""
    decided = money_decisions.newest(connection, c.programme.id, subject)
    return decided if decided and decided.applied_on is None else None


def _opening(wanted: Recovery) -> str:
    return f"recovery:{wanted.recovery_id}"


def _result(payment_key: str) -> str:
    return f"result:{payment_key}"


def _find(c: Campaign, connection: sa.Connection, recovery_id: str) -> Recovery:
    found = [
        *recoveries.opened(connection, c.programme.id),
        *recoveries.candidates(connection, c.programme.id),
    ]
    for one in found:
        if one.recovery_id == recovery_id:
            return one
    raise RecoveryRefused(
        f"{recovery_id}: この番号の回収はありません。kyufu recovery list で確認してください。"
    )


def assert_reason(reason: str) -> None:
    """A reason is given, short, and holds no number of a person or an account."""
    assert_given(reason, DecisionRefused)
    assert_no_number(reason, DecisionRefused, "理由")
