"""The balance: everybody is in one state, every yen is somewhere; from the database alone."""

from dataclasses import dataclass

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import recoveries, tables
from pipelines.ledger.states import Entitlement
from pipelines.ledger.store import newest_of_person


@dataclass(frozen=True)
class Balance:
    """states: people by state. Money in yen.

    paid: all that reached an account or was signed for, and was not brought back; returned: what the bank brought back
    and what nobody collected at the counter;
    recovered: what came back of wrong payments; recovering: what is still to come back of them.
    """

    eligible: int
    states: dict[str, int]
    paid_yen: int
    returned_yen: int
    recovered_yen: int
    recovering_yen: int
    faults: tuple[str, ...]

    @property
    def net_yen(self) -> int:
        """Money that reached people rightly."""
        return self.paid_yen - self.recovered_yen - self.recovering_yen

    @property
    def balanced(self) -> bool:
        """Whether nothing contradicts anything."""
        return not self.faults


def take_balance(connection: sa.Connection, programme: str) -> Balance:
    """Count people and money, and compare what must agree."""
    e, p, i = tables.entitlement, tables.payment, tables.payment_item
    states = dict.fromkeys((str(s) for s in Entitlement), 0)
    counted = (
        sa.select(e.c.state, sa.func.count()).where(e.c.programme == programme).group_by(e.c.state)
    )
    states.update({state: int(count) for state, count in connection.execute(counted)})
    eligible = _one(
        connection, sa.select(sa.func.count()).select_from(e).where(e.c.programme == programme)
    )
    money = {
        result: _one(
            connection, _sum(p.c.amount_yen).where(p.c.programme == programme, p.c.result == result)
        )
        for result in ("paid", "returned")
    }
    wrong = [r for r in recoveries.opened(connection, programme) if not r.is_returned]
    recovered = sum(r.recovered_yen for r in wrong)
    recovering = sum(r.open_yen for r in wrong)
    overdrawn = sum(not 0 <= r.recovered_yen <= r.amount_yen for r in wrong)
    paid_states = _one(
        connection,
        _sum(e.c.amount_yen).where(e.c.programme == programme, e.c.state == Entitlement.PAID),
    )
    live_paid = _one(
        connection,
        _sum(i.c.amount_yen)
        .join(p, (p.c.programme == i.c.programme) & (p.c.payment_key == i.c.payment_key))
        .where(i.c.programme == programme, i.c.live, p.c.result == "paid"),
    )
    s = tables.snapshot
    additions = _one(
        connection,
        sa.select(sa.func.count())
        .select_from(tables.addition)
        .where(tables.addition.c.programme == programme),
    )
    frozen = _one(connection, _sum(s.c.people).where(s.c.programme == programme))
    events = _one(connection, _last_event_mismatches(programme))
    faults = {
        f"対象者{eligible}人 ≠ 基準日の{frozen}人 + 追加{additions}人": eligible
        != frozen + additions,
        f"状態の合計{sum(states.values())}人 ≠ 対象者{eligible}人": sum(states.values())
        != eligible,
        f"給付済みの人の額{paid_states}円 ≠ 有効な支払{live_paid}円": paid_states != live_paid,
        f"支払{money['paid']}円 - 回収済み{recovered}円 - 回収中{recovering}円 ≠ 給付済み{paid_states}円": money[
            "paid"
        ]
        - recovered
        - recovering
        != paid_states,
        f"回収額が元の額を超えるか負になっている人が{overdrawn}人 ≠ 0人": overdrawn != 0,
        f"最後の記録と状態が合わない人が{events}人": events != 0,
    }
    return Balance(
        eligible, states, money["paid"], money["returned"], recovered, recovering,
        tuple(text for text, wrong in faults.items() if wrong),
    )  # fmt: skip


def assert_balanced(balance: Balance) -> None:
    """Stop if the balance does not hold.

    Raises:
        KyufuError: the message says where.
    """
    if not balance.balanced:
        raise KyufuError("台帳の収支が合いません: " + " / ".join(balance.faults))


def _sum(column: sa.Column[int]) -> sa.Select[int]:
    return sa.select(sa.func.coalesce(sa.func.sum(column), 0))


def _one(connection: sa.Connection, query: sa.Select[int]) -> int:
    return int(connection.execute(query).scalar_one())


def _last_event_mismatches(programme: str) -> sa.Select[int]:
    """People whose state is not where their last event left them."""
    e, v = tables.entitlement, tables.entitlement_event
    last = newest_of_person(v.c.to_state)
    return (
        sa.select(sa.func.count())
        .select_from(e)
        .where(e.c.programme == programme, sa.func.coalesce(last, "") != e.c.state)
    )
