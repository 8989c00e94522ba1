"""`kyufu paper …`: the ward's own paper, taken out to be printed or looked at by signed-in people."""

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from pipelines import sign_in
from pipelines.errors import KyufuError
from pipelines.terminal import Home, Programme, business_day, console

paper = typer.Typer(
    no_args_is_help=True, help="区の紙の書類(申請書・通知書・校正紙・点字など)を取り出す。"
)


@paper.command("list")
def list_papers(programme: Programme = None, home: Home = None) -> None:
    """Show what was made, newest first. Nobody is shown."""
    from pipelines.steps import papers

    c, actor = sign_in.open_signed_in(programme, home)
    table = Table(box=box.SIMPLE)
    for heading in ("書類", "提供の根拠", "業務日", "人数", "枚・行"):
        table.add_column(heading, overflow="fold")
    for one in papers.list_papers(c, actor):
        table.add_row(
            escape(one.name), one.disclosure, str(one.business_date), f"{one.people:,}", f"{one.records:,}"
        )  # fmt: skip
    console.print(table if table.row_count else "書類はありません。")


@paper.command()
def show(
    name: Annotated[str, typer.Argument(help="The paper's name, as `kyufu paper list` shows it.")],
    out: Annotated[Path, typer.Option(help="Where it is written, for its owner alone.")],
    each: Annotated[
        bool, typer.Option("--each", help="A file for each addressee, into the new folder --out.")
    ] = False,
    purpose: Annotated[str, typer.Option(help="Why; goes into the audit trail.")] = "印刷・確認",
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Write a paper's file to print it or look at it. Taking it out is itself recorded."""
    from pipelines.steps import papers

    if out.exists():
        raise KyufuError(f"{out} はすでにあります。別の名前にしてください。")
    c, actor = sign_in.open_signed_in(programme, home)
    if each:
        found, files = papers.show_each(c, name, out, actor, purpose, business_day(c))
        console.print(escape(f"{out}: {files:,}ファイル {found.people:,}人 SHA-256 {found.sha256}"))
        return
    found = papers.show(c, name, out, actor, purpose, business_day(c))
    console.print(escape(f"{out}: {found.people:,}人 SHA-256 {found.sha256}"))
