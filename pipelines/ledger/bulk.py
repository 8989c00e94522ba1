"""Many rows at once: the driver's own fast way in, instead of one statement a row."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import chain, islice
from typing import Any

import sqlalchemy as sa

from pipelines.ledger.engine import hide_values

_AT_ONCE = 20_000  # rows held in memory on their way into SQLite


def load(
    connection: sa.Connection,
    table: sa.Table,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> None:
    """Insert rows of plain values (text, int, None, date) into a table; constraints hold as always.

    SQLite takes them as one prepared statement, part by part, PostgreSQL as one COPY.

    Raises:
        sqlalchemy.exc.IntegrityError: a constraint is broken.
    """
    names = ", ".join(columns)
    if connection.dialect.name == "postgresql":
        _copy(connection, f"copy {table.name} ({names}) from stdin", rows)
        return
    marks = ", ".join("?" * len(columns))
    left = iter(rows)
    while values := [tuple(row) for row in islice(left, _AT_ONCE)]:
        connection.exec_driver_sql(
            f"insert into {table.name} ({names}) values ({marks})",  # noqa: S608
            _with_plain_dates(values),
        )


def _copy(connection: sa.Connection, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    """PostgreSQL's COPY, with SQLAlchemy's errors."""
    import psycopg

    try:
        with connection.connection.cursor().copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        hide_values(error)
        broken = isinstance(error, psycopg.IntegrityError)
        kind = sa.exc.IntegrityError if broken else sa.exc.DBAPIError
        raise kind(statement, None, error, hide_parameters=True) from None


def _with_plain_dates(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Dates as the text that SQLite keeps."""
    if not any(isinstance(value, date) for value in chain.from_iterable(rows[:1])):
        return rows
    columns = zip(*rows, strict=True)
    return list(zip(*(_plain_dates(column) for column in columns), strict=True))


def _plain_dates(column: tuple[Any, ...]) -> Iterable[Any]:
    if not isinstance(column[0], date):
        return column
    return [value.isoformat() if value is not None else None for value in column]


def insert_rows(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows given by column name, all with the same columns; none is fine."""
    if rows:
        columns = list(rows[0])
        load(connection, table, columns, ([row[name] for name in columns] for row in rows))
