"""Many rows at once: the driver's own fast way in, instead of one statement a row."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa


def load(
    connection: sa.Connection,
    table: sa.Table,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> None:
    """Insert rows of plain values (text, int, None, date) into a table; constraints hold as always.

    SQLite takes them as one prepared statement, PostgreSQL as one COPY.

    Raises:
        sqlalchemy.exc.IntegrityError: on SQLite, a constraint is broken (PostgreSQL: psycopg's own error).
    """
    names = ", ".join(columns)
    if connection.dialect.name == "postgresql":
        cursor = connection.connection.cursor()
        with cursor.copy(f"copy {table.name} ({names}) from stdin") as copy:
            for row in rows:
                copy.write_row(row)
        return
    marks = ", ".join("?" * len(columns))
    values = [tuple(v.isoformat() if isinstance(v, date) else v for v in row) for row in rows]
    if values:
        connection.exec_driver_sql(f"insert into {table.name} ({names}) values ({marks})", values)  # noqa: S608
