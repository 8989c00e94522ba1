"""Where everybody stands in the ledger, for tests."""

from typing import Any

import sqlalchemy as sa

from pipelines.ledger import tables

_COLUMNS = (
    "person_id", "resident_id", "household_id", "state", "claim_id", "codes", "form_route",
)  # fmt: skip


def read_states(connection: sa.Connection, programme: str) -> list[dict[str, Any]]:
    """A row a person, by person id: state, deciding claim, codes and form route."""
    e = tables.entitlement
    query = sa.select(*(e.c[name] for name in _COLUMNS)).where(e.c.programme == programme)
    return [dict(row) for row in connection.execute(query.order_by(e.c.person_id)).mappings()]
