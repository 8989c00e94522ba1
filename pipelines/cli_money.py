"""`kyufu recovery …`, `kyufu results …`: money that went astray, for signed-in people at a terminal."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from pipelines import sign_in
from pipelines.ledger.results import FAULTS_JA, Choice
from pipelines.terminal import Home, Programme, Reason, console, tell_decided, today

if TYPE_CHECKING:
    from pipelines.ledger.money_decisions import Decision

recovery = typer.Typer(
    no_args_is_help=True, help="誤って支払った額の回収を見る、始める、記録する。"
)
results = typer.Typer(no_args_is_help=True, help="照合できない振込結果を見る、決定する。")

RecoveryId = Annotated[
    str, typer.Argument(help="The recovery's number, as `kyufu recovery list` shows it.")
]
Purpose = Annotated[str, typer.Option(help="Why it is looked at; goes into the audit trail.")]
CAUSES: Mapping[str, str] = {
    "protection": "保護",
    "not_eligible": "対象外の人への支払",
    "paid_twice": "二重の支払",
}
CHOICES: Mapping[Choice, str] = {
    Choice.PAID: "給付済みとする",
    Choice.RETURNED: "振込不能(返戻)とする",
    Choice.DISMISS: "台帳を変えずに閉じる",
}


@recovery.command("list")
def list_recoveries(
    purpose: Purpose = "回収の確認", programme: Programme = None, home: Home = None
) -> None:
    """Show wrong payments nobody decided to recover yet, and recoveries with money to come. No person is shown."""
    from pipelines.steps import stray_money

    c, actor = sign_in.open_signed_in(programme, home)
    waiting, opened = stray_money.list_recoveries(c, actor, purpose, today())
    if not waiting and not opened:
        console.print("回収するものはありません。")
        return
    table = Table(box=box.SIMPLE)
    for heading in ("回収番号", "支払番号", "理由", "状態", "額", "回収済み"):
        table.add_column(heading, overflow="fold", no_wrap=heading.endswith("番号"))
    needed = c.programme.people.money_approvals
    for listed in (*waiting, *opened):
        one = listed.recovery
        state = f"{one.opened_on} 開始" if one.opened_on else f"未決定 {listed.agreed}/{needed}人"
        table.add_row(
            one.recovery_id, one.payment_key, CAUSES.get(one.cause, one.cause), state, f"{one.amount_yen:,}円",
            f"{one.recovered_yen:,}円",
        )  # fmt: skip
    console.print(table)


@recovery.command("show")
def show_recovery(
    number: RecoveryId,
    purpose: Purpose = "回収の確認",
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Show whom a recovery is about. The showing is itself recorded."""
    from pipelines.steps import stray_money

    c, actor = sign_in.open_signed_in(programme, home)
    found, person = stray_money.show_recovery(c, number, actor, purpose, today())
    console.print(f"回収 {found.recovery_id}  支払番号 {found.payment_key}  {found.amount_yen:,}円")
    for title, name in (
        ("住民番号", "resident_id"),
        ("世帯番号", "household_id"),
        ("氏名", "name_kanji"),
    ):
        console.print(escape(f"  {title}: {person[name]}"))


@recovery.command("open")
def open_recovery(
    number: RecoveryId, reason: Reason, programme: Programme = None, home: Home = None
) -> None:
    """Decide to recover a wrong payment; a second person agrees by deciding the same, and it opens."""
    from pipelines.steps import stray_money

    c, actor = sign_in.open_signed_in(programme, home)
    decided = stray_money.open_recovery(c, number, reason, actor, today())
    _tell(
        decided, f"{number}: 回収を始める({actor.name})。", "回収を始めました。その人は対象外です。"
    )


@recovery.command("settle")
def settle_recovery(
    number: RecoveryId,
    amount: Annotated[
        int, typer.Option(help="Yen that came back; a minus takes back a wrong entry.")
    ],
    receipt: Annotated[str, typer.Option(help="The receipt's number; each is entered once.")],
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Enter what came back under a receipt."""
    from pipelines.steps import stray_money

    c, actor = sign_in.open_signed_in(programme, home)
    found = stray_money.settle_recovery(c, number, receipt, amount, actor, today())
    console.print(f"{number}: 回収済み {found.recovered_yen:,}円 / 残り {found.open_yen:,}円")


@results.command("list")
def list_results(
    purpose: Purpose = "振込結果の確認", programme: Programme = None, home: Home = None
) -> None:
    """Show payments whose result is unknown or disputed, by their key. No person is shown."""
    from pipelines.steps import stray_money

    c, actor = sign_in.open_signed_in(programme, home)
    found = stray_money.list_results(c, actor, purpose, today())
    if not found:
        console.print("照合できない振込結果はありません。")
        return
    table = Table(box=box.SIMPLE)
    for heading in ("支払番号", "人数", "額", "理由", "できる決定", "同意"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "支払番号")
    needed = c.programme.people.money_approvals
    for one in found:
        why = "、".join(dict.fromkeys(FAULTS_JA[fault] for fault in one.faults))
        agreed = f"{one.decided} {one.agreed}/{needed}人" if one.decided else "未決定"
        table.add_row(
            escape(one.payment_key), f"{one.people:,}", f"{one.amount_yen:,}円", why or "期限までに結果がない",
            " ".join(one.choices), agreed,
        )  # fmt: skip
    console.print(table)
    for choice, meaning in CHOICES.items():
        console.print(f"  {choice}: {meaning}")


@results.command("decide")
def decide_result(
    payment_key: Annotated[str, typer.Argument(help="The payment's key, as the list shows it.")],
    choice: Annotated[Choice, typer.Argument(help="paid, returned or dismiss.")],
    reason: Reason,
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Decide what became of a payment, after asking the bank; a second person agrees by deciding the same."""
    from pipelines.steps import stray_money

    c, actor = sign_in.open_signed_in(programme, home)
    decided = stray_money.decide_result(c, payment_key, choice, reason, actor, today())
    _tell(decided, f"{payment_key}: {CHOICES[choice]}({actor.name})。", "台帳に反映しました。")


def _tell(decided: "Decision", what: str, done: str) -> None:
    tell_decided(what, done, decided.needed - len(decided.approved_by))
