"""A fixed part of the soak, always the same, and proof that it would see a wrong reader."""

import pyarrow.compute as pc
import pytest

from pipelines.intake import receive
from pipelines.intake.readers import TextTable
from tests.soak.intake import good_files, run_one, soak


def test_damaged_files_are_refused_or_true_to_the_file():
    found = soak(210, seed=20200427)
    assert sum(found.values()) == 210
    for layout in {good.layout for good in good_files()}:
        assert found[f"{layout} refused"], layout
        assert found[f"{layout} staged"], layout


def _lose_a_row(text):
    return TextTable(text.rows.slice(0, text.rows.num_rows - 1), text.ragged_rows)


def _count_on(text):
    shifted = pc.add(text.rows.column("row"), 1)
    return TextTable(text.rows.drop_columns("row").append_column("row", shifted), text.ragged_rows)


def _narrow_digits(text):
    name = "住所"
    other = pc.replace_substring(text.rows.column(name), "１", "1")
    return TextTable(
        text.rows.set_column(text.rows.column_names.index(name), name, other), text.ragged_rows
    )


@pytest.mark.parametrize("wrong", [_lose_a_row, _count_on, _narrow_digits])
def test_a_reader_that_loses_moves_or_changes_a_row_is_found(wrong, monkeypatch):
    good = good_files()[0]
    right = receive.readers.read_csv
    assert run_one(good, good.data) == "staged"
    monkeypatch.setattr(receive.readers, "read_csv", lambda *given: wrong(right(*given)))
    with pytest.raises(AssertionError):
        run_one(good, good.data)
