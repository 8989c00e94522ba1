"""What the reports' tests share: an empty home."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.steps.campaign import Campaign
from tests.unit.reports.report_world import open_home


@pytest.fixture
def c(tmp_path: Path) -> Iterator[Campaign]:
    """A campaign on an empty ledger, without a link."""
    opened = open_home(tmp_path)
    yield opened
    opened.ledger.engine.dispose()
