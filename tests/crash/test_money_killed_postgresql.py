"""`test_money_killed.py` on a real PostgreSQL: a server of this module's own, a database a home."""

from itertools import count

import pytest
import sqlalchemy as sa

from tests.components import require
from tests.crash.money_world import Ledgers
from tests.crash.test_money_killed import *  # noqa: F403
from tests.postgresql_server import FORGETFUL, serve

pytestmark = pytest.mark.component("postgresql")
_NUMBER = count(1)


@pytest.fixture(scope="module")
def ledgers():
    """Every home's ledger is a database; a copy's is made from it as a template, and goes with the server."""
    with serve(require("postgresql"), **FORGETFUL) as server:

        def copy(url, _home):
            return server.create(f"ledger{next(_NUMBER)}", sa.make_url(url).database)

        def drop(url):
            server.command(f'drop database "{sa.make_url(url).database}" with (force)')

        yield Ledgers(lambda _home: server.create("ledger"), copy, drop)


def test_the_ledger_here_is_postgresql(world):
    assert {place.url.partition(":")[0] for place in world.homes.values()} == {"postgresql"}
