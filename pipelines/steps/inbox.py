"""Taking files in: from the ward's own PC or from a party over the link, staged and entered in the ledger."""

import csv
import io
import json
import time
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipelines.errors import InputMissing, InputRefused, PeriodRefused
from pipelines.failpoints import failpoint
from pipelines.intake import receive
from pipelines.intake.staging import Manifest, sha256
from pipelines.ledger import tables
from pipelines.ledger.store import insert_new
from pipelines.link import receiving
from pipelines.steps.campaign import Campaign

_POLL_SECONDS = 0.1


def read_ward_files(c: Campaign, dataset: str, day: date) -> dict[str, bytes] | None:
    """The day's files of a dataset from the ward's PC; None if nothing of it came that day.

    Raises:
        InputMissing: only some of them are there.
        InputRefused: a file of the dataset carries another day's date.
    """
    folder = c.inbox / day.isoformat()
    names = receive.expected_files(c.programme, dataset, day)
    there = [name for name in names if (folder / name).is_file()]
    marker = f"{day:%Y%m%d}"
    for name in names:
        if name not in there:
            others = sorted(
                p.name for p in folder.glob(name.replace(marker, "[0-9]" * 8)) if p.is_file()
            )
            if others:
                raise InputRefused(
                    f"{folder / others[0]}: {day}のファイルではありません。"
                    f"名前の日付を確認してください(必要なのは {name})。"
                )
    if not there:
        return None
    if missing := sorted(set(names) - set(there)):
        raise InputMissing(
            f"{folder / missing[0]} がありません。{dataset}は{len(names)}個のファイルで一組です。"
        )
    return {name: (folder / name).read_bytes() for name in names}


def fetch_from_party(c: Campaign, party_id: str, day: date) -> dict[str, bytes]:
    """Everything the party sent for that day, by name, once its list of the day is there.

    Raises:
        PeriodRefused: the party is not connected on that day.
        InputMissing: the party's list of the day did not come in time.
    """
    party = c.programme.party(party_id)
    if not party.connection.holds(day):
        raise PeriodRefused(
            f"{party.name}: {day} は結合期間 {party.connection} の外です。接続しません。"
        )
    listing = f"day_{day:%Y%m%d}.json"
    sender = c.certificate(party_id)
    with c.session(party_id) as sftp:
        wait_until(
            c,
            lambda: listing in receiving.list_published(sftp, "outbox"),
            f"{party.name}の{day}の送信一覧",
        )
        names = _day_files(receiving.receive(sftp, "outbox", listing, c.ward, sender, day).payload)
        return {
            name: receiving.receive(sftp, "outbox", name, c.ward, sender, day).payload
            for name in names
        }


def wait_until(c: Campaign, ready: Any, what: str) -> None:
    """Wait for what a connected party owes on the same day.

    Raises:
        InputMissing: it did not come within the programme's waiting time.
    """
    last_moment = time.monotonic() + c.programme.link.wait_seconds
    while not ready():
        if time.monotonic() > last_moment:
            raise InputMissing(
                f"{what}が{c.programme.link.wait_seconds:.0f}秒待っても届きません。相手先に確認し、この処理をもう一度実行してください。"
            )
        time.sleep(_POLL_SECONDS)


def _day_files(payload: bytes) -> list[str]:
    return [str(name) for name in json.loads(payload)["files"]]


def stage_and_enter(
    c: Campaign,
    dataset: str,
    day: date,
    files: Mapping[str, bytes],
    gate: Callable[[Manifest], None] = lambda _counts: None,
) -> dict[str, Any]:
    """Stage a dataset's files and enter their counts in the ledger; `gate` sees the counts first and may refuse."""
    manifest = receive.stage(c.programme, c.staging, dataset, day, files, gate)
    failpoint("inbox.staged")
    enter(c, manifest)
    return counts(manifest)


def counts(manifest: Manifest) -> dict[str, Any]:
    """What a step returns about an intake."""
    return {
        "dataset": manifest.dataset, "rows_in": manifest.rows_in, "accepted": manifest.accepted,
        "quarantined": manifest.quarantined, "duplicates": manifest.duplicates, "warnings": manifest.warnings,
        "rules": manifest.rules,
    }  # fmt: skip


def enter(c: Campaign, manifest: Manifest) -> None:
    """Enter an intake's counts in the ledger, once."""
    row = {
        "programme": c.programme.id, "dataset": manifest.dataset, "day": date.fromisoformat(manifest.day),
        "outcome": "staged", "rows_in": manifest.rows_in, "accepted": manifest.accepted,
        "quarantined": manifest.quarantined, "duplicates": manifest.duplicates, "reason": "",
    }  # fmt: skip
    with c.ledger.write() as connection:
        insert_new(connection, tables.intake_file, [row])


def intake_totals(connection: sa.Connection, programme: str) -> dict[str, int]:
    """Rows in, accepted, quarantined and duplicates over all intakes."""
    f = tables.intake_file
    sums = [
        sa.func.coalesce(sa.func.sum(f.c[n]), 0)
        for n in ("rows_in", "accepted", "quarantined", "duplicates")
    ]
    row = connection.execute(sa.select(*sums).where(f.c.programme == programme)).one()
    return dict(
        zip(("rows_in", "accepted", "quarantined", "duplicates"), map(int, row), strict=True)
    )


def read_sheet(data: bytes, file: str) -> dict[str, str]:
    """A two-column sheet (項目, 値): a control sheet or a declaration of zero.

    Raises:
        InputRefused: undecodable, or not such a sheet.
    """
    try:
        rows = list(csv.reader(io.StringIO(data.decode("cp932"), newline="")))
    except UnicodeDecodeError as error:
        raise InputRefused(f"{file}: cp932として読めません。") from error
    if not rows or rows[0] != ["項目", "値"] or any(len(row) != 2 for row in rows):
        raise InputRefused(f"{file}: 「項目,値」の表ではありません。")
    return dict(map(tuple, rows[1:]))  # type: ignore[arg-type]


def assert_control_sheet(
    c: Campaign, sheet: Mapping[str, str], manifest: Manifest, data: bytes, file: str
) -> None:
    """The control sheet must be about this extract: base date, hash, number of rows.

    Raises:
        InputRefused: it is not, and the snapshot does not freeze.
    """
    expected = {
        "基準日": f"{c.programme.benefit.base_date:%Y%m%d}", "SHA256": sha256(data), "件数": str(manifest.rows_in),
    }  # fmt: skip
    for item, value in expected.items():
        if sheet.get(item) != value:
            raise InputRefused(
                f"{file}: 「{item}」が抽出ファイルと一致しません。抽出担当に確認し、正しい組を受け取ってください。"
            )
