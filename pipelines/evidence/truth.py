"""Comparison with the true answers of a synthetic ward, person by person."""

import csv
from collections import Counter
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import sqlalchemy as sa

from pipelines.errors import InputMissing
from pipelines.ledger import tables
from pipelines.ledger.store import fetch_plain
from pipelines.steps.campaign import Campaign

NO_MONEY = frozenset(
    {
        "unclaimed",
        "claimed",
        "held",
        "declined",
        "elsewhere",
        "elsewhere_pending",
        "ineligible",
        "lapsed",
    }
)
_ITEMS = ("resident_id", "name_kanji", "birth_date", "state", "reasons")


@dataclass(frozen=True)
class Comparison:
    """people: everybody compared. wrong: (true state, our state) -> how many; examples: whom, by id."""

    people: int
    right: int
    wrong: dict[tuple[str, str], int]
    wrong_reasons: dict[tuple[str, str], int]
    paid_wrongly: int
    paid_twice: int
    missing: int
    examples: dict[tuple[str, str], list[str]]

    @property
    def safe(self) -> bool:
        """Nobody was paid who should not be, and nobody twice."""
        return self.paid_wrongly == 0 and self.paid_twice == 0

    def as_dict(self) -> dict[str, object]:
        """For the summary: counts only."""
        return {
            "people": self.people, "right": self.right, "paid_wrongly": self.paid_wrongly,
            "paid_twice": self.paid_twice, "missing": self.missing,
            "wrong": {f"{a} -> {b}": n for (a, b), n in sorted(self.wrong.items())},
            "wrong_reasons": {f"{a or '-'} -> {b or '-'}": n for (a, b), n in sorted(self.wrong_reasons.items())},
        }  # fmt: skip


def compare(c: Campaign, truth: Path) -> Comparison:
    """Compare every person's state, reasons and money with `truth/people.csv`.

    Raises:
        InputMissing: there is no such file.
    """
    if not truth.is_file():
        raise InputMissing(
            f"{truth} がありません。--truth には truth/people.csv を指定してください。"
        )
    ours = _ours(c)
    seen: set[str] = set()
    wrong: Counter[tuple[str, str]] = Counter()
    reasons: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], list[str]] = {}
    right = paid_wrongly = people = 0
    with truth.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        items = itemgetter(*map(next(rows).index, _ITEMS))
        for resident_id, name, birth, true_state, true_codes in map(items, rows):
            people += 1
            key = resident_id or f"{name}|{birth}"
            state, codes = ours.get(key, ("missing", ""))
            seen.add(key)
            if state != true_state:
                wrong[true_state, state] += 1
                examples.setdefault((true_state, state), []).append(key)
            elif state == "held" and codes != true_codes:
                reasons[true_codes, codes] += 1
                examples.setdefault((true_codes, codes), []).append(key)
            else:
                right += 1
            paid_wrongly += state == "paid" and true_state in NO_MONEY
    extra = len(ours.keys() - seen)
    return Comparison(
        people, right, dict(wrong), dict(reasons), paid_wrongly, _paid_twice(c), extra, examples
    )


def _ours(c: Campaign) -> dict[str, tuple[str, str]]:
    """Everybody's state and codes by resident id, or by the evidence's name and birth date."""
    e, a = tables.entitlement, tables.addition
    query = (
        sa.select(e.c.resident_id, a.c.name_kanji, a.c.birth_date, e.c.state, e.c.codes)
        .outerjoin(a, (a.c.programme == e.c.programme) & (a.c.person_id == e.c.person_id))
        .where(e.c.programme == c.programme.id)
    )
    with c.ledger.read() as connection:
        return {
            resident_id or f"{name}|{birth}": (state, codes)
            for resident_id, name, birth, state, codes in fetch_plain(connection, query)
        }


def _paid_twice(c: Campaign) -> int:
    """People whom more than one payment reached that is neither returned nor under recovery."""
    i, p = tables.payment_item, tables.payment
    query = (
        sa.select(i.c.person_id)
        .join(p, (p.c.programme == i.c.programme) & (p.c.payment_key == i.c.payment_key))
        .where(i.c.programme == c.programme.id, p.c.result == "paid", i.c.live)
        .group_by(i.c.person_id)
        .having(sa.func.count() > 1)
    )
    with c.ledger.read() as connection:
        return len(connection.execute(query).all())
