"""`kyufu …`: the same functions as the DAGs, for a person at a terminal."""

import sys
import time
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines import (
    cli_audit,
    cli_cash,
    cli_deliveries,
    cli_disclosures,
    cli_erasure,
    cli_evidence,
    cli_holds,
    cli_incident,
    cli_letters,
    cli_link,
    cli_mail,
    cli_money,
    cli_paper,
    cli_quarantine,
    cli_rehearse,
    cli_roster,
    cli_stop,
    cli_zengin,
)
from pipelines.errors import KyufuError
from pipelines.link.errors import LinkError
from pipelines.programme import ProgrammeError
from pipelines.terminal import Home, Programme, console, no_link, os_user, settings, today

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="給付: 住民への給付金を、速く、正しい人に、一度だけ。",
)
app.command()(cli_link.link)
app.add_typer(cli_quarantine.quarantine, name="quarantine")
app.add_typer(cli_quarantine.attachment, name="attachment")
app.add_typer(cli_holds.holds, name="holds")
app.add_typer(cli_money.recovery, name="recovery")
app.add_typer(cli_money.results, name="results")
app.add_typer(cli_cash.cash, name="cash")
app.add_typer(cli_zengin.zengin, name="zengin")
app.add_typer(cli_mail.mail, name="mail")
app.command()(cli_holds.login)
app.command()(cli_holds.logout)
app.command()(cli_stop.stop)
app.command()(cli_stop.resume)
app.command()(cli_deliveries.deliveries)
app.command()(cli_disclosures.disclosures)
app.add_typer(cli_letters.letters, name="letters")
app.add_typer(cli_paper.paper, name="paper")
app.command()(cli_rehearse.rehearse_delivery)
app.add_typer(cli_audit.audit, name="audit")
app.add_typer(cli_erasure.erasure, name="erasure")
app.add_typer(cli_roster.roster, name="roster")
app.add_typer(cli_incident.incident, name="incident")
app.command()(cli_evidence.evidence)
layout_app = typer.Typer(no_args_is_help=True, help="Layouts: a municipality's columns as data.")
app.add_typer(layout_app, name="layout")


@app.command()
def synth(
    out: Annotated[Path, typer.Option(help="A folder that does not exist yet.")],
    residents: Annotated[int, typer.Option(min=100, help="How many residents.")] = 3000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same ward.")] = 20200427,
    errors: Annotated[
        str, typer.Option(help="normal, or hard: broken rows and files on top of it.")
    ] = "normal",
    canaries: Annotated[
        bool,
        typer.Option(
            "--canaries", help="Whoever is on a protection list has a name that nobody else has."
        ),
    ] = False,
) -> None:
    """Make a synthetic ward: raw inputs as a ward gets them, and the true answers."""
    from data.synthetic_ward import generate

    try:
        counts = generate(residents, seed, out, errors=errors, canaries=canaries)
    except (FileExistsError, ValueError) as error:
        raise KyufuError(str(error)) from None
    for name, count in counts.items():
        console.print(f"{name:<28}{count:>12,}")


@app.command()
def campaign(
    inputs: Annotated[Path, typer.Option(help="The ward's inputs (docs/interfaces/inputs.md).")],
    home: Annotated[Path, typer.Option(help="Where Kyufu keeps its files.")],
    programme: Programme = None,
    truth: Annotated[
        Path | None, typer.Option(help="truth/people.csv, to compare person by person.")
    ] = None,
) -> None:
    """Run the whole campaign without Airflow, with the simulated parties; repeating it pays nobody again."""
    from pipelines.campaign import run_campaign, without_collector
    from pipelines.evidence import summary

    started = time.monotonic()
    chosen = settings(programme, home, inputs)
    with console.status("準備しています") as status:

        def progress(day: date, step: str, result: dict[str, Any]) -> None:
            status.update(f"{day} {step}")
            if text := _tell(result):
                console.print(f"{time.monotonic() - started:7.1f}s  {day}  {step:<32} {text}")

        c = run_campaign(chosen, progress)
    found = summary.summarise(c, time.monotonic() - started)
    safe = True
    if truth:
        from pipelines.evidence.truth import compare

        with without_collector():
            comparison = compare(c, truth)
        found["truth"] = comparison.as_dict()
        safe = comparison.safe
        console.print(f"■ 正解との比較: {found['truth']}")
        if (planted := truth.with_name("quarantine.csv")).is_file():
            from pipelines.evidence.quarantine import compare_quarantine

            quarantine = compare_quarantine(c, planted)
            found["quarantine"] = quarantine.as_dict()
            safe = safe and quarantine.perfect
            console.print(quarantine.render())
    summary.write(c, found)
    console.print(summary.render(found))
    raise typer.Exit(0 if found["balanced"] and safe else 1)


def _tell(result: dict[str, Any]) -> str:
    """A step's counts on one line; nothing for a step that had nothing to do."""
    if result.get("received") is False and not result.keys() & {"refused", "unexpected"}:
        return ""
    shown = {
        k: v
        for k, v in result.items()
        if k not in ("hash", "subject", "repeated", "dataset", "rules", "needed", "version") and v
    }
    return " ".join(
        f"{k}={v}" for k, v in shown.items() if not isinstance(v, list | dict) or k == "decided"
    )


@app.command()
def status(
    resident_id: Annotated[str, typer.Argument(help="住民番号, 10 digits.")],
    purpose: Annotated[
        str, typer.Option(help="Why it is looked up; goes into the audit trail.")
    ] = "照会",
    programme: Programme = None,
    home: Home = None,
) -> None:
    """One person's history. Looking is itself recorded."""
    from pipelines.evidence.history import read_history
    from pipelines.steps.campaign import open_campaign

    c = open_campaign(settings(programme, home), no_link)
    found = read_history(c, resident_id, os_user(), purpose, today())
    console.print(f"状態: {found.state} {found.codes}")
    if not found.events:
        return
    console.print(f"申請書: {found.form}")
    console.print(" → ".join(found.steps) or "申請書は未発送です。")
    for line in (*found.claims, *found.mail):
        console.print(escape(line))
    table = Table("業務日", "状態", "きっかけ", "コード")
    for event in found.events:
        table.add_row(*event)
    console.print(table)


@app.command()
def report(
    profile: Annotated[
        bool, typer.Option(help="Judge what arrived with great-expectations as well.")
    ] = False,
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Write the steward's pages of everything that arrived again, below HOME/reports."""
    from pipelines.steps import reports
    from pipelines.steps.campaign import open_campaign

    c = open_campaign(settings(programme, home), no_link)
    if profile:
        console.print(_tell(reports.profile_now(c)))
    console.print(f"{_tell(reports.write_all(c))}  {reports.folder(c) / 'index.html'}")


@app.command()
def balance(programme: Programme = None, home: Home = None) -> None:
    """Prove from the ledger alone that every person and every yen is accounted for."""
    from pipelines.evidence.unreconciled import take_unreconciled
    from pipelines.ledger import stops
    from pipelines.ledger.balance import take_balance
    from pipelines.ledger.states import LABELS_JA, Entitlement
    from pipelines.ledger.store import verify_chain
    from pipelines.steps.campaign import open_campaign

    c = open_campaign(settings(programme, home), no_link)
    with c.ledger.read() as connection:
        found = take_balance(connection, c.programme.id)
        events = verify_chain(connection)
        unreconciled = take_unreconciled(c, connection)
        stopped = stops.standing(connection, c.programme.id)
    table = Table("状態", "人数", title=f"{c.programme.id}: 対象者 {found.eligible:,}人")
    for state, count in found.states.items():
        table.add_row(LABELS_JA[Entitlement(state)], f"{count:,}")
    console.print(table)
    console.print(
        f"支払 {found.paid_yen:,}円 / 返戻 {found.returned_yen:,}円"
        f" / 回収済み {found.recovered_yen:,}円 / 回収中 {found.recovering_yen:,}円 / 差引 {found.net_yen:,}円"
    )
    for line in unreconciled.lines():
        console.print(line)
    console.print(f"監査記録 {events:,}件(鎖は切れていません)")
    if stopped is not None:
        console.print(f"[red]{escape(stops.told(stopped))}[/red]")
    for fault in found.faults:
        console.print(f"[red]{fault}[/red]")
    console.print("収支は一致しています。" if found.balanced else "[red]収支が一致しません。[/red]")
    raise typer.Exit(0 if found.balanced else 1)


@layout_app.command("check")
def check_layout(
    file: Annotated[Path, typer.Argument(help="A file as the source sends it.", dir_okay=False)],
    layout: Annotated[str, typer.Option(help="Its layout, e.g. shinjuku/register.")],
) -> None:
    """Whether a file fits a layout, column by column; status 0 only if it does. No row's value is shown."""
    from pipelines.errors import InputMissing
    from pipelines.intake.layout_check import check_file
    from pipelines.intake.layouts import load_layout

    found = load_layout(layout)
    if not file.is_file():
        raise InputMissing(f"{file} がありません。ファイルの場所を確認してください。")
    checks = check_file(file.read_bytes(), file.name, found)
    for check in checks:
        console.print(f"■ {escape(check.file)} ({layout} の {check.table}、{found.encoding})")
        if check.header:
            table = Table("位置", "レイアウトの見出し", "ファイルの見出し", "近い見出し", "判定")
            for cell in check.header:
                mark = "○" if cell.fits else "[red]×[/red]"
                table.add_row(
                    str(cell.position),
                    *map(escape, (cell.expected, cell.found, cell.nearest)),
                    mark,
                )
            console.print(table)
        console.print(f"行数 {check.rows:,} / 列数や長さの違う行 {len(check.ragged):,}")
        for title, counted in (
            ("コード表にない値", check.unknown_codes), ("日付の書き方", check.styles)
        ):  # fmt: skip
            for header, counts in counted.items():
                told = "、".join(f"{what} {count:,}行" for what, count in counts.items())
                console.print(escape(f"{title} 「{header}」: {told or 'なし'}"))
        for problem in check.problems:
            console.print(f"[red]不一致:[/red] {escape(problem)}")
        for note in check.notes:
            console.print(f"[yellow]注意:[/yellow] {escape(note)}")
    fits = all(check.fits for check in checks)
    console.print("レイアウトに合っています。" if fits else "[red]レイアウトに合いません。[/red]")
    raise typer.Exit(0 if fits else 1)


def main() -> None:
    """Entry point: an expected error is one clear message and status 1, never a traceback."""
    try:
        app()
    except (KyufuError, LinkError, ProgrammeError) as error:
        text = escape(str(error))  # what stands in brackets is part of the message
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]エラー:[/red] {text}")
        sys.exit(1)


if __name__ == "__main__":
    main()
