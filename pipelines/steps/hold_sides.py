"""Both sides of a hold from staging: what the claim says, and what the register and its changes say."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.intake import keys
from pipelines.ledger import holds
from pipelines.ledger.holds import Hold
from pipelines.ledger.people import protected_ids
from pipelines.matching import comparison
from pipelines.matching.comparison import Sides
from pipelines.steps import deliveries, register, undecided
from pipelines.steps.campaign import Campaign

_SUPPLEMENT = re.compile(r"(.*)\+v(\d{3})")


def both_sides(c: Campaign, connection: sa.Connection, wanted: Sequence[Hold]) -> dict[str, Sides]:
    """Hold id -> both sides as staging has them.

    Raises:
        KyufuError: staging no longer has a claim or a person that the ledger knows.
    """
    if not wanted:
        return {}
    claims = _staged_claims(c, connection, wanted)
    people, heads = _register_rows(
        c, {p for h in wanted for p in (h.person_id, h.applicant_id) if p}
    )
    changes = _changes(c, [*people.values(), *heads.values()])
    protected = protected_ids(connection, c.programme.id)
    naming = holds.claims_naming(connection, c.programme.id, wanted)
    like = holds.claims_like(connection, c.programme.id, {hold.claim_id for hold in wanted})
    found = {}
    for hold in wanted:
        claim, lines = claims[hold.claim_id]
        person = people[hold.person_id] if hold.person_id else {}
        applicant = people.get(hold.applicant_id or "")
        head = heads.get(person.get("household_id") or "")
        rows = [row for row in (person, applicant, head) if row]
        residents = {row["resident_id"] for row in rows if row["resident_id"]}
        payable_on = naming[hold.hold_id]
        found[hold.hold_id] = Sides(
            claim, comparison.line_of(lines, person) if person else None, person, applicant, head,
            [row for resident in sorted(residents) for row in changes[resident]],
            f"{c.programme.claims.deadline:%Y%m%d}", sorted({*payable_on[1:], *like[hold.claim_id]}),
            sorted(protected & {row["person_id"] for row in rows}), sorted(hold.concerns), payable_on,
        )  # fmt: skip
    return found


def _staged_claims(
    c: Campaign, connection: sa.Connection, wanted: Sequence[Hold]
) -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Claim id -> (its staged row, its staged lines)."""
    found: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}
    for staged in staged_claims(c, connection, wanted):
        lines: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for line in staged.members.to_pylist():
            lines[line["claim_no"]].append(line)
        rows = {row["claim_no"]: row for row in staged.claims.to_pylist()}
        found |= {claim: (rows[number], lines[number]) for claim, number in staged.numbers.items()}
    return found


@dataclass(frozen=True)
class Staged:
    """Claims as one delivery brought them. numbers: claim id in the ledger -> number in the tables."""

    channel: str
    numbers: Mapping[str, str]
    claims: pa.Table
    members: pa.Table


def staged_claims(c: Campaign, connection: sa.Connection, wanted: Sequence[Hold]) -> list[Staged]:
    """The claims of these holds, each once, from the delivery that brought it.

    Raises:
        KyufuError: staging no longer has a claim that the ledger knows.
    """
    used = deliveries.used_in(connection, c.programme.id, undecided.STEP)
    groups: dict[tuple[date, str], dict[str, tuple[str, int | None]]] = defaultdict(dict)
    for hold in wanted:
        groups[hold.since, hold.channel][hold.claim_id] = _number(hold.claim_id)
    found: list[Staged] = []
    open_ids = {hold.claim_id for hold in wanted}
    for (day, channel), claims in groups.items():
        dataset = undecided.CHANNELS[channel]
        for delivery in sorted(d for d in used.get(day, ()) if d.dataset == dataset):
            here = {
                claim: number
                for claim, (number, version) in claims.items()
                if claim in open_ids and version in (None, delivery.version)
            }
            brought = _brought(c, delivery, channel, here)
            found.append(brought)
            open_ids -= set(brought.numbers)
    if open_ids:
        raise KyufuError(
            f"保留されている申請{len(open_ids)}件の原本が取り込み済みのデータにありません。"
            "stagingのバックアップを戻してください。"
        )
    return found


def is_supplement(claim_id: str) -> bool:
    """Whether the ledger has these lines as a claim of their own, accepted after their claim was decided."""
    return _SUPPLEMENT.fullmatch(claim_id) is not None


def _number(claim_id: str) -> tuple[str, int | None]:
    """(the claim's number, the version of its delivery if it is a supplement)."""
    supplement = _SUPPLEMENT.fullmatch(claim_id)
    return (supplement[1], int(supplement[2])) if supplement else (claim_id, None)


def _brought(
    c: Campaign, delivery: deliveries.Delivery, channel: str, numbers: Mapping[str, str]
) -> Staged:
    """numbers: claim id -> claim number; those that the delivery has are found."""

    def rows(table: str) -> pa.Table:
        staged = c.staging.read(delivery.dataset, delivery.day, table, delivery.version)
        return staged.filter(
            pc.is_in(staged.column("claim_no"), value_set=_texts(set(numbers.values())))
        )

    claims = rows("claims")
    here = set(claims.column("claim_no").to_pylist())
    found = {claim: number for claim, number in numbers.items() if number in here}
    return Staged(channel, found, claims, rows("members"))


def _register_rows(
    c: Campaign, wanted: set[str]
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """(person id -> what the register or the addition's evidence says, household id -> its head's row)."""
    people = c.people()
    is_wanted = pc.is_in(people.column("person_id"), value_set=_texts(wanted))
    rows = people.filter(is_wanted)
    rows = rows.append_column("alias_key", keys.alias_key(rows.column("name_kanji")))
    found = {row["person_id"]: row for row in rows.to_pylist()}
    if missing := wanted - set(found):
        raise KyufuError(
            f"保留に関係する{len(missing)}人が基準日台帳にも追加の対象者にもありません。台帳を点検してください。"
        )
    households = _texts({row["household_id"] for row in found.values() if row["household_id"]})
    is_head = pc.starts_with(people.column("relationship"), "02")
    of_these = pc.is_in(people.column("household_id"), value_set=households)
    heads = people.filter(pc.and_(is_head, of_these)).to_pylist()
    return found, {row["household_id"]: row for row in heads}


def _texts(texts: Iterable[str]) -> pa.Array:
    return pa.array(sorted(texts), pa.string())


def _changes(
    c: Campaign, people: Iterable[Mapping[str, Any]]
) -> Mapping[str, list[dict[str, Any]]]:
    """Resident number -> all that the register told of these people since the base date, in order."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    rows = register.changes_until(c, date.max)
    if rows is None:
        return found
    residents = pa.array(
        sorted({p["resident_id"] for p in people if p["resident_id"]}), pa.string()
    )
    columns = ["resident_id", "change_reason", "changed_on", "notified_on"]
    of_people = rows.filter(pc.is_in(rows.column("resident_id"), value_set=residents))
    seen = set()
    for row in of_people.select(columns).to_pylist():
        if (told := tuple(row.values())) not in seen:
            seen.add(told)
            found[row["resident_id"]].append(row)
    return found
