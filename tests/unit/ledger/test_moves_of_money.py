"""Whatever happens in whatever order, the ledger agrees with a plain dict: nobody is paid twice, money balances."""

from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.errors import KyufuError
from pipelines.ledger.balance import take_balance
from pipelines.ledger.payable import payable
from pipelines.ledger.store import Ledger, verify_chain
from tests.unit.ledger.ledger_world import (
    AMOUNT,
    add_claim,
    approve,
    deliver,
    draft,
    live_payments,
    open_people,
    protect,
    settle,
    states,
    void,
)

HOUSEHOLDS = (2, 1, 2)
_PROGRAMME = count(1)


@dataclass
class Oracle:
    """What must be true, kept without a database. paid, recovering: yen; attempts: settled payments a person."""

    states: dict[str, str]
    protected: set[str] = field(default_factory=set)
    attempts: dict[str, int] = field(default_factory=dict)
    paid: int = 0
    recovering: int = 0

    def in_state(self, *wanted):
        return [person for person, state in self.states.items() if state in wanted]

    def set(self, state, people):
        self.states.update(dict.fromkeys(people, state))

    def live(self):
        return dict.fromkeys(self.in_state("in_payment", "paid"), 1)


class Campaign:
    """The ledger and the oracle, moved together."""

    def __init__(self, ledger):
        self.ledger = Ledger(ledger.engine, f"programme-{next(_PROGRAMME)}")
        self.people = open_people(self.ledger, *HOUSEHOLDS)
        self.oracle = Oracle(dict.fromkeys(self.people, "unclaimed"))
        self.batches = []  # (batch, "drafted" or "delivered")
        for person in self.people:
            add_claim(self.ledger, f"C{person[:6]}") if person.endswith("1") else None

    def approve(self, chosen):
        """A claim of one household is decided: whoever may be paid of those chosen is approved."""
        household = {p for p in self.people if p[:6] == chosen[0][:6]}
        people = sorted(
            household & set(chosen) & set(self.oracle.in_state("unclaimed", "returned"))
        )
        approve(self.ledger, f"C{chosen[0][:6]}", *people)
        self.oracle.set("approved", people)

    def draft(self, _chosen):
        people = self.oracle.in_state("approved")
        if not people:
            return
        batch = draft(self.ledger)
        assert {p: 1 + self.oracle.attempts.get(p, 0) for p in people} == {
            person: payment.attempt for payment in batch.payments for person in payment.people
        }
        assert all((p.follows is None) == (p.attempt == 1) for p in batch.payments)
        assert batch.sum_yen == AMOUNT * len(people)
        self.oracle.set("in_payment", people)
        self.batches.append((batch, "drafted"))

    def _take(self, stage):
        found = [entry for entry in self.batches if entry[1] == stage]
        if not found:
            return None
        self.batches.remove(found[0])
        return found[0][0]

    def void(self, _chosen):
        if batch := self._take("drafted"):
            void(self.ledger, batch)
            self.oracle.set("approved", [p for payment in batch.payments for p in payment.people])

    def deliver(self, _chosen):
        if batch := self._take("drafted"):
            deliver(self.ledger, batch)
            with pytest.raises(KyufuError):
                void(self.ledger, batch)
            self.batches.append((batch, "delivered"))

    def settle(self, chosen):
        """The bank returns the payments that hold somebody chosen."""
        if batch := self._take("delivered"):
            returned = {p.payment_key for p in batch.payments if set(p.people) & set(chosen)}
            settle(self.ledger, batch, returned)
            for payment in batch.payments:
                came_back = payment.payment_key in returned
                self.oracle.set("returned" if came_back else "paid", payment.people)
                self.oracle.paid += 0 if came_back else payment.amount_yen
                for person in payment.people:
                    self.oracle.attempts[person] = self.oracle.attempts.get(person, 0) + 1

    def protect(self, chosen):
        """Protection wins over the head's claim: back if not sent, recovered if paid."""
        self.oracle.protected |= set(chosen[:1])
        back = self.oracle.protected & set(self.oracle.in_state("approved"))
        paid = self.oracle.protected & set(self.oracle.in_state("paid"))
        assert protect(self.ledger, *chosen[:1]) == (len(back), len(paid))
        self.oracle.set("unclaimed", back | paid)
        self.oracle.recovering += AMOUNT * len(paid)

    def check(self):
        assert states(self.ledger) == self.oracle.states
        assert live_payments(self.ledger) == self.oracle.live()
        with self.ledger.read() as connection:
            balance = take_balance(connection, self.ledger.programme)
            waiting = {
                p
                for payment in payable(connection, self.ledger.programme, str).payments
                for p in payment.people
            }
        assert balance.faults == ()
        assert (balance.paid_yen, balance.recovering_yen) == (
            self.oracle.paid,
            self.oracle.recovering,
        )
        assert balance.net_yen == AMOUNT * len(self.oracle.in_state("paid"))
        assert waiting == set(self.oracle.in_state("approved"))


PEOPLE = [
    f"R{h:05d}{m:05d}" for h, size in enumerate(HOUSEHOLDS, start=1) for m in range(1, size + 1)
]
STEPS = (
    "approve",
    "approve",
    "draft",
    "draft",
    "void",
    "deliver",
    "deliver",
    "settle",
    "settle",
    "protect",
)
happenings = st.lists(
    st.tuples(st.sampled_from(STEPS), st.lists(st.sampled_from(PEOPLE), min_size=1, unique=True)),
    min_size=4,
    max_size=16,
)


@given(happenings)
@settings(
    deadline=None,
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_nobody_is_paid_twice_and_money_balances(ledger, steps):
    campaign = Campaign(ledger)
    for step, chosen in steps:
        getattr(campaign, step)(chosen)
        campaign.check()
    with ledger.read() as connection:
        verify_chain(connection)


def test_a_long_way_through_every_step(ledger):
    campaign = Campaign(ledger)
    everybody = list(PEOPLE)
    way = [
        ("approve", everybody), ("approve", PEOPLE[2:]), ("draft", everybody), ("void", everybody),
        ("draft", everybody), ("deliver", everybody), ("settle", PEOPLE[2:3]), ("protect", PEOPLE[:1]),
        ("approve", everybody), ("approve", PEOPLE[2:]), ("protect", PEOPLE[3:]), ("draft", everybody),
        ("deliver", everybody), ("settle", PEOPLE[4:]), ("protect", PEOPLE[:1]), ("approve", everybody),
        ("draft", everybody), ("deliver", everybody), ("settle", PEOPLE[4:]),
    ]  # fmt: skip
    for step, chosen in way:
        getattr(campaign, step)(chosen)
        campaign.check()
    assert campaign.oracle.recovering > 0
    assert campaign.oracle.in_state("paid")
