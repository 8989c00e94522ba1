"""Approvals: who decided, bound to the hash of what was seen; different people, never the drafter."""

from datetime import date

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import tables
from pipelines.ledger.store import record


class ApprovalRefused(KyufuError):
    """This person may not decide this, or what was seen has changed."""


def decide(
    connection: sa.Connection, programme: str, subject: str, seen_hash: str, actor: str, approve: bool,
    drafter: str, day: date,
) -> None:  # fmt: skip
    """Record one person's decision; the same decision by the same person again changes nothing.

    Raises:
        ApprovalRefused: the actor drafted it, decided differently before, or saw another version.
    """
    if actor == drafter:
        raise ApprovalRefused(
            f"{subject}: 起案者({actor})は承認できません。別の職員が承認してください。"
        )
    a = tables.approval
    decision = "approve" if approve else "reject"
    rows = (
        connection.execute(sa.select(a).filter_by(programme=programme, subject=subject))
        .mappings()
        .all()
    )
    for row in rows:
        if row["subject_hash"] != seen_hash:
            raise ApprovalRefused(
                f"{subject}: 承認後に内容が変わりました。新しい内容で承認をやり直してください。"
            )
        if row["actor"] == actor:
            if row["decision"] == decision:
                return
            raise ApprovalRefused(f"{subject}: {actor}はすでに別の判断をしています。")
    values = {"subject": subject, "actor": actor, "subject_hash": seen_hash, "decision": decision}
    connection.execute(sa.insert(a).values(programme=programme, business_date=day, **values))
    record(connection, programme, f"approval.{decision}", actor, subject, {"hash": seen_hash}, day)


def approvers_of(
    connection: sa.Connection, programme: str, subject: str, content_hash: str
) -> frozenset[str]:
    """Who approved exactly this content."""
    a = tables.approval
    query = sa.select(a.c.actor).filter_by(
        programme=programme, subject=subject, subject_hash=content_hash, decision="approve"
    )
    return frozenset(connection.execute(query).scalars())


def is_rejected(connection: sa.Connection, programme: str, subject: str) -> bool:
    """Whether anybody rejected it."""
    a = tables.approval
    query = (
        sa.select(sa.func.count())
        .select_from(a)
        .filter_by(programme=programme, subject=subject, decision="reject")
    )
    return bool(connection.execute(query).scalar_one())


def assert_approved(
    connection: sa.Connection, programme: str, subject: str, content_hash: str, needed: int
) -> None:
    """Fail unless `needed` different people approved exactly this content and nobody rejected it.

    Raises:
        ApprovalRefused: too few, rejected, or given for other content.
    """
    a = tables.approval
    rows = (
        connection.execute(sa.select(a).filter_by(programme=programme, subject=subject))
        .mappings()
        .all()
    )
    if any(row["decision"] == "reject" for row in rows):
        raise ApprovalRefused(f"{subject}: 却下されています。")
    given = {row["actor"] for row in rows if row["subject_hash"] == content_hash}
    if len(given) < needed:
        raise ApprovalRefused(
            f"{subject}: 承認が{needed}人必要ですが、この内容の承認は{len(given)}人です。"
        )
