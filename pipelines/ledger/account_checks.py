"""Which claims' accounts the bank was asked about, and what it answered: each claim's account once, in one file.

A claim's account never changes (another account is another claim), so the claim stands for it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import itemgetter

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import people, tables
from pipelines.ledger.bulk import load
from pipelines.ledger.states import Entitlement
from pipelines.ledger.store import Move, fetch_plain, move, record

_ROW = ("programme", "claim_id", "file_name", "query_key", "business_date")


@dataclass(frozen=True, slots=True)
class Asked:
    """A claim whose account the bank is asked about, and its approved people. payee_kana: as the bank writes it."""

    query_key: str
    claim_id: str
    people: tuple[str, ...]
    bank_code: str
    branch_code: str
    account_type: str
    account_number: str
    payee_kana: str


def unasked(connection: sa.Connection, programme: str, payee: Callable[[str], str]) -> list[Asked]:
    """The claims with approved people whose account the bank was never asked about, with fresh keys, in claim order.

    Whose claim is paid in cash, or names no account that the bank can be told, is not among them.
    """
    e, c, k = tables.entitlement, tables.claim, tables.account_check
    known = sa.select(k.c.claim_id).filter_by(programme=programme)
    cash = sa.select(tables.cash_order.c.claim_id).filter_by(programme=programme)
    query = (
        sa.select(
            e.c.claim_id, e.c.person_id, c.c.bank_code, c.c.branch_code, c.c.account_type, c.c.account_number,
            c.c.account_holder_kana,
        )
        .join(c, (c.c.programme == e.c.programme) & (c.c.claim_id == e.c.claim_id))
        .where(e.c.programme == programme, e.c.state == Entitlement.APPROVED)
        .where(e.c.claim_id.not_in(known), e.c.claim_id.not_in(cash))
    )  # fmt: skip
    count = sa.select(sa.func.count()).select_from(k).filter_by(programme=programme)
    last = connection.execute(count).scalar_one()
    found: list[Asked] = []
    for claim, same in groupby(
        sorted(fetch_plain(connection, query), key=itemgetter(0, 1)), itemgetter(0)
    ):
        rows = list(same)
        *account, holder = rows[0][2:]
        parts = (*account, payee(holder or ""))
        if all(parts):
            ids = tuple(row[1] for row in rows)
            found.append(Asked(f"{last + len(found) + 1:010d}", claim, ids, *parts))
    return found


def ask(
    connection: sa.Connection, programme: str, name: str, asked: Sequence[Asked], day: date
) -> None:
    """Enter that a file asks about these accounts.

    Raises:
        sqlalchemy.exc.IntegrityError: the bank was asked about one of them before.
    """
    rows = ((programme, one.claim_id, name, one.query_key, day) for one in asked)
    load(connection, tables.account_check, _ROW, rows)
    record(connection, programme, "accounts.asked", "system", name, {"accounts": len(asked)}, day)


def unanswered(connection: sa.Connection, programme: str) -> list[str]:
    """The files that wait for the bank's answer, in order."""
    k = tables.account_check
    query = sa.select(k.c.file_name).where(k.c.programme == programme, k.c.answer.is_(None))
    return list(connection.execute(query.distinct().order_by(k.c.file_name)).scalars())


def answer(
    connection: sa.Connection, programme: str, name: str, told: Mapping[str, str], confirmed: str,
    severity: Mapping[str, str], day: date,
) -> dict[str, int]:  # fmt: skip
    """Take in the bank's answer to a file; whoever is approved on a claim whose account is not confirmed is held.

    told: key of the file -> `confirmed`, or the code of the finding. Returns accounts by answer.

    Raises:
        KyufuError: the answers are not those to exactly this file's questions.
    """
    k, e = tables.account_check, tables.entitlement
    of_file = sa.select(k.c.query_key, k.c.claim_id).filter_by(programme=programme, file_name=name)
    claims = dict(map(tuple, connection.execute(of_file)))
    if claims.keys() != told.keys():
        raise KyufuError(
            f"{name}: 口座照会の結果が、照会した{len(claims):,}件と一致しません(結果{len(told):,}件)。"
            "受け取っていません。銀行に確認してください。"
        )
    counts: dict[str, int] = {}
    for what in sorted(set(told.values())):
        keys = [key for key, meaning in told.items() if meaning == what]
        counts[what] = len(keys)
        for start in range(0, len(keys), 10_000):
            part = k.c.query_key.in_(keys[start : start + 10_000])
            connection.execute(
                sa.update(k).where(k.c.programme == programme, part).values(answer=what)
            )
    at_fault = {claims[key]: what for key, what in told.items() if what != confirmed}
    wrong = sa.select(k.c.claim_id).where(
        k.c.programme == programme, k.c.file_name == name, k.c.answer != confirmed
    )
    query = sa.select(e.c.person_id, e.c.claim_id).where(
        e.c.programme == programme, e.c.state == Entitlement.APPROVED, e.c.claim_id.in_(wrong)
    )
    found: list[tuple[str, str]] = sorted(map(tuple, connection.execute(query)))
    for code in sorted({at_fault[claim] for _, claim in found}):
        own = [(person, claim) for person, claim in found if at_fault[claim] == code]
        people.add_findings(connection, programme, code, severity[code], own)
    moves = [Move(person, Entitlement.HELD, claim, at_fault[claim]) for person, claim in found]
    move(connection, programme, moves, "account_check", "", day)
    record(connection, programme, "accounts.answered", "bank", name, counts, day)
    return counts
