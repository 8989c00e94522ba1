"""Which claims of a delivery are still to be decided: all of a new one, what is new in one that was mended.

A claim number that is decided stays as it is decided. A line that was mended after its claim had been decided is
decided as a supplement: the same applicant and account under the claim's number with the version behind it, naming that
line alone, so that the person on it is neither lost nor the decided ones are touched.
"""

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.intake import mending
from pipelines.intake.mending import Mending
from pipelines.ledger import tables
from pipelines.steps import inbox
from pipelines.steps.campaign import Campaign

STEP = "claims.decide"


def claims_of(
    c: Campaign, connection: sa.Connection, delivery: inbox.Delivery
) -> tuple[pa.Table, pa.Table]:
    """(claims, members) of a delivery that are to be decided, with its supplements.

    Raises:
        KyufuError: a delivery that nobody has used yet holds a claim number that is decided already.
    """
    claims = _read(c, delivery, "claims")
    members = _read(c, delivery, "members")
    decided = _decided(connection, c.programme.id, claims)
    known = pc.is_in(claims.column("claim_no"), value_set=pa.array(sorted(decided), pa.string()))
    earlier = _last_used(c, connection, delivery)
    if earlier is None and decided:
        raise KyufuError(
            f"{delivery.dataset} {delivery.day}: 決定済みの受付番号と同じ番号の申請が{len(decided)}件あります。"
            "提供元に確認し、番号を直したものを受け取ってください。"
        )
    new = claims.filter(pc.invert(known))
    lines = members.filter(pc.is_in(members.column("claim_no"), value_set=_numbers(new)))
    if earlier is None:
        return new, lines
    more, more_lines = _supplements(c, delivery, earlier, claims.filter(known), members, decided)
    return pa.concat_tables([new, more]), pa.concat_tables([lines, more_lines])


def _supplements(
    c: Campaign, delivery: inbox.Delivery, earlier: inbox.Delivery, claims: pa.Table, members: pa.Table,
    decided: dict[str, str],
) -> tuple[pa.Table, pa.Table]:  # fmt: skip
    """(claims, members) of the lines that were mended since `earlier` on claims that are decided and still stand."""
    laid = Mending.from_table(_read(c, delivery, mending.TABLE))
    mended = pa.array(sorted(laid.rows_of("members")), pa.int64())
    before = _lines(_read(c, earlier, "members")).combine_chunks()
    standing = [n for n, outcome in decided.items() if outcome not in ("superseded", "withdrawn")]
    is_new = pc.and_(
        pc.is_in(members.column("row"), value_set=mended),
        pc.invert(pc.is_in(_lines(members), value_set=before)),
    )
    stands = pc.is_in(members.column("claim_no"), value_set=pa.array(sorted(standing), pa.string()))
    lines = members.filter(pc.and_(is_new, stands))
    of_lines = claims.filter(pc.is_in(claims.column("claim_no"), value_set=_numbers(lines)))
    suffix = f"+v{delivery.version:03d}"
    count = of_lines.num_rows
    supplements = _with(
        _with(_renumbered(of_lines, suffix), "claim_kind", pa.array(["new"] * count, pa.string())),
        "supersedes_no",
        pa.array([""] * count, pa.string()),
    )
    return supplements, _renumbered(lines, suffix)


def _read(c: Campaign, delivery: inbox.Delivery, table: str) -> pa.Table:
    return c.staging.read(delivery.dataset, delivery.day, table, delivery.version)


def _decided(connection: sa.Connection, programme: str, claims: pa.Table) -> dict[str, str]:
    """Claim number -> outcome, of those claims that the ledger knows."""
    t = tables.claim
    query = sa.select(t.c.claim_id, t.c.outcome).where(t.c.programme == programme)
    outcomes = {row.claim_id: row.outcome for row in connection.execute(query)}
    return {n: outcomes[n] for n in claims.column("claim_no").to_pylist() if n in outcomes}


def _last_used(
    c: Campaign, connection: sa.Connection, delivery: inbox.Delivery
) -> inbox.Delivery | None:
    """The newest earlier version of the same day that a run has decided, or None."""
    used = inbox.used_in(connection, c.programme.id, STEP)
    earlier = {
        d
        for found in used.values()
        for d in found
        if (d.dataset, d.day) == (delivery.dataset, delivery.day) and d.version < delivery.version
    }
    return max(earlier, default=None)


def _lines(members: pa.Table) -> pa.ChunkedArray:
    """What names a line: its claim and its number on it."""
    return pc.binary_join_element_wise(members.column("claim_no"), members.column("line"), "\n")


def _numbers(rows: pa.Table) -> pa.Array:
    return rows.column("claim_no").combine_chunks()


def _renumbered(rows: pa.Table, suffix: str) -> pa.Table:
    numbers = pc.binary_join_element_wise(rows.column("claim_no"), suffix, "")
    return _with(rows, "claim_no", numbers)


def _with(rows: pa.Table, column: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    return rows.set_column(rows.column_names.index(column), column, values)
