"""What is due: the approved people whom nothing keeps from being paid, as payments with fresh keys."""

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from pipelines.ledger import tables
from pipelines.ledger.payments import Payment
from pipelines.ledger.states import Entitlement, Route
from pipelines.ledger.store import fetch_plain

NO_ACCOUNT = "ACCOUNT_INVALID"  # the finding about who is `without_account`
_EMPTY = ("",) * 5


class Payable(NamedTuple):
    """What can be paid, in claim order, and (person, claim) of whose claim names no account that a bank can be told."""

    payments: list[Payment]
    without_account: list[tuple[str, str]]


def payable(
    connection: sa.Connection, programme: str, payee: Callable[[str], str], route: Route = Route.TRANSFER,
    *, confirmed: bool = False,
) -> Payable:  # fmt: skip
    """The approved entitlements of one route, grouped by claim into payments with fresh keys.

    Who was paid before and is no longer (returned by the bank, or under recovery) is paid by a new attempt that names
    the key of the earlier payment. Nobody is paid while a result about a payment of theirs is not reconciled. `payee`
    writes an account holder's name as the bank does; nothing where the bank can write nothing of it. Cash needs no
    account. confirmed: only on claims whose account the bank answered about; who has none that it can be asked about is
    still told of.
    """
    e, p, o = tables.entitlement, tables.payment, tables.cash_order
    ordered = sa.select(o.c.claim_id).filter_by(programme=programme)
    by_route = e.c.claim_id.in_(ordered) if route is Route.CASH else e.c.claim_id.not_in(ordered)
    approved = (e.c.programme == programme) & (e.c.state == Entitlement.APPROVED) & by_route
    start = connection.execute(
        sa.select(sa.func.count()).select_from(p).filter_by(programme=programme)
    ).scalar_one()
    rows = sorted(fetch_plain(connection, _due(programme, approved)))
    account_of: dict[str, tuple[str, ...]]
    if route is Route.CASH:
        account_of = {claim: _EMPTY for claim, *_ in rows}
        usable = ready = set(account_of)
    else:
        account_of = _accounts(connection, programme, approved, payee)
        usable = {claim for claim, account in account_of.items() if all(account)}
        ready = usable & _answered(connection, programme) if confirmed else usable
    groups = groupby((row for row in rows if row[0] in ready), key=itemgetter(0, 1))
    return Payable(
        [
            _payment(f"{number:010d}", list(same), account_of[claim])
            for number, ((claim, _), same) in enumerate(groups, start=start + 1)
        ],
        [(person, claim) for claim, _, person, *_ in rows if claim not in usable],
    )


def _due(programme: str, approved: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Claim, key of the payment that is followed, person, yen and last attempt of each approved entitlement."""
    e, i, p = tables.entitlement, tables.payment_item, tables.payment
    last = (
        sa.select(
            i.c.person_id,
            sa.func.max(p.c.attempt).label("attempt"),
            sa.func.max(p.c.payment_key).label("follows"),
        )
        .join(p, (p.c.programme == i.c.programme) & (p.c.payment_key == i.c.payment_key))
        .where(i.c.programme == programme, sa.not_(i.c.live), p.c.result.is_not(None))
        .group_by(i.c.person_id)
        .subquery()
    )
    return (
        sa.select(
            e.c.claim_id, sa.func.coalesce(last.c.follows, ""), e.c.person_id, e.c.amount_yen,
            sa.func.coalesce(last.c.attempt, 0),
        )
        .outerjoin(last, last.c.person_id == e.c.person_id)
        .where(approved, e.c.person_id.not_in(_disputed(programme)))
    )  # fmt: skip


def _accounts(
    connection: sa.Connection, programme: str, approved: sa.ColumnElement[bool], payee: Callable[[str], str]
) -> dict[str, tuple[str, ...]]:  # fmt: skip
    """Claim -> its account and holder as the bank writes them; what the claim does not name is empty."""
    c = tables.claim
    wanted = sa.select(tables.entitlement.c.claim_id).where(approved)
    query = sa.select(
        c.c.claim_id, c.c.bank_code, c.c.branch_code, c.c.account_type, c.c.account_number, c.c.account_holder_kana
    ).where(c.c.programme == programme, c.c.claim_id.in_(wanted))  # fmt: skip
    read = fetch_plain(connection, query)
    return {claim: (*account, payee(holder or "")) for claim, *account, holder in read}


def _answered(connection: sa.Connection, programme: str) -> set[str]:
    """The claims about whose accounts the bank answered: whoever it did not confirm was held then."""
    k = tables.account_check
    query = sa.select(k.c.claim_id).where(k.c.programme == programme, k.c.answer.is_not(None))
    return set(connection.execute(query).scalars())


def _disputed(programme: str) -> sa.Select[tuple[str]]:
    """Those about whose payments the bank said something that is not reconciled."""
    u, i = tables.unreconciled_result, tables.payment_item
    keys = sa.select(u.c.payment_key).where(u.c.programme == programme, u.c.closed_on.is_(None))
    return sa.select(i.c.person_id).where(i.c.programme == programme, i.c.payment_key.in_(keys))


def _payment(key: str, rows: Sequence[Any], account: Sequence[str]) -> Payment:
    claim_id, follows, *_ = rows[0]
    attempts = [attempt for *_, attempt in rows]
    people = {person: yen for _, _, person, yen, _ in rows}
    return Payment(key, claim_id, 1 + max(attempts), follows or None, people, *account)
