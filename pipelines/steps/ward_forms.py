"""Which application forms the ward writes itself, and whom each names.

A protected person's form names that person and who fled with them under one request, never anybody else of the
household. The others of a protected head's household get a form of their own at the household's address: it names
neither the head nor anybody protected.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from pipelines.disclosure.guard import Guard
from pipelines.ledger import mail, people
from pipelines.ledger.states import Entitlement
from pipelines.outputs.ward_sheets import FORM
from pipelines.steps import addresses, ward_mail
from pipelines.steps.addresses import EVACUEE
from pipelines.steps.campaign import Campaign
from pipelines.steps.form_drafts import FormDraft
from pipelines.steps.ward_mail import Draft

SENT_TO = (Entitlement.UNCLAIMED, Entitlement.CLAIMED, Entitlement.HELD)
_REISSUED_TO = (*SENT_TO, Entitlement.RETURNED)


def build(
    c: Campaign, connection: sa.Connection, guard: Guard, rows: pa.Table, draft: FormDraft
) -> list[str]:
    """The day's forms of the ward's own, and those that are written anew; names of the releases.

    rows: people in register order who have no form yet.
    """
    new = drafts_of(c, connection, guard, rows.column("person_id").to_pylist())
    anew = _written_anew(c, connection, guard, draft.day)
    return ward_mail.make(
        c, connection, guard, [*new, *anew], "forms", draft.day, stamp=draft.stamp
    )


def drafts_of(
    c: Campaign, connection: sa.Connection, guard: Guard, ids: Sequence[str]
) -> list[Draft]:
    """One form a protected person with companions, one a household of the others, in the order of the people."""
    everybody = c.people()
    rows = ward_mail.rows_of(everybody, ids)
    care = addresses.read_care(connection, c.programme)
    requests = addresses.requests_of(c, {p: own for p, own in care.items() if p in rows})
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for person in ids:
        groups[_group(rows[person], person in guard.protected, requests)].append(person)
    wanted = [number for kind, number in groups if kind == "household"]
    households = addresses.read_households(everybody, wanted, set(guard.protected))
    found = []
    for (kind, number), members in groups.items():
        own = households.addressee(number) if kind == "household" else None
        addressee = own["person_id"] if own else _first(members, requests)
        found.append(Draft(FORM, addressee, tuple(members)))
    return found


def _group(
    row: Mapping[str, Any], is_protected: bool, requests: Mapping[str, tuple[str, str]]
) -> tuple[str, str]:
    """What people have in common who stand on one form."""
    if is_protected:
        request = requests.get(row["person_id"])
        return ("request", request[0]) if request else ("person", row["person_id"])
    return (
        ("household", row["household_id"]) if row["household_id"] else ("person", row["person_id"])
    )


def _first(members: Sequence[str], requests: Mapping[str, tuple[str, str]]) -> str:
    """Who asked; companions come after."""
    return min(members, key=lambda person: requests.get(person, ("", ""))[1] != EVACUEE)


def _written_anew(c: Campaign, connection: sa.Connection, guard: Guard, day: date) -> list[Draft]:
    """Forms that somebody asked for again, as they are to be now; one on which nobody can claim any more is closed.

    Who became protected since gets a form of their own.
    """
    found = []
    for number, at_counter, named in mail.open_reissues(connection, c.programme.id):
        states = people.states_of(connection, c.programme.id, named)
        able = [person for person in named if states.get(person) in _REISSUED_TO]
        drafts = drafts_of(c, connection, guard, able)
        if not drafts:
            mail.close_reissue(connection, c.programme.id, number, "", day)
        for draft in drafts:
            found.append(Draft(FORM, draft.addressee, draft.people, "", (), number, at_counter))
    return found
