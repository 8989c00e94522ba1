"""`kyufu letters …` at a terminal: Japanese, counts, nobody named, the actor from the session."""

import pytest
from typer.testing import CliRunner

from pipelines import sign_in
from pipelines.cli import app
from pipelines.steps import municipal_letters as steps
from tests.unit.steps.test_municipal_letters import DAY, ONE, RECEIPT, TWO, YOKOHAMA, c  # noqa: F401


@pytest.fixture
def kyufu(c, monkeypatch):  # noqa: F811
    steps.draft(c, DAY)

    def run(*arguments, actor=ONE, ok=True):
        monkeypatch.setattr(sign_in, "open_signed_in", lambda programme, home: (c, actor))
        done = CliRunner().invoke(app, arguments)
        assert (done.exit_code == 0) is ok, done.output
        return done.output if ok else str(done.exception)

    return run


def test_the_whole_way_of_a_letter_at_the_terminal(kyufu, tmp_path):
    assert "0/2人" in kyufu("letters", "list")
    for actor in (ONE, TWO):
        told = kyufu("letters", "show", YOKOHAMA, "--out", str(tmp_path / "a.pdf"), actor=actor)
        assert "神奈川県横浜市 1人" in told
        for what, word in (("address", "あて先"), ("content", "郵送内容")):
            assert word in kyufu("letters", "check", YOKOHAMA, what, actor=actor)
    assert "書留番号 12345678901" in kyufu("letters", "posted", YOKOHAMA, "--receipt", RECEIPT)
    listed = kyufu("letters", "list")
    assert "12345678901" in "".join(listed.split())
    assert "見本" not in listed


def test_a_wrong_letter_says_what_follows(kyufu, tmp_path):
    kyufu("letters", "show", YOKOHAMA, "--out", str(tmp_path / "a.pdf"))
    told = kyufu("letters", "check", YOKOHAMA, "content", "--wrong", "--reason", "項目の誤り")
    assert "作り直します" in told
    assert "却下" in kyufu("letters", "posted", YOKOHAMA, "--receipt", RECEIPT, ok=False)
