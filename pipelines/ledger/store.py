"""Transactions on the ledger: run a step once, read rows as Arrow, move entitlements, write the audit chain."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
from typing import Any, NamedTuple

import pyarrow as pa
import sqlalchemy as sa

from pipelines.errors import KyufuError, Refusal
from pipelines.failpoints import failpoint
from pipelines.ledger import tables
from pipelines.ledger.bulk import load
from pipelines.ledger.engine import READING
from pipelines.ledger.states import MOVES, Entitlement

GENESIS = "0" * 64
REFUSED = "release.refused"  # the audit event of what may not leave
EVENTS = "entitlements.moved"  # the audit event that binds a set of entitlement events
_LOCK = 471250428
_AT_ONCE = 10_000
_HASHED_AT_ONCE = 500  # so few that their text stays in the processor's cache


class Move(NamedTuple):
    """One entitlement's move. claim_id: the claim that decides it now; codes: finding codes, joined by `;`."""

    person_id: str
    to_state: Entitlement | str
    claim_id: str | None = None
    codes: str = ""


@dataclass(frozen=True)
class Ledger:
    """One programme's part of the ledger."""

    engine: sa.Engine
    programme: str

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that excludes every other writer (SQLite: the file; PostgreSQL: an advisory lock).

        A refusal that takes it back is told in the audit chain all the same.
        """
        with self.telling_refusals(), self.engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("select pg_advisory_xact_lock(:n)"), {"n": _LOCK})
            yield connection
            failpoint("ledger.before_commit")
        failpoint("ledger.after_commit")

    @contextmanager
    def telling_refusals(self) -> Iterator[None]:
        """Enter a refusal that comes out of the block in the audit chain, in a transaction of its own."""
        try:
            yield
        except Refusal as refusal:
            if refusal.day is not None and not refusal.is_told:
                with self.write() as connection:
                    tell_refusal(connection, self.programme, refusal)
            raise

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction for reading; it sees what is committed and waits for nobody."""
        with (
            self.engine.connect().execution_options(**{READING: True}) as connection,
            connection.begin(),
        ):
            yield connection

    def once(
        self, name: str, day: date, work: Callable[[sa.Connection], dict[str, Any]]
    ) -> dict[str, Any]:
        """Do `work` in one transaction with the mark that it is done; a later call returns the first result.

        Whatever kills the process, either all of the step is in the ledger or nothing.
        """
        key = {"programme": self.programme, "name": name, "day": day}
        with self.write() as connection:
            done = connection.execute(
                sa.select(tables.step.c.result).filter_by(**key)
            ).scalar_one_or_none()
            if done is not None:
                return {**done, "repeated": True}
            result = work(connection)
            connection.execute(sa.insert(tables.step).values(**key, result=result))
            failpoint(f"ledger.before_commit.{name}")
        failpoint(f"ledger.after_commit.{name}")
        return {**result, "repeated": False}

    def result_of(self, name: str, day: date) -> dict[str, Any] | None:
        """What a step recorded, or None if it has not run."""
        with self.read() as connection:
            query = sa.select(tables.step.c.result).filter_by(
                programme=self.programme, name=name, day=day
            )
            result: dict[str, Any] | None = connection.execute(query).scalar_one_or_none()
            return result


def fetch(connection: sa.Connection, query: sa.Select[Any], schema: pa.Schema) -> pa.Table:
    """The query's rows as an Arrow table with the given schema, column by position; text and whole numbers only."""
    rows = fetch_plain(connection, query)
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    return pa.table(
        [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema
    )


def fetch_plain(connection: sa.Connection, query: sa.Select[Any]) -> Sequence[tuple[Any, ...]]:
    """The query's rows as the driver gives them, all at once: for very many rows of text and whole numbers."""
    result = connection.execute(query)
    rows: Sequence[tuple[Any, ...]] = result.cursor.fetchall()
    result.close()
    return rows


def in_parts(keys: Iterable[str]) -> Iterator[list[str]]:
    """The keys, sorted, in lists short enough to be the parameters of one statement in every database."""
    wanted = sorted(keys)
    for start in range(0, len(wanted), _AT_ONCE):
        yield wanted[start : start + _AT_ONCE]


def insert_new(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert the rows whose primary key is not there yet."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as dialect_insert
    else:
        from sqlalchemy.dialects.sqlite import insert as dialect_insert  # type: ignore[assignment]
    connection.execute(dialect_insert(table).on_conflict_do_nothing(), rows)


def add_refusal(
    connection: sa.Connection, programme: str, subject: str, reason: str, day: date
) -> None:
    """Enter a refusal in the caller's transaction: every reason of a day and subject on a line of its own, once."""
    r = tables.refusal
    key = {"programme": programme, "day": day, "subject": subject}
    line = " ".join(reason.split())
    insert_new(connection, r, [{**key, "reason": line}])
    told = connection.execute(sa.select(r.c.reason).filter_by(**key)).scalar_one()
    if line not in told_reasons(told):
        connection.execute(sa.update(r).filter_by(**key).values(reason=f"{told}\n{line}"))


def tell_refusal(connection: sa.Connection, programme: str, refusal: Refusal) -> None:
    """Enter a refusal in the audit chain, in the caller's transaction: its rule and counts, nobody's data."""
    if refusal.day is not None and not refusal.is_told:
        record(
            connection, programme, REFUSED, "system", refusal.subject, refusal.detail, refusal.day
        )
        refusal.is_told = True


def told_reasons(told: str) -> list[str]:
    """The reasons that a refusal's row holds, in the order in which they were entered."""
    return told.split("\n")


_MOVE = ("person_id", "to_state", "claim_id", "codes", "reference")


def move(
    connection: sa.Connection,
    programme: str,
    moves: Iterable[Move],
    cause: str,
    reference: str,
    day: date,
) -> int:
    """Move entitlements, each with its event, and return how many.

    Raises:
        KyufuError: a person is unknown or named twice, or the move is not one of `MOVES`.
    """
    rows = [(m.person_id, str(m.to_state), m.claim_id, m.codes, reference) for m in moves]
    if not rows:
        return 0
    rows.sort(key=itemgetter(0))
    with staged(connection, "wanted_move", _MOVE, rows) as wanted:
        return _move_wanted(connection, programme, wanted, cause, day)


def move_found(
    connection: sa.Connection, programme: str, found: sa.Select[Any], cause: str, day: date
) -> int:
    """Move the entitlements that a query finds (person_id, to_state, claim_id, codes, reference); see `move`."""
    in_order = found.order_by(
        found.selected_columns.person_id
    )  # that of the entitlements' own index
    with staged(connection, "wanted_move", _MOVE, in_order) as wanted:
        return _move_wanted(connection, programme, wanted, cause, day)


def _move_wanted(
    connection: sa.Connection, programme: str, wanted: sa.Table, cause: str, day: date
) -> int:
    """Write the events, then the states, then look at both; an error takes the whole transaction back."""
    e, w, v = tables.entitlement, wanted.c, tables.entitlement_event.c
    here = (e.c.programme == programme) & (e.c.person_id == w.person_id)
    before = last_event(connection)
    event = {
        "programme": sa.literal(programme), "person_id": w.person_id,
        "from_state": e.c.state,  # none for whom nobody knows: they are counted below
        "to_state": w.to_state, "cause": sa.literal(cause), "reference": w.reference, "codes": w.codes,
        "business_date": sa.literal(day, sa.Date),
    }  # fmt: skip
    events = sa.select(*event.values()).select_from(wanted.outerjoin(e, here)).order_by(w.person_id)
    connection.execute(sa.insert(tables.entitlement_event).from_select(list(event), events))
    kinds = connection.execute(
        sa.select(v.from_state, v.to_state, sa.func.count())
        .where(v.event_id > before)
        .group_by(v.from_state, v.to_state)
    ).all()
    total = sum(int(count) for _, _, count in kinds)
    moved = connection.execute(
        sa.update(e).where(here).values(state=w.to_state, claim_id=w.claim_id, codes=w.codes)
    ).rowcount
    if moved != total:
        raise KyufuError(
            f"{cause} {day}: 台帳にいない人か、二度動かされる人がいます({total}件中{moved}件一致)。"
            "処理を止めました。"
        )
    _assert_allowed(kinds, f"{cause} {day}")
    record_events(connection, programme, before, cause, day)
    return total


def record_events(
    connection: sa.Connection, programme: str, after: int, cause: str, day: date
) -> None:
    """Bind the events behind number `after` into the audit chain, in the caller's transaction; none is fine.

    They are one programme's: no other writer comes in between.
    """
    v = tables.entitlement_event.c
    written = sa.select(sa.func.min(v.event_id), sa.func.max(v.event_id)).where(v.event_id > after)
    first, last = connection.execute(written).one()
    if first is not None:
        count, digest = events_digest(connection, first, last)
        detail = {"first": first, "last": last, "count": count, "sha256": digest}
        record(connection, programme, EVENTS, "system", cause, detail, day)


def events_digest(
    connection: sa.Connection, first: int, last: int, programme: str | None = None
) -> tuple[int, str]:
    """(how many, SHA-256) of the entitlement events with numbers from first to last, of one programme if told."""
    v = tables.entitlement_event.c
    columns = (
        v.event_id, v.person_id, v.from_state, v.to_state, v.cause, v.reference, v.codes, v.business_date
    )  # fmt: skip
    query = sa.select(*columns).where(v.event_id.between(first, last)).order_by(v.event_id)
    if programme is not None:
        query = query.where(v.programme == programme)
    count, digest = 0, hashlib.sha256(b"[")
    result = connection.execute(query)
    while rows := result.cursor.fetchmany(_HASHED_AT_ONCE):  # as the driver gives them
        listed = json.dumps(rows, default=str)
        digest.update(((", " if count else "") + listed[1:-1]).encode())
        count += len(rows)
    result.close()
    digest.update(b"]")
    return count, digest.hexdigest()


def last_event(connection: sa.Connection) -> int:
    """The number of the newest entitlement event; 0 while there is none."""
    newest = sa.select(sa.func.coalesce(sa.func.max(tables.entitlement_event.c.event_id), 0))
    return int(connection.execute(newest).scalar_one())


def newest_of_person(column: sa.Column[Any]) -> sa.ScalarSelect[Any]:
    """That column of the last event of the person whose entitlement the statement around it reads."""
    e, v = tables.entitlement, tables.entitlement_event
    return (
        sa.select(column)
        .where(v.c.programme == e.c.programme, v.c.person_id == e.c.person_id)
        .order_by(v.c.event_id.desc())
        .limit(1)
        .correlate(e)
        .scalar_subquery()
    )


def _assert_allowed(kinds: Iterable[Sequence[Any]], what: str) -> None:
    wrong = sorted(
        f"{a} -> {b}"
        for a, b, _ in kinds
        if a != b and (Entitlement(a), Entitlement(b)) not in MOVES
    )
    if wrong:
        raise KyufuError(
            f"{what}: 許されない状態の移動です: {', '.join(wrong)}。処理を止めました。"
        )


@contextmanager
def staged(
    connection: sa.Connection,
    name: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]] | sa.Select[Any],
) -> Iterator[sa.Table]:
    """Rows of text, or of a query, as a temporary table, so that the ledger is asked and changed set by set.

    It has no index, so that a database begins with it and looks each row up in the ledger's own table.
    """
    table = sa.Table(
        name, sa.MetaData(), *(sa.Column(n, sa.Text) for n in columns), prefixes=["TEMPORARY"]
    )
    table.create(connection)
    if isinstance(rows, sa.Select):
        connection.execute(sa.insert(table).from_select(list(columns), rows))
    else:
        load(connection, table, columns, rows)
    yield table
    table.drop(connection)


def record(
    connection: sa.Connection,
    programme: str,
    event: str,
    actor: str,
    subject: str,
    detail: Mapping[str, Any],
    day: date,
) -> str:
    """Append to the audit chain in the caller's transaction; returns the new head.

    detail: counts, codes and hashes only, never personal data.
    """
    a = tables.audit
    last, previous = chain_head(connection)
    row = {
        "number": last + 1, "programme": programme, "event": event, "actor": actor, "subject": subject,
        "detail": json.dumps(detail, sort_keys=True, ensure_ascii=False, default=str), "business_date": day,
        "previous": previous,
    }  # fmt: skip
    head = chain_hash(row)
    connection.execute(sa.insert(a).values(**row, hash=head))
    return head


def chain_hash(row: Mapping[str, Any]) -> str:
    """SHA-256 over the row's fields, each with its length in front, so that no two rows read the same."""
    digest = hashlib.sha256()
    for name in (
        "number",
        "programme",
        "event",
        "actor",
        "subject",
        "detail",
        "business_date",
        "previous",
    ):
        field = str(row[name]).encode()
        digest.update(len(field).to_bytes(8) + field)
    return digest.hexdigest()


def verify_chain(connection: sa.Connection) -> int:
    """Recompute the whole audit chain and return its length.

    Raises:
        KyufuError: a row was changed, removed or put in between; the message says where.
    """
    count, previous = 0, GENESIS
    for row in read_chain(connection):
        count += 1
        if row["number"] != count or chain_faults([row], count, previous):
            raise KyufuError(
                f"監査記録の鎖が{count}番目で切れています。バックアップと照合してください。"
            )
        previous = row["hash"]
    return count


def read_chain(connection: sa.Connection) -> Sequence[Mapping[str, Any]]:
    """The whole audit chain in order."""
    query = sa.select(tables.audit).order_by(tables.audit.c.number)
    return [dict(row) for row in connection.execute(query).mappings()]


def chain_faults(
    chain: Iterable[Mapping[str, Any]], number: int = 1, previous: str = GENESIS
) -> list[str]:
    """Where a chain parts, for people. number, previous: which record is expected first, and what it follows."""
    faults = []
    for row in chain:
        here = f"監査記録{row['number']}番({row['event']})"
        if row["number"] != number:
            faults.append(f"監査記録{number}番から{row['number'] - 1}番までがありません")
        elif row["previous"] != previous:
            faults.append(f"{here}: 前の記録に続いていません")
        if row["hash"] != chain_hash(row):
            faults.append(f"{here}: 内容がハッシュと合いません")
        number, previous = row["number"] + 1, row["hash"]
    return faults


def chain_head(connection: sa.Connection) -> tuple[int, str]:
    """(number, hash) of the newest audit record; number 0 while there is none."""
    a = tables.audit.c
    row = connection.execute(
        sa.select(a.number, a.hash).order_by(a.number.desc()).limit(1)
    ).one_or_none()
    return (row.number, row.hash) if row else (0, GENESIS)
