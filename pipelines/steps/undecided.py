"""Which claims of a day's deliveries are still to be decided: all of a new one, what is new in one that was mended.

A claim number that is decided stays as it is decided. A line that was accepted after its claim had been decided is
decided as a supplement: the same applicant and account under the claim's number with the version behind it, naming that
line alone, so that the person on it is neither lost nor the decided ones are touched. A correction or withdrawal of the
claim is one of its supplements too; a claim that was corrected or withdrawn gets none. Of claims with one number,
over all channels, the one that came first counts; the others are left out, and correct or withdraw nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.intake import mending
from pipelines.intake.mending import Mending
from pipelines.ledger import store, tables
from pipelines.steps.campaign import Campaign
from pipelines.steps.deliveries import Delivery, used_in

STEP = "claims.decide"
CHANNELS = {"online": "online_claims", "postal": "postal_claims", "inhouse": "inhouse_claims"}
SUPPLEMENT = (
    "supplement"  # kind of claim in the ledger; the claim it supplements is its supersedes_id
)
_NAMING = ("correction", "withdrawal")
Used = Mapping[date, set[Delivery]]  # business day -> what its run decided


@dataclass(frozen=True)
class Open:
    """What of a delivery is to be decided, and the source rows of what is not.

    repeated: rows of claims whose number another delivery's claim had first. fallen: rows of lines that were accepted
    after their claim was decided, and whose claim was corrected or withdrawn.
    """

    delivery: Delivery
    claims: pa.Table
    members: pa.Table
    repeated: tuple[int, ...] = ()
    fallen: tuple[int, ...] = ()


def open_claims(
    c: Campaign, connection: sa.Connection, deliveries: Sequence[Delivery]
) -> list[Open]:
    """What is to be decided of each delivery, with the supplements: by day, and of a day in their order."""
    staged = [(d, _read(c, d, "claims")) for d in sorted(deliveries, key=lambda d: d.day)]
    numbers = {n for _, claims in staged for n in claims.column("claim_no").to_pylist()}
    decided = _decided(connection, c.programme.id, numbers)
    parts = _first_and_others(staged, set(decided))
    named = _named(connection, c.programme.id).union(*(_names(new) for _, new, _ in parts))
    used = used_in(connection, c.programme.id, STEP)
    found = []
    for delivery, new, others in parts:
        members = _read(c, delivery, "members")
        own = _own(c, used, delivery, decided)
        is_own = pc.is_in(others.column("claim_no"), value_set=_texts(own))
        lines = members.filter(pc.is_in(members.column("claim_no"), value_set=_numbers(new)))
        standing = {n for n in own if decided[n].stands} - named
        more, more_lines, fallen = _supplements(
            c, _versions_used(used, delivery), delivery, others.filter(is_own), members, standing
        )
        repeated = others.filter(pc.invert(is_own)).column("row").to_pylist()
        found.append(
            Open(
                delivery, pa.concat_tables([new, more]), pa.concat_tables([lines, more_lines]),
                tuple(repeated), fallen,
            )
        )  # fmt: skip
    return found


def _first_and_others(
    staged: Sequence[tuple[Delivery, pa.Table]], taken: set[str]
) -> list[tuple[Delivery, pa.Table, pa.Table]]:
    """Each delivery with its claims whose number is neither taken nor an earlier delivery's, and with the others."""
    found = []
    for delivery, claims in staged:
        known = pc.is_in(claims.column("claim_no"), value_set=_texts(taken))
        new = claims.filter(pc.invert(known))
        found.append((delivery, new, claims.filter(known)))
        taken = taken.union(new.column("claim_no").to_pylist())
    return found


def _supplements(
    c: Campaign, used: list[Delivery], delivery: Delivery, claims: pa.Table, members: pa.Table,
    standing: set[str],
) -> tuple[pa.Table, pa.Table, tuple[int, ...]]:  # fmt: skip
    """(claims, members, rows of lines that fell with their claim) of lines that no used version had accepted.

    used: the versions that runs have decided. claims: those that one of them brought and that are decided. Of other
    source bytes only mended lines count, because a file that came again changes no decided claim.
    """
    if not used:
        return claims.slice(0, 0), members.slice(0, 0), ()
    before = pa.chunked_array(
        [chunk for d in used for chunk in _lines(_read(c, d, "members")).chunks], pa.string()
    )
    is_new = pc.and_(
        pc.is_in(members.column("claim_no"), value_set=_numbers(claims)),
        pc.invert(pc.is_in(_lines(members), value_set=before.combine_chunks())),
    )
    if c.staging.first_of(delivery.dataset, delivery.day, delivery.version) > used[-1].version:
        laid = Mending.from_table(_read(c, delivery, mending.TABLE))
        mended = pa.array(sorted(laid.rows_of("members")), pa.int64())
        is_new = pc.and_(is_new, pc.is_in(members.column("row"), value_set=mended))
    all_lines = members.filter(is_new)
    stands = pc.is_in(all_lines.column("claim_no"), value_set=_texts(standing))
    lines = all_lines.filter(stands)
    fallen = tuple(all_lines.filter(pc.invert(stands)).column("row").to_pylist())
    of_lines = claims.filter(pc.is_in(claims.column("claim_no"), value_set=_numbers(lines)))
    suffix = f"+v{delivery.version:03d}"
    kinds = pa.array([SUPPLEMENT] * of_lines.num_rows, pa.string())
    supplements = _with(
        _with(_renumbered(of_lines, suffix), "claim_kind", kinds),
        "supersedes_no",
        of_lines.column("claim_no"),
    )
    return supplements, _renumbered(lines, suffix), fallen


def _read(c: Campaign, delivery: Delivery, table: str) -> pa.Table:
    return c.staging.read(delivery.dataset, delivery.day, table, delivery.version)


@dataclass(frozen=True)
class _Decided:
    channel: str
    on: date
    stands: bool


def _decided(connection: sa.Connection, programme: str, numbers: set[str]) -> dict[str, _Decided]:
    """Claim number -> what the ledger knows of it, of those numbers that it knows."""
    t = tables.claim
    asked_for = ((number,) for number in sorted(numbers))
    with store.staged(connection, "asked_claim", ["claim_id"], asked_for) as asked:
        query = sa.select(t.c.claim_id, t.c.channel, t.c.day, t.c.outcome).join_from(
            asked, t, (t.c.programme == programme) & (t.c.claim_id == asked.c.claim_id)
        )
        return {
            number: _Decided(channel, day, outcome not in ("superseded", "withdrawn"))
            for number, channel, day, outcome in connection.execute(query)
        }


def _named(connection: sa.Connection, programme: str) -> set[str]:
    """Claim numbers that a correction or withdrawal in the ledger names, if they were its own to name."""
    t, f = tables.claim, tables.finding
    refused = sa.select(f.c.claim_id).filter_by(programme=programme, code="NOT_OWN_CLAIM")
    query = sa.select(t.c.supersedes_id).where(
        t.c.programme == programme, t.c.kind.in_(_NAMING), t.c.supersedes_id.is_not(None),
        t.c.claim_id.not_in(refused),
    )  # fmt: skip
    return set(connection.execute(query).scalars())


def _names(claims: pa.Table) -> set[str]:
    """Claim numbers that the corrections and withdrawals among some claims name."""
    naming = pc.is_in(claims.column("claim_kind"), value_set=pa.array(_NAMING))
    return set(claims.filter(naming).column("supersedes_no").to_pylist())


def _own(
    c: Campaign,
    used: Used,
    delivery: Delivery,
    decided: dict[str, _Decided],
) -> set[str]:
    """The decided numbers that an earlier version of this delivery brought, and no other delivery brought first."""
    own: set[str] = set()
    for on, of_day in used.items():
        same = sorted(d for d in of_day if d.dataset == delivery.dataset and d.day <= delivery.day)
        if not same or same[-1].day != delivery.day:
            continue
        *first, ours = (set(_read(c, d, "claims").column("claim_no").to_pylist()) for d in same)
        for number in ours.intersection(decided).difference(*first):
            if decided[number].on == on and CHANNELS[decided[number].channel] == delivery.dataset:
                own.add(number)
    return own


def _versions_used(used: Used, delivery: Delivery) -> list[Delivery]:
    """The earlier versions of the same day that runs have decided, in order."""
    return sorted(
        d
        for found in used.values()
        for d in found
        if (d.dataset, d.day) == (delivery.dataset, delivery.day) and d.version < delivery.version
    )


def _texts(texts: set[str]) -> pa.Array:
    return pa.array(sorted(texts), pa.string())


def _lines(members: pa.Table) -> pa.ChunkedArray:
    """What names a line: its claim and its number on it."""
    return pc.binary_join_element_wise(members.column("claim_no"), members.column("line"), "\n")


def _numbers(rows: pa.Table) -> pa.Array:
    return rows.column("claim_no").combine_chunks()


def _renumbered(rows: pa.Table, suffix: str) -> pa.Table:
    numbers = pc.binary_join_element_wise(rows.column("claim_no"), suffix, "")
    return _with(rows, "claim_no", numbers)


def _with(rows: pa.Table, column: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    return rows.set_column(rows.column_names.index(column), column, values)
