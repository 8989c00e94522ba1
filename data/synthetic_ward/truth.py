"""Writing the true answers: what must have become of every person and claim."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from data.synthetic_ward.files import UTF8, to_csv
from data.synthetic_ward.model import Person
from data.synthetic_ward.world import Ward

PEOPLE = [
    "resident_id",
    "name_kanji",
    "birth_date",
    "state",
    "reasons",
    "paid_yen",
    "recovery_yen",
    "protected",
    "claim",
]
CLAIMS = ["claim", "channel", "day", "outcome", "codes"]


def everybody(ward: Ward) -> Iterator[Person]:
    """Everybody in the extract, the late additions, and the additions from lists."""
    for household in ward.households:
        yield from (m for m in household.members if m.in_extract)
    yield from ward.late
    yield from ward.additions


def _person_row(person: Person) -> tuple[str, ...]:
    return (
        person.resident_id,
        person.listed_name,
        person.listed_birth,
        person.state,
        ";".join(sorted(person.reasons)),
        str(person.paid_yen),
        str(person.recovery_yen),
        str(int(person.protected)),
        person.claim.number if person.claim else "",
    )


def count(ward: Ward) -> dict[str, int]:
    """How many people, households, claims, and people by state."""
    states = Counter(p.state for p in everybody(ward))
    channels = Counter(c.channel for c in ward.claims)
    counts = {
        "residents": sum(m.in_extract for h in ward.households for m in h.members),
        "households": len(ward.households),
        "late_additions": len(ward.late),
        "list_additions": len(ward.additions),
        "claims": len(ward.claims),
        "refused_claims": len(ward.refused),
    }
    counts |= {f"claims_{name}": n for name, n in sorted(channels.items())}
    return counts | {f"people_{name}": n for name, n in sorted(states.items())}


def write_truth(ward: Ward, out: Path) -> None:
    """The three tables of true answers."""
    folder = out / "truth"
    folder.mkdir()
    people = to_csv(PEOPLE, map(_person_row, everybody(ward)), UTF8)
    (folder / "people.csv").write_bytes(people)
    claims = [
        (c.number, c.channel, c.day, c.outcome, ";".join(sorted(c.codes))) for c in ward.claims
    ]
    (folder / "claims.csv").write_bytes(to_csv(CLAIMS, claims, UTF8))
    planted = [(kind, str(n)) for kind, n in sorted(ward.planted.items())]
    (folder / "planted.csv").write_bytes(to_csv(("kind", "count"), planted, UTF8))


def write_summary(ward: Ward, out: Path, residents: int, seed: int) -> dict[str, int]:
    """`ward.json`: what was asked for, the days, and the counts."""
    counts = count(ward)
    summary = {
        "seed": seed,
        "residents": residents,
        "municipality": ward.settings.ward["code"],
        "base_date": ward.settings.ward["base_date"],
        "days": ward.settings.days,
        "counts": counts,
    }
    text = json.dumps(summary, ensure_ascii=False, indent=2, sort_keys=True)
    (out / "ward.json").write_text(text + "\n", encoding=UTF8, newline="\n")
    return counts
