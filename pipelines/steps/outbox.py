"""Sending: a release is stored, checked again at the moment of sending, sealed once, delivered once, acknowledged.

`HOME/releases/<name>/{payload, people.json, sealed.p7m, manifest}`; the ledger's `release` row says how far it is. The
payload and whom it is about are encrypted at rest under the release's own key.
"""

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipelines.at_rest.cipher import StoredBytesDamaged
from pipelines.at_rest.store import OUTGOING_COPIES
from pipelines.disclosure.guard import NOBODY
from pipelines.disclosure.release import ERASURE, Piece, Release, make_release, started_release
from pipelines.errors import KyufuError
from pipelines.failpoints import failpoint
from pipelines.files import write_whole
from pipelines.ledger import incidents, rosters, stops, tables
from pipelines.ledger.store import chain_head, insert_new, record
from pipelines.link import receiving
from pipelines.link.delivery import Parcel, publish
from pipelines.link.errors import DeliveryUnknown
from pipelines.steps import concerned, inbox, manifests
from pipelines.steps.campaign import Campaign

WITHDRAWN = "release.withdrawn"  # the audit event of one that does not go out


def folder(c: Campaign, name: str) -> Path:
    """Where a release's bytes lie."""
    return c.home / "releases" / name


def read_payload(c: Campaign, name: str) -> bytes:
    """A release's bytes as they were made.

    Raises:
        Erased: its copy was erased.
    """
    return c.at_rest.read(OUTGOING_COPIES, name, folder(c, name) / "payload")


def payload_sha256(c: Campaign, name: str) -> str:
    """Of a release's bytes as they lie there now; errors as of `read_payload`."""
    digest = hashlib.sha256()
    for piece in c.at_rest.pieces(OUTGOING_COPIES, name, folder(c, name) / "payload"):
        digest.update(piece)
    return digest.hexdigest()


def read_about(c: Campaign, name: str) -> dict[str, Any]:
    """Whom a release is about (`people`, ids) and its `columns`; errors as of `read_payload`."""
    found = c.at_rest.read(OUTGOING_COPIES, name, folder(c, name) / "people.json")
    about: dict[str, Any] = json.loads(found)
    return about


def keep(c: Campaign, connection: sa.Connection, release: Release) -> None:
    """Store a release's bytes and enter it in the ledger; the same again changes nothing.

    Raises:
        KyufuError: other bytes are stored under that name.
    """
    path = folder(c, release.name)
    if (path / "payload").is_file() and payload_sha256(c, release.name) != release.sha256:
        state = connection.execute(
            sa.select(tables.release.c.state).filter_by(name=release.name)
        ).scalar_one_or_none()
        if state is not None:
            raise KyufuError(
                f"{release.name}: 同じ名前で別の内容が保存されています。作り直す前に取り下げてください。"
            )
    about = {
        "people": sorted(release.people), "columns": release.columns,
        "pieces": [[p.first_page, p.last_page, sorted(p.covers)] for p in release.pieces],
    }  # fmt: skip
    for file, data in (
        ("people.json", json.dumps(about).encode()),
        ("payload", release.payload),
    ):
        c.at_rest.write(OUTGOING_COPIES, release.name, path / file, data)
    row = {
        "programme": c.programme.id, "name": release.name, "disclosure": release.disclosure.id,
        "recipient": release.disclosure.recipient, "medium": release.disclosure.medium,
        "basis": release.disclosure.basis, "fields": ",".join(release.columns), "records": release.records,
        "scanned_for": release.scanned_for, "people": len(release.people), "sum_yen": release.sum_yen,
        "sha256": release.sha256,
        "business_date": release.business_date, "acknowledged": False,
        "state": "released" if release.disclosure.medium == "lgwan" else "kept",
    }  # fmt: skip
    insert_new(connection, tables.release, [row])
    detail = {
        "records": release.records, "people": len(release.people), "sha256": release.sha256,
        "people_sha256": concerned.keep(c, release.name, release.people),
    }  # fmt: skip
    record(
        connection,
        c.programme.id,
        "release.made",
        "system",
        release.name,
        detail,
        release.business_date,
    )


def send(c: Campaign, name: str, day: date) -> dict[str, Any]:
    """Bring a stored release to its recipient, wherever an earlier attempt stopped.

    One process at a time works on a release; a second one waits and finds it delivered. While all sending is stopped,
    an incident suspends the party, or its roster, training or consent is not registered, nothing at the receiver is
    touched: this is looked at first, and again in the transaction that marks the file as being sent, just before its
    rename. A file that was marked before the stop is finished by that process.

    Raises:
        SendingStopped: `kyufu stop`; the same call may be repeated after the resume.
        DeliveriesSuspended: `kyufu incident open`; the same call may be repeated after the resume.
        RosterIncomplete, NotOnRoster: who handles the data at the party, or its certificate, is not registered.
        DisclosureRefused: protections or periods have changed since it was made.
        DeliveryUnknown, NameTaken: what is at the receiver is not what we know; a person decides.
        DatasetBusy: another process works on it and does not end.
    """
    row = _row(c, name)
    if row["state"] in ("delivered", "kept"):
        return _result(row)
    with c.staging.holding(name):
        return _send_alone(c, name, day)


def _send_alone(c: Campaign, name: str, day: date) -> dict[str, Any]:
    row = _row(c, name)
    if row["state"] in ("delivered", "kept"):
        return _result(row)
    if row["state"] not in ("released", "sealed", "sending"):
        raise KyufuError(
            f"{name}: 状態が{row['state']}のため送れません。手引(docs/runbook.md)を見てください。"
        )
    with c.ledger.read() as connection:
        _assert_may_go(c, connection, name, row["recipient"])
        manifests.assert_ledger_is_current(c, connection, name)
    started = row["state"] == "sending"
    with c.ledger.telling_refusals():
        release = _stored(c, row, day) if started else check_again(c, name, day)
        parcel = _sealed(c, row, release)
    failpoint("outbox.sealed")
    try:
        with c.session(row["recipient"]) as sftp:
            publish(
                sftp,
                "inbox",
                parcel,
                started_before=started,
                on_start=lambda: _start(c, name, row["recipient"], day),
            )
    except DeliveryUnknown:
        _set_state(c, name, "unknown", day)
        raise
    failpoint("outbox.sent")
    _set_state(c, name, "delivered", day)
    return _result(_row(c, name))


def await_acknowledgement(c: Campaign, name: str, day: date) -> dict[str, Any]:
    """Wait for the receiver's signed acknowledgement and compare it with what was sent.

    Raises:
        InputMissing: none came in time.
        KyufuError: the receiver refused the file, or read something else than was sent.
    """
    row = _row(c, name)
    if row["acknowledged"] or row["medium"] != "lgwan":
        return _result(row)
    sender = c.certificate(row["recipient"])
    found: list[Any] = []

    def look() -> bool:
        with c.session(row["recipient"]) as sftp:
            answer = receiving.read_acknowledgement(sftp, "outbox", name, sender, day)
        found.append(answer)
        return answer is not None

    inbox.wait_until(c, look, f"{name}の受領通知")
    answer = found[-1]
    if not answer.accepted or (answer.sha256, answer.records, answer.sum_yen) != (
        row["sha256"],
        row["records"],
        row["sum_yen"],
    ):
        raise KyufuError(
            f"{name}: 受領者の確認が合いません(受理={answer.accepted})。送った内容と受領通知を照合してください。"
        )
    failpoint("outbox.acknowledged")
    with c.ledger.write() as connection:
        connection.execute(
            sa.update(tables.release)
            .filter_by(programme=c.programme.id, name=name)
            .values(acknowledged=True)
        )
        record(
            connection,
            c.programme.id,
            "release.acknowledged",
            row["recipient"],
            name,
            {"sha256": row["sha256"]},
            day,
        )
    return _result(_row(c, name))


def check_again(c: Campaign, name: str, day: date) -> Release:
    """Make a stored release anew from its bytes, against the present protections, periods and lists.

    Raises:
        DisclosureRefused: it may not leave any more; the audit chain tells of it.
    """
    row = _row(c, name)
    with c.ledger.telling_refusals():
        payload = _stored(c, row, day).payload
        about = read_about(c, name)
        guard = NOBODY if name.startswith(ERASURE) else c.guard(day)
        return make_release(
            c.programme, guard, row["disclosure"], name=name, payload=payload, columns=tuple(about["columns"]),
            people=frozenset(about["people"]), records=row["records"], sum_yen=row["sum_yen"], day=day,
            scanned=(row["sha256"], row["scanned_for"]), to=row["recipient"], medium=row["medium"],
            pieces=[Piece(first, last, frozenset(who)) for first, last, who in about.get("pieces", ())],
        )  # fmt: skip


def stored(c: Campaign, name: str, day: date) -> Release:
    """The stored release as it was checked.

    Raises:
        DisclosureRefused: the stored bytes are not those.
    """
    return _stored(c, _row(c, name), day)


def _stored(c: Campaign, row: Any, day: date) -> Release:
    """The stored release as it was checked; of one whose sending has started nothing more is asked."""
    about = read_about(c, row["name"])
    return started_release(
        c.programme, row["disclosure"], name=row["name"], payload=_as_stored(c, row["name"]),
        columns=tuple(about["columns"]), people=frozenset(about["people"]), records=row["records"],
        sum_yen=row["sum_yen"], day=day, checked_sha256=row["sha256"], scanned_for=row["scanned_for"],
    )  # fmt: skip


def _as_stored(c: Campaign, name: str) -> bytes:
    """The stored payload; nothing where it is not what was stored, which then has not the hash that was checked."""
    try:
        return read_payload(c, name)
    except StoredBytesDamaged:
        return b""


def _sealed(c: Campaign, row: Any, release: Release) -> Parcel:
    """The sealed bytes, made once and stored before anything is sent."""
    path = folder(c, row["name"])
    if row["sealed_sha256"] is None:
        with c.ledger.read() as connection:
            head = chain_head(connection)
        parcel = Parcel.pack(
            release, programme=c.programme.id, unpayable=c.programme.is_demonstration, head=head, signer=c.ward,
            to=row["recipient"], certificate=c.certificate(row["recipient"]),
        )  # fmt: skip
        write_whole(path / "sealed.p7m", parcel.sealed_bytes())
        write_whole(path / "manifest", parcel.manifest)
        failpoint("outbox.packed")
        with c.ledger.write() as connection:
            connection.execute(
                sa.update(tables.release)
                .filter_by(programme=c.programme.id, name=row["name"])
                .values(sealed_sha256=parcel.sealed_sha256)
            )
            day = release.business_date
            _mark(c, connection, row["name"], "sealed", day, sealed_sha256=parcel.sealed_sha256)
        row = _row(c, row["name"])
    return Parcel(
        release, path / "sealed.p7m", row["sealed_sha256"], (path / "manifest").read_bytes()
    )


def _row(c: Campaign, name: str) -> Any:
    with c.ledger.read() as connection:
        query = sa.select(tables.release).filter_by(programme=c.programme.id, name=name)
        row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise KyufuError(f"{name}: この名前の提供データはありません。先に作成してください。")
    return row


def _assert_may_go(c: Campaign, connection: sa.Connection, name: str, recipient: str) -> None:
    """Nothing stops all sending, no incident suspends its party, and the party's handlers are registered."""
    stops.assert_not_stopped(connection, c.programme.id, name)
    incidents.assert_not_suspended(connection, c.programme.id, recipient, name)
    rosters.assert_may_receive(connection, c.programme, recipient, name)


def _start(c: Campaign, name: str, recipient: str, day: date) -> None:
    """Mark it as being sent, unless something forbids it meanwhile."""
    with c.ledger.write() as connection:
        _assert_may_go(c, connection, name, recipient)
        _mark(c, connection, name, "sending", day)
    failpoint("outbox.started")


def _set_state(c: Campaign, name: str, state: str, day: date) -> None:
    with c.ledger.write() as connection:
        _mark(c, connection, name, state, day)


def _mark(
    c: Campaign, connection: sa.Connection, name: str, state: str, day: date, **detail: str
) -> None:
    r = tables.release
    connection.execute(
        sa.update(r).filter_by(programme=c.programme.id, name=name).values(state=state)
    )
    record(connection, c.programme.id, f"release.{state}", "system", name, detail, day)


def _result(row: Any) -> dict[str, Any]:
    return {
        "name": row["name"], "recipient": row["recipient"], "records": row["records"], "sum_yen": row["sum_yen"],
        "sha256": row["sha256"], "state": row["state"], "acknowledged": row["acknowledged"],
    }  # fmt: skip
