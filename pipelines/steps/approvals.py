"""Entering people's decisions: one way for forms, protections and money."""

from datetime import date
from typing import Any

from pipelines.errors import KyufuError
from pipelines.failpoints import failpoint
from pipelines.ledger import approvals, rosters
from pipelines.ledger.approvals import ApprovalRefused
from pipelines.steps.campaign import Campaign


def decide(
    c: Campaign, subject: str, seen_hash: str, actor: str, approve: bool, drafter: str, day: date
) -> dict[str, Any]:
    """Enter one person's decision on what that person saw.

    Raises:
        ApprovalRefused: not allowed to this person, or the content changed.
        NotOnRoster: the person is not on the ward's roster.
    """
    with c.ledger.write() as connection:
        rosters.assert_handler(connection, c.programme, actor)
        approvals.decide(
            connection, c.programme.id, subject, seen_hash, actor, approve, drafter, day
        )
    failpoint("approvals.decided")
    return {"subject": subject, "decision": "approve" if approve else "reject"}


def rehearse(c: Campaign, draft: dict[str, Any], day: date) -> None:
    """Let the demonstration's people approve a draft.

    Raises:
        KyufuError: the programme is in production: only people decide there.
        ApprovalRefused: the demonstration names too few people.
    """
    if not c.programme.is_demonstration or c.programme.demonstration is None:
        raise KyufuError(
            f"{draft['subject']}: 本番の事業では職員が承認します。Airflowの画面で承認してください。"
        )
    people = c.programme.demonstration.approvers[: draft["needed"]]
    if len(people) < draft["needed"]:
        raise ApprovalRefused(f"{draft['subject']}: [demonstration] approversが足りません。")
    for actor in people:
        decide(
            c, draft["subject"], draft["hash"], actor, True, c.programme.demonstration.drafter, day
        )


def drafter(c: Campaign) -> str:
    """Who drafts: the demonstration's drafter, or in production the scheduled run itself."""
    return c.programme.demonstration.drafter if c.programme.demonstration else "system"
