"""Quarantine as a steward works with it: see what waits, take it out to mend, give it back; all of it on the record."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from pipelines.errors import InputMissing, InputRefused
from pipelines.failpoints import failpoint
from pipelines.intake import mending, mending_book, quarantine, receive
from pipelines.intake.mending import Key, Mending
from pipelines.intake.staging import Manifest, sha256
from pipelines.ledger import tables
from pipelines.ledger.store import record
from pipelines.steps import claims, exceptions, inbox, register, undecided, welfare
from pipelines.steps.campaign import Campaign
from pipelines.steps.deliveries import LINKED, Delivery
from pipelines.steps.quarantined_people import people_in
from pipelines.steps.showings import record_showing
from schemas.datasets import DATASETS

_RETURNED = "quarantine.returned"
_RECHECKED = "quarantine.rechecked"


@dataclass(frozen=True)
class _Book:
    """A returned workbook: its file's name and SHA-256, and which version it is of."""

    file: str
    sha256: str
    dataset: str
    day: date
    version: int


class _PushesOut(Exception):
    """Mended rows that would push a row out which is accepted already."""

    def __init__(self, rows: set[Key]) -> None:
        super().__init__("mended rows push accepted ones out")
        self.rows = rows


def list_waiting(c: Campaign, until: date) -> list[quarantine.Waiting]:
    """Everything that waits, by dataset, day and rule."""
    return quarantine.waiting_rows(
        c.staging, list(DATASETS), until, lambda manifest: exceptions.signed_for(c, manifest).rows
    )


def list_unused(c: Campaign, until: date) -> list[Delivery]:
    """What was mended or came again and waits for a step: the next run of its room uses it."""
    lists = welfare.list_names(c)
    newest = {name: max(c.staging.days(name, until), default=None) for name in lists}
    linked = inbox.unused(c, LINKED, lists, until)
    return [
        *inbox.unused(c, register.APPLIED, ["register_changes"], until),
        *(d for d in linked if newest[d.dataset] == d.day),
        *inbox.unused(c, undecided.STEP, list(claims.CHANNELS.values()), until),
    ]


def export(
    c: Campaign, dataset: str, day: date, password: str, actor: str, purpose: str, today: date
) -> bytes:
    """The protected workbook of a day's quarantined rows; that it was taken out is an audit event.

    Raises:
        InputMissing: the day is not staged, or nothing of it waits.
        KyufuError: the password is too short.
    """
    manifest = _staged(c, dataset, day)
    about, sheets = quarantine.sheets(c.programme, c.staging, manifest)
    data = mending_book.write_book(about, sheets, password)
    rows = {name: len(sheet.rows) for name, sheet in sheets.items()}
    with c.ledger.write() as connection:
        people, unknown = people_in(c, connection, dataset, sheets)
        record_showing(
            c, connection, "quarantine.exported", actor, purpose, people, today, subject=_subject(manifest),
            sha256=sha256(data), rows=rows, count=sum(rows.values()), unknown=unknown,
        )  # fmt: skip
    return data


def take_back(
    c: Campaign, data: bytes, file: str, password: str, actor: str, today: date
) -> dict[str, Any]:
    """Take a mended workbook back: the day's next version, made of the same source bytes and what was mended.

    Every mended row goes through every check; what is still bad waits on under its new rules, and so does a row that
    would push out one that is accepted already. Who mended which columns of which rows is in the audit chain, without
    a value. Giving the same workbook back again changes nothing.

    Returns:
        Counts: changed, accepted, still waiting (with rules), and the version.

    Raises:
        InputRefused: the workbook is stale, of something else, or was tampered with; nothing of it is taken.
        DatasetBusy: another process held the dataset all the time.
    """
    returned = mending_book.read_book(data, password, file)
    dataset, day, version = quarantine.of_version(returned, c.programme, file)
    with c.staging.holding(dataset):
        return _take_back(
            c, returned, _Book(file, sha256(data), dataset, day, version), actor, today
        )


def _take_back(
    c: Campaign, returned: mending_book.Returned, book: _Book, actor: str, today: date
) -> dict[str, Any]:
    """`take_back` by the one process that holds the dataset.

    Whatever kills it, running it again completes it: the version that it may have published is found as made of the
    same bytes and mending, and the ledger's part is one transaction.
    """
    file, dataset, day, version = book.file, book.dataset, book.day, book.version
    base = c.staging.manifest(dataset, day, version)
    if base is None:
        raise InputRefused(f"{file}: {dataset} {day} の第{version}版は取り込まれていません。")
    _assert_may_mend(c, base, file)
    about, sheets = quarantine.sheets(c.programme, c.staging, base)
    changed = quarantine.changes(returned, about, sheets, file)
    if not changed:
        raise InputRefused(f"{file}: 直された行がありません。")
    laid = Mending.from_table(c.staging.read(dataset, day, mending.TABLE, version)).merged_with(
        Mending({key: change.cells for key, change in changed.items()})
    )
    before = quarantine.rejections(c.staging.read(dataset, day, "problems", version))
    manifest, held_back = _stage(c, base, laid, file)
    failpoint("quarantine.staged")
    after = quarantine.rejections(c.staging.read(dataset, day, "problems", manifest.version))
    rows = [
        [*key, list(change.columns), _codes(before[key]), _codes(after.get(key, ()))]
        for key, change in sorted(changed.items())
    ]
    result = {
        "dataset": dataset, "day": day.isoformat(), "version": manifest.version, "changed": len(changed),
        "accepted": sum(key not in after for key in changed),
        "still_waiting": [[table, row, codes] for table, row, _, _, codes in rows if codes],
        "held_back": [list(key) for key in sorted(held_back)], "waiting": manifest.quarantined,
    }  # fmt: skip
    with c.ledger.write() as connection:
        inbox.enter_counts(connection, c.programme.id, manifest)
        told = _recorded(connection, c.programme.id, _RETURNED, manifest)
        if all(detail["file"] != book.sha256 for detail in told):
            detail = {**result, "from": version, "file": book.sha256, "rows": rows}
            record(connection, c.programme.id, _RETURNED, actor, _subject(manifest), detail, today)
        failpoint("quarantine.before_commit")
    failpoint("quarantine.after_commit")
    return result


def recheck(c: Campaign, dataset: str, day: date, actor: str, today: date) -> dict[str, Any]:
    """Put a staged day's kept source to the present rules and layout; another outcome is the day's next version.

    Who did it, and what it changed as counts, is one audit event a version and its rules. Whatever kills it, running it
    again completes it.

    Raises:
        InputMissing: the day is not staged.
        InputRefused: it is the frozen register, or may not enter under the present rules.
        DatasetBusy: another process held the dataset all the time.
    """
    with c.staging.holding(dataset):
        newest = _staged(c, dataset, day)
        _assert_not_frozen(c, newest)
        made = receive.stage(c.programme, c.staging, dataset, day, c.staging.sources(dataset, day))
        failpoint("quarantine.staged")
        rules = receive.schema_version(c.programme.source(dataset).layout)
        with c.ledger.write() as connection:
            inbox.enter_counts(connection, c.programme.id, made)
            told = _recorded(connection, c.programme.id, _RECHECKED, made)
            before = newest if told else _judged_before(c, newest, made)
            result = {**inbox.counts(made), "differences": before.differences(made)}
            if all(detail["schema_version"] != rules for detail in told):
                detail = {**result, "from": before.version, "schema_version": rules}
                record(connection, c.programme.id, _RECHECKED, actor, _subject(made), detail, today)
            failpoint("quarantine.before_commit")
        failpoint("quarantine.after_commit")
    return result


def _judged_before(c: Campaign, newest: Manifest, made: Manifest) -> Manifest:
    """The version that other rules had made, where this or a killed recheck published another one of the same rows."""
    if newest.version != made.version or made.version == 1:
        return newest
    before = c.staging.manifest(made.dataset, date.fromisoformat(made.day), made.version - 1)
    return before if before is not None and before.is_made_of(made) else newest


def _staged(c: Campaign, dataset: str, day: date) -> Manifest:
    manifest = c.staging.manifest(c.programme.source(dataset).dataset, day)
    if manifest is None:
        raise InputMissing(
            f"{dataset} {day} は取り込まれていません。データセットと日付を確認してください。"
        )
    return manifest


def _assert_may_mend(c: Campaign, base: Manifest, file: str) -> None:
    """Only the newest version may be mended, under the rules it was checked with."""
    _assert_not_frozen(c, base)
    layout = c.programme.source(base.dataset).layout
    if base.schema_version != receive.schema_version(layout):
        raise InputRefused(
            f"{file}: 書き出したあとに規則かレイアウトが変わっています。"
            f"kyufu quarantine recheck {base.dataset} {base.day} を実行し、もう一度書き出してください。"
        )
    newest = _staged(c, base.dataset, date.fromisoformat(base.day))
    if newest.version not in (base.version, base.version + 1):
        raise _stale(file, newest)


def _assert_not_frozen(c: Campaign, manifest: Manifest) -> None:
    day = date.fromisoformat(manifest.day)
    if manifest.dataset == "register" and register.frozen_extract(c, day) is not None:
        raise InputRefused(
            f"register {day}: 基準日台帳は確定済みです。確定した台帳は変えられません。"
        )


def _stale(file: str, newest: Manifest) -> InputRefused:
    return InputRefused(
        f"{file}: 書き出したあとに第{newest.version}版ができています。もう一度書き出して直してください。"
    )


def _stage(c: Campaign, base: Manifest, laid: Mending, file: str) -> tuple[Manifest, set[Key]]:
    """(the version with what was mended, mended rows that were left out because they push accepted ones out)."""
    day = date.fromisoformat(base.day)
    newest = _staged(c, base.dataset, day)
    settled = {
        table.name: set(
            c.staging.read(base.dataset, day, table.name, base.version).column("row").to_pylist()
        )
        for table in DATASETS[base.dataset]
    }
    mended_now = {key for key in laid.cells if key[1] not in settled[key[0]]}

    def look(wanted: Manifest, published: Mapping[str, pa.Table]) -> None:
        broken = quarantine.rejections(published["problems"])
        lost = [key for key in broken if key[1] in settled[key[0]]]
        if not lost:  # only what is left when nothing is pushed out is compared: the newest may be of this workbook
            if newest.version != base.version and not newest.is_made_of(wanted):
                raise _stale(file, newest)
            return
        guilty = {k for k in mended_now & set(broken) if "DUPLICATE_KEY" in _codes(broken[k])}
        if not guilty & set(laid.cells):
            raise InputRefused(
                f"{file}: 直した行のために受け入れ済みの{len(lost)}行が受け入れられなくなります。"
                "直した内容を確認し、もう一度書き出して直してください。"
            )
        raise _PushesOut(guilty)

    files = c.staging.sources(base.dataset, day, base.version)
    held_back: set[Key] = set()
    while True:
        try:
            made = receive.stage(
                c.programme, c.staging, base.dataset, day, files, look, mended=laid
            )
        except _PushesOut as found:
            held_back |= found.rows
            laid = laid.without(found.rows)
        else:
            return made, held_back


def _codes(broken: Any) -> list[str]:
    return list(dict.fromkeys(rule for _, rule in broken))


def _subject(manifest: Manifest) -> str:
    return f"quarantine:{manifest.dataset}:{manifest.day}:v{manifest.version:03d}"


def _recorded(
    connection: sa.Connection, programme: str, event: str, manifest: Manifest
) -> list[dict[str, Any]]:
    """What the audit chain says of an event that made, or was about, a version."""
    a = tables.audit
    query = sa.select(a.c.detail).filter_by(
        programme=programme, event=event, subject=_subject(manifest)
    )
    return [json.loads(detail) for detail in connection.execute(query).scalars()]
