"""Claims that were nobody's until two people said whose they are: back into the next match, as that person's."""

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.ledger.holds import Choice, Decided
from pipelines.steps.campaign import Campaign
from pipelines.steps.hold_sides import Staged, staged_claims
from pipelines.steps.holds import due_claims


def given_claims(c: Campaign, connection: sa.Connection) -> tuple[list[Staged], list[Decided]]:
    """The claims of earlier days that were nobody's and are somebody's now, for the next match; and why.

    The claims say the resident number of whom they are.
    """
    due = due_claims(c, connection, Choice.BELONGS)
    people = c.people()
    owners = pc.is_in(
        people.column("person_id"),
        value_set=pa.array([h.applicant_id for h, _ in due], pa.string()),
    )
    numbers = dict(
        zip(
            *(people.filter(owners).column(n).to_pylist() for n in ("person_id", "resident_id")),
            strict=True,
        )
    )
    residents = {hold.claim_id: numbers[hold.applicant_id] for hold, _ in due}
    staged = staged_claims(c, connection, [hold for hold, _ in due])
    return [_of_residents(s, residents) for s in staged], [decided for _, decided in due]


def _of_residents(staged: Staged, residents: Mapping[str, str]) -> Staged:
    by_number = {number: residents[claim] for claim, number in staged.numbers.items()}
    ids = [by_number[number] for number in staged.claims.column("claim_no").to_pylist()]
    name, column = "applicant_resident_id", pa.array(ids, pa.string())
    at = staged.claims.schema.get_field_index(name)
    table = staged.claims
    return replace(
        staged,
        claims=table.append_column(name, column) if at < 0 else table.set_column(at, name, column),
    )
