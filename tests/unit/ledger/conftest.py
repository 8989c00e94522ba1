"""The ledger's specification on SQLite; `tests/integration/test_ledger_postgresql.py` runs it on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.ledger.engine import open_engine
from pipelines.ledger.store import Ledger
from tests.unit.ledger.ledger_world import new_sqlite


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A new, empty ledger."""
    engine = open_engine(new_sqlite(tmp_path))
    yield Ledger(engine, "test-2020")
    engine.dispose()


@pytest.fixture
def unmigrated(tmp_path: Path) -> str:
    """The URL of an empty database."""
    return f"sqlite:///{tmp_path / 'empty.sqlite'}"
