"""`kyufu audit verify`: the audit chain, the ledger, the stored bytes and the manifests, held against each other.

Each of the four tells the same story in another place; where they part, somebody changed one of them. What is told
names records by number, files and batches by name, and nobody.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipelines.at_rest.cipher import StoredBytesDamaged
from pipelines.at_rest.store import OUTGOING_COPIES, KeyMissing, KeyRefused
from pipelines.evidence import audit_handlers
from pipelines.evidence.audit_handlers import read_detail
from pipelines.intake.staging import sha256
from pipelines.ledger import payments, stops, tables
from pipelines.ledger.balance import take_balance
from pipelines.ledger.store import EVENTS, chain_faults, events_digest, newest_of_person, read_chain
from pipelines.steps import concerned, manifests
from pipelines.steps.campaign import Campaign
from pipelines.steps.erasure import ERASED
from pipelines.steps.manifests import Stored
from pipelines.steps.outbox import folder

Chain = Sequence[Mapping[str, Any]]
_SHOWN = 10  # of many of one kind


@dataclass(frozen=True)
class Verified:
    """What was looked at, and where it parts. head: of the newest manifest that has one."""

    records: int
    events: int
    releases: int
    head: int
    faults: tuple[str, ...]


def verify(c: Campaign) -> Verified:
    """Hold everything against everything; to be run while nothing else runs."""
    exported = list(manifests.stored(c))
    with c.ledger.read() as connection:
        chain = read_chain(connection)
        own = [row for row in chain if row["programme"] == c.programme.id]
        releases = _rows(connection, tables.release, c.programme.id)
        faults = [
            *chain_faults(chain),
            *_heads(chain, exported),
            *_events(connection, c.programme.id, own),
            *_releases(own, releases, _voided_files(connection, c.programme.id, own)),
            *_batches(connection, c.programme.id, own),
            *_amounts(connection, c.programme.id),
            *_decisions(connection, c.programme.id, own),
            *_stops(connection, c.programme.id, own),
            *audit_handlers.faults(connection, c.programme.id, own),
            *take_balance(connection, c.programme.id).faults,
        ]
        v = tables.entitlement_event.c
        count = sa.select(sa.func.count()).where(v.programme == c.programme.id)
        events = int(connection.execute(count).scalar_one())
    faults += _stored_bytes(c, releases)
    faults += _people_kept(c, own)
    faults += _manifests(exported, {row["name"]: row for row in releases})
    heads = [s.manifest.audit_number or 0 for s in exported if s.manifest is not None]
    return Verified(len(chain), events, len(releases), max(heads, default=0), tuple(faults))


def _rows(connection: sa.Connection, table: sa.Table, programme: str) -> Chain:
    query = sa.select(table).where(table.c.programme == programme).order_by(*table.primary_key)
    return [dict(row) for row in connection.execute(query).mappings()]


def _of(own: Chain, *events: str) -> Iterator[tuple[int, str, str, dict[str, Any]]]:
    """(number, event, subject, detail) of the audit records with these events."""
    for row in own:
        if row["event"] in events:
            yield row["number"], row["event"], row["subject"], read_detail(row)


def _heads(chain: Chain, exported: Sequence[Stored]) -> Iterator[str]:
    """The chain against the heads that went out with deliveries."""
    known = {row["number"]: row["hash"] for row in chain}
    last = max(known, default=0)
    for found in exported:
        if found.manifest is None or not found.manifest.audit_number:
            continue
        number = found.manifest.audit_number
        told = f"送り状 {found.name}: 監査記録{number}番"
        if number > last:
            yield f"{told}まであったはずですが、{last}番で終わっています(切り取り、または古いバックアップ)"
        elif known.get(number) != found.manifest.audit_hash:
            yield f"{told}のハッシュが台帳と違います(監査記録の作り直し)"


def _events(connection: sa.Connection, programme: str, own: Chain) -> Iterator[str]:
    """The entitlements' events against the chain, and the states against the events."""
    v, e = tables.entitlement_event, tables.entitlement
    ranges = []
    erased, bound = _bound(own)
    if bound and _events_now(connection, programme, bound["events"]) != bound["events"]:
        yield f"消去した人の状態の記録: 消去のときの監査記録{erased}番と合いません"
    for number, _, cause, detail in _of(own, EVENTS):
        first, last = int(detail.get("first", 0)), int(detail.get("last", 0))
        ranges.append((first, last))
        told = (detail.get("count"), detail.get("sha256"))
        if number > erased and events_digest(connection, first, last) != told:
            yield f"状態の記録{first}番から{last}番({cause}): 監査記録{number}番と合いません"
    ids = connection.execute(
        sa.select(v.c.event_id).where(v.c.programme == programme).order_by(v.c.event_id)
    ).scalars()
    unbound = _outside(ids, sorted(ranges))
    yield from _few(f"状態の記録{number}番: 監査記録にありません" for number in unbound)
    newest = newest_of_person(v.c.event_id).label("newest")
    stands = sa.func.coalesce(newest_of_person(v.c.to_state), "")
    parted = connection.execute(
        sa.select(newest)
        .select_from(e)
        .where(e.c.programme == programme, stands != e.c.state)
        .order_by(newest)
    ).scalars()
    yield from _few(
        f"状態の記録{number}番の人の今の状態が、その記録と違います"
        if number is not None
        else "記録のない対象者がいます"
        for number in parted
    )


def _bound(own: Chain) -> tuple[int, dict[str, Any]]:
    """(number of the record, what it binds) of the erasure that made persons into digests; (0, {}) without one.

    What the chain says of events and payments before it cannot be made again; they were compared a last time then.
    """
    for number, _, _, detail in _of(own, ERASED):
        if "bound" in detail:
            return number, detail["bound"]
    return 0, {}


def _events_now(
    connection: sa.Connection, programme: str, told: Mapping[str, Any]
) -> dict[str, Any]:
    first, last = told["first"], told["last"]
    count, digest = events_digest(connection, first, last, programme)
    return {"first": first, "last": last, "count": count, "sha256": digest}


def _outside(ids: Iterable[int], ranges: Sequence[tuple[int, int]]) -> Iterator[int]:
    """The numbers, in order, that lie in none of the ranges, which are sorted."""
    at = 0
    for number in ids:
        while at < len(ranges) and ranges[at][1] < number:
            at += 1
        if at == len(ranges) or number < ranges[at][0]:
            yield number


def _few(told: Iterable[str]) -> Iterator[str]:
    """The first of many, and how many more there are."""
    found = list(told)
    yield from found[:_SHOWN]
    if len(found) > _SHOWN:
        yield f"(ほかに同じ種類が{len(found) - _SHOWN}件)"


_STATES = {
    "release.made": frozenset({"released", "kept"}), "release.sealed": frozenset({"sealed"}),
    "release.sending": frozenset({"sending"}), "release.delivered": frozenset({"delivered"}),
    "release.unknown": frozenset({"unknown"}), "release.withdrawn": frozenset({"withdrawn"}),
}  # fmt: skip


def _releases(own: Chain, releases: Chain, voided: Mapping[str, int]) -> Iterator[str]:
    """The releases in the ledger against what the chain says was made, sealed, sent and acknowledged."""
    made, newest, acknowledged = {}, {}, {}
    for number, event, name, detail in _of(own, *_STATES, "release.acknowledged"):
        if event == "release.acknowledged":
            acknowledged[name] = (number, detail.get("sha256"))
            continue
        newest[name] = (number, event)
        if event == "release.made":
            made[name] = (number, detail)
    for row in releases:
        name = row["name"]
        if name not in made:
            yield f"提供データ {name}: 作成の監査記録がありません"
            continue
        number, detail = made[name]
        yield from (
            f"提供データ {name}: 台帳の{column}が監査記録{number}番と違います"
            for column in ("sha256", "records", "people")
            if row[column] != detail.get(column)
        )
        number, event = newest[name]
        right = {"withdrawn"} if name in voided else _STATES[event]
        if row["state"] not in right:
            number = voided.get(name, number)
            yield f"提供データ {name}: 台帳の状態{row['state']}が監査記録{number}番と違います"
        if row["acknowledged"] != (name in acknowledged):
            yield f"提供データ {name}: 受領確認が監査記録と違います"
        elif row["acknowledged"] and acknowledged[name][1] != row["sha256"]:
            number = acknowledged[name][0]
            yield f"提供データ {name}: 受領確認の内容が監査記録{number}番と違います"
    gone = sorted(set(made) - {row["name"] for row in releases})
    yield from (
        f"提供データ {name}: 監査記録{made[name][0]}番にありますが、台帳にありません"
        for name in gone
    )


def _voided(own: Chain) -> dict[str, int]:
    """Batch id -> the number of the record that voided it."""
    return {batch: number for number, _, batch, _ in _of(own, "batch.voided")}


def _voided_files(connection: sa.Connection, programme: str, own: Chain) -> dict[str, int]:
    voided = _voided(own)
    rows = _rows(connection, tables.batch, programme)
    return {r["file_name"]: voided[r["batch_id"]] for r in rows if r["batch_id"] in voided}


def _batches(connection: sa.Connection, programme: str, own: Chain) -> Iterator[str]:
    """Every batch and its payments against what was declared, account by account and yen by yen."""
    voided, batches = _voided(own), _rows(connection, tables.batch, programme)
    drafted = {batch: (number, detail) for number, _, batch, detail in _of(own, "batch.drafted")}
    at, bound = _bound(own)
    contents: dict[str, str] = bound.get("batches", {})
    for row in batches:
        batch = row["batch_id"]
        if batch not in drafted:
            yield f"振込 {batch}: 起案の監査記録がありません"
            continue
        number, told = drafted[batch]
        declared = (told.get("payments"), told.get("sum_yen"), told.get("content"))
        if (row["payments"], row["sum_yen"], row["content_hash"]) != declared:
            yield f"振込 {batch}: 台帳の件数・金額・内容が監査記録{number}番と違います"
        held = payments.read_batch(connection, programme, batch)
        number = at if batch in contents else number
        if payments.content_hash(held) != contents.get(batch, told.get("content")):
            yield f"振込 {batch}: 支払の宛先か金額が監査記録{number}番の内容と違います"
        if (row["state"] == "rejected") != (batch in voided):
            yield f"振込 {batch}: 台帳の状態{row['state']}が取消しの監査記録と違います"
    gone = sorted(set(drafted) - {row["batch_id"] for row in batches})
    yield from (
        f"振込 {batch}: 監査記録{drafted[batch][0]}番にありますが、台帳にありません"
        for batch in gone
    )


def _amounts(connection: sa.Connection, programme: str) -> Iterator[str]:
    """Every payment's amount and count of people against those of its people."""
    p, i = tables.payment.c, tables.payment_item.c
    items = (
        sa.select(
            i.payment_key, sa.func.count().label("people"), sa.func.sum(i.amount_yen).label("yen")
        )
        .where(i.programme == programme)
        .group_by(i.payment_key)
        .subquery()
    )
    parted = connection.execute(
        sa.select(p.payment_key)
        .outerjoin_from(tables.payment, items, items.c.payment_key == p.payment_key)
        .where(p.programme == programme)
        .where(
            sa.or_(
                sa.func.coalesce(items.c.yen, 0) != p.amount_yen,
                sa.func.coalesce(items.c.people, 0) != p.people,
            )
        )
        .order_by(p.payment_key)
    ).scalars()
    yield from _few(f"支払 {key}: 台帳の額か人数が、その内訳と違います" for key in parted)


def _decisions(connection: sa.Connection, programme: str, own: Chain) -> Iterator[str]:
    """Every approval and rejection in the ledger is in the chain, by that person for that hash, and the reverse."""
    recorded = {
        (row["subject"], row["actor"], row["event"].rpartition(".")[2], read_detail(row).get("hash")): row["number"]
        for row in own
        if row["event"] in ("approval.approve", "approval.reject")
    }  # fmt: skip
    held = {
        (row["subject"], row["actor"], row["decision"], row["subject_hash"])
        for row in _rows(connection, tables.approval, programme)
    }
    for subject, actor, decision, _ in sorted(held - set(recorded)):
        yield f"承認 {subject}({actor}、{decision}): 監査記録にありません"
    for key in sorted(set(recorded) - held, key=str):
        yield f"承認 {key[0]}({key[1]}、{key[2]}): 監査記録{recorded[key]}番にありますが、台帳と違います"


def _stops(connection: sa.Connection, programme: str, own: Chain) -> Iterator[str]:
    """Every stop of sending, and every agreement to go on, against the chain."""
    recorded = {
        (row["subject"], row["actor"], row["event"] == "sending.stopped", read_detail(row).get("reason")): row["number"]
        for row in own
        if row["event"].startswith("sending.")
    }  # fmt: skip
    held = {
        (f"sending:{row['number']}", row["actor"], table is tables.sending_stop, stops.reason_hash(row["reason"]))
        for table in (tables.sending_stop, tables.sending_resume)
        for row in _rows(connection, table, programme)
    }  # fmt: skip
    for subject, actor, is_stop, _ in sorted(held - set(recorded)):
        what = "停止" if is_stop else "再開"
        yield f"送付の{what} {subject}({actor}): 監査記録にありません"
    for key in sorted(set(recorded) - held, key=str):
        what = "停止" if key[2] else "再開"
        yield f"送付の{what} {key[0]}({key[1]}): 監査記録{recorded[key]}番にありますが、台帳と違います"


def _stored_bytes(c: Campaign, releases: Chain) -> Iterator[str]:
    """What lies in HOME/releases against the hashes in the ledger."""
    for row in releases:
        for file, wanted in (("payload", row["sha256"]), ("sealed.p7m", row["sealed_sha256"])):
            if wanted is None or c.at_rest.is_erased(OUTGOING_COPIES, row["name"]):
                continue
            path = folder(c, row["name"]) / file
            if not path.is_file():
                yield f"保存データ {row['name']}/{file}: ありません"
            elif _stored_hash(c, row["name"], path) != wanted:
                yield f"保存データ {row['name']}/{file}: 台帳のハッシュと違います"


def _stored_hash(c: Campaign, name: str, path: Path) -> str | None:
    """SHA-256 of what was stored; None where it cannot be read as what was stored."""
    try:
        return sha256(c.at_rest.read(OUTGOING_COPIES, name, path))
    except (StoredBytesDamaged, KeyRefused, KeyMissing):
        return None


def _people_kept(c: Campaign, own: Chain) -> Iterator[str]:
    """What is kept of whom releases and exports were about, against the chain."""
    wanted = {
        name: d["people_sha256"]
        for _, _, name, d in _of(own, "release.made")
        if "people_sha256" in d
    }
    wanted |= {
        d["people_kept"]: d["people_sha256"] for d in map(read_detail, own) if "people_kept" in d
    }
    yield from (
        f"対象者の記録 {name}: 監査記録と合いません"
        for name, digest in sorted(wanted.items())
        if concerned.kept_sha256(c, name) != digest
    )


def _manifests(
    exported: Sequence[Stored], releases: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """The stored manifests against the ledger."""
    for found in exported:
        row = releases.get(found.name)
        if found.manifest is None:
            yield f"送り状 {found.name}: 区の署名を確認できません(書き換え、または証明書の更新)"
        elif row is None:
            yield f"送り状 {found.name}: 台帳にない提供データのものです"
        else:
            stated = found.manifest
            told = (stated.name, stated.sha256, stated.records, stated.sum_yen)
            same = told == tuple(row[n] for n in ("name", "sha256", "records", "sum_yen"))
            if not same or row["sealed_sha256"] not in (None, stated.sealed_sha256):
                yield f"送り状 {found.name}: 台帳と内容が違います"
    sealed = {name for name, row in releases.items() if row["sealed_sha256"] is not None}
    yield from (
        f"送り状 {name}: ありません" for name in sorted(sealed - {s.name for s in exported})
    )
