"""Taking files in: from the ward's own PC or from a party over the link, staged and entered in the ledger."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from pipelines.errors import InputMissing, InputRefused, PeriodRefused
from pipelines.failpoints import failpoint
from pipelines.intake import gates, receive
from pipelines.intake.staging import Manifest, sha256
from pipelines.ledger import tables
from pipelines.ledger.store import insert_new, record
from pipelines.link import receiving
from pipelines.steps.campaign import USED, Campaign

_POLL_SECONDS = 0.1


def has_come(c: Campaign, dataset: str, day: date) -> bool:
    """Whether the ward's PC has anything for a dataset in the day's folder, be it under the name of another day."""
    folder = c.inbox / day.isoformat()
    names = receive.expected_files(c.programme, dataset, day)
    return any(any(folder.glob(_any_day(name, day))) for name in names)


def _any_day(name: str, day: date) -> str:
    return name.replace(f"{day:%Y%m%d}", "[0-9]" * 8)


@contextmanager
def noting_refusals(c: Campaign, dataset: str, day: date) -> Iterator[None]:
    """Whatever refuses a dataset's day in here is on the steward's page too."""
    try:
        yield
    except (InputRefused, InputMissing) as error:
        c.note_refusal(dataset, str(error), day)
        raise


def read_ward_files(c: Campaign, dataset: str, day: date) -> dict[str, bytes] | None:
    """The day's files of a dataset from the ward's PC; None if nothing of it came that day. A refusal is recorded.

    Raises:
        InputMissing: only some of them are there.
        InputRefused: a file of the dataset carries another day's date.
    """
    with noting_refusals(c, dataset, day):
        return _read_whole_set(c, dataset, day)


def _read_whole_set(c: Campaign, dataset: str, day: date) -> dict[str, bytes] | None:
    folder = c.inbox / day.isoformat()
    names = receive.expected_files(c.programme, dataset, day)
    there = [name for name in names if (folder / name).is_file()]
    for name in names:
        if name not in there:
            others = sorted(p.name for p in folder.glob(_any_day(name, day)) if p.is_file())
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
    """Stage a dataset's files and enter their counts in the ledger.

    Every gate of `pipelines.intake.gates` sees the delivery first, and `gate` its counts; a refusal is recorded and
    stops the step that called.

    Raises:
        InputRefused: a file may not enter; nothing of it is staged.
    """
    before = c.staging.manifest(dataset, day)
    declared: list[str] = []

    def counted(manifest: Manifest) -> None:
        gate(manifest)
        _assert_control_sheets(c, dataset, day, files, manifest)
        if _assert_plausible(c, dataset, day, manifest):
            declared.append(gates.content_hash(manifest.sources))

    def dated(found: Mapping[str, pa.Table]) -> None:
        if inside := c.programme.intake.date_inside.get(dataset):
            gates.assert_dated(found, inside, dataset, day)

    frozen = c.frozen_register()
    with noting_refusals(c, dataset, day):
        manifest = receive.stage(
            c.programme, c.staging, dataset, day, files, counted, look=dated,
            against={"register": frozen} if frozen else receive.NOTHING,
        )  # fmt: skip
    failpoint("inbox.staged")
    enter(c, manifest)
    if declared and manifest != before:
        _record_declaration(c, manifest, declared[0])
    return counts(manifest)


def control_sheet(c: Campaign, day: date, file: str) -> tuple[str, dict[str, str] | None]:
    """(name, content) of the control sheet that may come with a file; the content is None if none came."""
    name = f"{file.rpartition('.')[0]}.control.csv"
    path = c.inbox / day.isoformat() / name
    return name, gates.read_sheet(path.read_bytes(), name) if path.is_file() else None


def _assert_control_sheets(
    c: Campaign, dataset: str, day: date, files: Mapping[str, bytes], manifest: Manifest
) -> None:
    """A file that came with a control sheet must be the one it is about; several files share the count."""
    for file, digest in manifest.sources.items():
        name, sheet = control_sheet(c, day, file)
        if sheet is None:
            continue
        is_register = dataset == "register"
        dated = c.programme.benefit.base_date if is_register else day
        count = {"件数": str(manifest.rows_in)} if len(files) == 1 else {}
        gates.assert_sheet_agrees(
            sheet, {"基準日": f"{dated:%Y%m%d}", "SHA256": digest, **count}, name
        )
        if is_register:
            gates.assert_extracted_in_time(sheet, dated, day, name)


def _assert_plausible(c: Campaign, dataset: str, day: date, manifest: Manifest) -> bool:
    """Whether the delivery enters on a signed declaration; raises where it is doubtful without one."""
    name = f"{dataset}_{day:%Y%m%d}.declared.csv"
    path = c.inbox / day.isoformat() / name
    declaration = gates.read_sheet(path.read_bytes(), name) if path.is_file() else None
    return gates.assert_plausible(c.staging, manifest, c.programme.intake, declaration, name)


def _record_declaration(c: Campaign, manifest: Manifest, content: str) -> None:
    """That a doubtful delivery entered on its declaration is an audit event."""
    day = date.fromisoformat(manifest.day)
    detail = {"content": content, "rows_in": manifest.rows_in, "version": manifest.version}
    with c.ledger.write() as connection:
        record(
            connection, c.programme.id, "intake.declared", "system",
            f"{manifest.dataset}:{manifest.day}", detail, day,
        )  # fmt: skip


def counts(manifest: Manifest) -> dict[str, Any]:
    """What a step returns about an intake."""
    return {
        "dataset": manifest.dataset, "rows_in": manifest.rows_in, "accepted": manifest.accepted,
        "quarantined": manifest.quarantined, "duplicates": manifest.duplicates, "warnings": manifest.warnings,
        "rules": manifest.rules, "mended": manifest.mended, "version": manifest.version,
    }  # fmt: skip


def enter(c: Campaign, manifest: Manifest) -> None:
    """Enter an intake's counts in the ledger; a later version's take the place of an earlier one's."""
    with c.ledger.write() as connection:
        enter_counts(connection, c.programme.id, manifest)


def enter_counts(connection: sa.Connection, programme: str, manifest: Manifest) -> None:
    """`enter` in the caller's transaction."""
    key = {
        "programme": programme, "dataset": manifest.dataset, "day": date.fromisoformat(manifest.day),
    }  # fmt: skip
    row = {
        "outcome": "staged", "rows_in": manifest.rows_in, "accepted": manifest.accepted,
        "quarantined": manifest.quarantined, "duplicates": manifest.duplicates, "reason": "",
    }  # fmt: skip
    insert_new(connection, tables.intake_file, [{**key, **row}])
    connection.execute(sa.update(tables.intake_file).filter_by(**key).values(**row))


@dataclass(frozen=True, order=True)
class Delivery:
    """One version of one dataset's day, as a step uses it."""

    dataset: str
    day: date
    version: int

    def as_json(self) -> list[Any]:
        """As a step's result keeps it."""
        return [self.dataset, self.day.isoformat(), self.version]


def used_in(connection: sa.Connection, programme: str, step: str) -> dict[date, set[Delivery]]:
    """Business day -> the deliveries that steps whose name begins with `step` have used on it."""
    s = tables.step
    query = sa.select(s.c.day, s.c.result).where(
        s.c.programme == programme, s.c.name.like(f"{step}%")
    )
    used: dict[date, set[Delivery]] = {}
    for day, result in connection.execute(query):
        used.setdefault(day, set()).update(
            Delivery(name, date.fromisoformat(staged), version)
            for name, staged, version in result[USED]
        )
    return used


def used_by(c: Campaign, step: str) -> dict[date, set[Delivery]]:
    """`used_in` in a transaction of its own."""
    with c.ledger.read() as connection:
        return used_in(connection, c.programme.id, step)


def deliveries(c: Campaign, step: str, datasets: Sequence[str], day: date) -> list[Delivery]:
    """What a step has to use on a business day: today's deliveries, and earlier ones nobody has used as they stand.

    A delivery that was mended or came again after its own day was done is found by the next business day's run. Asking
    again for the same day gives the same answer, whatever other days have used since.
    """
    used = used_by(c, step)
    here = used.get(day, set())
    elsewhere = {found for on, others in used.items() if on != day for found in others}
    wanted = []
    for dataset in datasets:
        for staged in c.staging.days(dataset, day):
            newest = Delivery(dataset, staged, max(c.staging.versions(dataset, staged)))
            before = [d for d in here if (d.dataset, d.day) == (dataset, staged)]
            if newest in elsewhere:
                wanted += [max(before)] if before else []
            else:
                wanted.append(newest)
    return wanted


def unused(c: Campaign, step: str, datasets: Sequence[str], until: date) -> list[Delivery]:
    """Deliveries that were mended or came again and whose newest version the step has not used yet."""
    used = {d for found in used_by(c, step).values() for d in found}
    newest = (
        Delivery(name, day, max(c.staging.versions(name, day)))
        for name in datasets
        for day in c.staging.days(name, until)
    )
    return [d for d in newest if d.version > 1 and d not in used]


def name_of(wanted: Sequence[Delivery]) -> str:
    """A short name for a set of deliveries: other ones are another step."""
    return sha256(json.dumps([d.as_json() for d in sorted(wanted)]).encode())[:8]


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
