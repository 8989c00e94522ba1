"""`kyufu disclosures`: what was given to whom, when, on which basis; the answer to the privacy council."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from pipelines.errors import KyufuError
from pipelines.files import write_whole
from pipelines.programme import Benefit
from pipelines.terminal import Home, Programme, business_day, console, no_link, settings

if TYPE_CHECKING:
    from pipelines.evidence.disclosures import Report

Days = tuple[date | None, date | None]
_DAY = ["%Y-%m-%d"]
_SHOWN = (0, 1, 3, 4, 5, 7, 8, 9, 10, 11, 12)  # of the headings, on a terminal's width


def disclosures(
    first: Annotated[
        datetime | None, typer.Option("--from", formats=_DAY, help="First day.")
    ] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=_DAY, help="Last day.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write FILE.csv or FILE.pdf instead, to print or hand in.")
    ] = None,
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Tell what was given to whom, by which medium, on which basis, and what was refused; nobody is named."""
    from pipelines.evidence import disclosures as report
    from pipelines.steps.campaign import open_campaign

    c = open_campaign(settings(programme, home), no_link)
    days = (first.date() if first else None, last.date() if last else None)
    with c.ledger.read() as connection:
        found = report.read_report(connection, c.programme, *days)
    if out is not None:
        write_whole(out, _file(out, found, c.programme.benefit, days, business_day(c)))
        console.print(escape(f"{out}: 提供 {len(found.given):,}件、拒否 {len(found.refused):,}件"))
        return
    table = Table(title="提供の記録", box=box.SIMPLE)
    for place in _SHOWN:
        table.add_column(report.HEADINGS[place], overflow="fold")
    for one in found.given:
        cells = one.cells()
        table.add_row(*(escape(cells[place][:12] if place == 9 else cells[place]) for place in _SHOWN))  # fmt: skip
    console.print(table)
    for recipient, basis, releases, records in found.totals():
        console.print(escape(f"{recipient}: {releases:,}回 {records:,}件({basis})"))
    if found.refused:
        console.print("審査で提供しなかったもの:")
    for refusal in found.refused:
        console.print(escape("  " + "  ".join(refusal.cells())))


def _file(out: Path, found: "Report", benefit: Benefit, days: Days, day: date) -> bytes:
    from pipelines.evidence import disclosures as report
    from pipelines.outputs.disclosure_report import build_csv, build_pages

    given = [one.cells() for one in found.given]
    if out.suffix == ".csv":
        return build_csv(report.HEADINGS, given)
    if out.suffix == ".pdf":
        totals = [(*names, f"{n:,}", f"{records:,}") for *names, n, records in found.totals()]
        return build_pages(
            programme=benefit.name, municipality=benefit.municipality, period=_period(days), totals=totals,
            given=given, refused=[one.cells() for one in found.refused], day=day,
        )  # fmt: skip
    raise KyufuError(f"{out}: --out には .csv か .pdf の名前を付けてください。")


def _period(days: Days) -> str:
    first, last = (str(day) if day else "" for day in days)
    return f"{first}〜{last}" if first or last else "全期間"
