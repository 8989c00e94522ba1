"""`kyufu letters …`: letters to other municipalities, checked and posted by signed-in people at a terminal."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from pipelines import sign_in
from pipelines.terminal import Home, Programme, business_day, console

letters = typer.Typer(
    no_args_is_help=True,
    help="他の自治体への通知(紙・書留)を見る、確認する、発送を記録する。",
)

Name = Annotated[str, typer.Argument(help="The letter's name, as `kyufu letters list` shows it.")]
Purpose = Annotated[str, typer.Option(help="Why it is looked at; goes into the audit trail.")]


class Check(StrEnum):
    """What is checked."""

    ADDRESS = "address"
    CONTENT = "content"


CHECKS_JA = {Check.ADDRESS: "あて先", Check.CONTENT: "郵送内容"}


@letters.command("list")
def list_letters(programme: Programme = None, home: Home = None) -> None:
    """Show every letter and how far it is. Nobody is shown."""
    from pipelines.steps import letter_checks as steps

    c, actor = sign_in.open_signed_in(programme, home)
    found = steps.list_letters(c, actor)
    if not found:
        console.print("他の自治体への通知はありません。")
        return
    table = Table(box=box.SIMPLE)
    for heading in ("通知", "宛先", "人数", "手書き", "あて先", "郵送内容", "状態"):
        table.add_column(heading, overflow="fold")
    needed = c.programme.letters.checks if c.programme.letters else 0
    for one in found:
        checks = [f"{len(one.checked[check])}/{needed}人" for check in Check]
        state = "確認待ち"
        if one.withdrawn_on:
            state = f"{one.withdrawn_on} 取り下げ"
        elif one.posted_on:
            state = f"{one.posted_on} 発送 {one.receipt_number}"
        counts = (f"{one.people:,}", f"{one.blanks:,}")
        table.add_row(one.name, escape(one.municipality), *counts, *checks, state)
    console.print(table)


@letters.command()
def show(
    name: Name,
    out: Annotated[Path, typer.Option(help="Where the PDF is written, for its owner alone.")],
    purpose: Purpose = "あて先と郵送内容の確認",
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Write a letter's PDF to look at before checking it. The showing is itself recorded."""
    from pipelines.steps import letter_checks as steps

    c, actor = sign_in.open_signed_in(programme, home)
    found = steps.show(c, name, out, actor, purpose, business_day(c))
    console.print(escape(f"{out}: {found.municipality} {found.people}人 SHA-256 {found.sha256}"))
    if found.blanks:
        console.print(
            f"記録のない項目が{found.blanks}か所あります。職員が確認して、印刷した通知に記入してください。"
        )


@letters.command()
def check(
    name: Name,
    what: Annotated[Check, typer.Argument(help="address (あて先) or content (郵送内容).")],
    wrong: Annotated[
        bool, typer.Option("--wrong", help="It is not right: the letter is taken back.")
    ] = False,
    reason: Annotated[
        str, typer.Option(help="With --wrong: what is not right, without anybody's data.")
    ] = "",
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Enter that you found the address or the content of a letter that was shown to you right, or wrong."""
    from pipelines.steps import letter_checks as steps

    c, actor = sign_in.open_signed_in(programme, home)
    found = steps.check(c, name, what, not wrong, reason, actor, business_day(c))
    if wrong:
        console.print(
            escape(f"{name}: {CHECKS_JA[what]}に誤り({actor.name})。次の起案で作り直します。")
        )
        return
    needed = c.programme.letters.checks if c.programme.letters else 0
    console.print(
        escape(
            f"{name}: {CHECKS_JA[what]}を確認({actor.name}) {len(found.checked[what])}/{needed}人"
        )
    )


@letters.command()
def posted(
    name: Name,
    receipt: Annotated[str, typer.Option(help="書留番号: 11 or 12 digits, hyphens allowed.")],
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Enter the post office's number of a letter that both checks found right."""
    from pipelines.steps import letter_checks as steps

    c, actor = sign_in.open_signed_in(programme, home)
    found = steps.post(c, name, receipt, actor, business_day(c))
    console.print(escape(f"{name}: {found.posted_on} 発送 書留番号 {found.receipt_number}"))
