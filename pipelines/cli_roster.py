"""`kyufu roster …`: who may handle personal data at the ward and at each party, for signed-in people at a terminal."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from pipelines import sign_in
from pipelines.ledger.rosters import WHAT_JA, What
from pipelines.terminal import Home, Programme, console, no_link, settings, today

if TYPE_CHECKING:
    from pipelines.steps.rosters import Standing

roster = typer.Typer(
    no_args_is_help=True, help="取扱責任者・取扱者の名簿を見る、登録する、確認を記録する。"
)

Party = Annotated[str, typer.Argument(help="A party's id, or ward.")]
Evidence = Annotated[str, typer.Option(help="The paper that says so: its title and number.")]
DUTIES = {"responsible": "取扱責任者", "handler": "取扱者"}


@roster.command("list")
def list_rosters(programme: Programme = None, home: Home = None) -> None:
    """Show every roster as registered, and what still keeps deliveries from a party; status 0 only if nothing does."""
    from pipelines.steps import rosters
    from pipelines.steps.campaign import open_campaign

    c = open_campaign(settings(programme, home), no_link)
    with c.ledger.read() as connection:
        found = rosters.read_standing(c, connection)
    for one in found:
        _show(one)
    raise typer.Exit(1 if any(one.lacking for one in found) else 0)


def _show(one: "Standing") -> None:
    registered = one.registered
    since = (
        f"{registered.since} 登録({registered.actor}、第{registered.number}版)"
        if registered
        else "未登録"
    )
    console.print(escape(f"■ {one.name}({one.party}): {since}"))
    if registered and registered.certificate_sha256:
        console.print(f"  証明書 SHA-256 {registered.certificate_sha256}")
    for listed in registered.rosters if registered else []:
        if listed["subcontractor"]:
            console.print(escape(f"  再委託先 {listed['subcontractor']}"))
        for person in listed["people"]:
            accounts = f"({'、'.join(person['accounts'])})" if person["accounts"] else ""
            console.print(escape(f"  {DUTIES[person['duty']]} {person['name']}{accounts}"))
    for what, confirmed in one.confirmed.items():
        title = f"{what.organisation or '本体'}の{WHAT_JA[what.what]}"
        console.print(escape(f"  {title}: {confirmed.on} {confirmed.actor}({confirmed.evidence})"))
    for told in one.lacking:
        console.print(f"  [red]送付できません:[/red] {escape(told)}")


@roster.command()
def register(party: Party, programme: Programme = None, home: Home = None) -> None:
    """Register a party's roster as the programme states it, bound to the certificate that the party has now."""
    from pipelines.steps import rosters

    c, actor = sign_in.open_for_anybody(programme, home)
    made = rosters.register(c, party, actor, today())
    people = sum(len(listed["people"]) for listed in made.rosters)
    console.print(
        escape(
            f"{party}: 名簿(第{made.number}版、{people}人)を登録しました({made.actor}、{made.since})。"
        )
    )


@roster.command()
def training(
    party: Party,
    evidence: Evidence,
    organisation: Annotated[str, typer.Option(help="A subcontractor's name.")] = "",
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Enter that everybody on the roster was trained (研修); it counts for exactly this roster."""
    _confirm(party, What.TRAINING, organisation, evidence, programme, home)


@roster.command()
def consent(
    party: Party,
    evidence: Evidence,
    subcontractor: Annotated[str, typer.Option(help="The subcontractor's name.")],
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Enter that the ward consented to a subcontract (再委託の承諾) as the programme states it."""
    _confirm(party, What.CONSENT, subcontractor, evidence, programme, home)


def _confirm(
    party: str, what: What, organisation: str, evidence: str, programme: Programme, home: Home
) -> None:
    from pipelines.steps import rosters

    c, actor = sign_in.open_signed_in(programme, home)
    is_new = rosters.confirm(c, party, what, organisation, evidence, actor, today())
    told = "記録しました" if is_new else "すでに記録されています"
    console.print(
        escape(f"{party} {organisation or '本体'}の{WHAT_JA[what]}: {told}({actor.name})。")
    )
