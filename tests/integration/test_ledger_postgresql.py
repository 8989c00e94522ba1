"""The ledger's specification (`tests/unit/ledger`) on a real PostgreSQL, started here and stopped here.

The server is this module's own: a new cluster in a temporary folder, run as a user without rights, reachable only
through a socket in that folder.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa

from pipelines.ledger import tables
from pipelines.ledger.engine import open_engine, open_ledger
from pipelines.ledger.store import Ledger
from tests.components import require
from tests.postgresql_server import FORGETFUL, Server, serve
from tests.unit.ledger import (
    test_approvals,
    test_balance,
    test_cash,
    test_erasing,
    test_hold_decisions,
    test_incidents,
    test_migrations,
    test_moves_of_money,
    test_payments,
    test_recoveries,
    test_results,
    test_rosters,
    test_schema,
    test_store,
)
from tests.unit.ledger.test_approvals import *  # noqa: F403
from tests.unit.ledger.test_balance import *  # noqa: F403
from tests.unit.ledger.test_cash import *  # noqa: F403
from tests.unit.ledger.test_erasing import *  # noqa: F403
from tests.unit.ledger.test_hold_decisions import *  # noqa: F403
from tests.unit.ledger.test_incidents import *  # noqa: F403
from tests.unit.ledger.test_migrations import *  # noqa: F403
from tests.unit.ledger.test_moves_of_money import *  # noqa: F403
from tests.unit.ledger.test_payments import *  # noqa: F403
from tests.unit.ledger.test_recoveries import *  # noqa: F403
from tests.unit.ledger.test_results import *  # noqa: F403
from tests.unit.ledger.test_rosters import *  # noqa: F403
from tests.unit.ledger.test_schema import *  # noqa: F403
from tests.unit.ledger.test_store import *  # noqa: F403

pytestmark = pytest.mark.component("postgresql")
MODULES = (
    test_approvals,
    test_balance,
    test_cash,
    test_erasing,
    test_hold_decisions,
    test_incidents,
    test_migrations,
    test_moves_of_money,
    test_payments,
    test_recoveries,
    test_results,
    test_rosters,
    test_schema,
    test_store,
)
_NUMBER = count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A running PostgreSQL with a migrated database `ledger`."""
    with serve(require("postgresql"), **FORGETFUL) as running:
        open_ledger(running.create("ledger")).dispose()
        yield running


@pytest.fixture(scope="module")
def engine(server: Server) -> Iterator[sa.Engine]:
    """The one migrated database that the tests share, one after the other."""
    opened = open_engine(server.url("ledger"))
    yield opened
    opened.dispose()


@pytest.fixture
def ledger(engine: sa.Engine) -> Iterator[Ledger]:
    """An empty ledger; what a test leaves in it, or takes off it, is undone."""
    yield Ledger(engine, "test-2020")
    names = ", ".join(table.name for table in tables.metadata.sorted_tables)
    with engine.begin() as connection:
        connection.exec_driver_sql("set local session_replication_role = replica")
        connection.exec_driver_sql(f"truncate {names} restart identity")
        for table in ("audit", "entitlement_event"):
            connection.exec_driver_sql(f"alter table {table} enable trigger all")


@pytest.fixture
def unmigrated(server: Server) -> str:
    """The URL of an empty database."""
    return server.create(f"empty{next(_NUMBER)}")


def test_the_ledger_here_is_postgresql(ledger: Ledger) -> None:
    assert ledger.engine.dialect.name == "postgresql"


def test_the_whole_specification_is_run_here() -> None:
    names = [name for module in MODULES for name in _specification(module)]
    assert len(names) == len(set(names))
    assert set(names) <= set(globals())
    folder = Path(__file__).parents[1] / "unit" / "ledger"
    assert {m.__name__.rpartition(".")[2] for m in MODULES} == {
        p.stem for p in folder.glob("test_*.py")
    }


def _specification(module: ModuleType) -> list[str]:
    """A module's tests and fixtures."""
    source = module.__name__
    public = {n: v for n, v in vars(module).items() if not n.startswith("_") and callable(v)}
    return [n for n, v in public.items() if getattr(v, "__module__", None) == source]
