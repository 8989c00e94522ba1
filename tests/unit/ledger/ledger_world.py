"""A small ward in the ledger: people in households, a claim a household, and the way of a batch."""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from functools import cache
from itertools import count, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from pipelines.ledger import payments, people, results, tables
from pipelines.ledger.engine import open_ledger
from pipelines.ledger.payable import payable
from pipelines.ledger.payments import Declared, Payment
from pipelines.ledger.results import ResultFile, Settled, Told
from pipelines.ledger.states import Batch, Entitlement
from pipelines.ledger.store import Ledger, Move, move
from pipelines.matching.persons import Person, Protection

DAY = date(2020, 6, 3)
AMOUNT = 100_000
CANARY = "ミホンヒミツ"  # an account holder; no message may show it
_BATCH = count(1)


@cache
def _migrated_sqlite() -> bytes:
    """The bytes of an empty, migrated SQLite ledger."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        open_ledger(f"sqlite:///{path}").dispose()
        return path.read_bytes()


def new_sqlite(folder: Path) -> str:
    """The URL of a new, migrated SQLite ledger."""
    path = folder / "ledger.sqlite"
    path.write_bytes(_migrated_sqlite())
    return f"sqlite:///{path}"


def open_people(ledger: Ledger, *households: int) -> list[str]:
    """A frozen snapshot with households of these sizes; returns the person ids, `R<household><member>`."""
    made = [
        Person(f"R{h:05d}{m:05d}", f"{h:05d}{m:05d}", f"{h:010d}")
        for h, size in enumerate(households, start=1)
        for m in range(1, size + 1)
    ]
    with ledger.write() as connection:
        connection.execute(
            sa.insert(tables.snapshot).values(
                programme=ledger.programme, base_date=date(2020, 4, 27), frozen_on=DAY, source_sha256="0" * 64,
                people=len(made), households=len(households),
            )
        )  # fmt: skip
        people.open_entitlements(connection, ledger.programme, made, "snapshot", AMOUNT, DAY)
    return [person.person_id for person in made]


def add_claim(ledger: Ledger, claim_id: str, channel: str = "postal", **account: str) -> str:
    """A claim with an account."""
    row = {
        "bank_code": "0001", "branch_code": "001", "account_type": "1", "account_number": "1234567",
        "account_holder_kana": CANARY, "applicant_id": None, **account,
    }  # fmt: skip
    with ledger.write() as connection:
        connection.execute(
            sa.insert(tables.claim).values(
                programme=ledger.programme, claim_id=claim_id, channel=channel, day=DAY, kind="new", outcome="decided",
                proxy_kind="", **row,
            )
        )  # fmt: skip
    return claim_id


def put(ledger: Ledger, state: Entitlement, *persons: str, claim: str | None = None) -> None:
    """Move people to a state."""
    with ledger.write() as connection:
        move(
            connection, ledger.programme, [Move(p, state, claim) for p in persons], "test", "", DAY
        )


def approve(ledger: Ledger, claim: str, *persons: str) -> None:
    """Decide that these are paid on the claim."""
    put(ledger, Entitlement.APPROVED, *persons, claim=claim)


def declare(connection: sa.Connection, programme: str) -> Declared:
    """A batch of everything payable, under a fresh id and name."""
    due = tuple(payable(connection, programme, str).payments)
    number = next(_BATCH)
    content = payments.content_hash(due)
    return Declared(f"B{number}", f"payments_{number}.txt", DAY, due, "account-hash", content)


def draft(ledger: Ledger) -> Declared:
    """Draft a batch of everything payable."""
    with ledger.write() as connection:
        batch = declare(connection, ledger.programme)
        payments.draft(connection, ledger.programme, [batch], "drafter", DAY)
    return batch


def deliver(ledger: Ledger, batch: Declared) -> None:
    """Bring a drafted batch to the bank."""
    way = (Batch.DRAFTED, Batch.APPROVED, Batch.SENDING, Batch.DELIVERED)
    with ledger.write() as connection:
        for before, after in pairwise(way):
            payments.set_batch_state(connection, ledger.programme, batch.batch_id, {before}, after)


def told(payment: Payment, returned: bool = False, record: int = 2, **changes: object) -> Told:
    """The bank's result of one payment; changes: what it says else than we sent."""
    one = Told(
        record, payment.payment_key, "1" if returned else "0", not returned, payment.bank_code, payment.branch_code,
        payment.account_type, payment.account_number, payment.amount_yen,
    )  # fmt: skip
    return one._replace(**changes)


def take_results(ledger: Ledger, rows: Iterable[Told], name: str = "results.txt") -> Settled:
    """The bank sends a file of results."""
    rows = tuple(rows)
    digest = hashlib.sha256(repr((name, rows)).encode()).hexdigest()
    with ledger.write() as connection:
        return results.settle(connection, ledger.programme, ResultFile(name, digest, rows), DAY)


def settle(ledger: Ledger, batch: Declared, returned: set[str] = frozenset()) -> tuple[int, int]:
    """The bank's result: these payment keys came back, all others are paid."""
    found = take_results(
        ledger,
        (told(p, p.payment_key in returned, n) for n, p in enumerate(batch.payments, start=2)),
    )
    return found.paid, found.returned


def pay(ledger: Ledger, returned: set[str] = frozenset()) -> Declared:
    """Draft, deliver and settle everything payable."""
    batch = draft(ledger)
    deliver(ledger, batch)
    settle(ledger, batch, returned)
    return batch


def void(ledger: Ledger, batch: Declared) -> None:
    """Take a batch back before it is sent."""
    with ledger.write() as connection:
        payments.void(connection, ledger.programme, batch.batch_id, "rejected", DAY)


def protect(ledger: Ledger, *persons: str) -> tuple[int, int]:
    """Protect people and let protection win; returns (taken back, recoveries)."""
    with ledger.write() as connection:
        found = [
            Protection(p, "evacuation_requests", "evacuation", "linked", "e", "") for p in persons
        ]
        people.protect(connection, ledger.programme, found, DAY)
        return people.release_approved_under_protection(connection, ledger.programme, DAY)


def states(ledger: Ledger) -> dict[str, str]:
    """Everybody's state."""
    e = tables.entitlement
    with ledger.read() as connection:
        query = sa.select(e.c.person_id, e.c.state).where(e.c.programme == ledger.programme)
        return dict(connection.execute(query).all())


def live_payments(ledger: Ledger) -> dict[str, int]:
    """How many live payments each person has, where any."""
    i = tables.payment_item
    query = (
        sa.select(i.c.person_id, sa.func.count())
        .where(i.c.programme == ledger.programme, i.c.live)
        .group_by(i.c.person_id)
    )
    with ledger.read() as connection:
        return dict(connection.execute(query).all())


def tamper(ledger: Ledger, *statements: str) -> None:
    """Change rows behind the program's back, as somebody with the database's own password could."""
    with ledger.write() as connection:
        if connection.dialect.name == "postgresql":
            for table in ("audit", "entitlement_event"):
                connection.exec_driver_sql(f"alter table {table} disable trigger all")
        else:
            for table in ("audit", "entitlement_event"):
                for change in ("update", "delete"):
                    with suppress(sa.exc.OperationalError):
                        connection.exec_driver_sql(f"drop trigger {table}_no_{change}")
        for statement in statements:
            connection.exec_driver_sql(statement)
