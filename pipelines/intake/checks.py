"""Row checks: the pandera schema of a table applied, and what broke told by row, column and rule only."""

from functools import cache

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import KyufuError
from schemas.datasets import Table
from schemas.fields import field
from schemas.rules import RULES

_PROBE = Table("probe", (), (field("name_kanji"),))

PROBLEM = pa.schema(
    [("table", pa.string()), ("row", pa.int64()), ("column", pa.string()), ("rule", pa.string())]
)


@cache
def assert_validation_is_on() -> None:
    """Fail when the environment switches pandera's checks off: a row that must be refused is put to them.

    Done once a process. Trying is surer than reading the variables: pandera has several, each with its own spellings.

    Raises:
        KyufuError: the row passes.
    """
    try:
        found = _schema_problems(pd.DataFrame({"name_kanji": [""]}), _PROBE)
    except ValueError:  # another backend reports differently
        found = []
    if found != [(0, "name_kanji", "REQUIRED")]:
        raise KyufuError(
            "入力の検査が働いていません。環境変数 PANDERA_VALIDATION_ENABLED、PANDERA_VALIDATION_DEPTH、"
            "PANDERA_USE_NARWHALS_BACKEND を外してください。"
        )


def check_rows(rows: pa.Table, table: Table) -> pa.Table:
    """Every broken rule in `rows` (our columns as text, and `row`): a table (table, row, column, rule)."""
    assert_validation_is_on()
    numbers = rows.column("row").to_numpy()
    frame = rows.drop_columns("row").to_pandas(strings_to_categorical=False)
    problems = [*_schema_problems(frame, table), *_key_problems(frame, table)]
    if not problems:
        return PROBLEM.empty_table()
    return pa.table(
        {
            "table": [table.name] * len(problems),
            "row": [int(numbers[index]) for index, _, _ in problems],
            "column": [column for _, column, _ in problems],
            "rule": [rule for _, _, rule in problems],
        },
        schema=PROBLEM,
    )


def _schema_problems(frame: pd.DataFrame, table: Table) -> list[tuple[int, str, str]]:
    try:
        table.schema().validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        cases = errors.failure_cases[["index", "column", "check"]]
        return [
            (int(i), str(column), str(check)) for i, column, check in cases.itertuples(index=False)
        ]
    return []


def _key_problems(frame: pd.DataFrame, table: Table) -> list[tuple[int, str, str]]:
    """Rows that share a key but differ elsewhere: all of them wait, none is chosen by chance."""
    if not table.key:
        return []
    distinct = frame.drop_duplicates()
    repeated = distinct[distinct.duplicated(list(table.key), keep=False)]
    clashing = frame[list(table.key)].merge(
        repeated[list(table.key)].drop_duplicates(), how="inner"
    )
    if clashing.empty:
        return []
    keys = set(clashing.itertuples(index=False, name=None))
    rows = frame[list(table.key)].itertuples(index=False, name=None)
    return [(i, table.key[0], "DUPLICATE_KEY") for i, key in enumerate(rows) if key in keys]


def rejected_rows(problems: pa.Table) -> set[int]:
    """The row numbers that a `reject` rule keeps out."""
    pairs = zip(
        problems.column("row").to_pylist(), problems.column("rule").to_pylist(), strict=True
    )
    return {row for row, rule in pairs if RULES[rule].severity == "reject"}


def split_rows(rows: pa.Table, rejected: set[int]) -> tuple[pa.Table, pa.Table]:
    """(accepted, rejected) rows."""
    mask = pc.is_in(rows.column("row"), value_set=pa.array(sorted(rejected), pa.int64()))
    return rows.filter(pc.invert(mask)), rows.filter(mask)


def drop_exact_duplicates(rows: pa.Table) -> pa.Table:
    """Keep the first of rows that are equal in every cell."""
    frame = rows.drop_columns("row").to_pandas()
    return rows.filter(pa.array(~frame.duplicated().to_numpy()))
