"""Claims are not matched against a ledger that has lost something: the run fails instead of finding nothing."""

import pytest
import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import tables
from pipelines.matching.engine import MatchingError
from pipelines.steps import claims
from pipelines.steps.deliveries import USED
from tests.unit.holds.holds_world import (
    DAY,
    NEXT,
    claim,
    held_ward,
    lines,
    pid,
    receive,
    states,
    without_lists,
)


@pytest.fixture
def ward(tmp_path, monkeypatch):
    without_lists(monkeypatch)
    c = held_ward(tmp_path)
    yield c
    c.ledger.engine.dispose()


def _next_day(c):
    return receive(c, NEXT, [claim("K7", "5")], lines("K7", "5"))


def _delete(c, table, *where):
    with c.ledger.write() as connection:
        connection.execute(sa.delete(table).where(*where))


def test_a_day_against_the_whole_ledger_is_decided(ward):
    assert _next_day(ward)["claims"] == 1


def test_no_earlier_claims_though_people_stand_on_some(ward):
    _delete(ward, tables.claim)
    with pytest.raises(MatchingError, match=r"earlier_claim: .*一件も読めません"):
        _next_day(ward)


def test_no_protections_though_the_lists_brought_some(ward):
    _delete(ward, tables.protection)
    assert _next_day(ward)["claims"] == 1  # no list said so in this world
    result = {"protections": 3, USED: []}
    with ward.ledger.write() as connection:
        row = {"programme": ward.programme.id, "name": "people.link.1", "day": DAY}
        connection.execute(sa.insert(tables.step).values(**row, result=result))
    with (
        ward.ledger.read() as connection,
        pytest.raises(MatchingError, match="3件の保護を記録しましたが、台帳に一件もありません"),
    ):
        claims._protected(connection, ward.programme.id)


def test_somebody_is_missing_from_the_ledger(ward):
    before = states(ward)
    _delete(ward, tables.entitlement, tables.entitlement.c.person_id == pid("R3"))
    with pytest.raises(KyufuError, match=r"6人ですが、台帳には5人います"):
        _next_day(ward)
    assert states(ward) == {person: s for person, s in before.items() if person != "R3"}
