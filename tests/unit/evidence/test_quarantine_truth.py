"""The comparison of the quarantine with true answers: right rows, wrong rules, good rows, lost rows, files."""

import csv

import pytest

from pipelines.evidence.quarantine import DUPLICATES, FILES, RuleScore, compare_quarantine
from tests.unit.reports.report_world import DAY, open_home
from tests.unit.reports.test_pages import GOOD, stage_register

FILE = f"register_{DAY:%Y%m%d}.csv"
HEADER = ("dataset", "day", "file", "row", "rule", "outcome")


@pytest.fixture
def c(tmp_path):
    opened = open_home(tmp_path)
    bad = GOOD.format(7)[1:]
    stage_register(opened, DAY, [GOOD.format(1), bad, "短い行", GOOD.format(1)])  # rows 2 to 5
    opened.note_refusal("facility_children", "読めません。", DAY)
    opened.note_refusal("notices", "送りません。", DAY)
    yield opened
    opened.ledger.engine.dispose()


def compare(c, *answers):
    path = c.home / "quarantine.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(answers)
    found = compare_quarantine(c, path)
    return found, {r.rule: (r.planted, r.found, r.right) for r in found.rules}


def row(number, rule, outcome="quarantined"):
    return ("register", str(DAY), FILE, str(number), rule, outcome)


RIGHT = (
    row(3, "DIGITS_10"),
    row(4, "ROW_LENGTH"),
    row(5, "", "duplicate"),
    ("facility_children", str(DAY), "facility_children_20200603.csv", "", "", "refused"),
)


def test_everything_right_is_one(c):
    found, rules = compare(c, *RIGHT)
    assert rules == {
        "DIGITS_10": (1, 1, 1),
        "ROW_LENGTH": (1, 1, 1),
        DUPLICATES: (1, 1, 1),
        FILES: (1, 1, 1),
    }
    assert found.perfect
    assert (found.total.precision, found.total.recall) == (1.0, 1.0)
    assert "1.0000  1.0000" in found.render()


def test_two_files_of_one_delivery_are_one_refusal(c):
    members = ("facility_children", str(DAY), "more.csv", "", "", "refused")
    found, _ = compare(c, *RIGHT, members)
    assert found.perfect


@pytest.mark.parametrize(
    ("answers", "rule", "counts"),
    [
        ((row(3, "REQUIRED"), *RIGHT[1:]), "DIGITS_10", (0, 1, 0)),
        ((row(3, "REQUIRED"), *RIGHT[1:]), "REQUIRED", (1, 0, 0)),
        ((row(2, "DIGITS_10"), *RIGHT[1:]), "DIGITS_10", (1, 1, 0)),
        (RIGHT[1:], "DIGITS_10", (0, 1, 0)),
        ((*RIGHT, row(2, "DIGITS_10")), "DIGITS_10", (2, 1, 1)),
        ((*RIGHT[:2], RIGHT[3]), DUPLICATES, (0, 1, 0)),
        (RIGHT[:3], FILES, (0, 1, 0)),
        ((*RIGHT, ("register", "2020-06-04", "x", "", "", "refused")), FILES, (2, 1, 1)),
    ],
)
def test_what_is_wrong_shows_under_its_rule(c, answers, rule, counts):
    found, rules = compare(c, *answers)
    assert rules[rule] == counts
    assert not found.perfect


def test_scores():
    score = RuleScore("REQUIRED", planted=4, found=5, right=3)
    assert (score.precision, score.recall) == (0.6, 0.75)
    assert RuleScore("REQUIRED", 0, 0, 0).precision == 1.0
