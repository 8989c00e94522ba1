"""A campaign over a ward with hard errors: everything planted is found, nothing else, and everybody ends right."""

import re

import pytest

from data.synthetic_ward import generate
from pipelines.reports.arrivals import LINK
from tests.campaign_home import faults, rows, run_campaign


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hard")
    generate(600, 7, folder / "inputs", errors="hard")
    truth = folder / "inputs" / "truth" / "people.csv"
    done = run_campaign(folder / "inputs", folder / "home", "--truth", str(truth))
    return folder, done


def test_precision_and_recall_are_one_under_every_rule(played):
    _, done = played
    assert done.returncode == 0, done.stdout + done.stderr
    scores = re.findall(
        r"^  (\S+) +[\d,]+ +[\d,]+ +[\d,]+  (\d\.\d{4})  (\d\.\d{4})$", done.stdout, re.M
    )
    assert len(scores) == 10
    assert {score[1:] for score in scores} == {("1.0000", "1.0000")}


def test_everybody_ends_as_the_true_answers_say_and_everything_balances(played):
    folder, done = played
    told = re.search(r"正解との比較: \{'people': (\d+), 'right': (\d+)", done.stdout)
    assert told
    assert told[1] == told[2]
    assert faults(folder / "home") == []


def test_what_was_refused_is_in_the_ledger_and_on_the_stewards_pages(played):
    folder, _ = played
    refused = {
        (str(day), subject) for day, subject in rows(folder / "home", "refusal", ("day", "subject"))
    }
    assert refused >= {
        ("2020-05-15", "register"), ("2020-06-04", "register_changes"), ("2020-06-04", "inhouse_claims"),
        ("2020-06-17", "facility_children"),
    }  # fmt: skip
    for day, subject in ((d, s) for d, s in refused if not s.startswith(LINK)):
        page = folder / "home" / "reports" / "intake" / day / f"{subject}.html"
        assert "受取拒否" in page.read_text(encoding="utf-8")
