"""`kyufu erasure …`: erasing what may be held no longer, and the parties' certificates, for signed-in people."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from pipelines import sign_in
from pipelines.terminal import Home, Programme, console, no_link, settings, tell_decided, today

if TYPE_CHECKING:
    from pipelines.steps.erasure import Plan

erasure = typer.Typer(no_args_is_help=True, help="消去: 保存期間の終わったものを消し、証明する。")


@erasure.command()
def plan(programme: Programme = None, home: Home = None) -> None:
    """Plan the erasure of everything whose period is over; two other people approve it."""
    from pipelines.steps import erasure as steps

    c, actor = sign_in.open_signed_in(programme, home)
    made = steps.plan(c, actor, today())
    if made is None:
        console.print("保存期間の終わったもので、残っているものはありません。")
        return
    _show(made)
    console.print(f"計画 {made.hash}")
    console.print("別の職員2人が kyufu erasure approve で同意すると、実行できます。")


@erasure.command()
def approve(programme: Programme = None, home: Home = None) -> None:
    """Agree to the plan that stands, as it is shown."""
    from pipelines.steps import erasure as steps

    c, actor = sign_in.open_signed_in(programme, home)
    if (standing := steps.latest(c)) is not None:
        _show(standing)
    left = steps.approve(c, actor, today())
    tell_decided(f"消去に同意しました({actor.name})。", "kyufu erasure run で実行します。", left)


@erasure.command()
def run(programme: Programme = None, home: Home = None) -> None:
    """Erase what two people agreed to, search for what may remain, and write the signed certificate."""
    from pipelines.steps import erasure as steps
    from pipelines.steps.roles import Act

    c, actor = sign_in.open_signed_in(programme, home)
    actor.assert_may(Act.PLAN_ERASURE)
    done = steps.run(c, today())
    folder = steps.certificate_folder(c, done["number"])
    what = "は済んでいます" if done["repeated"] else "を終えました"
    console.print(escape(f"消去{done['number']}{what}。消去報告書: {folder / 'certificate.pdf'}"))


@erasure.command()
def status(programme: Programme = None, home: Home = None) -> None:
    """What is held until when, how far an erasure is, and which party's certificate is missing."""
    from pipelines.ledger import erasing
    from pipelines.steps import erasure as steps
    from pipelines.steps import party_erasure
    from pipelines.steps.campaign import open_campaign

    c, day = open_campaign(settings(programme, home), no_link), today()
    table = Table(title=f"{c.programme.id} の保存データ", box=box.SIMPLE)
    for heading in ("区分", "保存期限", "ファイル", "鍵", "台帳の行", "消去日"):
        table.add_column(heading)
    for row in steps.list_classes(c, day):
        table.add_row(
            row["what"], row["until"] + ("(経過)" if row["overdue"] else ""), f"{row['files']:,}",
            f"{row['keys']:,}", f"{row['rows']:,}", row["erased_on"] or "",
        )  # fmt: skip
    console.print(table)
    for one in party_erasure.standing(c):
        console.print(escape(f"{one.name}: {one.told(day)}"))
    if (found := steps.latest(c)) is not None:
        console.print(f"消去{found.number}({found.planned_on}計画): {steps.STATES_JA[found.state]}")
    with c.ledger.read() as connection:
        for what, count in erasing.needed_still(connection, c.programme.id).items():
            console.print(f"消去できない理由: {what} {count:,}件")


@erasure.command()
def receive(
    party: Annotated[str, typer.Argument(help="The party's id in the programme.")],
    file: Annotated[
        Path, typer.Argument(help="Its signed certificate (CMS, DER).", dir_okay=False)
    ],
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Enter a party's certificate that came as a file, after its connection has ended."""
    from pipelines.errors import InputMissing
    from pipelines.steps import party_erasure
    from pipelines.steps.roles import Act

    c, actor = sign_in.open_signed_in(programme, home)
    actor.assert_may(Act.PLAN_ERASURE)
    if not file.is_file():
        raise InputMissing(f"{file} がありません。ファイルの場所を確認してください。")
    done = party_erasure.receive(c, party, file.read_bytes(), today())
    console.print(
        escape(
            f"{c.programme.party(party).name}の証明書を記録しました"
            f"(消去{done['erased']:,}件、返還{done['returned']:,}件)。"
        )
    )


def _show(found: "Plan") -> None:
    from pipelines.ledger.personal import CLASSES_JA

    table = Table(title=f"消去{found.number}({found.planned_on}計画)", box=box.SIMPLE)
    for heading in ("区分", "保存期限", "ファイル", "鍵", "台帳の行"):
        table.add_column(heading)
    for wanted, told in found.parts.items():
        numbers = (f"{told[name]:,}" for name in ("files", "keys", "rows"))
        table.add_row(CLASSES_JA[wanted], told["until"], *numbers)
    console.print(table)
