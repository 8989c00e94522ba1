"""The programme's basis table: every permission to give or to take, and what was done under each in a period."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from pipelines.evidence.disclosures import RECIPIENTS_JA, Given
from pipelines.evidence.pack_tables import Table, text
from pipelines.ledger import tables
from pipelines.ledger.store import told_reasons
from pipelines.programme import Period, Programme

_HEADING = (
    "区分", "名前", "相手先", "根拠", "方法", "認められた期間", "ファイル数", "件数・行数", "人数", "最初の日",
    "最後の日", "期間外などの拒否",
)  # fmt: skip
_GIVEN = "提供"


@dataclass(frozen=True)
class _Permission:
    """What the programme allows. whom: who gets it or sends it."""

    kind: str
    name: str
    whom: str
    basis: str
    medium: str
    period: Period


@dataclass(frozen=True)
class _Done:
    """One file under a permission; people: 0 where they are not counted."""

    day: date
    records: int
    people: int = 0


def basis(
    connection: sa.Connection, programme: Programme, period: Period, given: Sequence[Given]
) -> Table:
    """A line a permission; given: the releases of the period."""
    done = _taken(connection, programme.id, period)
    for one in given:
        if one.left and not one.is_rehearsal:
            done[one.disclosure].append(_Done(one.made_on, one.records, one.people))
    refused = _refusals(connection, programme.id, period)
    rows = [_row(one, done[one.name], refused) for one in _permissions(programme)]
    return Table("basis", _HEADING, rows)


def _permissions(programme: Programme) -> Iterator[_Permission]:
    names = RECIPIENTS_JA | {party.id: party.name for party in programme.parties}
    for d in programme.disclosures:
        whom = names.get(d.recipient, d.recipient)
        yield _Permission(_GIVEN, d.id, whom, d.basis, d.medium, d.period)
    for s in programme.sources:
        whom = names.get(s.party, s.party)
        yield _Permission("収集", s.dataset, whom, s.basis, s.medium, s.period)
    for of in programme.list_sources:
        yield _Permission("収集(名簿)", of.dataset, of.department, of.basis, of.medium, of.period)


def _row(of: _Permission, done: Sequence[_Done], refused: Mapping[str, int]) -> list[str]:
    days = sorted(one.day for one in done)
    people = str(sum(one.people for one in done)) if of.kind == _GIVEN else ""
    return [
        of.kind, of.name, of.whom, of.basis, of.medium, str(of.period), str(len(done)),
        str(sum(one.records for one in done)), people, text(days[0] if days else None),
        text(days[-1] if days else None), str(refused.get(of.name, 0)),
    ]  # fmt: skip


def _taken(
    connection: sa.Connection, programme: str, period: Period
) -> defaultdict[str, list[_Done]]:
    """Dataset -> each delivery that was taken in."""
    f = tables.intake_file.c
    query = sa.select(f.dataset, f.day, f.rows_in).where(
        f.programme == programme, f.day.between(period.first, period.last)
    )
    found: defaultdict[str, list[_Done]] = defaultdict(list)
    for dataset, day, rows in connection.execute(query.order_by(f.dataset, f.day)):
        found[dataset].append(_Done(day, rows))
    return found


def _refusals(connection: sa.Connection, programme: str, period: Period) -> Mapping[str, int]:
    """Subject -> how many reasons to refuse something were entered."""
    r = tables.refusal.c
    query = sa.select(r.subject, r.reason).where(
        r.programme == programme, r.day.between(period.first, period.last)
    )
    found: Counter[str] = Counter()
    for subject, reason in connection.execute(query):
        found[subject] += len(told_reasons(reason))
    return found
