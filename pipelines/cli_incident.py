"""`kyufu incident …`: accidents and suspicions, for signed-in people at a terminal."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from pipelines import sign_in
from pipelines.ledger.incidents import KINDS_JA, STEPS_JA, Kind, Step
from pipelines.terminal import Home, Programme, console, no_link, settings, today, write_new

if TYPE_CHECKING:
    from pipelines.ledger.incidents import Incident
    from pipelines.steps.campaign import Campaign

incident = typer.Typer(
    no_args_is_help=True, help="事故・事故のおそれを記録する、経過を進める、報告書を印刷する。"
)

Number = Annotated[
    int, typer.Argument(help="The incident's number, as `kyufu incident list` shows it.")
]
Note = Annotated[
    str,
    typer.Option(help="What was told, reported or instructed; without anybody's name or number."),
]
Day = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="When it happened, if known.")
]


@incident.command("open")
def open_incident(
    party: Annotated[str, typer.Argument(help="A party's id, or ward: then nobody gets anything.")],
    what: Annotated[str, typer.Option(help="What happened; without anybody's name or number.")],
    kind: Annotated[Kind, typer.Option(help="accident, or suspicion.")] = Kind.SUSPICION,
    happened_on: Day = None,
    people: Annotated[
        int | None, typer.Option(min=0, help="How many people it concerns, if known.")
    ] = None,
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Record an accident or a suspicion; the party's deliveries stop at once."""
    from pipelines.steps import incidents

    c, actor = sign_in.open_signed_in(programme, home)
    on = happened_on.date() if happened_on else None
    made = incidents.open_incident(c, party, kind, what, on, people, actor, today())
    console.print(
        escape(
            f"{KINDS_JA[made.kind]}{made.number}番を記録し、{_name(c, made)}への送付を停止しました({actor.name})。"
        )
    )
    _tell_next(c, made)


@incident.command("list")
def list_incidents(programme: Programme = None, home: Home = None) -> None:
    """Show every incident with what is to be done next; status 0 only if none stands."""
    from pipelines.steps import incidents
    from pipelines.steps.campaign import open_campaign

    c = open_campaign(settings(programme, home), no_link)
    found = incidents.read(c)
    if not found:
        console.print("事故・事故のおそれの記録はありません。")
    for one in found:
        people = f"{one.people:,}人" if one.people is not None else "人数不明"
        state = "[red]停止中[/red]" if one.stands else "終了"
        told = f"{one.number}番 {KINDS_JA[one.kind]} {_name(c, one)} {people} 記録 {one.since}({one.actor})"
        console.print(f"■ {escape(told)} {state}")
        console.print(escape(f"  {one.what}"))
        for done in one.done:
            console.print(escape(f"  {done.on} {STEPS_JA[done.step]} {done.actor}: {done.note}"))
        _tell_next(c, one)
    raise typer.Exit(1 if any(one.stands for one in found) else 0)


@incident.command()
def notice(number: Number, note: Note, programme: Programme = None, home: Home = None) -> None:
    """Enter that the party told the ward at once (速報)."""
    _enter(number, Step.NOTICE, note, programme, home)


@incident.command()
def report(number: Number, note: Note, programme: Programme = None, home: Home = None) -> None:
    """Enter that the party reported in writing (書面報告)."""
    _enter(number, Step.REPORT, note, programme, home)


@incident.command()
def instruct(number: Number, note: Note, programme: Programme = None, home: Home = None) -> None:
    """Enter what the ward instructed (指示)."""
    _enter(number, Step.INSTRUCTION, note, programme, home)


@incident.command()
def resume(number: Number, note: Note, programme: Programme = None, home: Home = None) -> None:
    """Agree to deliver to the party again; it takes two different people."""
    _enter(number, Step.RESUME, note, programme, home)


@incident.command("print")
def print_report(
    number: Number,
    out: Annotated[Path, typer.Option(help="The PDF to write; must not exist yet.")],
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Write the incident's report form (事故報告書) as a PDF."""
    from pipelines.steps import incidents

    c, _ = sign_in.open_signed_in(programme, home)
    write_new(out, incidents.print_report(c, number, today()))
    console.print(escape(f"{out} に書き出しました。"))


def _enter(number: int, step: Step, note: str, programme: Programme, home: Home) -> None:
    from pipelines.steps import incidents

    c, actor = sign_in.open_signed_in(programme, home)
    after = incidents.enter_step(c, number, step, note, actor, today())
    console.print(escape(f"事故{number}番: {STEPS_JA[step]}を記録しました({actor.name})。"))
    if not after.stands:
        who = "、".join(after.agreed)
        console.print(
            escape(
                f"{_name(c, after)}への送付を再開しました({who})。止まった処理をもう一度実行してください。"
            )
        )
    _tell_next(c, after)


def _tell_next(c: "Campaign", found: "Incident") -> None:
    if found.next_step is None:
        return
    due = found.due(c.programme.incidents)
    late = "  [red]期限切れ[/red]" if found.is_late(c.programme.incidents, today()) else ""
    until = f"、期限 {due}" if due else ""
    console.print(
        f"  次: {STEPS_JA[found.next_step]}(kyufu incident {COMMANDS[found.next_step]} {found.number}{until}){late}"
    )


def _name(c: "Campaign", found: "Incident") -> str:
    from pipelines.ledger.incidents import party_name

    return party_name(found.party, {one.id: one.name for one in c.programme.parties})


COMMANDS = {
    Step.NOTICE: "notice", Step.REPORT: "report", Step.INSTRUCTION: "instruct", Step.RESUME: "resume",
}  # fmt: skip
