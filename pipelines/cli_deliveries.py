"""`kyufu deliveries`: what was sent and is not acknowledged, and what of it is late."""

from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape

from pipelines.terminal import Home, Programme, business_day, console, no_link, settings

Day = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        help="As of this day (default: today; in a rehearsal its newest business day).",
    ),
]


def deliveries(day: Day = None, programme: Programme = None, home: Home = None) -> None:
    """List deliveries that nobody acknowledged yet, the longest due first; status 0 only if none is late."""
    from pipelines.ledger.sent import STATES_JA
    from pipelines.steps import sent
    from pipelines.steps.campaign import open_campaign

    c = open_campaign(settings(programme, home), no_link)
    with c.ledger.read() as connection:
        found = sent.unacknowledged(connection, c.programme)
    as_of = day.date() if day else business_day(c)
    if not found:
        console.print("受領確認を待っている送付はありません。")
        return
    for one in found:
        told = f"{one.name}  {c.programme.party(one.recipient).name}  {one.records:,}件  {STATES_JA[one.state]}"
        late = "  [red]期限切れ[/red]" if one.is_late(as_of) else ""
        console.print(f"{escape(told)}  送付 {one.sent_on}  期限 {one.due}{late}")
    raise typer.Exit(1 if any(one.is_late(as_of) for one in found) else 0)
