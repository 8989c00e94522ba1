"""Rows that nobody can mend, set apart by two people: a line of totals, a person whom nobody can make out any more.

Forms, payments and the freeze of the register wait for every row of quarantine that may protect or name somebody. With
an exception they wait no longer; the rows stay in quarantine, and every count still adds up.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pipelines.errors import InputMissing, InputRefused, KyufuError
from pipelines.intake import quarantine
from pipelines.ledger import exceptions
from pipelines.ledger.exceptions import Exceptions
from pipelines.ledger.money_decisions import Decision
from pipelines.ledger.store import record
from pipelines.steps.reasons import assert_given
from pipelines.steps.roles import Act, Actor

if TYPE_CHECKING:
    from pipelines.intake.staging import Manifest
    from pipelines.steps.campaign import Campaign


def signed_for(c: Campaign, manifest: Manifest) -> Exceptions:
    """What is signed for the delivery of a staged version."""
    day = date.fromisoformat(manifest.day)
    with c.ledger.read() as connection:
        return exceptions.signed(
            connection, c.programme.id, manifest.dataset, day, manifest.sources
        )


def waiting(c: Campaign, manifest: Manifest) -> int:
    """How many quarantined rows of a staged version are no exception."""
    if not manifest.quarantined:
        return 0
    return len(_quarantined(c, manifest) - signed_for(c, manifest).rows)


def sign(c: Campaign, dataset: str, day: date, reason: str, actor: Actor, today: date) -> Decision:
    """Enter one person's signature on every row of a day's newest version that waits, and on its repetitions.

    Raises:
        NotAllowed: the actor may not sign.
        InputMissing: the day is not staged.
        InputRefused: nothing of it waits.
        KyufuError: no reason is given.
        ApprovalRefused: the actor may not sign this.
    """
    actor.assert_may(Act.EXCEPT_ROWS)
    assert_given(reason, KyufuError, "例外とする理由")
    manifest = c.staging.manifest(c.programme.source(dataset).dataset, day)
    if manifest is None:
        raise InputMissing(
            f"{dataset} {day} は取り込まれていません。データセットと日付を確認してください。"
        )
    wanted = Exceptions(frozenset(_quarantined(c, manifest)), manifest.duplicates)
    if wanted == signed_for(c, manifest):
        raise InputRefused(f"{dataset} {day}: 例外とする行はありません。")
    with c.ledger.write() as connection:
        decision = exceptions.sign(
            connection, c.programme.id, dataset, day, manifest.sources, wanted,
            c.programme.people.protection_approvals, actor.name, reason.strip(), today,
        )  # fmt: skip
        detail = {
            "rows": len(wanted.rows), "duplicates": wanted.duplicates, "number": decision.number,
            "signed": len(decision.approved_by), "needed": decision.needed,
        }  # fmt: skip
        record(
            connection, c.programme.id, "quarantine.excepted", actor.name, decision.subject, detail, today
        )  # fmt: skip
    return decision


def _quarantined(c: Campaign, manifest: Manifest) -> set[exceptions.Key]:
    day = date.fromisoformat(manifest.day)
    problems = c.staging.read(manifest.dataset, day, "problems", manifest.version)
    return set(quarantine.rejections(problems))
