"""Whom a day's claims can be about at all, so that a day of few claims does not read the whole register and ledger.

The joins of `sql/matching/claims` ask for a person by resident number, by household, by name or reading together with
the birth date, or as somebody whom an earlier claim left waiting; then for everybody in that household. Whoever none
of these finds changes nothing. More people than needed do no harm.
"""

from collections.abc import Iterable
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc


def people_within_reach(
    people: pa.Table, claims: pa.Table, members: pa.Table, known: Iterable[str] = ()
) -> pa.Table:
    """The rows of the people whom the claims may mean, with everybody of their households.

    The first person is always among them: no rows mean that there are no people, never that nobody is within reach.

    Args:
        people: person_id, resident_id, household_id and the match keys.
        claims: relation `CLAIM`.
        members: relation `MEMBER`.
        known: ids of people whom earlier claims are about that are named by the claims.
    """
    names = [_with_birth(rows["name_key"], rows["date_key"]) for rows in (claims, members)]
    named = pa.chunked_array([chunk for column in names for chunk in column.chunks], pa.string())
    born, ids, household = people["date_key"], people["person_id"], people["household_id"]
    readings = _with_birth(claims["loose_kana_key"], claims["date_key"])
    found = reduce(
        pc.or_,
        (
            pc.is_in(ids, value_set=ids.slice(0, 1).combine_chunks()),
            pc.is_in(ids, value_set=pa.array(sorted(known), pa.string())),
            _is_among(people["resident_id"], claims["applicant_resident_id"]),
            _is_among(household, claims["household_id"]),
            _is_among(_with_birth(people["name_key"], born), named),
            _is_among(_with_birth(people["alias_key"], born), named),
            _is_among(_with_birth(people["loose_kana_key"], born), readings),
        ),
    )
    return people.filter(pc.or_(found, _is_among(household, household.filter(found))))


def asked_of_claims(claims: pa.Table) -> pa.Array:
    """What the claims ask of earlier ones: their accounts, certificates, and the numbers that they name."""
    columns = (claims[name] for name in ("account_key", "certificate_serial", "supersedes_id"))
    asked = pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.string())
    return asked.drop_null().unique()


def named_by(claims: pa.Table, earlier: pa.Table) -> pa.Table:
    """The earlier claims (relation `EARLIER`) that the claims name, with their supplements."""
    named = claims["supersedes_id"].drop_null().combine_chunks()
    by_number = pc.is_in(earlier["claim_id"], value_set=named)
    return earlier.filter(pc.or_(by_number, pc.is_in(earlier["supplements_id"], value_set=named)))


def _with_birth(names: pa.ChunkedArray, born: pa.ChunkedArray) -> pa.ChunkedArray:
    """A name's key with the birth date; null where either is."""
    return pc.binary_join_element_wise(names, born, "\n")


def _is_among(column: pa.ChunkedArray, values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.is_in(column, value_set=values.drop_null().combine_chunks())
