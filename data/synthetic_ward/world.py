"""The ward while it is being made: its people, what its senders know, and all claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import NamedTuple

from data.synthetic_ward.banks import Bank
from data.synthetic_ward.model import Account, Claim, Household, Person
from data.synthetic_ward.people import People
from data.synthetic_ward.places import Places
from data.synthetic_ward.settings import Settings

ONLINE, POSTAL, INHOUSE = "online", "postal", "inhouse"
LAST_DAY = 4
Need = Callable[[Household], bool]


class Known(NamedTuple):
    """A row that a sender knows from one day to another."""

    first: str
    last: str
    cells: tuple[str, ...]


@dataclass(slots=True)
class Ward:
    """Everything the generator knows; scenarios read and change it."""

    settings: Settings
    rng: Random
    places: Places
    people: People
    bank: Bank
    households: list[Household]
    pool: list[Household] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    refused: list[Claim] = field(default_factory=list)
    additions: list[Person] = field(default_factory=list)
    late: list[Person] = field(default_factory=list)
    # rows with the first and the last day on which the sender knows them
    changes: list[Known] = field(default_factory=list)
    lists: dict[str, list[Known]] = field(default_factory=dict)
    planted: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    canaries: bool = False
    marked: int = 0
    facility_accounts: dict[str, Account] = field(default_factory=dict)

    def day(self, number: int) -> str:
        """Day 0 is the set-up, days 1 to 4 are claim days."""
        days: tuple[str, ...] = (self.settings.days["setup"], *self.settings.days["claims"])
        return days[number]

    def take(self, count: int, need: Need) -> list[Household]:
        """Take up to that many households with a property out of those without a scenario."""
        taken: list[Household] = []
        skipped: list[Household] = []
        while self.pool and len(taken) < count:
            household = self.pool.pop()
            (taken if need(household) else skipped).append(household)
        self.pool.extend(reversed(skipped))
        return taken

    def list_row(self, dataset: str, day: int, *cells: str, until: int = LAST_DAY) -> None:
        """A row of a department's list, known from a day on."""
        known = Known(self.day(day), self.day(until), cells)
        self.lists.setdefault(dataset, []).append(known)

    def stamps(self, channel: str, day: str, count: int) -> list[str]:
        """Ascending times (online) or days (else) at which claims of a day of arrival were sent."""
        first, last = (to_date(d) for d in self.settings.windows[channel][day])
        days = (last - first).days
        if channel != ONLINE:
            drawn = (first + timedelta(days=self.rng.randint(0, days)) for _ in range(count))
            return sorted(to_text(d) for d in drawn)
        seconds = sorted(self.rng.sample(range((days + 1) * 86_400), count))
        return [f"{first + timedelta(days=s // 86_400)}T{clock(s % 86_400)}" for s in seconds]


@cache
def to_date(text: str) -> date:
    """A date from YYYYMMDD."""
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def to_text(day: date) -> str:
    """YYYYMMDD, faster than strftime."""
    return day.isoformat().replace("-", "")


@cache
def day_before(text: str, days: int) -> str:
    """YYYYMMDD so many days earlier."""
    return to_text(to_date(text) - timedelta(days=days))


def clock(seconds: int) -> str:
    """Seconds since midnight as hh:mm:ss."""
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
