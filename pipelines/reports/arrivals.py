"""What arrived: every partition (dataset, day) with its files, counts and broken rules, and every refusal.

Counts, row numbers, file names and rule codes only: no value of a row is read here, so none can be shown.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

import pyarrow as pa
import sqlalchemy as sa

from pipelines.intake.staging import Manifest, Staging
from pipelines.ledger import tables
from pipelines.ledger.store import told_reasons
from pipelines.programme import Programme
from schemas.datasets import DATASETS
from schemas.rules import RULES

ROWS_SHOWN = 20
LINK = "link:"  # stands before a party in the subject of what is told of its outbox
TREND_LENGTH = 8
_FAR = date.max
# audit event -> what the declaration says
DECLARATIONS = {"intake.zero_declared": "零件の申告", "intake.declared": "この内容で正しいとの申告"}
State = Literal["accepted", "quarantined", "refused"]


@dataclass(frozen=True)
class SourceFile:
    """A file as it came. size_bytes: None where the copy is no longer kept."""

    name: str
    sha256: str
    size_bytes: int | None


@dataclass(frozen=True)
class BrokenRule:
    """One rule broken in one column of one table. rows: the first `ROWS_SHOWN` row numbers of the file."""

    rule: str
    table: str
    file: str
    column: str
    count: int
    rows: tuple[int, ...]

    @property
    def severity(self) -> str:
        """`reject` or `warn`."""
        return RULES[self.rule].severity

    @property
    def remedy(self) -> str:
        """What a person does about it, in Japanese."""
        return RULES[self.rule].remedy


@dataclass(frozen=True)
class Partition:
    """One dataset on one day: staged (manifest), refused (reasons), or refused first and staged then.

    erased: its rows are erased, the counts in its manifest stay.
    """

    dataset: str
    day: date
    manifest: Manifest | None
    refusals: tuple[str, ...]
    erased: bool = False

    @property
    def state(self) -> State:
        """What became of it."""
        if self.manifest is None:
            return "refused"
        return "quarantined" if self.manifest.quarantined else "accepted"


@dataclass(frozen=True)
class Refusal:
    """Something refused on a day; subject: a dataset, a kind of outgoing file, or `LINK` and a party."""

    day: date
    subject: str
    reason: str


@dataclass(frozen=True)
class Declared:
    """A declaration on which a partition entered. declared_on: YYYYMMDD, empty where the sheet has no such item."""

    title: str
    signers: str
    declared_on: str


@dataclass(frozen=True)
class Owed:
    """A dataset that must be there. newest: its last staged day; age_days: how old that is."""

    dataset: str
    newest: date | None
    age_days: int | None
    limit_days: int | None
    state: Literal["present", "missing", "stale", "refused", "closed"]


def read_refusals(connection: sa.Connection, programme: str) -> list[Refusal]:
    """Everything the programme refused, by day and subject, each reason by itself."""
    r = tables.refusal
    query = (
        sa.select(r.c.day, r.c.subject, r.c.reason)
        .where(r.c.programme == programme)
        .order_by(r.c.day, r.c.subject)
    )
    return [
        Refusal(row.day, row.subject, reason)
        for row in connection.execute(query)
        for reason in told_reasons(row.reason)
    ]


def read_declarations(
    connection: sa.Connection, programme: str, partition: Partition
) -> list[Declared]:
    """The declarations on which a partition entered, in the order of their records."""
    a = tables.audit
    query = (
        sa.select(a.c.event, a.c.actor, a.c.detail)
        .where(a.c.programme == programme, a.c.event.in_(DECLARATIONS))
        .where(a.c.subject == f"{partition.dataset}:{partition.day}")
        .order_by(a.c.number)
    )
    return [
        Declared(DECLARATIONS[event], actor, json.loads(detail).get("declared_on", ""))
        for event, actor, detail in connection.execute(query)
    ]


def list_partitions(
    staging: Staging, datasets: Iterable[str], refusals: Iterable[Refusal]
) -> list[Partition]:
    """Every partition that arrived, staged or refused, newest day first, then in the order of `datasets`."""
    order = {dataset: place for place, dataset in enumerate(datasets)}
    reasons: dict[tuple[date, str], list[str]] = {}
    for refusal in refusals:
        if refusal.subject in order:
            reasons.setdefault((refusal.day, refusal.subject), []).append(refusal.reason)
    there = {(day, dataset) for dataset in order for day in staging.days(dataset, _FAR)}
    found = [
        Partition(
            dataset,
            day,
            staging.manifest(dataset, day),
            tuple(reasons.get((day, dataset), ())),
            staging.is_erased(dataset, day),
        )
        for day, dataset in there | reasons.keys()
    ]
    return sorted(found, key=lambda p: (-p.day.toordinal(), order[p.dataset]))


def list_files(staging: Staging, partition: Partition) -> list[SourceFile]:
    """The files a staged partition was made of; none for a refused one."""
    if partition.manifest is None:
        return []
    return [
        SourceFile(name, digest, staging.source_size(partition.dataset, partition.day, name))
        for name, digest in partition.manifest.sources.items()
    ]


def list_broken_rules(staging: Staging, partition: Partition) -> list[BrokenRule]:
    """The partition's broken rules, rejects first, the most frequent first."""
    if partition.manifest is None or partition.erased:
        return []
    problems = staging.read(partition.dataset, partition.day, "problems")
    found = [BrokenRule(*key, len(rows), rows[:ROWS_SHOWN]) for key, rows in _by_rule(problems)]
    return sorted(
        found, key=lambda b: (b.severity != "reject", -b.count, b.rule, b.table, b.column)
    )


def _by_rule(
    problems: pa.Table,
) -> Iterable[tuple[tuple[str, str, str, str], tuple[int, ...]]]:
    """(rule, table, file, column) -> the row numbers in order."""
    keys = ["rule", "table", "file", "column"]
    grouped = problems.group_by(keys).aggregate([("row", "list")])
    for group in grouped.to_pylist():
        rule, table, file, column = (group[key] for key in keys)
        yield (rule, table, file, column), tuple(sorted(group["row_list"]))


def trend(partitions: Iterable[Partition], partition: Partition) -> list[Partition]:
    """The last `TREND_LENGTH` staged partitions of the dataset up to this one, oldest first."""
    same = [
        p
        for p in partitions
        if p.dataset == partition.dataset and p.manifest and p.day <= partition.day
    ]
    return sorted(same, key=lambda p: p.day)[-TREND_LENGTH:]


def list_owed(programme: Programme, partitions: Iterable[Partition], day: date) -> list[Owed]:
    """The register and every list of the programme: there, missing, too old, refused last, or closed for the year."""
    staged: dict[str, date] = {}
    refused: dict[str, date] = {}
    for p in sorted(partitions, key=lambda p: p.day):
        (refused if p.manifest is None else staged)[p.dataset] = p.day
    limit = programme.lists.max_age_days
    owed = [_owed("register", staged, refused, day, None)]
    for source in programme.list_sources:
        found = _owed(source.dataset, staged, refused, day, limit)
        if found.state == "missing" and not source.period.holds(day):
            found = Owed(source.dataset, None, None, limit, "closed")
        owed.append(found)
    return owed


def _owed(
    dataset: str,
    staged: Mapping[str, date],
    refused: Mapping[str, date],
    day: date,
    limit: int | None,
) -> Owed:
    newest = staged.get(dataset)
    age = (day - newest).days if newest else None
    if dataset in refused and (newest is None or refused[dataset] > newest):
        return Owed(dataset, newest, age, limit, "refused")
    if age is None:
        return Owed(dataset, None, None, limit, "missing")
    return Owed(
        dataset, newest, age, limit, "stale" if limit is not None and age > limit else "present"
    )


def all_datasets(programme: Programme) -> list[str]:
    """The datasets the programme takes in, in the order in which the campaign does."""
    known = {source.dataset for source in programme.sources}
    known |= {source.dataset for source in programme.list_sources}
    return [dataset for dataset in DATASETS if dataset in known]
