"""Non-payment notices (不支給決定通知書): who is told that nothing is paid, once, and why.

The reason is a text of the programme's for the finding codes that decided it; it never tells of anybody else. A claim
that a protected person did not make is never answered to that person, nor a protected person's to anybody else.
"""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from pipelines.ledger import mail, people, tables
from pipelines.ledger.states import Entitlement
from pipelines.ledger.store import in_parts
from pipelines.programme import NonPayment
from pipelines.steps import ward_mail
from pipelines.steps.campaign import Campaign
from pipelines.steps.ward_mail import Draft

_KIND = "non_payment"
_LAPSED, _NOT_ELIGIBLE = "LAPSED", "NOT_ELIGIBLE"


class _Decided(NamedTuple):
    person_id: str
    state: str
    codes: str
    claim_id: str
    applicant_id: str | None


def drafts(c: Campaign, connection: sa.Connection) -> list[Draft]:
    """A notice for everybody whom the programme wants told and who was not told yet."""
    settings = c.programme.non_payment
    told = mail.written_about(connection, c.programme.id, _KIND)
    protected = people.protected_ids(connection, c.programme.id)
    found = []
    for row in _decided(connection, c.programme.id, settings.states):
        codes = [code for code in row.codes.split(";") if code] or [_default_code(row.state)]
        if (row.person_id, row.claim_id) in told or set(codes) <= set(settings.not_for):
            continue
        if (to := _addressee(protected, row)) is not None:
            found.append((row.person_id, to, row.claim_id, reason(settings, codes)))
    names = ward_mail.rows_of(c.people(), {person for person, *_ in found})
    return [
        Draft(_KIND, to, (person,), reference, (("対象者", names[person]["name_kanji"]), ("理由", why)))
        for person, to, reference, why in found
    ]  # fmt: skip


def reason(settings: NonPayment, codes: Sequence[str]) -> str:
    """What is told of these codes: their own texts, and of codes that have none nothing but that nothing is paid."""
    texts = [settings.reasons[code] for code in codes if code in settings.reasons]
    return "".join(dict.fromkeys(texts)) or settings.other


def _default_code(state: str) -> str:
    return _LAPSED if state == Entitlement.LAPSED else _NOT_ELIGIBLE


def _addressee(protected: set[str], row: _Decided) -> str | None:
    """Whom the notice goes to; None if nobody may be told."""
    if row.person_id in protected:
        own = row.applicant_id is None or row.applicant_id in protected
        return row.person_id if own else None
    return row.applicant_id or row.person_id


def _decided(connection: sa.Connection, programme: str, states: Sequence[str]) -> list[_Decided]:
    """Who is in one of these states, by person, on the claim that decided it, or first named who never was eligible.

    Whom no claim named is told nothing, unless the time for claims has passed.
    """
    e = tables.entitlement
    query = sa.select(e.c.person_id, e.c.state, e.c.codes, e.c.claim_id).where(
        e.c.programme == programme, e.c.state.in_(states)
    )
    rows = list(connection.execute(query.order_by(e.c.person_id)))
    naming = _naming(connection, programme)
    claims = {
        row.person_id: naming.get(row.person_id) if row.state == Entitlement.INELIGIBLE else row.claim_id
        for row in rows
    }  # fmt: skip
    applicants = _applicants(connection, programme, {n for n in claims.values() if n})
    return [
        _Decided(
            row.person_id, row.state, row.codes, claim_id or "", applicants.get(claim_id or "")
        )
        for row in rows
        for claim_id in [claims[row.person_id]]
        if claim_id or row.state == Entitlement.LAPSED
    ]


def _naming(connection: sa.Connection, programme: str) -> dict[str, str]:
    """Person -> the first claim that named them though they are not eligible."""
    f = tables.finding
    query = (
        sa.select(f.c.person_id, sa.func.min(f.c.claim_id))
        .where(f.c.programme == programme, f.c.code == _NOT_ELIGIBLE, f.c.person_id.is_not(None))
        .group_by(f.c.person_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _applicants(
    connection: sa.Connection, programme: str, claim_ids: set[str]
) -> dict[str, str | None]:
    c = tables.claim
    found: dict[str, str | None] = {}
    for part in in_parts(claim_ids):
        query = sa.select(c.c.claim_id, c.c.applicant_id).where(
            c.c.programme == programme, c.c.claim_id.in_(part)
        )
        found |= {row[0]: row[1] for row in connection.execute(query)}
    return found
