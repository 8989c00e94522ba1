"""`kyufu zengin show`: what it shows of a transfer file and of a result file, and what it keeps back."""

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import InputMissing, InputRefused
from pipelines.outputs.zengin import Profile, write
from tests.unit.outputs.test_zengin_results import returned
from tests.zengin_samples import HEADER, PAYMENTS


def _show(path):
    return CliRunner().invoke(app, ["zengin", "show", str(path)], catch_exceptions=False).output


@pytest.mark.parametrize("data", [write(HEADER, PAYMENTS, Profile()), returned()])
def test_counts_sums_and_every_record_but_no_account_and_no_name(tmp_path, data):
    path = tmp_path / "file.txt"
    path.write_bytes(data)
    shown = _show(path)
    for wanted in (
        "2件 400,000円",
        "0000000042",
        "0005",
        "300,000円",
        "0000000043",
        "9900",
        "06月26日",
    ):
        assert wanted in shown
    for secret in (*(p.account_number for p in PAYMENTS), *(p.payee_kana for p in PAYMENTS)):
        assert secret not in shown


def test_a_result_file_shows_what_was_paid_and_each_code(tmp_path):
    path = tmp_path / "result.txt"
    path.write_bytes(returned())
    shown = _show(path)
    assert "振込済 1件 300,000円" in shown
    assert "振込不能 1件 100,000円" in shown
    (line,) = [line for line in shown.splitlines() if "0000000043" in line]
    assert line.split()[-1] == "2"


def test_another_file_is_refused_without_a_value(tmp_path):
    path = tmp_path / "file.txt"
    path.write_bytes(write(HEADER, PAYMENTS, Profile())[:-122])
    with pytest.raises(InputRefused) as caught:
        _show(path)
    assert PAYMENTS[0].account_number not in str(caught.value)
    with pytest.raises(InputMissing):
        _show(tmp_path / "none.txt")
