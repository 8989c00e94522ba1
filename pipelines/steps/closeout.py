"""Closeout: let unclaimed entitlements lapse, list what is held where and until when, prove the balance."""

import json
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipelines.files import write_whole
from pipelines.ledger import tables
from pipelines.ledger.balance import assert_balanced, take_balance
from pipelines.ledger.states import Entitlement
from pipelines.ledger.store import Move, move, record, verify_chain
from pipelines.steps import approvals, erasure, party_erasure, reports
from pipelines.steps.campaign import Campaign
from pipelines.steps.inbox import intake_totals


def lapse(c: Campaign, day: date) -> dict[str, Any]:
    """On the programme's day and after it, what nobody claimed lapses."""

    def work(connection: sa.Connection) -> dict[str, Any]:
        if day < c.programme.claims.lapse_on:
            return {"lapsed": 0}
        e = tables.entitlement
        query = sa.select(e.c.person_id).filter_by(
            programme=c.programme.id, state=Entitlement.UNCLAIMED
        )
        moves = [Move(person, Entitlement.LAPSED) for person in connection.execute(query).scalars()]
        lapsed = move(connection, c.programme.id, moves, "closeout", "", day)
        record(
            connection,
            c.programme.id,
            "closeout.lapsed",
            "system",
            f"closeout:{day}",
            {"people": lapsed},
            day,
        )
        return {"lapsed": lapsed}

    return c.ledger.once("closeout.lapse", day, work)


def list_holdings(c: Campaign, day: date) -> dict[str, Any]:
    """Write `HOME/reports/holdings-DAY.json`: each class of data, how much is held, until when; and the parties."""
    held = erasure.list_classes(c, day)
    erasing = {one.party: one.told(day) for one in party_erasure.standing(c)}
    parties = [
        {
            "party": p.name,
            "contract_until": p.contract.last.isoformat(),
            "releases": _releases(c, p.id),
            "erasure": erasing.get(p.id, ""),
        }
        for p in c.programme.parties
    ]
    listing = {"day": day.isoformat(), "ward": held, "parties": parties}
    write_whole(
        c.home / "reports" / f"holdings-{day}.json",
        json.dumps(listing, ensure_ascii=False, indent=1).encode(),
    )
    return {"classes": len(held), "overdue": sum(bool(h["overdue"]) for h in held)}


def ask_parties(c: Campaign, day: date) -> dict[str, Any]:
    """Ask the parties whose time has come to return and to erase, and take the certificates that came."""
    return {**party_erasure.ask(c, day), **party_erasure.collect(c, day)}


def plan_erasure(c: Campaign, day: date) -> dict[str, Any]:
    """What people are asked to approve: the erasure of every class whose period is over; nothing while none is."""
    return erasure.draft(c, approvals.drafter(c), day)


def erase(c: Campaign, day: date) -> dict[str, Any]:
    """Carry out the erasure that two people agreed to, if there is one; certified, it is left alone."""
    standing = erasure.latest(c)
    if standing is None or standing.state == "certified" or not erasure.is_approved(c, standing):
        return {"erased": 0}
    return erasure.run(c, day)


def balance(c: Campaign, day: date) -> dict[str, Any]:
    """Prove the balance and the audit chain, and write the day's sheet; a run that cannot balance fails."""
    with c.ledger.read() as connection:
        found = take_balance(connection, c.programme.id)
        events = verify_chain(connection)
        intake = intake_totals(connection, c.programme.id)
    reports.write_day_sheet(c, day, found)
    assert_balanced(found)
    return {
        "eligible": found.eligible,
        "net_yen": found.net_yen,
        "audit_events": events,
        "rows_in": intake["rows_in"],
    }


def _releases(c: Campaign, party: str) -> int:
    with c.ledger.read() as connection:
        r = tables.release
        query = (
            sa.select(sa.func.count())
            .select_from(r)
            .where(r.c.programme == c.programme.id, r.c.recipient == party)
        )
        return int(connection.execute(query).scalar_one())
