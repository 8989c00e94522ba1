"""Row checks: the pandera schema of a table applied, and what broke told by row, column and rule only."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import KyufuError
from pipelines.intake.references import ReferenceTables
from schemas.datasets import Table
from schemas.fields import NAME_KANJI
from schemas.rules import RULES
from schemas.tables import References, table

# rows that pandera sees at once: memory stays level however long the register is
_SLICE = 200_000
# the whole table is not copied for pandas
_AS_IT_LIES = {pa.string(): pd.ArrowDtype(pa.string())}

PROBLEM = pa.schema(
    [("table", pa.string()), ("row", pa.int64()), ("column", pa.string()), ("rule", pa.string())]
)

# (column, rule, positions of the rows that break it)
_Found = tuple[str, str, np.ndarray]


def problems(table: str, column: str, rule: str, rows: Sequence[int] | pa.ChunkedArray) -> pa.Table:
    """Rows, by their numbers in the source, that break one rule at one column; schema `PROBLEM`."""
    count = len(rows)
    told = [pa.repeat(pa.scalar(text), count) for text in (table, column, rule)]
    numbers = rows if isinstance(rows, pa.ChunkedArray) else pa.array(rows, pa.int64())
    return pa.table([told[0], numbers, *told[1:]], schema=PROBLEM)


@cache
def assert_validation_is_on() -> None:
    """Fail when the environment switches pandera's checks off: a row that must be refused is put to them.

    Done once a process. Trying is surer than reading the variables: pandera has several, each with its own spellings.

    Raises:
        KyufuError: the row passes.
    """
    probe = table("probe", (), {"name_kanji": NAME_KANJI})
    try:
        found = list(
            _broken(
                pd.DataFrame({"name_kanji": ["見本", ""]}), probe.schema(ReferenceTables("", ""))
            )
        )
    except ValueError:  # another backend reports differently
        found = []
    if [(column, rule, at.tolist()) for column, rule, at in found] != [
        ("name_kanji", "REQUIRED", [1])
    ]:
        raise KyufuError(
            "入力の検査が働いていません。環境変数 PANDERA_VALIDATION_ENABLED、PANDERA_VALIDATION_DEPTH、"
            "PANDERA_USE_NARWHALS_BACKEND を外してください。"
        )


def check_rows(rows: pa.Table, table: Table, references: References) -> pa.Table:
    """Check rows against every rule of their table.

    Args:
        rows: our columns as text, `row`, and each date's key, null where there is none.
        table: what they must keep.
        references: what the rules ask beside the rows.

    Returns:
        A table (table, row, column, rule): every broken rule, by column and rule in the order of the schema.
    """
    assert_validation_is_on()
    found = [*_schema_problems(rows, table, references), *_key_problems(rows, table)]
    numbers = rows.column("row").to_numpy()
    return pa.concat_tables(
        [PROBLEM.empty_table()]
        + [problems(table.name, column, rule, numbers[at]) for column, rule, at in found]
    ).combine_chunks()


def _schema_problems(rows: pa.Table, table: Table, references: References) -> Iterator[_Found]:
    """What pandera finds: row by row in slices, then what only the whole table can tell."""
    schema, read = table.schema(references), (*table.columns, *table.date_keys.values())
    for start in range(0, rows.num_rows, _SLICE):
        frame = _frame(rows.slice(start, _SLICE).select(read), table)
        for column, rule, at in _broken(frame, schema):
            yield column, rule, at + start
        del frame
    pa.default_memory_pool().release_unused()
    columns, schema = table.schema_across_rows(references)
    if columns and rows.num_rows:
        yield from _broken(_frame(rows.select(columns), table, _AS_IT_LIES.get), schema)


def _frame(
    rows: pa.Table, table: Table, types: Callable[[pa.DataType], Any] | None = None
) -> pd.DataFrame:
    """As the rules see rows: text in every cell, the key of a date that is not known is empty."""
    for key in table.date_keys.values():
        if key in rows.column_names:
            filled = pc.fill_null(rows.column(key), "")
            rows = rows.set_column(rows.column_names.index(key), key, filled)
    frame: pd.DataFrame = rows.to_pandas(types_mapper=types)
    return frame


def _broken(frame: pd.DataFrame, schema: pandera.DataFrameSchema) -> Iterator[_Found]:
    """The positions at which each of pandera's checks fails.

    Raises:
        ValueError: pandera refuses the frame for anything but a value, such as a missing column.
    """
    try:
        schema.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        failed = errors.schema_errors
    else:
        failed = []
    for error in failed:
        if not isinstance(error.check, pandera.Check) or error.check_output is None:
            raise ValueError(f"{schema.name}: {error.reason_code} at {error.check}") from None
        kept = error.check_output.to_numpy(dtype=bool, na_value=False)
        yield str(error.check.title), str(error.check.name), np.flatnonzero(~kept)


def _key_problems(rows: pa.Table, table: Table) -> list[_Found]:
    """Rows that share a key but differ elsewhere: all of them wait, none is chosen by chance."""
    if not table.key:
        return []
    at = _repeated(rows, table.key)
    if not len(at):
        return []
    repeated = rows.select(table.columns).take(at).to_pandas()
    distinct = repeated.drop_duplicates()
    clashing = distinct[distinct.duplicated(list(table.key), keep=False)]
    keys = pd.MultiIndex.from_frame(clashing[list(table.key)])
    waits = pd.MultiIndex.from_frame(repeated[list(table.key)]).isin(keys)
    return [(table.key[0], "DUPLICATE_KEY", at[waits])] if waits.any() else []


def _repeated(rows: pa.Table, key: tuple[str, ...]) -> np.ndarray:
    """The positions of the rows whose key another row has too, in order."""
    if not rows.num_rows:
        return np.empty(0, np.int64)
    numbers = np.zeros(rows.num_rows, np.int64)
    for column in key:
        encoded = rows.column(column).combine_chunks().dictionary_encode()
        codes = encoded.indices.to_numpy().astype(np.int64)
        if len(key) == 1 and len(encoded.dictionary) == rows.num_rows:
            return np.empty(0, np.int64)
        _, numbers = np.unique(numbers * len(encoded.dictionary) + codes, return_inverse=True)
    return np.flatnonzero(np.bincount(numbers)[numbers] > 1)


def rejected_rows(problems: pa.Table) -> set[int]:
    """The row numbers that a `reject` rule keeps out."""
    rejecting = pa.array([rule.code for rule in RULES.values() if rule.severity == "reject"])
    rejected = problems.filter(pc.is_in(problems.column("rule"), value_set=rejecting))
    return set(rejected.column("row").to_pylist())


def split_rows(rows: pa.Table, rejected: set[int]) -> tuple[pa.Table, pa.Table]:
    """(accepted, rejected) rows."""
    if not rejected:
        return rows, rows.slice(0, 0)
    mask = pc.is_in(rows.column("row"), value_set=pa.array(sorted(rejected), pa.int64()))
    return rows.filter(pc.invert(mask)), rows.filter(mask)


def drop_exact_duplicates(rows: pa.Table, key: tuple[str, ...] = ()) -> pa.Table:
    """Keep the first of rows that are equal in every cell.

    key: columns in which equal rows are equal too; few rows share one, so few need be compared.
    """
    columns = rows.drop_columns("row")
    at = _repeated(rows, key) if key else np.arange(rows.num_rows)
    repeats = at[columns.take(at).to_pandas().duplicated().to_numpy()]
    if not len(repeats):
        return rows
    kept = np.ones(rows.num_rows, bool)
    kept[repeats] = False
    return rows.filter(pa.array(kept))
