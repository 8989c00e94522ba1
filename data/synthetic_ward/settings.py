"""The generator's settings: `shinjuku.toml` as frozen values."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SETTINGS_FILE = Path(__file__).with_name("shinjuku.toml")
SMALL_WARD_HOUSEHOLDS = 1000


@dataclass(frozen=True, slots=True)
class Settings:
    """What the settings file says, by table."""

    ward: dict[str, Any]
    days: dict[str, Any]
    windows: dict[str, dict[str, list[str]]]
    population: dict[str, Any]
    places: dict[str, Any]
    banks: dict[str, int]
    accounts: dict[str, float]
    claims: dict[str, Any]
    scenarios: dict[str, list[int]]

    def plantings(self, scenario: str, households: int) -> int:
        """How often a scenario is planted in a ward of so many households."""
        per_100_000, at_least = self.scenarios[scenario]
        if households < SMALL_WARD_HOUSEHOLDS:
            at_least = 1
        return max(at_least, round(per_100_000 * households / 100_000))


def load_settings(path: Path = SETTINGS_FILE) -> Settings:
    """Read the settings file."""
    return Settings(**tomllib.loads(path.read_text(encoding="utf-8")))
