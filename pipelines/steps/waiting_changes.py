"""People of whom a change of the register waits in quarantine: nothing is paid to them until that row is mended.

Such a row may be a death or a departure before the base date, which would end the person's eligibility. Only rows whose
resident number can be read name anybody.
"""

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.ledger import payments, people, tables
from pipelines.ledger.states import Entitlement
from pipelines.ledger.store import Move, move, staged
from pipelines.steps import exceptions
from pipelines.steps.campaign import Campaign

CODE = "CHANGE_IN_QUARANTINE"
_ARRIVALS = pa.array(["birth", "moved_in"])


def hold(c: Campaign, connection: sa.Connection, day: date) -> dict[str, int]:
    """Hold who is approved while a change of theirs waits; approve again whose change waits no longer.

    A batch with such a person that is not sent yet is voided first.

    Returns:
        Counts: change_held, change_freed.
    """
    waiting, severity = people_waiting(c, day), c.programme.findings[CODE]
    if severity != "note":
        payments.take_back(connection, c.programme.id, waiting, "register_changes", day)
    e = tables.entitlement
    of_programme = sa.select(e.c.person_id, e.c.claim_id).where(e.c.programme == c.programme.id)
    with staged(connection, "waiting", ["person_id"], ((p,) for p in sorted(waiting))) as named:
        approved = of_programme.where(e.c.state == Entitlement.APPROVED)
        theirs = approved.where(e.c.person_id.in_(sa.select(named.c.person_id)))
        found = [(row.person_id, row.claim_id) for row in connection.execute(theirs)]
    on_hold = of_programme.where(e.c.state == Entitlement.HELD, e.c.codes == CODE)
    freed = [row for row in connection.execute(on_hold) if row.person_id not in waiting]
    people.add_findings(connection, c.programme.id, CODE, severity, found)
    held = found if severity != "note" else []
    moves = [
        *(Move(person, Entitlement.HELD, claim, CODE) for person, claim in held),
        *(Move(person, Entitlement.APPROVED, claim) for person, claim in freed),
    ]
    move(connection, c.programme.id, moves, "register_changes", "", day)
    return {"change_held": len(held), "change_freed": len(freed)}


def people_waiting(c: Campaign, day: date) -> set[str]:
    """Person ids of those whom a quarantined row, staged up to that day, may make ineligible."""
    base = pa.scalar(f"{c.programme.benefit.base_date:%Y%m%d}")
    found: set[str] = set()
    for came in c.staging.days("register_changes", day):
        rows = _without_exceptions(c, came)
        reasons = rows.column("change_reason")
        left_later = pc.and_(
            pc.equal(reasons, "moved_out"),
            pc.fill_null(pc.greater_equal(rows.column("changed_on_key"), base), False),
        )
        harmless = pc.or_(pc.is_in(reasons, value_set=_ARRIVALS), left_later)
        residents = rows.filter(pc.invert(harmless)).column("resident_id").to_pylist()
        found |= {f"R{resident}" for resident in residents}
    return found


def _without_exceptions(c: Campaign, came: date) -> pa.Table:
    """The quarantined rows of a day but for those that two people signed as exceptions."""
    rows = c.staging.read("register_changes", came, "quarantine_rows")
    manifest = c.staging.manifest("register_changes", came)
    signed = exceptions.signed_for(c, manifest).rows if manifest else frozenset()
    numbers = pa.array(sorted(row for _, row in signed), pa.int64())
    return rows.filter(pc.invert(pc.is_in(rows.column("row"), value_set=numbers)))
