"""Accidents and suspicions (事故・おそれ): one suspends its party's deliveries at once, two people let them go on.

特記事項 別紙1 第22項: the party tells the ward at once (速報), reports in writing (書面報告) and follows the ward's
instruction (指示). The three are entered in that order; then two different people agree to resume. An incident of the
ward itself suspends everybody's deliveries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import tables
from pipelines.ledger.approvals import ApprovalRefused
from pipelines.ledger.stops import NEEDED, reason_hash
from pipelines.ledger.store import record
from pipelines.programme import WARD
from pipelines.programme import Incidents as Deadlines


class DeliveriesSuspended(KyufuError):
    """An incident suspends the party's deliveries; nothing was sent, and the same call may be repeated later."""


class IncidentRefused(KyufuError):
    """There is no such incident, or the step is not its next one."""


class Kind(StrEnum):
    """What happened."""

    ACCIDENT = "accident"
    SUSPICION = "suspicion"


class Step(StrEnum):
    """What is done about it, in this order."""

    NOTICE = "notice"
    REPORT = "report"
    INSTRUCTION = "instruction"
    RESUME = "resume"


KINDS_JA = {Kind.ACCIDENT: "事故", Kind.SUSPICION: "事故のおそれ"}
STEPS_JA = {
    Step.NOTICE: "速報", Step.REPORT: "書面報告", Step.INSTRUCTION: "指示", Step.RESUME: "再開の同意",
}  # fmt: skip


@dataclass(frozen=True)
class Done:
    """One step: who entered it, what about it, for which day."""

    step: Step
    actor: str
    note: str
    on: date


@dataclass(frozen=True)
class Incident:
    """An accident or a suspicion. happened_on, people: None where nobody knows yet."""

    number: int
    party: str
    kind: Kind
    what: str
    happened_on: date | None
    people: int | None
    actor: str
    since: date
    done: tuple[Done, ...]

    @property
    def agreed(self) -> list[str]:
        """Who agreed to resume."""
        return [one.actor for one in self.done if one.step is Step.RESUME]

    @property
    def stands(self) -> bool:
        """Whether it suspends deliveries."""
        return len(self.agreed) < NEEDED

    @property
    def next_step(self) -> Step | None:
        """What is to be done next; None when it is closed."""
        if not self.stands:
            return None
        entered = {one.step for one in self.done}
        return next((step for step in Step if step not in entered), Step.RESUME)

    def due(self, deadlines: Deadlines) -> date | None:
        """The last day on which the next step is in time; None where it has none."""
        days = {
            Step.NOTICE: deadlines.notice_days, Step.REPORT: deadlines.report_days,
            Step.INSTRUCTION: deadlines.instruction_days,
        }  # fmt: skip
        step = self.next_step
        return self.since + timedelta(days=days[step]) if step in days else None

    def is_late(self, deadlines: Deadlines, day: date) -> bool:
        """Whether the next step should have been entered before that day."""
        due = self.due(deadlines)
        return due is not None and due < day

    def suspends(self, party: str) -> bool:
        """Whether it keeps deliveries from that party."""
        return self.stands and self.party in (party, WARD)


def read_all(connection: sa.Connection, programme: str) -> list[Incident]:
    """Every incident, the first one first."""
    s = tables.incident_step
    steps: dict[int, list[Done]] = {}
    for row in connection.execute(sa.select(s).filter_by(programme=programme)):
        steps.setdefault(row.number, []).append(
            Done(Step(row.step), row.actor, row.note, row.business_date)
        )
    order = list(Step)
    query = sa.select(tables.incident).filter_by(programme=programme)
    return [
        Incident(
            row.number, row.party, Kind(row.kind), row.what, row.happened_on, row.people, row.actor, row.business_date,
            tuple(sorted(steps.get(row.number, []), key=lambda d: (order.index(d.step), d.on, d.actor))),
        )
        for row in connection.execute(query.order_by(tables.incident.c.number))
    ]  # fmt: skip


def standing(connection: sa.Connection, programme: str) -> list[Incident]:
    """The incidents that suspend deliveries."""
    return [one for one in read_all(connection, programme) if one.stands]


def find(connection: sa.Connection, programme: str, number: int) -> Incident:
    """The incident of that number.

    Raises:
        IncidentRefused: there is none.
    """
    for one in read_all(connection, programme):
        if one.number == number:
            return one
    raise IncidentRefused(
        f"事故{number}番の記録はありません。kyufu incident list で確認してください。"
    )


def assert_not_suspended(connection: sa.Connection, programme: str, party: str, what: str) -> None:
    """Fail while an incident suspends the party's deliveries. what: the file that would be sent.

    Raises:
        DeliveriesSuspended: one does.
    """
    found = [one for one in standing(connection, programme) if one.suspends(party)]
    if found:
        one = found[0]
        raise DeliveriesSuspended(
            f"{what}: {one.since}に記録された{KINDS_JA[one.kind]}({one.number}番)のため、"
            f"この相手先への送付を停止しています。送っていません。速報・書面報告・指示を記録し、職員{NEEDED}人が"
            f"kyufu incident resume {one.number} で再開したあと、もう一度実行してください。"
        )


def open_incident(
    connection: sa.Connection, programme: str, party: str, kind: Kind, what: str, happened_on: date | None,
    people: int | None, actor: str, day: date,
) -> Incident:  # fmt: skip
    """Enter an incident: from this transaction's commit on nothing more goes to the party."""
    i = tables.incident
    newest = sa.select(sa.func.coalesce(sa.func.max(i.c.number), 0)).filter_by(programme=programme)
    number = int(connection.execute(newest).scalar_one()) + 1
    values = {
        "programme": programme, "number": number, "party": party, "kind": str(kind), "what": what,
        "happened_on": happened_on, "people": people, "actor": actor, "business_date": day,
    }  # fmt: skip
    connection.execute(sa.insert(i).values(**values))
    detail = {"party": party, "kind": str(kind), "people": people, "what": reason_hash(what)}
    record(connection, programme, "incident.opened", actor, subject_of(number), detail, day)
    return Incident(number, party, kind, what, happened_on, people, actor, day, ())


def enter_step(
    connection: sa.Connection, programme: str, number: int, step: Step, note: str, actor: str, day: date
) -> Incident:  # fmt: skip
    """Enter the incident's next step; the second person's agreement to resume closes it.

    Raises:
        IncidentRefused: there is no such incident, it is closed, or the step is not its next one.
        ApprovalRefused: the same person agreed before.
    """
    found = find(connection, programme, number)
    if step is not found.next_step:
        told = f"次は「{STEPS_JA[found.next_step]}」です" if found.next_step else "終わっています"
        raise IncidentRefused(
            f"事故{number}番: 「{STEPS_JA[step]}」は記録できません。{told}。"
            "kyufu incident list で確認してください。"
        )
    if step is Step.RESUME and actor in found.agreed:
        raise ApprovalRefused(
            f"{actor}はすでに再開に同意しています。再開には別の職員の同意が必要です。"
        )
    key = {"programme": programme, "number": number, "step": str(step), "actor": actor}
    connection.execute(sa.insert(tables.incident_step).values(**key, note=note, business_date=day))
    detail = {"note": reason_hash(note)}
    record(connection, programme, f"incident.{step}", actor, subject_of(number), detail, day)
    return find(connection, programme, number)


def told(found: Incident, parties: Mapping[str, str], deadlines: Deadlines) -> str:
    """A standing incident, for people. parties: id -> name."""
    due = found.due(deadlines)
    step = STEPS_JA[found.next_step] if found.next_step else ""
    until = f"(期限 {due})" if due else f"(あと{NEEDED - len(found.agreed)}人)"
    return (
        f"{KINDS_JA[found.kind]}{found.number}番 {party_name(found.party, parties)}: {found.since}から送付を停止中。"
        f"次は{step}{until}(kyufu incident)"
    )


def party_name(party: str, parties: Mapping[str, str]) -> str:
    """What people call it."""
    return "区(すべての相手先)" if party == WARD else parties.get(party, party)


def subject_of(number: int) -> str:
    """The subject of an incident's audit records."""
    return f"incident:{number}"


def count_late(found: Sequence[Incident], deadlines: Deadlines, day: date) -> int:
    """How many have a step that is overdue on that day."""
    return sum(one.is_late(deadlines, day) for one in found)
