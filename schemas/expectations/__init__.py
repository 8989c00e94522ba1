"""Expectations of whole partitions, as data: one TOML file a kind of dataset, each dataset in exactly one.

An expectation is a range for a measure (an aggregate of a partition, `sql/reports/`), never for a column of people.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

FOLDER = Path(__file__).parent
Severity = Literal["critical", "warning", "info"]


@dataclass(frozen=True)
class Expectation:
    """A range (both ends included) that a measure of a partition should lie in.

    unit: how it is shown. from_rows: partitions with fewer accepted rows are not judged. required: the measure must be
    there. severity: a failed `critical` one fails the step that looks; the others are told of.
    """

    measure: str
    title: str
    unit: Literal["rows", "share", "ratio"]
    least: float | None
    most: float | None
    from_rows: int
    required: bool
    severity: Severity


@dataclass(frozen=True)
class Suite:
    """What is expected of every partition of some datasets; folder: of their measures below `sql/reports`."""

    name: str
    datasets: tuple[str, ...]
    expectations: tuple[Expectation, ...]


@cache
def load_suites() -> dict[str, Suite]:
    """The suite of every dataset, by its name.

    Raises:
        ValueError: a dataset is in two suites, a measure twice in one, or a range is empty.
    """
    suites: dict[str, Suite] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        suite = _load(path)
        for dataset in suite.datasets:
            if dataset in suites:
                raise ValueError(f"{path.name}: {dataset} has a suite already")
            suites[dataset] = suite
    return suites


def _load(path: Path) -> Suite:
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    expectations = tuple(
        Expectation(
            e["measure"], e["title"], e["unit"], e.get("least"), e.get("most"), e.get("from_rows", 0),
            e.get("required", False), e.get("severity", "warning"),
        )
        for e in raw["expectation"]
    )  # fmt: skip
    measures = [e.measure for e in expectations]
    if len(set(measures)) != len(measures):
        raise ValueError(f"{path.name}: a measure has two expectations")
    for e in expectations:
        if (e.least is None and e.most is None) or (
            e.least is not None and e.most is not None and e.least > e.most
        ):
            raise ValueError(f"{path.name}: {e.measure} has no range")
    return Suite(path.stem, tuple(raw["datasets"]), expectations)
