"""Which staged versions the steps have used: each step's result in the ledger names them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipelines.intake.staging import sha256
from pipelines.ledger import tables

USED = "deliveries"  # in a step's result: the staged versions it used, each [dataset, day, version]
LINKED = "people.link"  # the step that links the welfare lists and late registrations to people


@dataclass(frozen=True, order=True)
class Delivery:
    """One version of one dataset's day, as a step uses it."""

    dataset: str
    day: date
    version: int

    def as_json(self) -> list[Any]:
        """As a step's result keeps it."""
        return [self.dataset, self.day.isoformat(), self.version]


def used_in(connection: sa.Connection, programme: str, step: str) -> dict[date, set[Delivery]]:
    """Business day -> the deliveries that steps whose name begins with `step` have used on it."""
    s = tables.step
    query = sa.select(s.c.day, s.c.result).where(
        s.c.programme == programme, s.c.name.like(f"{step}%")
    )
    used: dict[date, set[Delivery]] = {}
    for day, result in connection.execute(query):
        used.setdefault(day, set()).update(
            Delivery(name, date.fromisoformat(staged), version)
            for name, staged, version in result[USED]
        )
    return used


def name_of(wanted: Sequence[Delivery]) -> str:
    """A short name for a set of deliveries: other ones are another step."""
    return sha256(json.dumps([d.as_json() for d in sorted(wanted)]).encode())[:8]
