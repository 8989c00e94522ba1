"""The register: take the base-date extract in, freeze it as the snapshot, follow the changes after it."""

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.errors import InputMissing, InputRefused
from pipelines.intake.staging import Manifest, sha256
from pipelines.ledger import payments, people, tables
from pipelines.ledger.recoveries import PAID_NOT_ELIGIBLE
from pipelines.ledger.states import MOVES, Entitlement
from pipelines.ledger.store import Move, move, record, staged
from pipelines.matching.persons import Person
from pipelines.steps import exceptions, inbox, waiting_changes
from pipelines.steps.campaign import Campaign
from pipelines.steps.deliveries import USED, name_of

APPLIED = "register.changes"
_PAID = (Entitlement.IN_PAYMENT, Entitlement.UNKNOWN, Entitlement.PAID)


def receive_register(c: Campaign, day: date) -> dict[str, Any]:
    """Stage the base-date extract if it came today; it must come with its control sheet."""
    with inbox.taking_in(c, "register", day):
        result = _receive_register(c, day)
    if not result["received"] and c.snapshot_people.num_rows == 0:  # it is awaited, not refused
        name = f"register_{day:%Y%m%d}.csv"
        raise InputMissing(
            f"{c.inbox / day.isoformat() / name} がありません。基準日の抽出を受け取ってから実行してください。"
        )
    return result


def _receive_register(c: Campaign, day: date) -> dict[str, Any]:
    files = inbox.read_ward_files(c, "register", day)
    if files is None:
        return {"dataset": "register", "received": False}
    ((name, data),) = files.items()
    if (frozen := frozen_extract(c, day)) is not None:
        _assert_is_frozen(frozen, name, data)
        inbox.enter(c, frozen)
        return {**inbox.counts(frozen), "received": True}
    sheet_name, sheet = inbox.control_sheet(c, day, name)
    if sheet is None:
        raise InputMissing(
            f"{c.inbox / day.isoformat() / sheet_name} がありません。抽出には管理票が必要です。"
        )
    if sheet.get("SHA256") != sha256(data):
        raise InputRefused(
            f"{name}: 管理票の「SHA256」と一致しません。ファイルが途中で切れたか差し替わっています。"
        )
    return {**inbox.stage_and_enter(c, "register", day, files), "received": True}


def frozen_extract(c: Campaign, day: date) -> Manifest | None:
    """The version of the day's extract that is the snapshot, or None if the snapshot is not of that day."""
    result = c.ledger.result_of("register.freeze", day)
    if result is None or not result["frozen"]:
        return None
    return c.staging.manifest("register", day, result["version"])


def _assert_is_frozen(frozen: Manifest, name: str, data: bytes) -> None:
    if frozen.sources.get(name) != sha256(data):
        raise InputRefused(
            f"{name}: 基準日台帳は別の内容で確定済みです。確定した台帳は変えられません。"
            "差し替えた理由を抽出担当に確認してください。"
        )


def receive_changes(c: Campaign, day: date) -> dict[str, Any]:
    """Stage the register's changes if some came today."""
    with inbox.taking_in(c, "register_changes", day):
        files = inbox.read_ward_files(c, "register_changes", day)
        if files is None:
            return {"dataset": "register_changes", "received": False}
        return {**inbox.stage_and_enter(c, "register_changes", day, files), "received": True}


def freeze_snapshot(c: Campaign, day: date) -> dict[str, Any]:
    """Freeze the staged extract, once for ever, and open one entitlement for everybody in it."""
    with inbox.taking_in(c, "register", day):
        return _freeze(c, day)


def _freeze(c: Campaign, day: date) -> dict[str, Any]:
    manifest = c.staging.manifest("register", day)

    def work(connection: sa.Connection) -> dict[str, Any]:
        s = tables.snapshot
        frozen = (
            connection.execute(sa.select(s).filter_by(programme=c.programme.id))
            .mappings()
            .one_or_none()
        )
        if manifest is None or frozen is not None:
            return {"frozen": False}
        waiting = exceptions.waiting(c, manifest)
        repeated = manifest.duplicates - exceptions.signed_for(c, manifest).duplicates
        if waiting or repeated:
            raise InputRefused(
                f"register {day}: 保留{waiting}行、重複{repeated}行があるため、"
                "基準日台帳を確定できません。抽出担当に直してもらうか、保留行を直して戻してください"
                "(kyufu quarantine export)。直せない行は二人の職員が例外とします(kyufu quarantine except)。"
            )
        rows = c.staging.read("register", day, version=manifest.version)
        eligible = [
            Person(f"R{resident}", resident, household)
            for resident, household in zip(
                *(rows.column(n).to_pylist() for n in ("resident_id", "household_id")), strict=True
            )
        ]
        (source_hash,) = manifest.sources.values()
        households = len(set(rows.column("household_id").to_pylist()))
        connection.execute(
            sa.insert(s).values(
                programme=c.programme.id, base_date=c.programme.benefit.base_date, frozen_on=day,
                source_sha256=source_hash, people=len(eligible), households=households,
            )
        )  # fmt: skip
        opened = people.open_entitlements(
            connection, c.programme.id, eligible, "snapshot", c.programme.benefit.amount_yen, day
        )
        exceptional = manifest.rows_in - manifest.accepted
        detail = {
            "people": opened, "households": households, "source": source_hash, "exceptions": exceptional,
        }  # fmt: skip
        record(connection, c.programme.id, "snapshot.frozen", "system", source_hash, detail, day)
        return {
            "frozen": True, "people": opened, "households": households, "version": manifest.version,
        }  # fmt: skip

    return c.ledger.once("register.freeze", day, work)


def apply_changes(c: Campaign, day: date) -> dict[str, Any]:
    """Take out who was not on the register on the base date; whose change waits in quarantine is held.

    Changes of an earlier day that were mended or came again since are applied with today's.
    """
    wanted = inbox.deliveries(c, APPLIED, ["register_changes"], day)
    if not wanted:
        return {"ineligible": 0}  # not done: they may still come today

    def work(connection: sa.Connection) -> dict[str, Any]:
        counts = {**take_out_gone(c, connection, day), **waiting_changes.hold(c, connection, day)}
        return {**counts, USED: [d.as_json() for d in wanted]}

    return c.ledger.once(f"{APPLIED}.{name_of(wanted)}", day, work)


def take_out_gone(c: Campaign, connection: sa.Connection, day: date) -> dict[str, int]:
    """Take out who died or moved away before the base date, by the changes known up to that day.

    Who is not paid becomes ineligible; a batch with such a person that is not sent yet is voided for it. Whose payment
    is sent or made stays as it is, with a finding.

    Returns:
        Counts: ineligible, paid_ineligible.
    """
    gone = _gone_before_base_date(c, day)
    payments.take_back(connection, c.programme.id, gone, "register_changes", day)
    e = tables.entitlement
    with staged(connection, "gone", ["person_id"], ((person,) for person in sorted(gone))) as found:
        query = sa.select(e.c.person_id, e.c.state, e.c.claim_id).where(
            e.c.programme == c.programme.id, e.c.person_id.in_(sa.select(found.c.person_id))
        )
        rows = connection.execute(query).all()
    moves = [
        Move(row.person_id, Entitlement.INELIGIBLE, None, "NOT_ELIGIBLE")
        for row in rows
        if row.state not in _PAID and (row.state, Entitlement.INELIGIBLE) in MOVES
    ]
    paid = [(row.person_id, row.claim_id) for row in rows if row.state in _PAID]
    severity = c.programme.findings[PAID_NOT_ELIGIBLE]
    people.add_findings(connection, c.programme.id, PAID_NOT_ELIGIBLE, severity, paid)
    moved = move(connection, c.programme.id, moves, "register_changes", "", day)
    return {"ineligible": moved, "paid_ineligible": len(paid)}


def _gone_before_base_date(c: Campaign, day: date) -> set[str]:
    rows = changes_until(c, day)
    if rows is None:
        return set()
    gone = rows.filter(pc.and_(_is(rows, "death", "moved_out"), _before_base_date(c, rows)))
    return {f"R{r}" for r in gone.column("resident_id").to_pylist()}


def changes_until(c: Campaign, day: date) -> pa.Table | None:
    """All changes staged up to that day, or None."""
    days = c.staging.days("register_changes", day)
    return pa.concat_tables([c.staging.read("register_changes", d) for d in days]) if days else None


def died_since_base_date(c: Campaign, day: date) -> set[str]:
    """Person ids of those known to have died on or after the base date."""
    rows = changes_until(c, day)
    if rows is None:
        return set()
    dead = rows.filter(pc.and_(_is(rows, "death"), pc.invert(_before_base_date(c, rows))))
    return {f"R{r}" for r in dead.column("resident_id").to_pylist()}


def arrivals(rows: pa.Table) -> pa.Table:
    """Births and arrivals among changes."""
    return rows.filter(_is(rows, "birth", "moved_in"))


def eligible_arrivals(c: Campaign, rows: pa.Table) -> pa.Table:
    """Births and arrivals up to and on the base date: late registrations of eligible people."""
    came = arrivals(rows)
    limit = pa.scalar(f"{c.programme.benefit.base_date:%Y%m%d}")
    return came.filter(pc.less_equal(came.column("changed_on_key"), limit))


def late_arrivals(c: Campaign, day: date) -> pa.Table | None:
    """Births and arrivals after the base date, known up to that day: nobody's entitlement."""
    rows = changes_until(c, day)
    if rows is None:
        return None
    came = arrivals(rows)
    limit = pa.scalar(f"{c.programme.benefit.base_date:%Y%m%d}")
    return came.filter(pc.greater(came.column("changed_on_key"), limit))


def _is(rows: pa.Table, *reasons: str) -> pa.ChunkedArray:
    return pc.is_in(rows.column("change_reason"), value_set=pa.array(reasons))


def _before_base_date(c: Campaign, rows: pa.Table) -> pa.ChunkedArray:
    return pc.less(
        rows.column("changed_on_key"), pa.scalar(f"{c.programme.benefit.base_date:%Y%m%d}")
    )
