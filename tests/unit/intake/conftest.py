"""What the intake's tests share: a campaign on an empty ledger."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.steps import claims
from pipelines.steps.campaign import Campaign
from tests.unit.intake.intake_world import freeze_register, new_campaign

SNAPSHOT_DAY = date(2020, 5, 15)


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Campaign]:
    """A campaign on an empty ledger, without a link."""
    c = new_campaign(tmp_path)
    yield c
    c.ledger.engine.dispose()


@pytest.fixture
def decide(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> Callable[[date], dict[str, Any]]:
    """The day's real step, for three people each a household's head; the lists are other tests' matter.

    They are 見本一, 見本二 and 見本三, residents and households 1 to 3, born on 1980-04-01.
    """
    rows = [
        {
            "resident_id": n.zfill(10), "household_id": n.zfill(10), "name_kana": "ミホン",
            "name_kanji": f"見本{kanji}", "relationship": "02", "birth_date": "19800401", "postal_code": "1600022",
            "address": "東京都新宿区新宿１丁目２番３号", "address_supplement": "", "head_name_kanji": f"見本{kanji}",
        }
        for n, kanji in (("1", "一"), ("2", "二"), ("3", "三"))
    ]  # fmt: skip
    freeze_register(campaign, rows, SNAPSHOT_DAY)
    listed = SimpleNamespace(assert_lists_current=lambda programme, day: None)
    monkeypatch.setattr(Campaign, "guard", lambda self, day: listed)
    return lambda day: claims.match_and_decide(campaign, day)
