"""What the expectations of a partition found: a small JSON file beside the pages, aggregates only."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from pipelines.files import write_whole
from pipelines.intake.staging import Manifest
from schemas.expectations import Expectation, Severity

FOLDER = "expectations"
_SEVERITIES: dict[Severity, str] = {"critical": "重大", "warning": "注意", "info": "参考"}


@dataclass(frozen=True)
class Check:
    """One expectation judged. observed: the measure; None where the partition is not judged by it."""

    measure: str
    title: str
    unit: str
    least: float | None
    most: float | None
    severity: Severity
    observed: float | None
    passed: bool

    @property
    def range(self) -> str:
        """The range as people read it."""
        if self.least == self.most and self.least is not None:
            return _show(self.least, self.unit)
        least = "" if self.least is None else f"{_show(self.least, self.unit)}以上"
        most = "" if self.most is None else f"{_show(self.most, self.unit)}以下"
        return f"{least}{most}"

    @property
    def shown(self) -> str:
        """The observed aggregate as people read it."""
        return "対象外" if self.observed is None else _show(self.observed, self.unit)

    @property
    def severity_ja(self) -> str:
        """The severity in Japanese."""
        return _SEVERITIES[self.severity]


@dataclass(frozen=True)
class Profile:
    """A partition judged by its suite. run_key: of the version that was judged (`Manifest`)."""

    dataset: str
    day: str
    run_key: str
    checks: tuple[Check, ...]

    @property
    def failed(self) -> int:
        """How many expectations failed."""
        return sum(not check.passed for check in self.checks)

    @property
    def failed_critical(self) -> int:
        """How many critical ones failed."""
        return sum(not check.passed and check.severity == "critical" for check in self.checks)


def make_check(expectation: Expectation, observed: float | None, passed: bool) -> Check:
    """An expectation with what was observed."""
    e = expectation
    return Check(e.measure, e.title, e.unit, e.least, e.most, e.severity, observed, passed)


def write_profile(reports: Path, profile: Profile) -> None:
    """Write `expectations/DAY/DATASET.json` below the reports folder."""
    text = json.dumps(asdict(profile), ensure_ascii=False, indent=1, sort_keys=True)
    write_whole(_path(reports, profile.dataset, profile.day), f"{text}\n".encode())


def read_profile(reports: Path, dataset: str, day: date, manifest: Manifest) -> Profile | None:
    """The partition's profile; None if it has none, or one of other files, rules or mended rows."""
    path = _path(reports, dataset, day.isoformat())
    if not path.is_file():
        return None
    raw = json.loads(path.read_text(encoding="utf-8"))
    if raw.get("run_key") != manifest.run_key:
        return None
    checks = tuple(Check(**check) for check in raw.pop("checks"))
    return Profile(**raw, checks=checks)


def count_failed(profiles: Iterable[Profile]) -> dict[str, int]:
    """Counts for a step's result."""
    found = list(profiles)
    return {
        "expectations": sum(len(p.checks) for p in found),
        "failed": sum(p.failed for p in found),
        "critical": sum(p.failed_critical for p in found),
    }


def _path(reports: Path, dataset: str, day: str) -> Path:
    return reports / FOLDER / day / f"{dataset}.json"


def _show(value: float, unit: str) -> str:
    if unit == "share":
        return f"{value:.2%}"
    return f"{value:,.0f}" if unit == "rows" else f"{value:,.2f}"
