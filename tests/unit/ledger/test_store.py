"""Transactions: a step once and wholly, moves that are allowed, an audit chain that shows every change."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date

import pytest
import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import tables
from pipelines.ledger.states import MOVES, Entitlement
from pipelines.ledger.store import Move, add_refusal, move, record, told_reasons, verify_chain
from tests.unit.ledger.ledger_world import CANARY, DAY, open_people, states, tamper

NEXT_DAY = date(2020, 6, 4)


def _record(ledger, event="test", detail=None):
    with ledger.write() as connection:
        return record(connection, ledger.programme, event, "system", "x", detail or {"n": 1}, DAY)


def _chain(ledger):
    with ledger.read() as connection:
        return verify_chain(connection)


# a step runs once


def test_f11_a_step_runs_once_a_day_and_gives_its_first_result_again(ledger):
    ran = []

    def work(_connection):
        ran.append(1)
        return {"people": len(ran)}

    assert ledger.once("forms.build", DAY, work) == {"people": 1, "repeated": False}
    assert ledger.once("forms.build", DAY, work) == {"people": 1, "repeated": True}
    assert ledger.once("forms.build", NEXT_DAY, work) == {"people": 2, "repeated": False}
    assert ledger.once("forms.other", DAY, work) == {"people": 3, "repeated": False}
    assert ledger.result_of("forms.build", DAY) == {"people": 1}
    assert ledger.result_of("forms.absent", DAY) is None


def test_steps_of_another_programme_are_its_own(ledger):
    ledger.once("forms.build", DAY, lambda _c: {"people": 1})
    other = type(ledger)(ledger.engine, "other-2021")
    assert other.result_of("forms.build", DAY) is None


def test_every_distinct_reason_of_a_day_and_subject_is_kept_once(ledger):
    reasons = [
        "x.csv: 読めません。",
        "x.csv: 読めません。別の日です。",
        "x.csv: 読めません。",
        "別の\n理由",
    ]
    with ledger.write() as connection:
        for reason in reasons:
            add_refusal(connection, ledger.programme, "x", reason, DAY)
        add_refusal(connection, ledger.programme, "y", reasons[0], DAY)
        add_refusal(connection, ledger.programme, "x", "別の\n理由", DAY)
    with ledger.read() as connection:
        r = tables.refusal
        found = dict(map(tuple, connection.execute(sa.select(r.c.subject, r.c.reason))))
    assert told_reasons(found["x"]) == [reasons[0], reasons[1], "別の 理由"]
    assert told_reasons(found["y"]) == [reasons[0]]


def test_a_step_that_fails_leaves_nothing_and_can_run_again(ledger):
    def fail(connection):
        record(connection, ledger.programme, "test", "system", "x", {}, DAY)
        connection.execute(
            sa.insert(tables.refusal).values(programme="p", day=DAY, subject="x", reason="y")
        )
        raise KyufuError("stopped")

    with pytest.raises(KyufuError, match="stopped"):
        ledger.once("forms.build", DAY, fail)
    assert ledger.result_of("forms.build", DAY) is None
    assert _chain(ledger) == 0
    with ledger.read() as connection:
        assert connection.execute(sa.select(tables.refusal)).all() == []
    assert ledger.once("forms.build", DAY, lambda _c: {})["repeated"] is False


def test_a_step_whose_result_cannot_be_kept_leaves_nothing(ledger):
    def work(connection):
        record(connection, ledger.programme, "test", "system", "x", {}, DAY)
        return {"when": object()}

    with pytest.raises((TypeError, sa.exc.StatementError)):
        ledger.once("forms.build", DAY, work)
    assert _chain(ledger) == 0


def test_f10_of_eight_workers_one_does_the_work(ledger):
    ran = []
    together = threading.Barrier(8)

    def work(connection):
        ran.append(record(connection, ledger.programme, "test", "system", "x", {}, DAY))
        return {"head": ran[0]}

    def run(_number):
        together.wait()
        return ledger.once("payments.draft", DAY, work)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(run, range(8)))
    assert len(ran) == 1
    assert sorted(r["repeated"] for r in results) == [False] + [True] * 7
    assert {r["head"] for r in results} == set(ran)


def test_eight_writers_make_one_chain(ledger):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _n: [_record(ledger) for _ in range(3)], range(8)))
    assert _chain(ledger) == 24


def test_a_reader_sees_what_is_committed_and_waits_for_nobody(ledger):
    (person,) = open_people(ledger, 1)
    with ledger.write() as connection:
        move(connection, ledger.programme, [Move(person, Entitlement.HELD)], "test", "", DAY)
        assert states(ledger) == {person: "unclaimed"}
    assert states(ledger) == {person: "held"}


# moves


@pytest.fixture
def everybody(ledger):
    return open_people(ledger, 2, 1)


def _move(ledger, *moves):
    with ledger.write() as connection:
        return move(connection, ledger.programme, moves, "claims", "C1", DAY)


def test_a_move_changes_the_state_and_leaves_an_event(ledger, everybody):
    assert _move(ledger, Move(everybody[0], Entitlement.HELD, "C1", "NOT_HEAD;LATE")) == 1
    e, v = tables.entitlement, tables.entitlement_event
    with ledger.read() as connection:
        row = connection.execute(sa.select(e).filter_by(person_id=everybody[0])).one()
        events = connection.execute(
            sa.select(v).filter_by(person_id=everybody[0]).order_by(v.c.event_id)
        ).all()
    assert (row.state, row.claim_id, row.codes) == ("held", "C1", "NOT_HEAD;LATE")
    assert [(x.from_state, x.to_state, x.cause, x.business_date) for x in events] == [
        (None, "unclaimed", "opened", DAY),
        ("unclaimed", "held", "claims", DAY),
    ]
    assert (events[1].reference, events[1].codes) == ("C1", "NOT_HEAD;LATE")


def test_no_moves_are_fine(ledger):
    assert _move(ledger) == 0


def test_an_unknown_person_is_refused_and_nobody_moves(ledger, everybody):
    with pytest.raises(KyufuError, match="1件一致") as caught:
        _move(ledger, Move(everybody[0], Entitlement.HELD), Move("R9999999999", Entitlement.HELD))
    assert "R9999999999" not in str(caught.value)
    assert set(states(ledger).values()) == {"unclaimed"}


def test_a_person_of_another_programme_is_unknown(ledger, everybody):
    other = type(ledger)(ledger.engine, "other-2021")
    with pytest.raises(KyufuError, match="0件一致"):
        _move(other, Move(everybody[0], Entitlement.HELD))


@pytest.mark.parametrize("second", [Entitlement.HELD, Entitlement.APPROVED])
def test_a_person_moved_twice_at_once_is_refused(ledger, everybody, second):
    with pytest.raises((KyufuError, sa.exc.IntegrityError)) as caught:
        _move(ledger, Move(everybody[0], Entitlement.HELD), Move(everybody[0], second))
    assert everybody[0] not in str(caught.value)
    assert set(states(ledger).values()) == {"unclaimed"}


def test_a_move_that_is_not_allowed_is_refused_and_nobody_moves(ledger, everybody):
    wanted = [Move(everybody[0], Entitlement.HELD), Move(everybody[1], Entitlement.PAID)]
    with pytest.raises(KyufuError, match="unclaimed -> paid"):
        _move(ledger, *wanted)
    assert set(states(ledger).values()) == {"unclaimed"}


def test_from_each_state_exactly_the_listed_moves_are_possible(ledger):
    (person,) = open_people(ledger, 1)
    possible = set()
    with ledger.write() as connection:
        for before in Entitlement:
            for after in Entitlement:
                attempt = connection.begin_nested()
                connection.execute(sa.update(tables.entitlement).values(state=before))
                with suppress(KyufuError):
                    move(connection, ledger.programme, [Move(person, after)], "test", "", DAY)
                    possible.add((before, after))
                attempt.rollback()
    assert possible == MOVES | {(state, state) for state in Entitlement}


# the audit chain


@pytest.fixture
def chain(ledger):
    """Five audit rows."""
    heads = [_record(ledger, f"event{n}", {"people": n}) for n in range(1, 6)]
    assert len(set(heads)) == 5
    assert _chain(ledger) == 5
    return heads


@pytest.mark.parametrize(
    ("statement", "at"),
    [
        ("update audit set detail = '{\"people\": 9}' where number = 3", 3),
        ("update audit set actor = 'somebody' where number = 1", 1),
        ("update audit set business_date = '2020-06-05' where number = 5", 5),
        ("update audit set programme = 'other' where number = 2", 2),
        ("update audit set hash = 'x' where number = 5", 5),
        ("delete from audit where number = 3", 3),
        ("delete from audit where number = 1", 1),
        ("update audit set number = number + 10 where number = 5", 5),
    ],
)
def test_f41_an_edited_or_removed_audit_row_is_found(ledger, chain, statement, at):
    tamper(ledger, statement)
    with pytest.raises(KyufuError, match=f"{at}番目"):
        _chain(ledger)


def test_f41_an_inserted_audit_row_is_found(ledger, chain):
    tamper(
        ledger,
        "update audit set number = 7 where number = 5",
        "update audit set number = 6 where number = 4",
        "insert into audit select 4, programme, event, actor, subject, detail, business_date, previous, 'x'"
        " from audit where number = 3",
    )
    with pytest.raises(KyufuError, match="4番目"):
        _chain(ledger)


def test_f41_two_fields_cannot_be_read_as_others(ledger):
    with ledger.write() as connection:
        one = record(connection, "ab", "c", "system", "x", {}, DAY)
    tamper(ledger, "update audit set programme = 'a', event = 'bc'")
    with pytest.raises(KyufuError):
        _chain(ledger)
    assert one


def test_values_of_a_statement_are_never_in_its_error(ledger):
    row = {"programme": "p", "day": DAY, "subject": "x", "reason": CANARY}
    with pytest.raises(sa.exc.IntegrityError) as caught, ledger.write() as connection:
        connection.execute(sa.insert(tables.refusal), [row, row])
    assert CANARY not in f"{caught.value} {caught.value.__cause__}"
