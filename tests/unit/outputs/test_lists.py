"""Machine files keep every cell raw; files for a spreadsheet run nothing."""

import pyarrow as pa
import pytest

from pipelines.outputs._csv import CsvError, CsvProfile, read_csv, write_csv
from pipelines.outputs.handover import build_handover, neutralise
from pipelines.outputs.notices import build_notices

ROWS = pa.table({"氏名": ["=1+1", 'a,"b"\r\nc', None], "金額": [100_000, -5, 0]})


def test_notices_are_raw() -> None:
    assert build_notices(ROWS).decode() == (
        '氏名,金額\r\n=1+1,100000\r\n"a,""b""\r\nc",-5\r\n,0\r\n'
    )


def test_handover_is_neutralised_and_marked_as_utf8() -> None:
    data = build_handover(ROWS)
    assert data.startswith(b"\xef\xbb\xbf")
    assert "\r\n'=1+1,100000\r\n" in data.decode("utf-8-sig")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_every_start_a_spreadsheet_runs(start: str) -> None:
    assert neutralise(f"{start}1") == f"'{start}1"
    assert neutralise(f"1{start}") == f"1{start}"


@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
@pytest.mark.parametrize("cell", ["\r", "\n", "\r\n", '"', ",", "\0", " ", "'", "NA", "007", ""])
def test_cells_come_back(cell: str, line_end: str) -> None:
    profile = CsvProfile(line_end=line_end)
    data = write_csv(["a", "b"], [[cell, "x"]], profile)
    assert list(read_csv(data, profile)) == [(1, ["a", "b"]), (2, [cell, "x"])]


def test_ragged_row_is_refused() -> None:
    with pytest.raises(CsvError, match="row 2: has not one cell for each heading"):
        write_csv(["a", "b"], [["1"]], CsvProfile())


@pytest.mark.parametrize("setting", [{"encoding": "shift_jis"}, {"line_end": "\r"}])
def test_profile_nobody_has(setting: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        CsvProfile(**setting)
