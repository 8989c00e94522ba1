"""`kyufu login`, `kyufu holds …`: the stewards' queue for a signed-in person at a terminal."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from pipelines import sign_in
from pipelines.ledger.holds import Choice
from pipelines.programme import airflow_url_from_environment
from pipelines.terminal import Home, Programme, Reason, console, settings, tell_decided, today

if TYPE_CHECKING:
    from pipelines.steps.holds import Shown

holds = typer.Typer(no_args_is_help=True, help="保留されている人を見る、決定する。")

HoldId = Annotated[str, typer.Argument(help="The hold's number, as `kyufu holds list` shows it.")]
BelongsTo = Annotated[
    str | None,
    typer.Option("--to", help="Of a claim that is nobody's: resident number of whose it is."),
]
Purpose = Annotated[str, typer.Option(help="Why it is looked at; goes into the audit trail.")]
CHOICES = {
    Choice.PAY: "支給する",
    Choice.DECLINE: "支給しない(受け付けない)",
    Choice.ANOTHER_CLAIM: "改めて申請を受ける",
    Choice.BELONGS: "申請者を特定する",
}


def login(home: Home = None) -> None:
    """Sign in at Airflow (KYUFU_AIRFLOW_URL): user and password are asked for, the token is kept below the home."""
    url = airflow_url_from_environment()
    console.print(escape(f"Airflow {url} にログインします。"))
    user = str(typer.prompt("ユーザー名"))
    password = str(typer.prompt("パスワード", hide_input=True))
    actor = sign_in.sign_in(settings(None, home).home, url, user, password)
    roles = "、".join(sorted(actor.roles)) or "なし"
    console.print(escape(f"{actor.name} としてログインしました(役割: {roles})。"))


def logout(home: Home = None) -> None:
    """Forget the token of `kyufu login`."""
    was_there = sign_in.sign_out(settings(None, home).home)
    console.print("ログアウトしました。" if was_there else "ログインしていません。")


@holds.command("list")
def list_holds(
    purpose: Purpose = "保留の確認",
    code: Annotated[str, typer.Option(help="Only holds with this finding code.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many are shown.")] = 50,
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Show the queue: who waits longest first, why, and how far the decision is. No name is shown."""
    from pipelines.steps import holds as steps

    c, actor = sign_in.open_signed_in(programme, home)
    found, total = steps.list_holds(c, actor, purpose, today(), code=code, limit=limit)
    if not found:
        console.print("保留されている人はいません。")
        return
    table = Table(title=f"保留 {total:,}件のうち{len(found):,}件", box=box.SIMPLE)
    for heading in ("保留番号", "受付番号", "突合日", "理由", "決定", "同意"):
        table.add_column(heading, overflow="fold", no_wrap=heading.endswith(("番号", "日")))
    for line in found:
        choice = f" {CHOICES[line.choice]}" if line.choice else ""
        table.add_row(
            line.hold.hold_id, escape(line.claim_id), str(line.hold.since),
            line.hold.codes.replace(";", " "), f"{line.progress}{choice}", f"{line.approved}/{line.needed}人",
        )  # fmt: skip
    console.print(table)
    _explain_codes(sorted({c for line in found for c in line.hold.codes.split(";") if c}))


@holds.command()
def show(
    hold: HoldId,
    purpose: Purpose = "保留の確認",
    to: BelongsTo = None,
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Show what the claim says beside what the register says. The showing is itself recorded."""
    from pipelines.ledger.states import LABELS_JA
    from pipelines.steps import holds as steps

    c, actor = sign_in.open_signed_in(programme, home)
    found = steps.show(c, hold, actor, purpose, today(), to)
    console.print(
        escape(
            f"保留 {found.hold.hold_id}  受付番号 {found.claim_id}  突合日 {found.hold.since}"
            f"  {LABELS_JA[found.hold.state] if found.hold.state else '申請者不明'}"
        )
    )
    _explain_codes([code for code in found.hold.codes.split(";") if code])
    table = Table(box=box.SIMPLE)
    for heading in ("対象", "項目", "申請の記載", "台帳の記載", "判定"):
        table.add_column(heading, overflow="fold")
    for item in found.items:
        cells = (item.about, item.label, item.claimed, item.registered, str(item.verdict))
        table.add_row(*map(escape, cells))
    console.print(table)
    if found.masked:
        console.print("この内容は担当職員(steward)だけに表示します。判定だけを示しています。")
    if len(found.payable_on) > 1:
        console.print(escape(f"支給に使える申請: {'、'.join(found.payable_on)} (--claim で選ぶ)"))
    _tell_decision(found)


def _tell_decision(found: "Shown") -> None:
    needed = "二人の職員の同意が必要です。" if found.needed > 1 else "職員一人が決定します。"
    console.print(f"決定: {found.progress}。{needed}")
    if found.decided is not None and found.decided.applied_on is None:
        console.print(f"  {CHOICES[found.decided.choice]}")
        for who, why in found.reasons:
            console.print(escape(f"  {who}: {why}"))


@holds.command()
def decide(
    hold: HoldId,
    choice: Annotated[Choice, typer.Argument(help="pay, decline, another-claim or belongs.")],
    reason: Reason,
    claim: Annotated[
        str | None, typer.Option(help="Of several disputed claims, the one to pay on.")
    ] = None,
    to: BelongsTo = None,
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Decide about a hold that was shown to you; it takes effect when the next payments are drafted.

    A claim that is nobody's: belongs --to NUMBER has the next match decide it as that resident's; decline: not taken.
    """
    from pipelines.steps import holds as steps

    c, actor = sign_in.open_signed_in(programme, home)
    decided = steps.decide(c, hold, choice, reason, actor, today(), claim, to)
    told = f"{hold}: {CHOICES[choice]}({actor.name})。"
    when = "次の突合" if choice is Choice.BELONGS else "次の振込の起案"
    tell_decided(told, f"{when}で反映します。", decided.needed - len(decided.approved_by))


def _explain_codes(codes: list[str]) -> None:
    from pipelines.matching.findings import FINDINGS

    for code in codes:
        meaning = FINDINGS[code].meaning if code in FINDINGS else ""
        console.print(f"  {code}: {meaning}")
