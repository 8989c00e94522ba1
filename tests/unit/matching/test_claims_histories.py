"""Claims over several days against the real ledger: what one day decided is what the next day finds."""

import shutil
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from pipelines.ledger import payments, people, results, tables
from pipelines.ledger.engine import open_engine, open_ledger
from pipelines.ledger.payable import payable
from pipelines.ledger.payments import Declared
from pipelines.ledger.results import ResultFile
from pipelines.ledger.states import Batch
from pipelines.ledger.store import Ledger
from pipelines.matching import claims as matching
from pipelines.matching.persons import Person
from pipelines.matching.reach import people_within_reach
from pipelines.programme import ROOT, load_programme
from pipelines.steps import claims as step
from tests.claim_tables import Case, read_table, relations
from tests.ledger_states import read_states
from tests.unit.ledger.ledger_world import told

PROGRAMME = load_programme(ROOT / "programmes" / "shinjuku-2020.toml")
FIRST = date(2020, 6, 3)
TWO_PEOPLE = """
    person | household | also
    太郎   | 山田      | head
    花子   | 山田      |
"""
COLUMNS = "claim | channel | kind | applicant | account | lines | also"


class Office:
    """A ledger with a few people; each call of `day` is the next business day's claims."""

    def __init__(self, ledger: Ledger, text: str) -> None:
        self.ledger = ledger
        self.people = [{**row, "state": "unclaimed"} for row in _table(text)]
        self.today = FIRST
        with ledger.write() as connection:
            persons = [
                Person(row["person"], f"N{row['person']}", row["household"]) for row in self.people
            ]
            people.open_entitlements(connection, PROGRAMME.id, persons, "snapshot", 100_000, FIRST)

    def day(self, *lines: str) -> dict[str, str]:
        """Match and enter the day's claims, one a line; everybody's state and codes afterwards."""
        with self.ledger.write() as connection:
            case = Case(
                "",
                "",
                {
                    "people": self._people(connection),
                    "claims": _table("\n".join([COLUMNS, *lines])),
                },
            )
            found = relations(case, f"{self.today:%Y%m%d}")
            found["claim"] = step._name_newest(connection, PROGRAMME.id, found["claim"])
            found["earlier_claim"] = step._earlier_claims(connection, PROGRAMME.id, found["claim"])
            named = step._people_of_named(
                connection, PROGRAMME.id, found["claim"], found["earlier_claim"]
            )
            found["person"] = people_within_reach(
                found["person"], found["claim"], found["member"], named
            )
            matched = matching.match_claims(PROGRAMME, found)
            step._enter(SimpleNamespace(programme=PROGRAMME), connection, matched, self.today)
        self.today += timedelta(days=1)
        return self.states()

    def pay(self, *returned: str) -> dict[str, str]:
        """Pay everything approved; the bank returns the payments of the named people."""
        programme = PROGRAMME.id
        with self.ledger.write() as connection:
            drafted = tuple(payable(connection, programme, str).payments)
            batch = f"B{self.today}"
            declared = Declared(
                batch, f"{batch}.txt", self.today, drafted, "", payments.content_hash(drafted)
            )
            payments.draft(connection, programme, [declared], "operator", self.today)
            for before, after in (
                (Batch.DRAFTED, Batch.APPROVED),
                (Batch.APPROVED, Batch.SENDING),
                (Batch.SENDING, Batch.DELIVERED),
            ):
                payments.set_batch_state(connection, programme, batch, {before}, after)
            rows = [
                told(p, bool(set(returned) & set(p.people)), n)
                for n, p in enumerate(drafted, start=2)
            ]
            file = ResultFile(f"result_{batch}.txt", batch, rows)
            results.settle(connection, programme, file, self.today)
        return self.states()

    def states(self) -> dict[str, str]:
        """Person -> state and codes."""
        with self.ledger.read() as connection:
            rows = read_states(connection, PROGRAMME.id)
        return {row["person_id"]: f"{row['state']} {row['codes']}".strip() for row in rows}

    def outcomes(self) -> dict[str, str]:
        """Claim -> what became of it."""
        t = tables.claim
        with self.ledger.read() as connection:
            return dict(map(tuple, connection.execute(sa.select(t.c.claim_id, t.c.outcome))))

    def attempts(self) -> list[tuple[int, str | None, str, str]]:
        """Every payment: attempt, what it follows, account number, result."""
        p = tables.payment
        query = sa.select(p.c.attempt, p.c.follows, p.c.account_number, p.c.result).order_by(
            p.c.payment_key
        )
        with self.ledger.read() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def _people(self, connection: sa.Connection) -> list[dict[str, str]]:
        states = {row["person_id"]: row for row in read_states(connection, PROGRAMME.id)}
        rows = []
        for row in self.people:
            found = states[row["person"]]
            by = f" by {found['claim_id']}" if found["claim_id"] else ""
            rows.append({**row, "state": found["state"] + by})
        return rows


def _table(text: str) -> list[dict[str, str]]:
    return read_table([line for line in text.splitlines() if line.strip()])


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    open_ledger(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture
def office(tmp_path, migrated, monkeypatch):
    """Opens offices; the self-test before every match is tested by itself in test_claims_self_test.py."""
    monkeypatch.setattr(matching, "_assert_planted_found", lambda programme: None)
    path = shutil.copy(migrated, tmp_path / "ledger.sqlite")
    engine = open_engine(f"sqlite:///{path}")
    yield lambda text=TWO_PEOPLE: Office(Ledger(engine, PROGRAMME.id), text)
    engine.dispose()


def test_one_person_applies_fifteen_times_on_three_days_and_is_paid_once(office):
    desk = office()
    for day in range(3):
        claims = [f"P{day}{n} | postal | new | 太郎 | A | 太郎 花子 |" for n in range(5)]
        desk.day(*claims)
        if day == 1:
            desk.pay()
    assert desk.states() == {"太郎": "paid", "花子": "paid"}
    assert sorted(desk.outcomes().values()) == ["duplicate"] * 14 + ["paid"]
    assert desk.attempts() == [(1, None, "0000065", "paid")]


def test_who_is_held_stays_held_when_a_plain_claim_arrives_later(office):
    desk = office()
    assert desk.day("P1 | postal | new | 太郎 | - | 太郎 花子 |")["太郎"] == "held ACCOUNT_INVALID"
    assert desk.day("P2 | postal | new | 太郎 | A | 太郎 花子 |")["太郎"] == "held ACCOUNT_INVALID"
    assert desk.outcomes() == {"P1": "held", "P2": "duplicate"}


def test_a_deficient_claim_waits_and_its_correction_pays(office):
    desk = office()
    assert (
        desk.day("P1 | postal | new | 太郎 | A | 太郎 花子 | code=01")["花子"]
        == "claimed DEFICIENT"
    )
    assert desk.day("P2 | postal | correction of P1 | 太郎 | A | 太郎 花子 |")["花子"] == "approved"
    assert desk.outcomes() == {"P1": "superseded", "P2": "paid"}


def test_a_chain_of_corrections_over_days(office):
    desk = office()
    desk.day("P1 | postal | new              | 太郎 | A | 太郎 花子 | code=01")
    desk.day("P2 | postal | correction of P1 | 太郎 | A | 太郎 花子 | code=02")
    states = desk.day("P3 | postal | correction of P2 | 太郎 | - | 太郎 花子 |")
    assert states["太郎"] == "held ACCOUNT_INVALID"
    states = desk.day("P4 | postal | correction of P3 | 太郎 | A | 太郎 花子:not |")
    assert states == {"太郎": "approved", "花子": "declined MEMBER_NOT_WANTED"}
    assert desk.outcomes() == {
        "P1": "superseded",
        "P2": "superseded",
        "P3": "superseded",
        "P4": "paid",
    }


def test_a_correction_that_names_the_first_claim_takes_the_newest_ones_place(office):
    desk = office()
    desk.day("P1 | postal | new              | 太郎 | A | 太郎 花子 | code=01")
    desk.day("P2 | postal | correction of P1 | 太郎 | A | 太郎 花子 | code=02")
    desk.day("P3 | postal | correction of P1 | 太郎 | - | 太郎 花子 |")
    states = desk.day("P4 | postal | correction of P1 | 太郎 | A | 太郎 花子 |")
    assert states == {"太郎": "approved", "花子": "approved"}
    assert desk.outcomes() == {
        **dict.fromkeys(("P1", "P2", "P3"), "superseded"), "P4": "paid"
    }  # fmt: skip


def test_a_withdrawal_that_names_the_first_claim_takes_the_newest_one_out(office):
    desk = office()
    desk.day("P1 | postal | new              | 太郎 | A | 太郎 花子 | code=01")
    desk.day("P2 | postal | correction of P1 | 太郎 | A | 太郎 花子 | code=02")
    states = desk.day("P3 | postal | withdrawal of P1 | 太郎 | A | |")
    assert states == {"太郎": "unclaimed", "花子": "unclaimed"}


def test_what_another_persons_correction_has_taken_is_not_followed(office):
    desk = office()
    desk.day("P1 | postal | new              | 太郎 | A | 太郎 花子 | code=01")
    desk.day("P2 | postal | correction of P1 | 花子 | A | 太郎 花子 |")
    with desk.ledger.read() as connection:
        assert step._corrections_of(connection, PROGRAMME.id, {"P1"}) == {}


def test_a_box_marked_by_mistake_is_undone_by_a_correction_not_by_a_second_claim(office):
    desk = office()
    desk.day("P1 | postal | new | 太郎 | A | 太郎 花子:not |")
    assert (
        desk.day("P2 | postal | new | 太郎 | A | 太郎 花子 |")["花子"]
        == "declined MEMBER_NOT_WANTED"
    )
    assert desk.day("P3 | postal | correction of P1 | 太郎 | A | 太郎 花子 |")["花子"] == "approved"


def test_withdrawn_and_claimed_again(office):
    desk = office()
    desk.day("P1 | postal | new              | 太郎 | - | 太郎 花子 |")
    assert desk.day("P2 | postal | withdrawal of P1 | 太郎 | - | |") == {
        "太郎": "unclaimed",
        "花子": "unclaimed",
    }
    assert desk.day("P3 | online | new | 太郎 | A | 太郎 花子 |") == {
        "太郎": "approved",
        "花子": "approved",
    }
    assert desk.outcomes() == {"P1": "withdrawn", "P2": "withdrawn", "P3": "paid"}


def test_a_withdrawal_after_payment_changes_nothing(office):
    desk = office()
    desk.day("P1 | postal | new | 太郎 | A | 太郎 花子 |")
    desk.pay()
    assert desk.day("P2 | postal | withdrawal of P1 | 太郎 | - | |") == {
        "太郎": "paid",
        "花子": "paid",
    }
    assert desk.day("P3 | postal | new | 太郎 | B | 太郎 花子 |") == {
        "太郎": "paid",
        "花子": "paid",
    }
    assert desk.outcomes() == {"P1": "paid", "P2": "withdrawn", "P3": "duplicate"}


def test_returned_then_corrected_is_a_new_attempt_that_follows_the_first(office):
    desk = office()
    desk.day("P1 | postal | new | 太郎 | A | 太郎 花子 |")
    assert desk.pay("太郎") == {"太郎": "returned", "花子": "returned"}
    assert desk.day("P2 | postal | new | 太郎 | B | 太郎 花子 |")["太郎"] == "returned"
    assert desk.day("P3 | postal | correction of P1 | 太郎 | B | 太郎 花子 |")["太郎"] == "approved"
    assert desk.pay() == {"太郎": "paid", "花子": "paid"}
    (first, second) = desk.attempts()
    assert first == (1, None, "0000065", "returned")
    assert second == (2, "0000000001", "0000066", "paid")


def test_returned_twice_then_paid(office):
    desk = office()
    desk.day("P1 | postal | new | 太郎 | A | 太郎 花子 |")
    desk.pay("太郎")
    desk.day("P2 | postal | correction of P1 | 太郎 | B | 太郎 花子 |")
    assert desk.pay("太郎")["太郎"] == "returned"
    desk.day("P3 | postal | correction of P2 | 太郎 | C | 太郎 花子 |")
    assert desk.pay() == {"太郎": "paid", "花子": "paid"}
    assert [attempt[::3] for attempt in desk.attempts()] == [
        (1, "returned"),
        (2, "returned"),
        (3, "paid"),
    ]


def test_a_member_left_out_is_paid_by_a_second_claim(office):
    desk = office()
    desk.day("P1 | postal | new | 太郎 | A | 太郎 |")
    desk.pay()
    assert desk.day("P2 | postal | new | 太郎 | A | 太郎 花子 |") == {
        "太郎": "paid",
        "花子": "approved",
    }
    assert desk.pay() == {"太郎": "paid", "花子": "paid"}
    assert len(desk.attempts()) == 2


def test_the_account_of_a_household_that_was_paid_holds_the_next_household(office):
    desk = office(TWO_PEOPLE + "    実     | 鈴木      | head\n")
    desk.day("P1 | postal | new | 太郎 | A | 太郎 花子 |")
    desk.pay()
    assert desk.day("P2 | postal | new | 実 | A | 実 |")["実"] == "held ACCOUNT_SHARED"


def test_an_unresolved_claim_touches_nobody_and_the_next_one_counts(office):
    desk = office()
    states = desk.day("P1 | postal | new | 太郎 | A | 太郎 花子 | household=どこか")
    assert states == {"太郎": "unclaimed", "花子": "unclaimed"}
    assert desk.day("P2 | postal | new | 太郎 | A | 太郎 花子 |") == {
        "太郎": "approved",
        "花子": "approved",
    }
    assert desk.outcomes() == {"P1": "unresolved", "P2": "paid"}
