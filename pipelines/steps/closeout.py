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
from pipelines.steps import reports
from pipelines.steps.campaign import Campaign
from pipelines.steps.inbox import intake_totals

# retention class -> folders below the home that hold it
_CLASSES = {
    "raw_inputs": ("staging", "attachments"),
    "staging": ("staging",),
    "protections": ("drafts",),
    "outgoing_copies": ("releases",),
    "payment_records": ("ledger.sqlite",),
}


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
    """Write `HOME/reports/holdings-DAY.json`: each class of data, where it lies, how many files, until when."""
    holdings = [
        {
            "class": name, "until": until.isoformat(), "overdue": day > until,
            "places": {place: _count_files(c, place) for place in _CLASSES.get(name, ())},
        }
        for name, until in c.programme.retention.items()
    ]  # fmt: skip
    parties = [
        {
            "party": p.name,
            "contract_until": p.contract.last.isoformat(),
            "releases": _releases(c, p.id),
        }
        for p in c.programme.parties
    ]
    listing = {"day": day.isoformat(), "ward": holdings, "parties": parties}
    write_whole(
        c.home / "reports" / f"holdings-{day}.json",
        json.dumps(listing, ensure_ascii=False, indent=1).encode(),
    )
    return {"classes": len(holdings), "overdue": sum(bool(h["overdue"]) for h in holdings)}


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


def _count_files(c: Campaign, place: str) -> int:
    path = c.home / place
    return sum(1 for p in path.rglob("*") if p.is_file()) if path.is_dir() else int(path.is_file())


def _releases(c: Campaign, party: str) -> int:
    with c.ledger.read() as connection:
        r = tables.release
        query = (
            sa.select(sa.func.count())
            .select_from(r)
            .where(r.c.programme == c.programme.id, r.c.recipient == party)
        )
        return int(connection.execute(query).scalar_one())
