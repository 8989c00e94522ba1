"""Whose a claim or a payment is, and which are somebody's: for the record of who was shown what."""

from collections.abc import Iterable

import sqlalchemy as sa

from pipelines.ledger import tables
from pipelines.ledger.store import in_parts


def people_of_claims(
    connection: sa.Connection, programme: str, claim_ids: Iterable[str]
) -> list[str]:
    """Whoever applied with one of the claims, is named by it, or stands on it."""
    c, f, e = tables.claim.c, tables.finding.c, tables.entitlement.c
    found: set[str] = set()
    for part in in_parts(set(claim_ids)):
        for person, of, claim in (
            (c.applicant_id, c.programme, c.claim_id),
            (f.person_id, f.programme, f.claim_id),
            (e.person_id, e.programme, e.claim_id),
        ):
            query = sa.select(person).where(of == programme, claim.in_(part), person.is_not(None))
            found.update(connection.execute(query).scalars())
    return sorted(found)


def people_of_payments(
    connection: sa.Connection, programme: str, payment_keys: Iterable[str]
) -> list[str]:
    """Whoever is, or was, in one of the payments."""
    i = tables.payment_item.c
    found: set[str] = set()
    for part in in_parts(set(payment_keys)):
        query = sa.select(i.person_id).where(i.programme == programme, i.payment_key.in_(part))
        found.update(connection.execute(query).scalars())
    return sorted(found)


def people_of_letter(connection: sa.Connection, programme: str, letter: str) -> list[str]:
    """Whom a letter to another municipality tells of."""
    n = tables.municipal_notice.c
    query = sa.select(n.person_id).where(n.programme == programme, n.letter == letter)
    return sorted(connection.execute(query).scalars())


def claims_of(connection: sa.Connection, programme: str, person_id: str) -> set[str]:
    """The claims with which somebody applied, that name that person, or on which that person stands."""
    c, f, e = tables.claim.c, tables.finding.c, tables.entitlement.c
    found: set[str] = set()
    for claim, of, person in (
        (c.claim_id, c.programme, c.applicant_id),
        (f.claim_id, f.programme, f.person_id),
        (e.claim_id, e.programme, e.person_id),
    ):
        query = sa.select(claim).where(of == programme, person == person_id, claim.is_not(None))
        found.update(connection.execute(query).scalars())
    return found
