"""`kyufu audit …`: whether chain, ledger, bytes and manifests tell the same; who saw or received a person's data."""

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from pipelines import sign_in
from pipelines.terminal import (
    Home,
    Programme,
    assert_absent,
    console,
    no_link,
    settings,
    today,
    write_new,
)

audit = typer.Typer(no_args_is_help=True, help="監査記録を確かめる、一人の閲覧・提供の記録を見る。")


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


@audit.command()
def who(
    resident_id: Annotated[
        str, typer.Argument(help="住民番号, 10 digits; without one, the person's id (A…).")
    ],
    purpose: Annotated[
        str, typer.Option(help="Why it is asked; goes into the audit trail.")
    ] = "開示請求への回答",
    out: Annotated[
        Path | None, typer.Option(help="Write the answer as a PDF as well; must not exist yet.")
    ] = None,
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Who saw or received a person's data, when and on what basis (開示請求). Asking is itself recorded."""
    from pipelines.evidence import access

    if out is not None:
        assert_absent(out)
    c, actor = sign_in.open_signed_in(programme, home)
    found = access.who_saw(c, resident_id, actor, purpose, today())
    console.print(f"■ 外部への提供・区からの発送 {len(found.receipts):,}件")
    table = Table("提供日", "提供先", "根拠", "項目", "名前", "結果", box=box.SIMPLE)
    for r in found.receipts:
        whom = "\n再委託先: ".join([r.given.recipient, *r.passed_on])
        cells = (str(r.day), whom, r.given.basis, "、".join(r.given.items), r.given.name, r.outcome)
        table.add_row(*map(escape, cells))
    console.print(table)
    console.print(f"■ 職員による閲覧・照会・書き出し {len(found.showings):,}件")
    table = Table("日付", "内容", "職員", "目的", "記録番号", box=box.SIMPLE)
    for s in found.showings:
        told = (str(s.day), s.what, f"{s.actor} {s.name}".strip(), s.purpose, str(s.number))
        table.add_row(*map(escape, told))
    console.print(table)
    for note in access.notes(found):
        console.print(note)
    if out is not None:
        write_new(out, access.print_answer(c, found, today()))
        console.print(escape(f"{out} に書き出しました。"))
