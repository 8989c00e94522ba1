"""Whose claim names no account that the bank's file can hold is held when payments are drafted; the others are paid."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import payments as ledger_payments
from pipelines.ledger import tables
from pipelines.ledger.balance import assert_balanced, take_balance
from pipelines.steps import claims, payments
from tests.unit.steps.dated_world import DAY, NEXT, send_claims, states

CODE = payments.NO_ACCOUNT


@pytest.fixture
def approved(campaign):
    """Everybody's claim is approved."""
    send_claims(campaign, DAY, dict.fromkeys((1, 2, 3, 4), ("5020518", "")))
    claims.match_and_decide(campaign, DAY)
    assert {state for state, _ in states(campaign).values()} == {"approved"}
    return campaign


def _change(c, claim_id, **values):
    with c.ledger.write() as connection:
        connection.execute(sa.update(tables.claim).filter_by(claim_id=claim_id).values(**values))


def test_who_has_no_account_to_be_paid_to_is_held_and_the_others_are_paid(approved):
    _change(approved, "P1", account_holder_kana="")
    _change(approved, "P2", account_holder_kana="見本")  # the bank has no kanji
    _change(approved, "P3", account_number=None)
    drafted = payments.draft(approved, DAY)
    assert (drafted["payments"], drafted["people"], drafted["account_held"]) == (1, 1, 3)
    held = dict.fromkeys("123", ("held", CODE))
    assert states(approved) == {**held, "4": ("in_payment", "")}
    f, p = tables.finding, tables.payment
    with approved.ledger.read() as connection:
        found = sa.select(f.c.claim_id, f.c.severity).where(f.c.code == CODE)
        assert sorted(map(tuple, connection.execute(found))) == [
            ("P1", "block"), ("P2", "block"), ("P3", "block")
        ]  # fmt: skip
        assert connection.execute(sa.select(p.c.payment_key, p.c.claim_id)).all() == [
            ("0000000001", "P4")
        ]
        assert_balanced(take_balance(connection, approved.programme.id))


def test_an_absent_holder_is_no_holder(approved):
    _change(approved, "P4", account_holder_kana=None)
    assert payments.draft(approved, DAY)["account_held"] == 1


def test_a_mended_account_is_paid_under_a_key_of_its_own(approved):
    _change(approved, "P1", account_holder_kana="")
    payments.draft(approved, DAY)
    _change(approved, "P1", account_holder_kana="ミホン")
    e = tables.entitlement
    with approved.ledger.write() as connection:
        connection.execute(sa.update(e).filter_by(codes=CODE).values(state="approved", codes=""))
    drafted = payments.draft(approved, NEXT)
    assert (drafted["payments"], drafted["account_held"]) == (1, 0)
    p = tables.payment
    with approved.ledger.read() as connection:
        key = sa.select(p.c.payment_key).where(p.c.claim_id == "P1")
        assert connection.execute(key).scalar_one() == "0000000004"


def test_what_the_banks_format_cannot_hold_is_told_by_payment_and_item(approved):
    drafted = payments.draft(approved, DAY)
    with approved.ledger.read() as connection:
        (batch_id,) = drafted["batches"]
        found = ledger_payments.read_batch(connection, approved.programme.id, batch_id)
    records = [payments._record(p) for p in found]
    records[1] = replace(records[1], account_number="12345678")
    with pytest.raises(KyufuError) as caught:
        payments._write(approved, batch_id, DAY, records)
    assert "支払番号0000000002の項目account_number" in str(caught.value)
    assert "12345678" not in str(caught.value)
    with pytest.raises(KyufuError, match="項目count"):
        payments._write(approved, batch_id, DAY, [])
