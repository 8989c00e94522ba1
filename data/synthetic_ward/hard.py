"""Hard errors on top of a usual ward: broken rows, repeated, truncated and wrongly encoded files, late lists.

Everything planted is extra: no row of the usual ward is broken or lost, so its true answers stand.
`truth/quarantine.csv` says of every planted row and file what must become of it.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

from data.synthetic_ward import faults, files
from data.synthetic_ward.drawing import Draw
from data.synthetic_ward.faults import Cells, Fault, Record, records
from data.synthetic_ward.files import CP932, UTF8, compact, to_csv
from data.synthetic_ward.model import Household
from data.synthetic_ward.scenarios import japanese
from data.synthetic_ward.world import INHOUSE, ONLINE, POSTAL, Ward, to_date
from data.synthetic_ward.xlsx import write_archive

QUARANTINED, DUPLICATE, REFUSED, LATE = "quarantined", "duplicate", "refused", "late"
TRUTH = ["dataset", "day", "file", "row", "rule", "outcome"]
ROWS_PER_FAULT = 2000  # one row of each kind for so many rows of a file
_FIRST_NUMBER = 9_000_001  # of claims that stand on planted rows only
_FIRST_LINE = 91
_NEW = "新規"


@dataclass
class Row:
    """A row to be written. rule, outcome: empty for one of the usual ward."""

    cells: Cells
    rule: str = ""
    outcome: str = ""


@dataclass
class Sheet:
    """One CSV table: its dataset and day, how `truth/quarantine.csv` calls its file, and its rows."""

    dataset: str
    day: str
    name: str
    header: list[str]
    rows: list[Row]

    def records(self) -> list[Record]:
        """The rows of the usual ward by column."""
        return records(self.header, [row.cells for row in self.rows if not row.outcome])

    def planted(self) -> Iterator[tuple[str, ...]]:
        """The true answers of its planted rows; the header is row 1."""
        for number, row in enumerate(self.rows, start=2):
            if row.outcome:
                yield self.dataset, self.day, self.name, str(number), row.rule, row.outcome

    def to_bytes(self, encoding: str) -> bytes:
        """The file's bytes."""
        return to_csv(self.header, [row.cells for row in self.rows], encoding)


@dataclass
class Planter:
    """Plants errors into a written ward and keeps their true answers."""

    ward: Ward
    rng: Draw
    out: Path
    truth: list[tuple[str, ...]] = field(default_factory=list)

    def scatter(self, sheet: Sheet, cells: Cells, rule: str, outcome: str = QUARANTINED) -> None:
        """Put a planted row somewhere into a sheet."""
        sheet.rows.insert(self.rng.randint(0, len(sheet.rows)), Row(cells, rule, outcome))

    def repeat_rows(self, sheet: Sheet, count: int) -> None:
        """Put exact copies of usual rows somewhere behind them."""
        for _ in range(count):
            usual = [place for place, row in enumerate(sheet.rows) if not row.outcome]
            if usual:
                place = self.rng.choice(usual)
                row = Row(sheet.rows[place].cells, "", DUPLICATE)
                sheet.rows.insert(self.rng.randint(place + 1, len(sheet.rows)), row)

    def note_file(self, dataset: str, day: str, name: str, outcome: str) -> None:
        """The true answer of a whole file."""
        self.truth.append((dataset, day, name, "", "", outcome))


def plant(ward: Ward, seed: int, out: Path) -> None:
    """Plant every hard error into the ward written at `out`, and write `truth/quarantine.csv`."""
    planter = Planter(ward, Draw(seed), out)
    nobody = _unclaimed(ward)
    for channel, day in sorted({(c.channel, c.day) for c in ward.claims}):
        _plant_claims(planter, channel, day, nobody)
    _plant_changes(planter, nobody)
    _plant_requests(planter)
    _truncate_register(planter)
    _repeat_extracts(planter)
    _encode_wrongly(planter)
    _deliver_late(planter)
    _note_closed_channels(planter)
    content = to_csv(TRUTH, sorted(planter.truth, key=_place), UTF8)
    (out / "truth" / "quarantine.csv").write_bytes(content)


def _place(answer: Sequence[str]) -> tuple[str, str, str, int]:
    dataset, day, name, row, *_ = answer
    return day, dataset, name, int(row or 0)


def _unclaimed(ward: Ward) -> list[Household]:
    """Households nobody claims for: a planted claim of theirs that entered would show in the true answers."""
    found = [
        h
        for h in ward.households
        if japanese(h)
        and all(m.state == "lapsed" and not m.claim and m.in_extract and not m.protected for m in h.members)
    ]  # fmt: skip
    return found or ward.households


def _share(sheet: Sheet) -> int:
    return max(1, len(sheet.rows) // ROWS_PER_FAULT)


# --- claims ---

_CHANNELS = {
    POSTAL: ("contractor", "postal", CP932, files.CLAIM, files.MEMBER, faults.POSTAL, faults.PAPER_MEMBERS),
    INHOUSE: ("ward", "inhouse", UTF8, files.INHOUSE_CLAIM, files.MEMBER, faults.INHOUSE, faults.PAPER_MEMBERS),
    ONLINE: ("jlis", "online", UTF8, files.APPLICATION, files.ONLINE_MEMBER, faults.ONLINE, faults.ONLINE_MEMBERS),
}  # fmt: skip


def _plant_claims(planter: Planter, channel: str, day: str, nobody: Sequence[Household]) -> None:
    """Broken claims of households that do not claim, broken lines on good claims, orphan lines, exact duplicates."""
    sender, prefix, encoding, header, member_header, claim_faults, member_faults = _CHANNELS[
        channel
    ]
    dataset = f"{prefix}_claims"
    folder = planter.out / sender / day
    if channel == ONLINE:
        archive = folder / f"mynaportal_{compact(day)}.zip"
        names = [f"{archive.name}#applications.csv", f"{archive.name}#members.csv"]
        with ZipFile(archive) as opened:
            content = {name: opened.read(name) for name in opened.namelist()}
    else:
        names = [f"{prefix}_{table}_{compact(day)}.csv" for table in ("claims", "members")]
        content = {name: (folder / name).read_bytes() for name in names}
    inside = [name.rpartition("#")[2] for name in names]
    sheets = [
        Sheet(dataset, day, name, columns, _read(content[key], encoding))
        for name, key, columns in zip(names, inside, (header, member_header), strict=True)
    ]
    _break_claims(planter, sheets[0], sheets[1], claim_faults, nobody)
    _break_lines(planter, sheets[0], sheets[1], member_faults)
    for sheet, key in zip(sheets, inside, strict=True):
        planter.repeat_rows(sheet, _share(sheet))
        planter.truth += sheet.planted()
        content[key] = sheet.to_bytes(encoding)
    if channel == ONLINE:
        write_archive(archive, content.items())
    else:
        for name in names:
            (folder / name).write_bytes(content[name])


def _break_claims(
    planter: Planter,
    claims: Sheet,
    members: Sheet,
    kinds: Sequence[Fault],
    nobody: Sequence[Household],
) -> None:
    key, kind = claims.header[0], "申請区分"
    templates = [row for row in claims.records() if row[kind] == _NEW]
    number = _FIRST_NUMBER
    for fault in [*kinds] * _share(claims):
        template = planter.rng.choice(templates)
        household = planter.rng.choice(nobody)
        claim_no = template[key][:-7] + f"{number:07d}"
        number += 1
        for row in fault.make(_claim_of(template | {key: claim_no}, household)):
            planter.scatter(claims, row, fault.rule)
        head = household.head
        line = (claim_no, "1", head.name, head.birth, _wanted(members))
        planter.scatter(members, line, "CLAIM_UNKNOWN")  # its claim is not accepted


def _claim_of(template: Record, household: Household) -> Record:
    """A claim that looks like another one, made by a household's head."""
    head = household.head
    theirs = {
        "世帯番号": household.household_id, "申請者住民番号": head.resident_id, "申請者氏名": head.name,
        "申請者カナ": head.kana, "申請者生年月日": head.birth, "申請者住所": household.address,
    }  # fmt: skip
    return template | {column: text for column, text in theirs.items() if column in template}


def _break_lines(planter: Planter, claims: Sheet, members: Sheet, kinds: Sequence[Fault]) -> None:
    """Broken extra lines on good claims, which stay as they are."""
    key, place = members.header[:2]
    good = [row[claims.header[0]] for row in claims.records() if row["申請区分"] == _NEW]
    templates = [row for row in members.records() if row[members.header[-1]] == _wanted(members)]
    for line, fault in enumerate([*kinds] * _share(members), start=_FIRST_LINE):
        own = {key: planter.rng.choice(good), place: str(line)}
        for row in fault.make(planter.rng.choice(templates) | own):
            planter.scatter(members, row, fault.rule)


def _wanted(members: Sheet) -> str:
    """How a line says that the benefit is wanted."""
    return "希望する" if members.header[-1] == "給付希望" else ""


def _read(content: bytes, encoding: str) -> list[Row]:
    """The rows of a file that the ward wrote, without its header."""
    rows = csv.reader(io.StringIO(content.decode(encoding), newline=""), strict=True)
    return [Row(tuple(row)) for row in rows][1:]


# --- the register and its changes ---


def _plant_changes(planter: Planter, nobody: Sequence[Household]) -> None:
    """Broken departures of people who have not left; the file in the middle stays as it is, to be repeated."""
    days = planter.ward.settings.days["changes"]
    for day in (days[0], days[-1]):
        path = planter.out / "ward" / day / f"register_changes_{compact(day)}.csv"
        rows = _read(path.read_bytes(), CP932)
        sheet = Sheet("register_changes", day, path.name, files.CHANGES, rows)
        for fault in faults.CHANGES * _share(sheet):
            household = planter.rng.choice(nobody)
            left = [
                household.head.resident_id,
                household.household_id,
                "転出",
                "20200420",
                compact(day),
            ]
            record = dict(
                zip(files.CHANGES, [*left, *[""] * (len(files.CHANGES) - len(left))], strict=True)
            )
            for row in fault.make(record):
                planter.scatter(sheet, row, fault.rule)
        planter.repeat_rows(sheet, _share(sheet))
        planter.truth += sheet.planted()
        path.write_bytes(sheet.to_bytes(CP932))


def _truncate_register(planter: Planter) -> None:
    """The extract comes cut off first, with the control sheet of the whole; on the set-up day it is right."""
    setup = planter.ward.settings.days["setup"]
    first = _days_after(setup, -3)
    source = planter.out / "ward" / setup
    folder = files.folder(planter.out, "ward", first)
    whole = (source / f"register_{compact(setup)}.csv").read_bytes()
    name = f"register_{compact(first)}.csv"
    (folder / name).write_bytes(whole[: len(whole) * 2 // 3])
    control = (source / f"register_{compact(setup)}.control.csv").read_bytes()
    (folder / f"register_{compact(first)}.control.csv").write_bytes(control)
    planter.note_file("register", first, name, REFUSED)


# --- whole files ---


def _repeat_extracts(planter: Planter) -> None:
    """On the day after a delivery the same files come again under that day's name."""
    day = planter.ward.settings.days["changes"][1]
    again = _days_after(day, 1)
    source, folder = planter.out / "ward" / day, files.folder(planter.out, "ward", again)
    for dataset, tables in (
        ("register_changes", ("register_changes",)),
        ("inhouse_claims", ("inhouse_claims", "inhouse_members")),
    ):
        for table in tables:
            name = f"{table}_{compact(again)}.csv"
            shutil.copyfile(source / f"{table}_{compact(day)}.csv", folder / name)
            planter.note_file(dataset, again, name, REFUSED)


def _plant_requests(planter: Planter) -> None:
    """Between its two deliveries a list comes with broken rows; the second delivery is whole and right."""
    dataset = "evacuation_requests"
    earlier, later = planter.ward.settings.days["lists"]
    day = _days_after(later, -2)
    encoding, header = files.LISTS[dataset]
    content = (planter.out / "ward" / earlier / f"{dataset}_{compact(earlier)}.csv").read_bytes()
    path = files.folder(planter.out, "ward", day) / f"{dataset}_{compact(day)}.csv"
    sheet = Sheet(dataset, day, path.name, header, _read(content, encoding))
    for fault in faults.REQUESTS:
        for row in fault.make(planter.rng.choice(sheet.records())):
            planter.scatter(sheet, row, fault.rule)
    planter.repeat_rows(sheet, 1)
    planter.truth += sheet.planted()
    path.write_bytes(sheet.to_bytes(encoding))


def _encode_wrongly(planter: Planter) -> None:
    """A list comes in UTF-8 where CP932 is declared, and rightly on the next business day."""
    dataset, day = "facility_children", planter.ward.settings.days["lists"][1]
    path = planter.out / "ward" / day / f"{dataset}_{compact(day)}.csv"
    right = path.read_bytes()
    path.write_bytes(right.decode(CP932).encode(UTF8))
    planter.note_file(dataset, day, path.name, REFUSED)
    _deliver(planter, dataset, _days_after(day, 1), ".csv", right)


def _deliver_late(planter: Planter) -> None:
    """A list that says nothing new comes a business day late."""
    dataset, day = "facility_disability", planter.ward.settings.days["lists"][1]
    path = planter.out / "ward" / day / f"{dataset}_{compact(day)}.xlsx"
    late = _days_after(day, 1)
    name = _deliver(planter, dataset, late, ".xlsx", path.read_bytes())
    path.unlink()
    planter.note_file(dataset, late, name, LATE)


def _note_closed_channels(planter: Planter) -> None:
    """Files outside the programme's periods are refused as in the usual ward."""
    for day in planter.ward.settings.days["refused"]:
        for sender, dataset in (("jlis", "online_claims"), ("contractor", "postal_claims")):
            for path in sorted((planter.out / sender / day).iterdir()):
                planter.note_file(dataset, day, path.name, REFUSED)


def _deliver(planter: Planter, dataset: str, day: str, suffix: str, content: bytes) -> str:
    name = f"{dataset}_{compact(day)}{suffix}"
    (files.folder(planter.out, "ward", day) / name).write_bytes(content)
    return name


def _days_after(day: str, days: int) -> str:
    return (to_date(compact(day)) + timedelta(days=days)).isoformat()
