"""Where the ward writes to somebody: a protected person where the protection says, never where the household lives.

A protection that gives no address (an abuse-related placement, a list of another municipality, a row that is still
undecided) sends the paper through the department that holds the whereabouts.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.ledger import tables
from pipelines.outputs.ward_sheets import Addressee
from pipelines.programme import Programme
from pipelines.steps.campaign import Campaign

_EVIDENCE = re.compile(
    r"(?P<dataset>[^/]+)/(?P<day>\d{4}-\d\d-\d\d)(?:/v(?P<version>\d+))?:(?P<row>\d+)"
)
# what a person asked for themselves goes before what a list says
_PRIORITY = ("evacuation", "facility")
_REQUEST = "evacuation"
EVACUEE = "evacuee"


@dataclass(frozen=True)
class Care:
    """What a protected person's protections say of the way to them. address: empty where a department holds it."""

    address: str
    department: str
    settled: bool
    evidence: str
    kind: str


def read_care(connection: sa.Connection, programme: Programme) -> dict[str, Care]:
    """Person -> the protection by which that person is written to."""
    p = tables.protection
    rows = connection.execute(sa.select(p).where(p.c.programme == programme.id)).all()
    found: dict[str, Any] = {}
    for row in sorted(rows, key=_weight):
        found.setdefault(row.person_id, row)
    return {
        person: Care(
            row.mailing_address, _department(programme, row.dataset), row.certainty == "linked", row.evidence, row.kind
        )
        for person, row in found.items()
    }  # fmt: skip


def _weight(row: Any) -> tuple[Any, ...]:
    """The one that counts first: with an address, by priority, the newest."""
    priority = _PRIORITY.index(row.kind) if row.kind in _PRIORITY else len(_PRIORITY)
    return (row.mailing_address == "", priority, -row.since.toordinal(), row.dataset, row.evidence)


def _department(programme: Programme, dataset: str) -> str:
    """Which department holds what a list does not say."""
    own = {source.dataset: source.department for source in programme.list_sources}
    return programme.mail.departments.get(dataset, own.get(dataset, programme.benefit.office))


def of_household(row: Mapping[str, Any]) -> Addressee:
    """Somebody at their household's address on the register."""
    lines = tuple(line for line in (row["address"], row["address_supplement"]) if line)
    return Addressee(row["postal_code"] or "", lines, row["name_kanji"])


def of_protected(care: Care, name: str) -> Addressee:
    """Where a protected person is written to; through a department its name alone."""
    return Addressee("", (care.address or f"{care.department} 気付",), name)


@dataclass(frozen=True)
class Households:
    """Whom a household's mail may be addressed to. heads: household -> its head's row, unless protected."""

    heads: Mapping[str, Mapping[str, Any]]
    eldest: Mapping[str, Mapping[str, Any]]

    def addressee(self, household: str) -> Mapping[str, Any] | None:
        """The head, or where the head is protected the eldest who is not; None if all are protected."""
        return self.heads.get(household) or self.eldest.get(household)


def read_households(everybody: pa.Table, wanted: Iterable[str], protected: set[str]) -> Households:
    """The addressees of some households."""
    of_wanted = pc.is_in(
        everybody.column("household_id"), value_set=pa.array(sorted(set(wanted)), pa.string())
    )
    heads: dict[str, Mapping[str, Any]] = {}
    members: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in everybody.filter(of_wanted).to_pylist():
        if row["person_id"] in protected:
            continue
        members[row["household_id"]].append(row)
        if (row["relationship"] or "").startswith("02"):
            heads[row["household_id"]] = row
    eldest = {
        household: min(rows, key=lambda row: (row["date_key"] or "9", row["person_id"]))
        for household, rows in members.items()
    }
    return Households(heads, eldest)


def requests_of(c: Campaign, care: Mapping[str, Care]) -> dict[str, tuple[str, str]]:
    """Evacuee or companion -> (the request, which is one for those who fled together; the role in it)."""
    rows_by_delivery: dict[tuple[str, str, int], dict[int, str]] = defaultdict(dict)
    for person, own in care.items():
        parts = _EVIDENCE.fullmatch(own.evidence)
        if own.kind == _REQUEST and own.settled and parts:
            first = int(parts["version"] or 1)
            rows_by_delivery[parts["dataset"], parts["day"], first][int(parts["row"])] = person
    found = {}
    for (dataset, day, first), people in rows_by_delivery.items():
        on = date.fromisoformat(day)
        for row, request, role in _requests(c, dataset, on, first):
            if row in people:
                found[people[row]] = (f"{dataset}/{day}/{first}:{request}", role)
    return found


def _requests(c: Campaign, dataset: str, day: date, first: int) -> list[tuple[int, str, str]]:
    """(row, request number, role) of a delivery, as the newest version of its bytes has them."""
    versions = [
        v for v in c.staging.versions(dataset, day) if c.staging.first_of(dataset, day, v) == first
    ]
    if not versions:
        return []
    columns = ["row", "request_no", "request_role"]
    rows = c.staging.read(dataset, day, version=max(versions), columns=columns)
    return [(row["row"], row["request_no"], row["request_role"]) for row in rows.to_pylist()]
