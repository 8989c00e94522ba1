"""What about money is not settled with the bank or with people: counts and yen, from the ledger alone."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from pipelines.ledger import recoveries, results, tables
from pipelines.ledger.results import FAULTS_JA, Fault
from pipelines.ledger.states import Entitlement
from pipelines.steps.campaign import Campaign
from pipelines.steps.results import last_day


@dataclass(frozen=True)
class Unreconciled:
    """Amounts in yen.

    unknown: payments whose result is not known; overdue: people in payment whose result should have come; faults:
    results of the bank that nobody could reconcile, by kind; undecided: wrong payments nobody decided to recover yet;
    recovering: recoveries with money still to come.
    """

    unknown_payments: int
    unknown_people: int
    unknown_yen: int
    overdue_people: int
    overdue_yen: int
    faults: dict[str, int]
    undecided_people: int
    undecided_yen: int
    recovering_people: int
    recovering_yen: int

    def as_dict(self) -> dict[str, Any]:
        """For `HOME/summary.json`."""
        return asdict(self)

    def lines(self) -> list[str]:
        """In Japanese, a line each; nothing if everything is reconciled."""
        faults = "、".join(f"{FAULTS_JA[Fault(name)]} {n:,}件" for name, n in self.faults.items())
        told = [
            (self.unknown_payments, f"振込結果不明 {self.unknown_payments:,}件({self.unknown_people:,}人) "
             f"{self.unknown_yen:,}円"),
            (self.overdue_people, f"期限を過ぎても結果のない振込 {self.overdue_people:,}人 {self.overdue_yen:,}円"),
            (len(self.faults), f"照合できない振込結果 {faults}"),
            (self.undecided_people, f"対象外の人への支払(回収の決定待ち) {self.undecided_people:,}人 "
             f"{self.undecided_yen:,}円"),
            (self.recovering_people, f"回収中 {self.recovering_people:,}人 残り{self.recovering_yen:,}円"),
        ]  # fmt: skip
        found = [f"  {line}" for count, line in told if count]
        return ["■ 未照合(kyufu results list、kyufu recovery list)", *found] if found else []


def take_unreconciled(c: Campaign, connection: sa.Connection) -> Unreconciled:
    """Everything that is open, as of the newest business day that the ledger knows."""
    programme = c.programme.id
    unknown = results.unknown_payments(connection, programme)
    overdue_people, overdue_yen = _overdue(c, connection)
    faults = Counter(
        str(fault)
        for found in results.open_faults(connection, programme).values()
        for fault in found
    )
    undecided = recoveries.candidates(connection, programme)
    recovering = [r for r in recoveries.opened(connection, programme) if r.open_yen]
    return Unreconciled(
        len(unknown), sum(people for people, _ in unknown.values()), sum(yen for _, yen in unknown.values()),
        overdue_people, overdue_yen, dict(sorted(faults.items())),
        len(undecided), sum(r.amount_yen for r in undecided),
        len(recovering), sum(r.open_yen for r in recovering),
    )  # fmt: skip


def _overdue(c: Campaign, connection: sa.Connection) -> tuple[int, int]:
    """(people, yen) in payment past the limit."""
    s = tables.step
    newest = sa.select(sa.func.max(s.c.day)).filter_by(programme=c.programme.id)
    day = connection.execute(newest).scalar_one()
    if day is None:
        return 0, 0
    batches = results.overdue_batches(connection, c.programme.id, last_day(c), day)
    if not batches:
        return 0, 0
    p, i, e = tables.payment, tables.payment_item, tables.entitlement
    query = (
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(i.c.amount_yen), 0))
        .select_from(p)
        .join(i, (i.c.programme == p.c.programme) & (i.c.payment_key == p.c.payment_key))
        .join(e, (e.c.programme == i.c.programme) & (e.c.person_id == i.c.person_id))
        .where(p.c.programme == c.programme.id, p.c.batch_id.in_(batches), i.c.live)
        .where(e.c.state == Entitlement.IN_PAYMENT)
    )
    people, yen = connection.execute(query).one()
    return int(people), int(yen)
