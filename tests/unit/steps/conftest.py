"""The ward of `dated_world`, as a campaign with its snapshot frozen."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from pipelines.intake.layouts import FOLDER
from pipelines.steps.campaign import Campaign
from tests.intake_files import with_layout
from tests.unit.intake.intake_world import new_campaign
from tests.unit.steps.dated_world import COMPACT, LAYOUTS, freeze


@pytest.fixture
def campaign(tmp_path, monkeypatch):
    """A campaign of a ward whose sources write every date but the birth dates as era number, year, month and day."""
    folder = tmp_path / "layouts"
    (folder / "compact").mkdir(parents=True)
    for name, columns in LAYOUTS.items():
        text = (FOLDER / "shinjuku" / f"{name}.toml").read_text(encoding="utf-8")
        styles = "".join(f'\n[dates.{column}]\nstyles = ["{COMPACT}"]\n' for column in columns)
        (folder / "compact" / f"{name}.toml").write_text(text + styles, encoding="utf-8")
    (folder / "shinjuku").symlink_to(FOLDER / "shinjuku")
    monkeypatch.setattr("pipelines.intake.layouts.FOLDER", folder)
    monkeypatch.setattr("pipelines.intake.receive.FOLDER", folder)
    c = new_campaign(tmp_path)
    for name in LAYOUTS:
        c = replace(c, programme=with_layout(name, f"compact/{name}", c.programme))
    listed = SimpleNamespace(assert_lists_current=lambda programme, day: None)
    monkeypatch.setattr(Campaign, "guard", lambda self, day: listed)
    freeze(c)
    yield c
    c.ledger.engine.dispose()
