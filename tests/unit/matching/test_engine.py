"""The engine: steps in order over named relations, and errors that never show a row."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.errors import KyufuError
from pipelines.matching.engine import MatchingError, run_steps


@pytest.fixture
def step(tmp_path):
    def write(name, statement):
        path = tmp_path / name
        path.write_text(statement, encoding="utf-8")
        return path

    return write


CLAIM = pa.table({"claim": ["c1", "c2"], "person": ["p1", "p2"]})


def test_a_step_reads_relations_and_the_steps_before_it(step):
    steps = [
        step("01_chosen.sql", "-- why\nselect * from claim where person = 'p2'"),
        step("02_counted.sql", "select count(*) as people from chosen;"),
    ]
    found = run_steps(steps, {"claim": CLAIM}, ["counted", "chosen"])
    assert found["counted"].to_pylist() == [{"people": 1}]
    assert found["chosen"].to_pylist() == [{"claim": "c2", "person": "p2"}]


def test_relations_come_from_parquet_files_and_folders(step, tmp_path):
    folder = tmp_path / "claims" / "dt=2020-06-03"
    folder.mkdir(parents=True)
    pq.write_table(CLAIM, folder / "part-0.parquet")
    pq.write_table(CLAIM, tmp_path / "it's one.parquet")
    steps = [
        step(
            "01_all.sql".replace("all", "everything"),
            "select claim from a union all select claim from b",
        )
    ]
    relations = {"a": tmp_path / "claims", "b": tmp_path / "it's one.parquet"}
    assert run_steps(steps, relations, ["everything"])["everything"].num_rows == 4


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("select * from payment", "step 01_x.sql: relation payment is missing"),
        ("select nothing from claim", "step 01_x.sql: Binder Error"),
        ("selec 1", "step 01_x.sql: Parser Error"),
        ("select 1; select 2", "must be exactly one select"),
        ("", "must be exactly one select"),
        ("create table y (a int)", "must be exactly one select"),
        ("copy claim to 'out.csv'", "must be exactly one select"),
        ("select cast(person as integer) as n from claim", "failed with ConversionException"),
    ],
)
def test_a_wrong_statement_names_its_step(step, statement, message):
    with pytest.raises(MatchingError, match=message):
        run_steps([step("01_x.sql", statement)], {"claim": CLAIM}, ["x"])


def test_an_error_shows_no_value_of_a_row(step):
    secret = pa.table({"name": ["CANARY"]})
    bad = step("01_x.sql", "select cast(name as integer) as n from secret")
    with pytest.raises(KyufuError) as caught:
        run_steps([bad], {"secret": secret}, ["x"])
    assert "CANARY" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_python_variable_is_no_relation(step):
    results = pa.table({"a": [1]})
    with pytest.raises(MatchingError, match="relation results is missing"):
        run_steps([step("01_x.sql", "select * from results")], {}, ["x"])
    assert results.num_rows == 1


def test_missing_and_doubled_names_are_refused(step, tmp_path):
    good = step("01_x.sql", "select 1 as a")
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    (tmp_path / "empty").mkdir()
    for steps, relations, results, message in [
        ([tmp_path / "01_none.sql"], {}, [], "01_none.sql.*cannot be read"),
        ([good], {}, ["y"], "result y"),
        ([good, good], {}, ["x"], "already a relation x"),
        ([good], {"x": CLAIM}, ["x"], "already a relation x"),
        ([step("x.sql", "select 1")], {}, [], "named NN_name.sql"),
        ([], {"X; drop": CLAIM}, [], "a name is lower-case"),
        ([], {"a": tmp_path / "none.parquet"}, [], "relation a: there is no Parquet"),
        ([], {"a": tmp_path / "empty"}, [], "relation a: there is no Parquet"),
        ([], {"a": tmp_path / "bad.parquet"}, [], "relation a: .* cannot be read as Parquet"),
    ]:
        with pytest.raises(MatchingError, match=message):
            run_steps(steps, relations, results)


def test_without_a_spill_folder_too_much_data_is_an_error(step):
    big = step("01_x.sql", "select range as n, hash(range) as h from range(20000000) order by h")
    with pytest.raises(MatchingError, match="failed with OutOfMemory"):
        run_steps([big], {}, ["x"], memory_limit="50MB", threads=1)
