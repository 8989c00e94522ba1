"""The one module that talks to the SQL engine (DuckDB).

Matching is SQL, one select a file in `sql/matching/`; this runs the files in order over given
relations. A later step runs the same files on Spark, so nothing outside this module may call the
engine (Splink gets a connection that was made here), and no file may use what only DuckDB has.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.errors import KyufuError

_STEP_NAME = re.compile(r"[0-9]{2}_([a-z][a-z0-9_]*)\.sql")
_RELATION_NAME = re.compile(r"[a-z][a-z0-9_]*")
_MISSING_RELATION = re.compile(r"Table with name (\S+) does not exist")

# These speak of the statement and its columns, never of a row: their first line may be shown.
_ABOUT_THE_STATEMENT = (duckdb.ParserException, duckdb.CatalogException, duckdb.BinderException)


class MatchingError(KyufuError):
    """A match could not run. Names the step and the relation, never a value of a row."""


def run_steps(
    steps: Sequence[Path],
    relations: Mapping[str, pa.Table | Path],
    results: Sequence[str],
    *,
    memory_limit: str = "1GB",
    threads: int = 2,
    spill_folder: Path | None = None,
) -> dict[str, pa.Table]:
    """Run one select after another, each over the relations and the steps before it.

    Args:
        steps: files `NN_name.sql`, in the order to run; each is one select statement whose rows
            are kept as table `name`.
        relations: name to an Arrow table, a Parquet file, or a folder with Parquet files.
        results: names of the steps or relations to return.
        memory_limit: what the engine may take, as DuckDB writes it ("1GB").
        threads: how many threads the engine may use.
        spill_folder: where the engine may put what does not fit; without it nothing touches the
            disk and too much data is an error.

    Returns:
        Each name of `results` with its rows.

    Raises:
        MatchingError: a file or relation is missing, a name is wrong or used twice, or a
            statement fails.
    """
    connection = connect(memory_limit, threads, spill_folder)
    try:
        known = set()
        for name, relation in relations.items():
            _register(connection, name, relation)
            known.add(name)
        for step in steps:
            name = _step_name(step, known)
            _run(connection, step, name)
            known.add(name)
        return {name: _result(connection, name, known) for name in results}
    finally:
        connection.close()


def connect(
    memory_limit: str = "1GB", threads: int = 2, spill_folder: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection of its own to an empty database in memory; arguments as of `run_steps`."""
    return duckdb.connect(
        ":memory:",
        config={
            "memory_limit": memory_limit,
            "threads": threads,
            "temp_directory": str(spill_folder or ""),
            # A name that is no relation must fail, not find a Python variable of that name.
            "python_enable_replacements": False,
            "autoinstall_known_extensions": False,
            # Its Bloom filters cannot be pushed into a scan of an Arrow table: the statement would fail.
            "disabled_optimizers": "join_filter_pushdown",
        },
    )


def engine_errors() -> type[Exception]:
    """What the engine raises. Its text may quote a value of a row, so it is never shown."""
    error: type[Exception] = duckdb.Error
    return error


def _register(connection: duckdb.DuckDBPyConnection, name: str, relation: pa.Table | Path) -> None:
    if not _RELATION_NAME.fullmatch(name):
        raise MatchingError(f"relation {name!r}: a name is lower-case letters, digits and _")
    if not isinstance(relation, Path):
        connection.register(name, relation)
        return
    files = sorted(relation.rglob("*.parquet")) if relation.is_dir() else [relation]
    if not files or not all(file.is_file() for file in files):
        raise MatchingError(f"relation {name}: there is no Parquet file at {relation}")
    try:
        connection.read_parquet([str(file) for file in files]).create_view(name)
    except duckdb.Error:
        raise MatchingError(f"relation {name}: {relation} cannot be read as Parquet") from None


def _step_name(step: Path, known: set[str]) -> str:
    found = _STEP_NAME.fullmatch(step.name)
    if found is None:
        raise MatchingError(f"step {step.name}: a step's file is named NN_name.sql")
    name = found[1]
    if name in known:
        raise MatchingError(f"step {step.name}: there is already a relation {name}")
    return name


def _run(connection: duckdb.DuckDBPyConnection, step: Path, name: str) -> None:
    try:
        statement = step.read_text(encoding="utf-8")
    except OSError as error:
        raise MatchingError(f"step {step.name}: {step} cannot be read") from error
    try:
        statements = connection.extract_statements(statement)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise MatchingError(f"step {step.name}: must be exactly one select statement")
        connection.execute(f"create table {name} as {statements[0].query}")
    except duckdb.Error as error:
        # Without its cause: the engine's own message may quote a value of a row.
        raise MatchingError(f"step {step.name}: {_explain(error)}") from None


def _explain(error: duckdb.Error) -> str:
    text = str(error)
    if missing := _MISSING_RELATION.search(text):
        return f"relation {missing[1]} is missing"
    if isinstance(error, _ABOUT_THE_STATEMENT):
        return text.partition("\n")[0]
    return f"failed with {type(error).__name__}"


def _result(connection: duckdb.DuckDBPyConnection, name: str, known: set[str]) -> pa.Table:
    if name not in known:
        raise MatchingError(f"result {name}: no step and no relation has this name")
    return connection.table(name).to_arrow_table()
