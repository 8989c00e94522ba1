"""Comparison of the quarantine with the true answers of a synthetic ward: rows and files, rule by rule."""

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from pipelines.ledger import tables
from pipelines.reports.arrivals import all_datasets
from pipelines.steps.campaign import Campaign
from schemas.rules import RULES

FILES, DUPLICATES = "(ファイル拒否)", "(完全重複)"
# what is compared: (dataset, day, file and row, or file only, or a number)
Found = dict[str, Counter[tuple[str, ...]]]


@dataclass(frozen=True)
class RuleScore:
    """One rule. planted, found, right: how many rows (or files) were planted, found, and both."""

    rule: str
    planted: int
    found: int
    right: int

    @property
    def precision(self) -> float:
        """Share of what was found that was planted; 1 if nothing was found."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of what was planted that was found; 1 if nothing was planted."""
        return self.right / self.planted if self.planted else 1.0


@dataclass(frozen=True)
class QuarantineComparison:
    """Every rule that was planted or found, and the whole."""

    rules: tuple[RuleScore, ...]

    @property
    def total(self) -> RuleScore:
        """All rules together."""
        return RuleScore(
            "(合計)", *(sum(getattr(r, name) for r in self.rules) for name in ("planted", "found", "right"))
        )  # fmt: skip

    @property
    def perfect(self) -> bool:
        """Whether precision and recall are 1 under every rule."""
        return all(r.planted == r.found == r.right for r in self.rules)

    def as_dict(self) -> dict[str, object]:
        """For the summary: counts only."""
        return {
            "precision": self.total.precision, "recall": self.total.recall,
            "rules": {r.rule: {"planted": r.planted, "found": r.found, "right": r.right} for r in self.rules},
        }  # fmt: skip

    def render(self) -> str:
        """For people."""
        lines = ["■ 保留の正解との比較(規則、仕込み、検出、一致、適合率、再現率)"]
        lines += [
            f"  {r.rule:<16} {r.planted:>7,} {r.found:>7,} {r.right:>7,}  {r.precision:.4f}  {r.recall:.4f}"
            for r in (*self.rules, self.total)
        ]
        return "\n".join(lines)


def compare_quarantine(c: Campaign, truth: Path) -> QuarantineComparison:
    """Compare what was quarantined, dropped as a duplicate and refused with `truth/quarantine.csv`."""
    planted, found = _read_truth(truth), _read_ours(c)
    names = sorted({*planted, *found})
    return QuarantineComparison(
        tuple(_score(name, planted.get(name, Counter()), found.get(name, Counter())) for name in names)
    )  # fmt: skip


def _score(
    rule: str, planted: Counter[tuple[str, ...]], found: Counter[tuple[str, ...]]
) -> RuleScore:
    return RuleScore(rule, planted.total(), found.total(), (planted & found).total())


def _read_truth(path: Path) -> Found:
    truth: Found = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            where = (row["dataset"], row["day"])
            if row["outcome"] == "quarantined":
                _count(truth, row["rule"], (*where, row["file"], row["row"]))
            elif row["outcome"] == "duplicate":
                _count(truth, DUPLICATES, where)
            elif row["outcome"] == "refused":
                truth.setdefault(FILES, Counter())[where] = 1
    return truth


def _read_ours(c: Campaign) -> Found:
    ours: Found = {}
    staged = set()
    for dataset in all_datasets(c.programme):
        for day in c.staging.days(dataset, date.max):
            where = (dataset, day.isoformat())
            staged.add(where)
            manifest = c.staging.manifest(dataset, day)
            if manifest and manifest.duplicates:
                ours.setdefault(DUPLICATES, Counter())[where] = manifest.duplicates
            for rule, file, row in _rejects(c, dataset, day):
                _count(ours, rule, (*where, file, row))
    for where in _refused(c) - staged:
        _count(ours, FILES, where)
    return ours


def _rejects(c: Campaign, dataset: str, day: date) -> Iterable[tuple[str, str, str]]:
    """(rule, file, row) of what is in quarantine; a row counts once under a rule."""
    problems = c.staging.read(dataset, day, "problems")
    columns = (problems.column(name).to_pylist() for name in ("rule", "file", "row"))
    return {
        (rule, file, str(row))
        for rule, file, row in zip(*columns, strict=True)
        if RULES[rule].severity == "reject"
    }


def _refused(c: Campaign) -> set[tuple[str, str]]:
    r = tables.refusal
    query = sa.select(r.c.subject, r.c.day).where(
        r.c.programme == c.programme.id, r.c.subject.in_(all_datasets(c.programme))
    )
    with c.ledger.read() as connection:
        return {(row.subject, row.day.isoformat()) for row in connection.execute(query)}


def _count(found: Found, rule: str, what: tuple[str, ...]) -> None:
    found.setdefault(rule, Counter())[what] += 1
