"""Taking files in: from the ward's own PC or from a party over the link, staged and entered in the ledger."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from pipelines.errors import InputMissing, InputRefused
from pipelines.failpoints import failpoint
from pipelines.intake import gates, receive
from pipelines.intake.staging import Manifest, sha256
from pipelines.ledger import tables
from pipelines.ledger.store import insert_new, record
from pipelines.steps.campaign import Campaign
from pipelines.steps.deliveries import Delivery, used_in

NO_SHEETS: Mapping[str, bytes] = MappingProxyType({})
_POLL_SECONDS = 0.1


def has_come(c: Campaign, dataset: str, day: date) -> bool:
    """Whether the ward's PC has anything for a dataset in the day's folder, be it under the name of another day."""
    folder = c.inbox / day.isoformat()
    names = receive.expected_files(c.programme, dataset, day)
    return any(any(folder.glob(_any_day(name, day))) for name in names)


def _any_day(name: str, day: date) -> str:
    return name.replace(f"{day:%Y%m%d}", "[0-9]" * 8)


@contextmanager
def taking_in(c: Campaign, subject: str, day: date) -> Iterator[None]:
    """A step that takes something of a day in: alone on its subject, and the steward's page has what it refuses.

    What is missing beside what came is on the page too. A refusal is entered once, however often it is met.

    subject: a dataset, or `LINK` and a party.

    Raises:
        DatasetBusy: another process held the subject all the time.
    """
    with c.staging.holding(subject):
        try:
            yield
        except (InputRefused, InputMissing) as error:
            c.note_refusal(subject, str(error), day)
            raise


def read_ward_files(c: Campaign, dataset: str, day: date) -> dict[str, bytes] | None:
    """The day's files of a dataset from the ward's PC; None if nothing of it came that day.

    Raises:
        InputMissing: only some of them are there.
        InputRefused: a file of the dataset carries another day's date.
    """
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


def stage_and_enter(
    c: Campaign,
    dataset: str,
    day: date,
    files: Mapping[str, bytes],
    *,
    gate: Callable[[Manifest], None] = lambda _counts: None,
    declared: Callable[[Manifest], "Declaration | None"] = lambda _counts: None,
    sheets: Mapping[str, bytes] = NO_SHEETS,
) -> dict[str, Any]:
    """Stage a dataset's files and enter their counts in the ledger, with the declarations on which they enter.

    Every gate of `pipelines.intake.gates` sees the delivery before anything of it is published. A refusal stops the
    step that called, which records it (`taking_in`).

    gate: the caller's own, raises where the delivery may not enter. declared: gives the declaration on which alone it
    may, if it needs one. sheets: control sheets that came with the files, by name.

    Raises:
        InputRefused: a file may not enter; nothing of it is staged.
        DatasetBusy: another process held the dataset all the time.
    """
    declarations: list[Declaration | None] = []

    def may_enter(manifest: Manifest, found: Mapping[str, pa.Table]) -> None:
        gate(manifest)
        needed = declared(manifest)
        _assert_control_sheets(c, dataset, day, sheets, manifest)
        declarations.extend([needed, _assert_plausible(c, dataset, day, manifest)])
        if inside := c.programme.intake.date_inside.get(dataset):
            gates.assert_dated(found, inside, dataset, day)

    frozen = c.frozen_register()
    with c.staging.holding(dataset):
        manifest = receive.stage(
            c.programme, c.staging, dataset, day, files, may_enter,
            against={"register": frozen} if frozen else receive.NOTHING,
        )  # fmt: skip
        failpoint("inbox.staged")
        with c.ledger.write() as connection:
            enter_counts(connection, c.programme.id, manifest)
            for declaration in filter(None, declarations):
                _record_declaration(connection, c.programme.id, manifest, declaration)
    return counts(manifest)


def sheet_name(file: str) -> str:
    """The name of the control sheet that may come with a file."""
    return f"{file.rpartition('.')[0]}.control.csv"


def control_sheet(c: Campaign, day: date, file: str) -> tuple[str, dict[str, str] | None]:
    """(name, content) of the control sheet on the ward's PC; the content is None if none came."""
    name = sheet_name(file)
    path = c.inbox / day.isoformat() / name
    return name, gates.read_sheet(path.read_bytes(), name) if path.is_file() else None


def _assert_control_sheets(
    c: Campaign, dataset: str, day: date, sent: Mapping[str, bytes], manifest: Manifest
) -> None:
    """A file that came with a control sheet, on the ward's PC or over the link, must be the one it is about.

    The count is of all tables in the file; of several files it is compared where the sheet states it.
    """
    is_register = dataset == "register"
    dated = c.programme.benefit.base_date if is_register else day
    for file, digest in manifest.sources.items():
        name, sheet = control_sheet(c, day, file)
        found = [sheet] if sheet is not None else []
        if name in sent:
            found.append(gates.read_sheet(sent[name], name))
        rows = sum(n for key, n in manifest.file_rows.items() if key.partition("#")[0] == file)
        for sheet in found:
            expected = {"基準日": f"{dated:%Y%m%d}", "SHA256": digest}
            if len(manifest.sources) == 1 or "件数" in sheet:
                expected["件数"] = str(rows)
            gates.assert_sheet_agrees(sheet, expected, name)
            if is_register:
                gates.assert_extracted_in_time(sheet, dated, day, name)


def _assert_plausible(
    c: Campaign, dataset: str, day: date, manifest: Manifest
) -> "Declaration | None":
    """The signed declaration on which the delivery enters, if any; raises where it is doubtful without one."""
    path = c.inbox / day.isoformat() / f"{dataset}_{day:%Y%m%d}.declared.csv"
    declaration = read_declaration(path, "intake.declared")
    sheet = declaration.sheet if declaration else None
    if not gates.assert_plausible(c.staging, manifest, c.programme.intake, sheet, path.name):
        return None
    return declaration


@dataclass(frozen=True)
class Declaration:
    """A signed sheet on which a delivery enters. event: its name in the audit chain. sha256: of the sheet's bytes."""

    event: str
    sheet: gates.Sheet
    sha256: str


def read_declaration(path: Path, event: str) -> Declaration | None:
    """The declaration of that name on the ward's own PC; None if none came.

    Raises:
        InputRefused: it is not a two-column sheet.
    """
    if not path.is_file():
        return None
    data = path.read_bytes()
    return Declaration(event, gates.read_sheet(data, path.name), sha256(data))


def _record_declaration(
    connection: sa.Connection, programme: str, manifest: Manifest, declaration: Declaration
) -> None:
    """That a delivery entered on a declaration is one audit event a sheet: who signed it, when, about which bytes."""
    subject = f"{manifest.dataset}:{manifest.day}"
    a = tables.audit
    query = sa.select(a.c.detail).filter_by(
        programme=programme, event=declaration.event, subject=subject
    )
    told = (json.loads(detail) for detail in connection.execute(query).scalars())
    if any(detail.get("declaration") == declaration.sha256 for detail in told):
        return
    detail = {
        "content": gates.content_hash(manifest.sources), "rows_in": manifest.rows_in, "version": manifest.version,
        "declaration": declaration.sha256, "declared_on": declaration.sheet.get("申告日", ""),
    }  # fmt: skip
    actor = "、".join(gates.signers(declaration.sheet))
    day = date.fromisoformat(manifest.day)
    record(connection, programme, declaration.event, actor, subject, detail, day)


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
