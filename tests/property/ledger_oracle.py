"""What the ledger must say, in plain dicts: a model of people, payments, batches and recoveries, written apart from it.

Every operation returns whether it is allowed; one that is not changes nothing.
"""

from dataclasses import dataclass, field

from tests.unit.ledger.ledger_world import AMOUNT

OPEN = {"unclaimed", "claimed", "held", "declined"}
# what people and programs may decide about somebody whose money is not on its way
DECISIONS = {
    "unclaimed": {*OPEN, "approved", "elsewhere_pending", "elsewhere", "ineligible", "lapsed"},
    "claimed": {*OPEN, "approved", "elsewhere_pending", "elsewhere", "ineligible"},
    "held": {*OPEN, "approved", "elsewhere_pending", "elsewhere", "ineligible"},
    "declined": {*OPEN, "approved", "elsewhere_pending", "elsewhere", "ineligible"},
    "returned": {*OPEN, "approved", "ineligible"},
    "approved": {"held", "unclaimed", "elsewhere_pending", "elsewhere", "ineligible"},
    "elsewhere_pending": {"elsewhere", "ineligible"},
}
UNSENT = {"drafted", "approved"}
AT_THE_BANK = {"sending", "delivered", "settled"}


@dataclass
class PersonModel:
    state: str = "unclaimed"
    claim: str | None = None
    live: str | None = None
    protected: bool = False


@dataclass
class PaymentModel:
    batch: str
    claim: str
    people: tuple[str, ...]
    attempt: int
    follows: str | None
    result: str | None = None
    decided: bool = False
    late: bool = False
    faults: set[tuple[str, str]] = field(default_factory=set)  # open: (kind, what was told)
    told: set[tuple[str, str]] = field(
        default_factory=set
    )  # the same, open or closed: entered once


@dataclass
class RecoveryModel:
    key: str
    person: str
    receipts: dict[str, int] = field(default_factory=dict)

    @property
    def recovered(self) -> int:
        return sum(self.receipts.values())


class Oracle:
    """The model; amounts are `AMOUNT` a person."""

    def __init__(self, people: list[str]) -> None:
        self.people = {person: PersonModel() for person in people}
        self.payments: dict[str, PaymentModel] = {}
        self.batches: dict[str, str] = {}
        self.approvals: dict[str, dict[str, bool]] = {}
        self.recoveries: dict[tuple[str, str], RecoveryModel] = {}
        self.own_claims: set[str] = set()  # made by a protected person through the ward

    # --- decisions ---

    def decide(self, person: str, to: str, claim: str | None) -> bool:
        found = self.people[person]
        if to != found.state and to not in DECISIONS.get(found.state, set()):
            return False
        found.state, found.claim = to, claim
        return True

    def gone(self, person: str) -> bool:
        """The register takes somebody out who is not paid."""
        found = self.people[person]
        if found.state == "in_payment" and self._batch_of(found) in UNSENT:
            self._void(self.payments[found.live].batch)
        if found.state not in DECISIONS or "ineligible" not in DECISIONS[found.state]:
            return False
        found.state, found.claim = "ineligible", None
        return True

    def protect(self, person: str) -> None:
        self.people[person].protected = True
        mine = [p for p in self.people.values() if p.protected and p.claim not in self.own_claims]
        for found in mine:
            if found.state == "in_payment" and self._batch_of(found) in UNSENT:
                self._void(self.payments[found.live].batch)
        for name, found in self.people.items():
            if found not in mine or found.claim is None:
                continue
            if found.state == "paid":
                self._recover(found.live, name)
                found.live = None
            if found.state in ("approved", "paid", "held", "claimed"):
                found.state, found.claim = "unclaimed", None

    # --- payments ---

    def payable(self) -> dict[tuple[str, str | None], list[str]]:
        """(claim, earlier payment) -> people."""
        disputed = {
            p for payment in self.payments.values() if payment.faults for p in payment.people
        }
        groups: dict[tuple[str, str | None], list[str]] = {}
        for name, found in sorted(self.people.items()):
            if found.state == "approved" and name not in disputed:
                groups.setdefault((str(found.claim), self._last(name)), []).append(name)
        return groups

    def attempt_of(self, people: list[str]) -> int:
        return 1 + max(
            [self.payments[key].attempt for name in people for key in self._settled(name)],
            default=0,
        )

    def draft(self, batch: str, keys: dict[tuple[str, str | None], str]) -> None:
        """keys: the groups' new payment keys."""
        groups = self.payable()
        made = {
            keys[group]: PaymentModel(
                batch, group[0], tuple(people), self.attempt_of(people), group[1]
            )
            for group, people in groups.items()
        }
        self.payments |= made
        self.batches[batch] = "drafted"
        for key, payment in made.items():
            for name in payment.people:
                self.people[name].state, self.people[name].live = "in_payment", key

    def approve(self, batch: str, actor: str, approve: bool) -> bool:
        given = self.approvals.setdefault(batch, {})
        if actor == "drafter" or given.get(actor, approve) is not approve:
            return False
        given[actor] = approve
        return True

    def seal(self, batch: str) -> bool:
        given = self.approvals.get(batch, {})
        if self.batches[batch] != "drafted" or False in given.values() or len(given) < 2:
            return False
        self.batches[batch] = "approved"
        return True

    def void(self, batch: str) -> bool:
        if self.batches[batch] not in UNSENT:
            return False
        self._void(batch)
        return True

    def advance(self, batch: str, before: str, after: str) -> bool:
        if self.batches[batch] != before:
            return False
        self.batches[batch] = after
        self._close()
        return True

    # --- results ---

    def result(self, key: str, told: str, fault: str | None) -> None:
        """The bank says something about one payment; fault: what is wrong with the record itself."""
        payment = self.payments[key]
        kind = fault or self._judge(payment, told)
        if kind == "repeated" or (kind, told) in payment.told:
            return
        if kind in ("fresh", "late"):
            payment.late = payment.late or kind == "late"
            self._settle(key, told)
        else:
            payment.faults.add((kind, told))
            payment.told.add((kind, told))
            if payment.result is None and self.batches[payment.batch] in AT_THE_BANK:
                for name in payment.people:
                    if self.people[name].live == key and self.people[name].state == "in_payment":
                        self.people[name].state = "unknown"
            for batch in {self._batch_id(self.people[name]) for name in payment.people} - {None}:
                if self.batches[batch] in UNSENT:
                    self._void(batch)
        self._close()

    def choices(self, key: str) -> set[str]:
        payment = self.payments[key]
        if any(
            self.people[n].state == "unknown" and self.people[n].live == key for n in payment.people
        ):
            return {"paid", "returned"}
        if not payment.faults:
            return set()
        if "contradicts" not in {kind for kind, _ in payment.faults}:
            return {"dismiss"}
        if payment.result == "returned":
            return {"dismiss", "paid"}
        return {"dismiss"} if self._has_receipts(key) else {"dismiss", "returned"}

    def decide_result(self, key: str, choice: str) -> bool:
        payment = self.payments[key]
        if choice not in self.choices(key):
            return False
        if choice == "paid" and payment.result == "returned":
            if any(self.people[name].state in OPEN for name in payment.people):
                return False
            for name in payment.people:
                found = self.people[name]
                if found.state in ("returned", "approved"):
                    found.state, found.live, found.claim = "paid", key, payment.claim
                else:
                    self._recover(key, name)
            payment.result = "paid"
        elif choice != "dismiss":
            payment.late = payment.late or payment.result == "paid"
            self._settle(key, choice)
        payment.decided = payment.decided or choice != "dismiss"
        payment.faults.clear()
        self._close()
        return True

    # --- recoveries ---

    def open_recovery(self, person: str) -> None:
        found = self.people[person]
        self._recover(found.live, person)
        found.state, found.claim, found.live = "ineligible", None, None

    def receipt(self, key: str, person: str, number: str, amount: int) -> bool:
        found = self.recoveries[key, person]
        if number in found.receipts:
            return found.receipts[number] == amount
        if self.payments[key].result == "returned" or amount == 0:
            return False
        if not 0 <= found.recovered + amount <= AMOUNT:
            return False
        found.receipts[number] = amount
        return True

    # --- parts ---

    def _judge(self, payment: PaymentModel, told: str) -> str:
        if self.batches[payment.batch] not in AT_THE_BANK:
            return "not_sent"
        if payment.result is None:
            return "fresh"
        if payment.result == told:
            return "repeated"
        if payment.result == "paid":
            key = next(key for key, found in self.payments.items() if found is payment)
            return "contradicts" if payment.decided or self._has_receipts(key) else "late"
        return "repeated" if payment.late else "contradicts"

    def _settle(self, key: str, result: str) -> None:
        payment = self.payments[key]
        payment.result = result
        payment.faults.clear()
        for name in payment.people:
            found = self.people[name]
            if found.live == key:
                found.state, found.claim = result, payment.claim
                found.live = key if result == "paid" else None

    def _void(self, batch: str) -> None:
        self.batches[batch] = "rejected"
        for key, payment in self.payments.items():
            for name in payment.people if payment.batch == batch else ():
                if self.people[name].live == key:
                    found = self.people[name]
                    found.state, found.claim, found.live = "approved", payment.claim, None

    def _close(self) -> None:
        for batch, state in self.batches.items():
            mine = [p for p in self.payments.values() if p.batch == batch]
            if state == "delivered" and all(p.result for p in mine):
                self.batches[batch] = "settled"

    def _recover(self, key: str | None, person: str) -> None:
        assert key is not None
        self.recoveries[key, person] = RecoveryModel(key, person)

    def _has_receipts(self, key: str) -> bool:
        return any(r.receipts for (of, _), r in self.recoveries.items() if of == key)

    def _settled(self, person: str) -> list[str]:
        """The person's earlier payments that have a result and count no more."""
        return [
            key for key, payment in self.payments.items()
            if person in payment.people and payment.result and self.people[person].live != key
        ]  # fmt: skip

    def _last(self, person: str) -> str | None:
        return max(self._settled(person), default=None)

    def _batch_id(self, found: PersonModel) -> str | None:
        return self.payments[found.live].batch if found.live else None

    def _batch_of(self, found: PersonModel) -> str | None:
        batch = self._batch_id(found)
        return self.batches[batch] if batch else None
