"""People's approvals as tasks: each asks one person, the last enters all answers in the ledger.

A rejection is an answer like any other: nothing is skipped on it, the ledger records it, and the
steps after it act on what the ledger says.
"""

from collections.abc import Sequence
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import chain, task

from kyufu_airflow.programme import approvers
from kyufu_airflow.steps import business_date, clear_errors, log, open_campaign

_HIDDEN = ("subject", "hash", "needed", "names", "batches")
_LABELS = {
    "people": "人数",
    "payments": "振込件数",
    "sum_yen": "金額(円)",
    "transfer_date": "振込日",
    "names_changed": "名義を銀行の文字に直した件数",
    "names_cut": "うち名義の一部が失われた件数",
    "account_held": "口座を振込に使えないため保留した人",
    "change_held": "異動の行が保留中のため保留した人",
    "change_freed": "異動の行が直り保留を解いた人",
    "refused": "送れないもの",
    "proof": "校正紙(kyufu paper show で取り出す)",
    "protections": "保護",
    "additions": "対象者の追加",
    "elsewhere": "他の自治体で支給",
    "braille": "点字",
    "unlinked": "該当者なし",
    "candidates": "保護(候補を含む)",
    "classes": "消去する区分",
    "files": "消去するファイル",
    "keys": "破棄する鍵",
    "rows": "消去する台帳の行",
}


class LedgerApproval(ApprovalOperator):
    """Ask one person to approve a draft: counts, sum and hash, never a name.

    Asks nobody when the draft needs no further approval: there is nothing to decide, or the ledger
    has the decision.
    """

    template_fields = (*ApprovalOperator.template_fields, "draft")

    def __init__(self, *, draft: Any, number: int, of: int, **kwargs: Any) -> None:
        """Be the ``number``-th of the ``of`` people who are asked about ``draft``."""
        super().__init__(subject="承認", assigned_users=approvers(), **kwargs)
        self.draft = draft
        self.number = number
        self.of = of

    def execute(self, context: Any) -> Any:
        """Ask, unless there is nothing left to ask."""
        if not still_needed(self.draft):
            log.info("%s: 承認は不要です(対象なし、または承認済み)。", self.draft["subject"])
            return None
        self.subject = f"{self.draft['subject']} の承認 ({self.number}人目/{self.of}人)"
        self.body = describe(self.draft)
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Pass the answer on with the hash it was given for, skipping nothing."""
        answer = HITLOperator.execute_complete(self, context, event)
        return {
            "actor": answer["responded_by_user"]["id"],
            "approve": answer["chosen_options"] == [self.APPROVE],
            "hash": self.draft["hash"],
        }


def describe(draft: dict[str, Any]) -> str:
    """What the person sees: a Markdown table of the draft's counts and its hash."""
    lines = ["| 項目 | 内容 |", "| --- | --- |"]
    for name, value in draft.items():
        if name not in _HIDDEN and isinstance(value, int | str):
            shown = f"{value:,}" if isinstance(value, int) else value
            lines.append(f"| {_LABELS.get(name, name)} | {shown} |")
    return "\n".join([*lines, f"| ハッシュ | `{draft['hash']}` |"])


def still_needed(draft: dict[str, Any]) -> int:
    """How many more people must approve this content; none once somebody rejected it."""
    if not draft["needed"]:
        return 0
    import sqlalchemy as sa

    from pipelines.ledger import tables

    with clear_errors(), open_campaign() as c, c.ledger.read() as connection:
        query = sa.select(tables.approval).filter_by(
            programme=c.programme.id, subject=draft["subject"]
        )
        rows = connection.execute(query).mappings().all()
    if any(row["decision"] == "reject" for row in rows):
        return 0
    given = {row["actor"] for row in rows if row["subject_hash"] == draft["hash"]}
    return max(0, int(draft["needed"]) - len(given))


def ask(drafted: Any, *, people: int) -> Any:
    """Ask ``people`` people about what the task ``drafted`` made; gives the task that records."""
    asked = [
        LedgerApproval(task_id=f"approve_{n}", draft=drafted, number=n, of=people)
        for n in range(1, people + 1)
    ]
    recorded = record(drafted, [one.output for one in asked])
    chain(drafted, asked, recorded)
    return recorded


@task
def record(
    draft: dict[str, Any],
    answers: Sequence[dict[str, Any] | None],
    partition_key: str | None = None,
    dag_run: Any = None,
) -> dict[str, Any]:
    """Enter every answer in the ledger; fail if the same person answered twice.

    Returns:
        How many approved and how many rejected.
    """
    from pipelines.ledger.approvals import assert_approved, is_rejected
    from pipelines.steps import approvals

    given = [answer for answer in answers if answer]
    day = business_date(partition_key, dag_run)
    with clear_errors(), open_campaign() as c:
        drafter = approvals.drafter(c)
        for answer in given:
            approvals.decide(
                c,
                draft["subject"],
                answer["hash"],
                answer["actor"],
                answer["approve"],
                drafter,
                day,
            )
        with c.ledger.read() as connection:
            rejected = is_rejected(connection, c.programme.id, draft["subject"])
            if draft["needed"] and not rejected:
                assert_approved(
                    connection, c.programme.id, draft["subject"], draft["hash"], draft["needed"]
                )
    approved = sum(answer["approve"] for answer in given)
    log.info("%s: 承認%d人、却下%d人", draft["subject"], approved, len(given) - approved)
    return {"approved": approved, "rejected": len(given) - approved}
