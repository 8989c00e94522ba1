"""`kyufu cash …`: money over the counter, for signed-in people at a terminal."""

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from pipelines import sign_in
from pipelines.ledger.states import Batch
from pipelines.terminal import Home, Programme, Reason, console, tell_decided, today

cash = typer.Typer(
    no_args_is_help=True, help="窓口での現金給付を決める、起案する、承認する、記録する。"
)

BatchId = Annotated[str, typer.Argument(help="The batch's number, as `kyufu cash list` shows it.")]
Code = Annotated[str, typer.Argument(help="確認符号: what the list shows beside what you checked.")]
Key = Annotated[str, typer.Argument(help="支払番号, as on the payout list.")]


@cash.command("order")
def order_cash(
    claim: Annotated[str, typer.Argument(help="受付番号 of the claim.")], reason: Reason,
    programme: Programme = None, home: Home = None,
) -> None:  # fmt: skip
    """Decide that a claim is paid in cash; a second person agrees by deciding the same."""
    from pipelines.steps import cash as steps

    c, actor = sign_in.open_signed_in(programme, home)
    decided = steps.order(c, claim, reason, actor, today())
    left = decided.needed - len(decided.approved_by)
    tell_decided(f"{claim}: 窓口払いにする({actor.name})。", "次の起案で支払います。", left)


@cash.command("draft")
def draft_cash(programme: Programme = None, home: Home = None) -> None:
    """Declare everything that is to be paid in cash as one batch, for two others to approve."""
    from pipelines.steps import cash as steps

    c, actor = sign_in.open_signed_in(programme, home)
    found = steps.draft(c, actor, today())
    if found is None:
        console.print("窓口で支払うものはありません。")
        return
    console.print(
        f"{found.batch_id}: {found.payments:,}件 {found.people:,}人 {found.sum_yen:,}円を起案しました。"
        f"確認符号 {found.code}。別の職員{c.programme.people.money_approvals}人の承認が必要です。"
    )


@cash.command("list")
def list_cash(
    purpose: Annotated[
        str, typer.Option(help="Why it is looked at; goes into the audit trail.")
    ] = "窓口払いの確認",
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Show batches to approve and payments nobody collected yet. No person is shown."""
    from pipelines.steps import cash as steps

    c, actor = sign_in.open_signed_in(programme, home)
    batches, waiting = steps.list_cash(c, actor, purpose, today())
    if not batches:
        console.print("窓口払いはありません。")
        return
    table = Table(box=box.SIMPLE)
    for heading in ("一括番号", "起案", "件数", "人数", "合計", "状態", "確認符号"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("一括番号", "確認符号"))
    for one in batches:
        agreed = f"承認 {one.approved}/{c.programme.people.money_approvals}人"
        table.add_row(
            one.batch_id, f"{one.day} {escape(one.drafter)}", f"{one.payments:,}", f"{one.people:,}",
            f"{one.sum_yen:,}円", "窓口で支払中" if one.state == Batch.APPROVED else agreed, one.code,
        )  # fmt: skip
    console.print(table)
    for payment in waiting:
        console.print(
            f"  受領待ち {payment.payment_key}  {payment.people:,}人  {payment.amount_yen:,}円"
            f"  {payment.issued_on} から({payment.batch_id})"
        )


@cash.command("approve")
def approve_cash(
    batch_id: BatchId, code: Code, programme: Programme = None, home: Home = None
) -> None:
    """Approve a drafted batch as it was seen."""
    _decide(batch_id, code, True, programme, home)


@cash.command("reject")
def reject_cash(
    batch_id: BatchId, code: Code, programme: Programme = None, home: Home = None
) -> None:
    """Reject a drafted batch: its people are approved again."""
    _decide(batch_id, code, False, programme, home)


@cash.command("issue")
def issue_cash(
    batch_id: BatchId,
    out: Annotated[Path, typer.Option(help="The PDF to write.")],
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Write the payout list of an approved batch for the counter."""
    from pipelines.files import write_whole
    from pipelines.steps import cash as steps

    c, actor = sign_in.open_signed_in(programme, home)
    write_whole(out, steps.issue(c, batch_id, actor, today()))
    console.print(f"{batch_id}: 支払名簿を{escape(str(out))}に書き出しました。")


@cash.command("receive")
def receive_cash(
    payment_key: Key,
    receipt: Annotated[
        str, typer.Option(help="受領番号 on the signed list; each is entered once.")
    ],
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Enter that the money was handed out and signed for."""
    from pipelines.steps import cash as steps

    c, actor = sign_in.open_signed_in(programme, home)
    found = steps.receive(c, payment_key, receipt, actor, today())
    console.print(f"{payment_key}: {found.people:,}人 {found.amount_yen:,}円を給付済みにしました。")


@cash.command("withdraw")
def withdraw_cash(
    payment_key: Key, reason: Reason, programme: Programme = None, home: Home = None
) -> None:
    """Take a payment, or a receipt entered wrongly, back; a second person agrees by deciding the same."""
    from pipelines.steps import cash as steps

    c, actor = sign_in.open_signed_in(programme, home)
    decided = steps.withdraw(c, payment_key, reason, actor, today())
    left = decided.needed - len(decided.approved_by)
    done = "取り消しました。支給決定済みに戻りました。"
    tell_decided(f"{payment_key}: 窓口払いを取り消す({actor.name})。", done, left)


def _decide(
    batch_id: str, code: str, approve: bool, programme: Path | None, home: Path | None
) -> None:
    from pipelines.steps import cash as steps

    c, actor = sign_in.open_signed_in(programme, home)
    found = steps.decide(c, batch_id, code, approve, actor, today())
    if not approve:
        console.print(f"{batch_id}: 却下しました({escape(actor.name)})。")
        return
    left = c.programme.people.money_approvals - found.approved
    done = "kyufu cash issue で支払名簿を書き出してください。"
    tell_decided(f"{batch_id}: 承認しました({actor.name})。", done, left)
