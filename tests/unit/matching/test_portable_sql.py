"""The matching SQL runs elsewhere too: every file translates from DuckDB to Spark, and one module calls the engine."""

import ast

import pytest
import sqlglot
from sqlglot import ErrorLevel, exp

from pipelines.programme import ROOT

FILES = sorted((ROOT / "sql" / "matching").glob("*/*.sql"))
ENGINE = "pipelines/matching/engine.py"


def _translated(text: str) -> exp.Query:
    """As Spark would read it.

    Raises:
        ValueError: a function that SQLGlot does not know, so that it would reach Spark under DuckDB's name.
    """
    (spark,) = sqlglot.transpile(
        text, read="duckdb", write="spark", unsupported_level=ErrorLevel.RAISE
    )
    query = sqlglot.parse_one(spark, read="spark")
    if unknown := {call.name for call in query.find_all(exp.Anonymous)}:
        raise ValueError(f"not portable: {sorted(unknown)}")
    if any(join.method for join in query.find_all(exp.Join)):
        raise ValueError("not portable: a join that only DuckDB has")
    return query


def test_there_are_files_of_every_kind():
    assert {path.parent.name for path in FILES} == {"claims", "linkage", "linkage_pairs"}


@pytest.mark.parametrize("path", FILES, ids=[f"{p.parent.name}/{p.stem}" for p in FILES])
def test_a_file_translates_to_spark(path):
    assert isinstance(_translated(path.read_text(encoding="utf-8")), exp.Query)


@pytest.mark.parametrize(
    "text",
    [
        "select damerau_levenshtein_of_my_own(a, b) from t",
        "select a from t asof join u on t.a >= u.a",
    ],
)
def test_what_is_not_portable_is_noticed(text):
    with pytest.raises((ValueError, sqlglot.UnsupportedError, sqlglot.ParseError)):
        _translated(text)


def _imports_engine(path) -> bool:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return any(
        name.partition(".")[0] == "duckdb"
        for node in nodes
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    )


def test_one_module_calls_the_engine():
    files = [
        p for folder in ("pipelines", "dags", "schemas") for p in (ROOT / folder).rglob("*.py")
    ]
    callers = [p.relative_to(ROOT).as_posix() for p in files if _imports_engine(p)]
    assert callers == [ENGINE]
