"""Rows that name something which is not there: the links of `schemas.links`, asked for all rows at once."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.intake.checks import PROBLEM
from schemas.tables import Link, Table

# the values that a link may name; None where the delivery is judged against nothing that has them
Known = Callable[[Link], pa.ChunkedArray | None]


def check_links(rows: pa.Table, table: Table, known: Known, told: pa.Table) -> pa.Table:
    """Find the rows that name what is not known.

    Args:
        rows: our columns as text, and `row`.
        table: what they are rows of.
        known: the values that each link may name.
        told: (table, row, column, rule) of what is found already: a value of the wrong form is not told again.

    Returns:
        A table (table, row, column, rule): every broken link, in the order of the declaration.
    """
    found = [PROBLEM.empty_table()]
    for link in table.links:
        values = known(link)
        if values is not None:
            lost = _lost(rows, link, values)
            malformed = _malformed(table, link, told)
            numbers = rows.column("row").filter(lost)
            found.append(
                _problems(
                    table,
                    link,
                    numbers.filter(pc.invert(pc.is_in(numbers, value_set=malformed))),
                )
            )
    return pa.concat_tables(found)


def _lost(rows: pa.Table, link: Link, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which rows name something that is not among the values."""
    named = rows.column(link.column)
    known = pc.is_in(named, value_set=values.combine_chunks())
    lost = pc.and_(pc.not_equal(named, ""), pc.invert(known))
    if link.where is None:
        return lost
    column, codes = link.where
    return pc.and_(lost, pc.is_in(rows.column(column), value_set=pa.array(codes)))


def _malformed(table: Table, link: Link, told: pa.Table) -> pa.Array:
    """The numbers of the rows whose value has not the form of its column."""
    forms = [code for code, _ in dict(table.fields)[link.column].checks]
    of_form = pc.is_in(told.column("rule"), value_set=pa.array(forms, pa.string()))
    here = pc.equal(told.column("column"), link.column)
    return told.filter(pc.and_(of_form, here)).column("row").combine_chunks()


def _problems(table: Table, link: Link, numbers: pa.ChunkedArray) -> pa.Table:
    count = len(numbers)
    return pa.table(
        {
            "table": pa.repeat(table.name, count),
            "row": numbers,
            "column": pa.repeat(link.column, count),
            "rule": pa.repeat(link.code, count),
        },
        schema=PROBLEM,
    )
