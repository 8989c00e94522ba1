"""`kyufu mail …`: what was mailed, what came back, what is written anew, for a signed-in person at a terminal."""

from datetime import date, datetime
from typing import Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from pipelines import sign_in
from pipelines.terminal import Home, Programme, Reason, console, today

mail = typer.Typer(
    no_args_is_help=True, help="区の郵便物: 発送の一覧、返戻の記録、申請書の再発行。"
)

Mailing = Annotated[str, typer.Argument(help="The number printed on the sheet (発送番号).")]
Resident = Annotated[
    str, typer.Option("--resident", help="Instead of a number: resident number of anybody on the form.")
]  # fmt: skip


@mail.command("list")
def list_mail(
    returned: Annotated[bool, typer.Option(help="Only what came back.")] = False,
    resident: Resident = "",
    purpose: Annotated[str, typer.Option(help="Why one resident's mail is looked at.")] = "照会",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many are shown.")] = 50,
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Show the ward's mail, the newest first. No name and no address is shown."""
    from pipelines.ledger.mail import LABELS_JA
    from pipelines.steps import mail as steps

    c, actor = sign_in.open_signed_in(programme, home)
    found = steps.list_mail(
        c, actor, purpose, today(), resident_id=resident, returned_only=returned
    )
    shown = found[:limit]
    table = Table(title=f"郵便物 {len(found):,}件のうち{len(shown):,}件", box=box.SIMPLE)
    for heading in ("発送番号", "種類", "発送日", "返戻日・理由", "再発行"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "発送番号")
    labels = c.programme.mail.undelivered
    for m in shown:
        came_back = f"{m.returned_on} {labels[m.reason].label}" if m.reason else ""
        anew = "" if m.reissue is None else m.reissue or "受付済み"
        sent = str(m.sent_on or ("取り下げ" if m.is_taken_back else "未発送"))
        table.add_row(m.mailing_id, LABELS_JA[m.kind], sent, came_back, anew)
    console.print(table)
    for number, told in steps.next_of(c, [m for m in shown if m.needs_somebody]).items():
        console.print(escape(f"  {number}: {told}"))


@mail.command()
def undelivered(
    reason: Annotated[str, typer.Option(help="unknown_address, moved, not_collected, refused.")],
    mailing: Mailing = "",
    resident: Resident = "",
    on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="When it came back (default: today)."),
    ] = None,
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Enter that mail came back (返戻), and say what happens next."""
    from pipelines.steps import mail as steps

    c, actor = sign_in.open_signed_in(programme, home)
    day: date = today()
    returned_on = on.date() if on else day
    number, told = steps.enter_return(c, actor, mailing, resident, reason, returned_on, day)
    console.print(escape(f"{number}: 返戻を記録しました({actor.name})。次の対応: {told}"))


@mail.command()
def reissue(
    reason: Reason,
    mailing: Mailing = "",
    resident: Resident = "",
    at_counter: Annotated[
        bool, typer.Option(help="Handed out at the counter, not mailed.")
    ] = False,
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Have a form written anew (再発行); it is among the next day's forms, which one person approves."""
    from pipelines.steps import mail as steps

    c, actor = sign_in.open_signed_in(programme, home)
    number = steps.ask_reissue(c, actor, mailing, resident, reason, at_counter, today())
    console.print(
        escape(
            f"{number}: 再発行を受け付けました({actor.name})。次の申請書の作成で新しい番号になります。"
        )
    )
