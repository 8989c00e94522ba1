"""FAULTS 23-29 and 31, file by file: each bad file of `index.toml` is refused, or its rows go where they must."""

import tomllib
from datetime import date
from pathlib import Path

import pytest

from pipelines.errors import InputRefused
from pipelines.intake import receive
from pipelines.intake.staging import Staging
from tests.bad_files.make import SECRET, make
from tests.intake_files import with_layout
from tests.unit.intake.refusals import refusal

HERE = Path(__file__).parent
DAY = date(2020, 5, 20)
CASES = tomllib.loads((HERE / "index.toml").read_text(encoding="utf-8"))["case"]
COMMITTED = {
    p.name: p for p in HERE.iterdir() if p.suffix in (".csv", ".tsv", ".dat", ".xlsx", ".zip")
}
DEFLATED = {"f28_bomb.zip"}  # its bytes depend on the version of zlib


@pytest.mark.parametrize("case", CASES, ids=lambda case: "+".join(case["files"]))
def test_a_bad_file_is_refused_or_its_rows_go_where_they_must(case, tmp_path):
    programme = with_layout(case["dataset"], case["layout"])
    names = receive.expected_files(programme, case["dataset"], DAY)
    files = {
        name: COMMITTED[file].read_bytes() for name, file in zip(names, case["files"], strict=True)
    }
    staging = Staging(tmp_path)

    def stage():
        return receive.stage(programme, staging, case["dataset"], DAY, files)

    if "refused" in case:
        message = refusal(InputRefused, stage, SECRET)
        assert case["refused"] in message
        assert any(message.startswith(name) for name in names)
        assert not staging.root.exists()
        return
    manifest = stage()
    assert (manifest.accepted, manifest.quarantined, manifest.duplicates) == (
        case["accepted"], case["quarantined"], case["duplicates"],
    )  # fmt: skip
    assert manifest.rows_in == manifest.accepted + manifest.quarantined + manifest.duplicates
    assert {rule: manifest.rules.get(rule) for rule in case["rules"]} == case["rules"]
    assert manifest.quarantined == 0 or case["rules"]


def test_every_file_is_in_the_index_and_there_are_enough():
    listed = {file for case in CASES for file in case["files"]}
    assert listed == set(COMMITTED)
    assert len(listed) >= 60
    assert {Path(file).suffix for file in listed} == {".csv", ".tsv", ".dat", ".xlsx", ".zip"}


def test_the_committed_files_are_what_the_script_makes():
    made = make()
    assert set(made) == set(COMMITTED)
    changed = [n for n, data in made.items() if COMMITTED[n].read_bytes() != data]
    assert set(changed) <= DEFLATED
