"""`kyufu audit verify`: whether the audit chain, the ledger, the stored bytes and the manifests tell the same."""

import typer
from rich.markup import escape

from pipelines.terminal import Home, Programme, console, no_link, settings

audit = typer.Typer(no_args_is_help=True, help="監査記録を確かめる。")


@audit.callback()
def _group() -> None:
    """Keep `verify` a command of its own, though it is the only one."""


@audit.command()
def verify(programme: Programme = None, home: Home = None) -> None:
    """Say exactly where they part; status 0 only if nowhere. Run it while nothing else runs."""
    from pipelines.evidence.audit import verify as look
    from pipelines.steps.campaign import open_campaign

    c = open_campaign(settings(programme, home), no_link)
    found = look(c)
    console.print(
        f"監査記録 {found.records:,}件 / 状態の記録 {found.events:,}件 / 提供データ {found.releases:,}件"
        f" / 送り状にある最後の監査記録 {found.head:,}番"
    )
    for fault in found.faults:
        console.print(f"[red]不一致:[/red] {escape(fault)}")
    console.print(
        "[red]一致しません。手引(docs/runbook.md)を見てください。[/red]"
        if found.faults
        else "すべて一致しています。"
    )
    raise typer.Exit(1 if found.faults else 0)
