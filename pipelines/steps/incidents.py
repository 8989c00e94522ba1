"""Accidents and suspicions, entered and driven by signed-in people, and their report on paper (事故報告書)."""

from datetime import date
from typing import Any

from pipelines.errors import KyufuError
from pipelines.ledger import incidents
from pipelines.ledger.incidents import KINDS_JA, STEPS_JA, Incident, Kind, Step
from pipelines.outputs.paper.typesetting import typeset
from pipelines.programme import WARD
from pipelines.steps.campaign import Campaign
from pipelines.steps.reasons import assert_no_number
from pipelines.steps.roles import Act, Actor

_LONGEST = 1_000


class IncidentTextRefused(KyufuError):
    """What happened is missing, too long, or tells a number of somebody."""


def open_incident(
    c: Campaign, party: str, kind: Kind, what: str, happened_on: date | None, people: int | None, actor: Actor,
    day: date,
) -> Incident:  # fmt: skip
    """Enter an accident or a suspicion: at once nothing more goes to the party, in every process.

    party: a party's id, or `ward`, which suspends everybody's deliveries. people: how many are concerned, None where
    nobody knows yet.

    Raises:
        NotAllowed: the actor's roles do not allow it.
        IncidentTextRefused: the text is missing, too long, or holds a number; or there is no such party.
    """
    actor.assert_may(Act.ENTER_INCIDENT)
    known = [WARD, *(one.id for one in c.programme.parties)]
    if party not in known:
        raise IncidentTextRefused(
            f"{party}: この相手先はありません({'、'.join(known)}のいずれか)。"
        )
    if happened_on is not None and happened_on > day:
        raise IncidentTextRefused(f"発生日({happened_on})が記録の日({day})より後です。")
    text = _checked(what)
    with c.ledger.write() as connection:
        return incidents.open_incident(
            connection, c.programme.id, party, kind, text, happened_on, people, actor.name, day
        )


def enter_step(
    c: Campaign, number: int, step: Step, note: str, actor: Actor, day: date
) -> Incident:
    """Enter the incident's next step; with the second person's agreement to resume deliveries go on.

    Raises:
        NotAllowed: the actor's roles do not allow it.
        IncidentTextRefused: the note is missing, too long, or holds a number.
        IncidentRefused: no such incident, or this is not its next step.
        ApprovalRefused: the same person agreed before.
    """
    actor.assert_may(Act.RESUME if step is Step.RESUME else Act.ENTER_INCIDENT)
    text = _checked(note)
    with c.ledger.write() as connection:
        return incidents.enter_step(connection, c.programme.id, number, step, text, actor.name, day)


def read(c: Campaign) -> list[Incident]:
    """Every incident, the first one first."""
    with c.ledger.read() as connection:
        return incidents.read_all(connection, c.programme.id)


def print_report(c: Campaign, number: int, day: date) -> bytes:
    """The incident's report form (事故報告書) as a PDF, as it stands on that day.

    Raises:
        IncidentRefused: there is no such incident.
        PaperError: a text has a character that cannot be printed.
    """
    with c.ledger.read() as connection:
        found = incidents.find(connection, c.programme.id, number)
    return typeset("incident", report_of(c, found, day), day)


def report_of(c: Campaign, found: Incident, day: date) -> dict[str, Any]:
    """What the report form says."""
    names = {one.id: one.name for one in c.programme.parties}
    due = found.due(c.programme.incidents)
    return {
        "programme": c.programme.benefit.name, "municipality": c.programme.benefit.municipality,
        "office": c.programme.benefit.office, "made_on": day.isoformat(), "number": str(found.number),
        "kind": KINDS_JA[found.kind], "party": incidents.party_name(found.party, names),
        "happened_on": found.happened_on.isoformat() if found.happened_on else "不明(調査中)",
        "opened_on": found.since.isoformat(), "opened_by": found.actor,
        "people": f"{found.people:,}人" if found.people is not None else "不明(調査中)", "what": found.what,
        "steps": [
            {"step": STEPS_JA[one.step], "on": one.on.isoformat(), "actor": one.actor, "note": one.note}
            for one in found.done
        ],
        "next": STEPS_JA[found.next_step] if found.next_step else "",
        "due": due.isoformat() if due else "", "stands": found.stands,
    }  # fmt: skip


def _checked(text: str) -> str:
    """On one line, given, not too long, without a number of a person or an account."""
    found = " ".join(text.split())
    if not found:
        raise IncidentTextRefused("内容がありません。何が起きたか、何をしたかを書いてください。")
    if len(found) > _LONGEST:
        raise IncidentTextRefused(f"内容が長すぎます({_LONGEST}字まで)。")
    assert_no_number(found, IncidentTextRefused, "内容")
    return found
