"""Erasing the ledger's personal data, class by class, so that everybody and every yen still add up afterwards.

What names a person becomes a keyed digest in every table at once. The digests that the audit chain holds over events
and payments can then no longer be made again; so they are compared a last time before, and what stands afterwards is
bound into the chain by the record of the erasure itself.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import payments, recoveries, results, tables
from pipelines.ledger.bulk import load
from pipelines.ledger.personal import DELETED, PERSONAL, RETAINED, Class, How
from pipelines.ledger.states import Entitlement
from pipelines.ledger.store import EVENTS, events_digest

Digests = Callable[[Iterable[str]], Mapping[str, str]]  # ids -> their digests
PERSON, HOUSEHOLD = "person:", "household:"  # how a digest begins
_NEEDED_STILL = {
    Entitlement.HELD: "保留(確認中)の人",
    Entitlement.APPROVED: "支給決定済みで未払の人",
    Entitlement.IN_PAYMENT: "振込手続中の人",
    Entitlement.UNKNOWN: "振込結果不明の人",
}
_ON_THE_WAY = ("released", "sealed", "sending", "unknown")


class ErasureRefused(KyufuError):
    """Nothing may be erased now; the message counts what still needs the data."""


def needed_still(connection: sa.Connection, programme: str) -> dict[str, int]:
    """What still needs the data, in ward staff's words -> how many; empty if nothing does."""
    e, r = tables.entitlement, tables.release
    states = (
        sa.select(e.c.state, sa.func.count())
        .where(e.c.programme == programme, e.c.state.in_(_NEEDED_STILL))
        .group_by(e.c.state)
    )
    found = {_NEEDED_STILL[Entitlement(s)]: int(n) for s, n in connection.execute(states)}
    on_the_way = sa.select(sa.func.count()).where(
        r.c.programme == programme, r.c.medium == "lgwan", r.c.state.in_(_ON_THE_WAY)
    )
    others = {
        "回収中の支払": sum(r.open_yen > 0 for r in recoveries.opened(connection, programme)),
        "回収の決定を待つ支払": len(recoveries.candidates(connection, programme)),
        "照合できない振込結果": len(results.open_faults(connection, programme)),
        "送付の終わっていない提供データ": int(connection.execute(on_the_way).scalar_one()),
    }
    return found | {what: n for what, n in others.items() if n}


def assert_not_needed(connection: sa.Connection, programme: str) -> None:
    """Fail while anything still needs the data.

    Raises:
        ErasureRefused: something does; the message says what, and how many.
    """
    if found := needed_still(connection, programme):
        told = "、".join(f"{what} {n:,}件" for what, n in found.items())
        raise ErasureRefused(
            f"まだ必要なデータがあるため消去できません({told})。先に処理を終えてください。"
        )


def count_rows(connection: sa.Connection, programme: str, wanted: Class) -> int:
    """How many rows of the ledger still hold something of a class."""
    deleted = sum(_count(connection, t.c.programme == programme, t) for t in _deleted(wanted))
    columns = _columns(wanted)
    return deleted + sum(
        _count(connection, (t.c.programme == programme) & sa.or_(*map(_stands, found.items())), t)
        for t, found in columns.items()
    )


def erase(
    connection: sa.Connection, programme: str, wanted: Class, person: Digests, household: Digests
) -> None:
    """Erase a class, in the caller's transaction; what is erased already stays as it is."""
    for table in _deleted(wanted):
        connection.execute(sa.delete(table).where(table.c.programme == programme))
    columns = _columns(wanted)
    for table, found in columns.items():
        plain = {c: how for c, how in found.items() if how in _PLAIN_VALUES}
        if plain:
            connection.execute(
                sa.update(table)
                .where(table.c.programme == programme, sa.or_(*map(_stands, plain.items())))
                .values({c.name: _PLAIN_VALUES[how] for c, how in plain.items()})
            )
    if any(How.PERSON in found.values() for found in columns.values()):
        _replace_ids(connection, programme, columns, person, household)


_PLAIN_VALUES: dict[How, str | None] = {How.NULL: None, How.EMPTY: "", How.TOLD: RETAINED}


def _deleted(wanted: Class) -> list[sa.Table]:
    return [tables.metadata.tables[name] for name, kind in DELETED.items() if kind is wanted]


def _columns(wanted: Class) -> dict[sa.Table, dict[sa.Column[Any], How]]:
    """The class's columns, by table."""
    found: dict[sa.Table, dict[sa.Column[Any], How]] = {}
    for (table, column), (kind, how) in PERSONAL.items():
        if kind is wanted:
            source = tables.metadata.tables[table]
            found.setdefault(source, {})[source.c[column]] = how
    return found


def _stands(item: tuple[sa.Column[Any], How]) -> sa.ColumnElement[bool]:
    """Whether a column still holds something to erase."""
    column, how = item
    match how:
        case How.PERSON:
            return column.is_not(None) & ~column.startswith(PERSON)
        case How.HOUSEHOLD:
            return column.is_not(None) & ~column.startswith(HOUSEHOLD)
        case How.TOLD:
            return column != RETAINED
        case How.IDS_INSIDE | How.MAYBE_PERSON:
            return sa.false()
    return column.is_not(None) & (column != "")


def _count(connection: sa.Connection, where: sa.ColumnElement[bool], table: sa.Table) -> int:
    query = sa.select(sa.func.count()).select_from(table).where(where)
    return int(connection.execute(query).scalar_one())


def _replace_ids(
    connection: sa.Connection, programme: str, columns: Mapping[sa.Table, Mapping[sa.Column[Any], How]],
    person: Digests, household: Digests,
) -> None:  # fmt: skip
    """Every id becomes its digest; the entitlements, which other tables name, as rows beside the old ones first."""
    e = tables.entitlement
    own = _named(connection, programme, columns, How.PERSON, PERSON)
    homes = _named(connection, programme, columns, How.HOUSEHOLD, HOUSEHOLD)
    people = person(sorted(own))
    with (
        _mapped(connection, "erased_person", people.items()) as of_person,
        _mapped(connection, "erased_household", household(sorted(homes)).items()) as of_household,
    ):
        for table, found in columns.items():
            if How.HOUSEHOLD in found.values():
                _map(connection, programme, table, found, How.HOUSEHOLD, of_household)
        _copy_entitlements(connection, programme, of_person)
        for table, found in columns.items():
            if table is not e:
                for how in (How.PERSON, How.MAYBE_PERSON):
                    _map(connection, programme, table, found, how, of_person)
        old = sa.select(of_person.c.plain)
        connection.execute(sa.delete(e).where(e.c.programme == programme, e.c.person_id.in_(old)))
    _replace_inside(connection, programme, people)


def _named(
    connection: sa.Connection, programme: str, columns: Mapping[sa.Table, Mapping[sa.Column[Any], How]], how: How,
    done: str,
) -> set[str]:  # fmt: skip
    """Every id in the columns of that kind; some are of people who were never eligible."""
    found: set[str] = set()
    for column in (c for of in columns.values() for c, kind in of.items() if kind is how):
        query = sa.select(column).where(
            column.table.c.programme == programme, column.is_not(None), ~column.startswith(done)
        )
        found |= set(connection.execute(query.distinct()).scalars())
    return found


@contextmanager
def _mapped(
    connection: sa.Connection, name: str, rows: Iterable[tuple[str, str]]
) -> Iterator[sa.Table]:
    """A temporary table: what is written now -> its digest."""
    table = sa.Table(
        name, sa.MetaData(), sa.Column("plain", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text), prefixes=["TEMPORARY"],
    )  # fmt: skip
    table.create(connection)
    load(connection, table, ("plain", "digest"), rows)
    yield table
    table.drop(connection)


def _map(
    connection: sa.Connection, programme: str, table: sa.Table, found: Mapping[sa.Column[Any], How], how: How,
    mapped: sa.Table,
) -> None:  # fmt: skip
    for column in (c for c, kind in found.items() if kind is how):
        connection.execute(
            sa.update(table)
            .where(table.c.programme == programme, column == mapped.c.plain)
            .values({column.name: mapped.c.digest})
        )


def _copy_entitlements(connection: sa.Connection, programme: str, of_person: sa.Table) -> None:
    e = tables.entitlement
    values = {c.name: c for c in e.c} | {"person_id": of_person.c.digest, "resident_id": sa.null()}
    rows = (
        sa.select(*values.values())
        .join(of_person, of_person.c.plain == e.c.person_id)
        .where(e.c.programme == programme)
    )
    connection.execute(sa.insert(e).from_select(list(values), rows))


def _replace_inside(connection: sa.Connection, programme: str, people: Mapping[str, str]) -> None:
    """The ids in what two people decided about money."""
    d = tables.money_decision
    query = sa.select(d.c.subject, d.c.number, d.c.content).where(d.c.programme == programme)
    for subject, number, content in connection.execute(query).all():
        told = {
            name: people.get(value, value) if isinstance(value, str) else value
            for name, value in json.loads(content).items()
        }
        connection.execute(
            sa.update(d)
            .filter_by(programme=programme, subject=subject, number=number)
            .values(content=json.dumps(told, sort_keys=True))
        )


def assert_bound(connection: sa.Connection, programme: str) -> None:
    """Every event and payment is still as the audit chain says: nothing that was changed is bound anew.

    Raises:
        ErasureRefused: one is not.
    """
    told: dict[str, Any]
    for event, subject, told in _records(connection, programme, EVENTS, "batch.drafted"):
        if event == EVENTS:
            found = events_digest(connection, told["first"], told["last"])
            same = found == (told["count"], told["sha256"])
        else:
            held = payments.read_batch(connection, programme, subject)
            same = payments.content_hash(held) == told["content"]
        if not same:
            raise ErasureRefused(
                f"{subject}: 台帳が監査記録と合いません。消去すると調べられなくなるため消去しません。"
                "kyufu audit verify で確認してください。"
            )


def bound(connection: sa.Connection, programme: str) -> dict[str, Any]:
    """What stands after the erasure: a digest over all events, and every batch's payments."""
    v, b = tables.entitlement_event.c, tables.batch
    first, last = connection.execute(
        sa.select(sa.func.min(v.event_id), sa.func.max(v.event_id)).where(v.programme == programme)
    ).one()
    count, digest = events_digest(connection, first or 0, last or 0, programme)
    query = sa.select(b.c.batch_id).where(b.c.programme == programme).order_by(b.c.batch_id)
    return {
        "events": {"first": first or 0, "last": last or 0, "count": count, "sha256": digest},
        "batches": {
            batch: payments.content_hash(payments.read_batch(connection, programme, batch))
            for batch in connection.execute(query).scalars().all()
        },
    }


def _records(
    connection: sa.Connection, programme: str, *events: str
) -> list[tuple[str, str, dict[str, Any]]]:
    a = tables.audit.c
    query = (
        sa.select(a.event, a.subject, a.detail)
        .where(a.programme == programme, a.event.in_(events))
        .order_by(a.number)
    )
    return [(event, subject, json.loads(d)) for event, subject, d in connection.execute(query)]


def shrink(engine: sa.Engine) -> None:
    """Make the database anew without what was erased, and empty its write-ahead log (SQLite).

    PostgreSQL writes every table of people anew; its archived log and its copies elsewhere it cannot reach.

    Raises:
        KyufuError: another process keeps the log from being emptied.
    """
    if engine.dialect.name == "postgresql":
        names = sorted({table for table, _ in PERSONAL} | set(DELETED))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for name in names:
                connection.exec_driver_sql(f"vacuum full {name}")
        return
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("vacuum")
        cursor.execute("pragma wal_checkpoint(truncate)")
        busy = bool((cursor.fetchone() or (True,))[0])
        cursor.close()
    finally:
        raw.close()
    if busy:
        raise KyufuError(
            "台帳をほかの処理が使っているため、書込み記録(WAL)を空にできません。"
            "ほかの処理を終えてから、kyufu erasure run をもう一度実行してください。"
        )
