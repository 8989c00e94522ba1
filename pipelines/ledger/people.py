"""Eligible people, protections and additions in the ledger."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import payments, tables
from pipelines.ledger.bulk import insert_rows, load
from pipelines.ledger.recoveries import open_recoveries
from pipelines.ledger.states import Entitlement
from pipelines.ledger.store import (
    Move,
    fetch,
    fetch_plain,
    in_parts,
    insert_new,
    last_event,
    move,
    record,
    record_events,
    staged,
)
from pipelines.matching.persons import Addition, Person, Protection

FORMS_SENT = (
    "forms.sent"  # the audit event of a file of forms that went out: people, households, route
)
_COUNTING = (Entitlement.APPROVED, Entitlement.PAID, Entitlement.HELD, Entitlement.CLAIMED)


def open_entitlements(
    connection: sa.Connection,
    programme: str,
    people: Iterable[Person],
    source: str,
    amount_yen: int,
    day: date,
) -> int:
    """Open one entitlement a person, unclaimed, and return how many.

    Raises:
        sqlalchemy.exc.IntegrityError: somebody has one already.
    """
    rows = sorted((p.person_id, p.resident_id, p.household_id) for p in people)
    columns = (
        "programme",
        "person_id",
        "resident_id",
        "household_id",
        "source",
        "amount_yen",
        "state",
    )
    state = str(Entitlement.UNCLAIMED)
    load(
        connection, tables.entitlement, columns,
        ((programme, *row, source, amount_yen, state) for row in rows),
    )  # fmt: skip
    e, v = tables.entitlement, tables.entitlement_event
    before = last_event(connection)
    event = ("programme", "person_id", "to_state", "cause", "reference", "business_date")
    values = (
        e.c.programme,
        e.c.person_id,
        e.c.state,
        sa.literal("opened"),
        e.c.source,
        sa.literal(day, sa.Date),
    )
    no_event = sa.not_(
        sa.exists().where(v.c.programme == e.c.programme, v.c.person_id == e.c.person_id)
    )
    opened = sa.select(*values).where(e.c.programme == programme, no_event).order_by(e.c.person_id)
    connection.execute(sa.insert(v).from_select(event, opened))
    record_events(connection, programme, before, "opened", day)
    return len(rows)


def open_additions(
    connection: sa.Connection,
    programme: str,
    additions: Sequence[Addition],
    amount_yen: int,
    day: date,
) -> int:
    """Open additions that are not open yet; returns how many are new."""
    known = {
        row
        for (row,) in connection.execute(
            sa.select(tables.addition.c.person_id).filter_by(programme=programme)
        )
    }
    new = [item for item in additions if item.person.person_id not in known]
    insert_rows(
        connection, tables.addition,
        [
            {
                "programme": programme, "person_id": item.person.person_id,
                **{key: value for key, value in asdict(item).items() if key != "person"},
            }
            for item in new
        ],
    )  # fmt: skip
    return open_entitlements(
        connection, programme, (a.person for a in new), "addition", amount_yen, day
    )


def protect(
    connection: sa.Connection, programme: str, protections: Sequence[Protection], day: date
) -> None:
    """Add protections; one already there stays, except that a candidate becomes linked.

    Where a newer list gives somebody another address, that is theirs from then on, and the former stays a secret.
    """
    _keep_former_whereabouts(connection, programme, protections, day)
    insert_new(
        connection,
        tables.protection,
        [{"programme": programme, "since": day, **asdict(p)} for p in protections],
    )
    p = tables.protection
    for item in protections:
        if item.certainty == "linked":
            moved = sa.and_(
                p.c.certainty == "linked", sa.literal(item.mailing_address) != "",
                p.c.mailing_address != item.mailing_address,
            )  # fmt: skip
            connection.execute(
                sa.update(p)
                .filter_by(programme=programme, person_id=item.person_id, dataset=item.dataset)
                .where(sa.or_(p.c.certainty == "candidate", moved))
                .values(
                    certainty="linked", evidence=item.evidence, mailing_address=item.mailing_address
                )
            )


def _keep_former_whereabouts(
    connection: sa.Connection, programme: str, protections: Sequence[Protection], day: date
) -> None:
    p = tables.protection
    known = sa.select(p.c.person_id, p.c.dataset, p.c.mailing_address).where(
        p.c.programme == programme, p.c.mailing_address != ""
    )
    before = {
        (row.person_id, row.dataset): row.mailing_address for row in connection.execute(known)
    }
    former = [
        {"programme": programme, "person_id": item.person_id, "dataset": item.dataset, "address": address, "until": day}
        for item in protections
        if item.certainty == "linked" and item.mailing_address
        and (address := before.get((item.person_id, item.dataset))) and address != item.mailing_address
    ]  # fmt: skip
    insert_new(connection, tables.former_whereabouts, former)


def whereabouts(connection: sa.Connection, programme: str) -> dict[str, tuple[str, ...]]:
    """Person -> every address where that person lives or lived under protection."""
    p, f = tables.protection, tables.former_whereabouts
    now = sa.select(p.c.person_id, p.c.mailing_address).where(
        p.c.programme == programme, p.c.mailing_address != ""
    )
    before = sa.select(f.c.person_id, f.c.address).where(f.c.programme == programme)
    found: dict[str, set[str]] = {}
    for person, address in connection.execute(now.union(before)):
        found.setdefault(person, set()).add(address)
    return {person: tuple(sorted(addresses)) for person, addresses in sorted(found.items())}


FACILITY_KINDS = ("facility", "facility_outside", "facility_inside")


def only_in_facilities(connection: sa.Connection, programme: str) -> set[str]:
    """Who is known to be admitted to a facility, and is under no other protection, not even as a candidate."""
    p = tables.protection
    query = sa.select(p.c.person_id, p.c.kind, p.c.certainty).where(p.c.programme == programme)
    rows = connection.execute(query).all()
    admitted = {r.person_id for r in rows if r.kind in FACILITY_KINDS and r.certainty == "linked"}
    return admitted - {r.person_id for r in rows if r.kind not in FACILITY_KINDS}


def protected_ids(connection: sa.Connection, programme: str) -> set[str]:
    """Everybody who is protected now, candidates included."""
    query = sa.select(tables.protection.c.person_id).filter_by(programme=programme)
    return set(connection.execute(query).scalars())


def braille_ids(connection: sa.Connection, programme: str) -> set[str]:
    """Holders whose household's envelope carries Braille."""
    return set(
        connection.execute(
            sa.select(tables.braille_holder.c.person_id).filter_by(programme=programme)
        ).scalars()
    )


STANDING = pa.schema([(name, pa.string()) for name in ("person_id", "state", "claim_id")])


def states_among(connection: sa.Connection, programme: str, people: Sequence[str]) -> pa.Table:
    """State and deciding claim of these people (schema `STANDING`), in no order.

    Raises:
        KyufuError: one of them is not in the ledger.
    """
    e = tables.entitlement
    with staged(connection, "asked_person", ["person_id"], ((p,) for p in people)) as asked:
        query = sa.select(e.c.person_id, e.c.state, e.c.claim_id).join_from(
            asked, e, (e.c.programme == programme) & (e.c.person_id == asked.c.person_id)
        )
        found = fetch(connection, query, STANDING)
    if found.num_rows != len(people):
        raise KyufuError(
            f"対象者のうち{len(people) - found.num_rows:,}人が台帳にありません。台帳を点検してください。"
        )
    return found


def assert_everybody(connection: sa.Connection, programme: str, people: int) -> None:
    """Assert that the ledger has exactly so many people.

    Raises:
        KyufuError: it has more or fewer.
    """
    e = tables.entitlement
    count = sa.select(sa.func.count()).select_from(e).filter_by(programme=programme)
    if (known := connection.execute(count).scalar_one()) != people:
        raise KyufuError(
            f"対象者は基準日台帳と追加で{people:,}人ですが、台帳には{known:,}人います。台帳を点検してください。"
        )


def states_of(
    connection: sa.Connection, programme: str, people: Iterable[str]
) -> dict[str, Entitlement]:
    """The states of some people; whoever is not in the ledger is left out."""
    e = tables.entitlement
    states: dict[str, Entitlement] = {}
    for part in in_parts(people):
        of_part = e.c.person_id.in_(part)
        query = sa.select(e.c.person_id, e.c.state).where(e.c.programme == programme, of_part)
        states.update({person: Entitlement(state) for person, state in connection.execute(query)})
    return states


def without_form(
    connection: sa.Connection, programme: str, states: Iterable[Entitlement]
) -> list[str]:
    """Those in one of these states to whom no form was sent."""
    e = tables.entitlement
    query = sa.select(e.c.person_id).where(e.c.programme == programme, e.c.form_route.is_(None))
    return list(connection.execute(query.where(e.c.state.in_(list(states)))).scalars())


def households_with_form(
    connection: sa.Connection, programme: str, households: set[str]
) -> set[str]:
    """Which of these households a form was sent to."""
    e = tables.entitlement
    query = sa.select(e.c.household_id).where(
        e.c.programme == programme, e.c.form_route.is_not(None), e.c.household_id.is_not(None)
    )
    return households & {household for (household,) in fetch_plain(connection, query.distinct())}


def mark_form_sent(
    connection: sa.Connection,
    programme: str,
    people: Iterable[str],
    route: str,
    name: str,
    day: date,
) -> int:
    """Remember by which way and when these people's forms went out; the audit chain keeps the counts.

    name: of the file that holds them. Returns how many people.
    """
    e = tables.entitlement
    ids = ((person,) for person in sorted(people))
    with staged(connection, "form_sent_to", ["person_id"], ids) as sent:
        known = (e.c.programme == programme) & e.c.person_id.in_(sa.select(sent.c.person_id))
        household = sa.func.coalesce(e.c.household_id, e.c.person_id)
        counts = sa.select(sa.func.count(), sa.func.count(household.distinct())).where(known)
        marked, households = connection.execute(counts).one()
        values = {"form_route": route, "form_on": day}
        connection.execute(sa.update(e).where(known).values(values))
    detail = {"people": marked, "households": households, "route": route}
    record(connection, programme, FORMS_SENT, "system", name, detail, day)
    return int(marked)


def release_approved_under_protection(
    connection: sa.Connection, programme: str, day: date
) -> tuple[int, int]:
    """Protection wins over a head's claim: what is not sent yet goes back, what is paid opens a recovery.

    Returns (entitlements taken back from approval, recoveries opened). A protected person's own claim, or one by a
    fellow protected person through the ward, is left alone. A batch that is not sent yet is voided for it.
    """
    protected = protected_ids(connection, programme)
    on_the_way = _on_others_claims(connection, programme, protected, [Entitlement.IN_PAYMENT])
    payments.take_back(
        connection, programme, (row.person_id for row in on_the_way), "protection", day
    )
    rows = _on_others_claims(connection, programme, protected, _COUNTING)
    paid = [row.person_id for row in rows if row.state == Entitlement.PAID]
    open_recoveries(connection, programme, paid, "protection", day)
    moves = [Move(row.person_id, Entitlement.UNCLAIMED, None, "MEMBER_PROTECTED") for row in rows]
    move(connection, programme, moves, "protection", "", day)
    return len(rows) - len(paid), len(paid)


def _on_others_claims(
    connection: sa.Connection, programme: str, protected: set[str], states: Iterable[Entitlement]
) -> list[Any]:
    """The protected people in one of these states by a claim that no protected person made through the ward."""
    e, c = tables.entitlement, tables.claim
    rows: list[Any] = []
    for part in in_parts(protected):
        query = (
            sa.select(e.c.person_id, e.c.state, c.c.channel, c.c.applicant_id)
            .join(c, (c.c.programme == e.c.programme) & (c.c.claim_id == e.c.claim_id))
            .where(e.c.programme == programme, e.c.person_id.in_(part))
            .where(e.c.state.in_(list(states)))
        )
        rows += connection.execute(query).all()
    return [row for row in rows if not (row.channel == "inhouse" and row.applicant_id in protected)]


def add_findings(
    connection: sa.Connection,
    programme: str,
    code: str,
    severity: str,
    found: Iterable[tuple[str, str]],
) -> None:
    """Enter a finding about people whom something else than their claim concerns: (person, claim) each, once."""
    rows = [
        {
            "programme": programme, "claim_id": claim, "line": person, "code": code,
            "severity": severity, "person_id": person,
        }
        for person, claim in found
    ]  # fmt: skip
    insert_new(connection, tables.finding, rows)
