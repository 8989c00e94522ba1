"""The ward's own mail of a day: drafts to sheets, read back and compared, released, entered, with their register.

Sheets to households, sheets to protected people and sheets that departments hand over never lie in one file.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import accumulate, count
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.disclosure.guard import Guard
from pipelines.disclosure.release import Piece, make_release
from pipelines.errors import KyufuError
from pipelines.ledger import mail
from pipelines.ledger.mail import Mailing
from pipelines.outputs.mailing_register import Posted, build_register
from pipelines.outputs.return_labels import build_return_labels
from pipelines.outputs.ward_sheets import (
    FORM,
    Addressee,
    Cover,
    Handed,
    Named,
    Office,
    Sheet,
    build_sheets,
    print_day,
)
from pipelines.outputs.ward_sheets_check import compare_sheets
from pipelines.programme import Programme
from pipelines.steps import addresses, outbox
from pipelines.steps.addresses import Care
from pipelines.steps.campaign import Campaign
from pipelines.steps.ward_mail_check import Claimed, expected_sheets

HOUSEHOLD, PERSON, DEPARTMENT, COUNTER = "household", "person", "department", "counter"
WAYS = {
    HOUSEHOLD: "世帯の住所へ郵送", PERSON: "本人の居所へ郵送", DEPARTMENT: "担当課から交付", COUNTER: "窓口で交付",
    "contractor": "委託先から郵送",
}  # fmt: skip
_NAMING = (FORM, "non_payment")  # kinds that name people beside the addressee
_DISCLOSURE = {
    HOUSEHOLD: "household_sheets", PERSON: "inhouse_sheets", COUNTER: "inhouse_sheets", DEPARTMENT: "handover_sheets",
}  # fmt: skip
_WITH_ENVELOPE = (FORM, "deficiency", "account")  # kinds that are answered
_WHERE = {HOUSEHOLD: "台帳の住所", PERSON: "申出・施設の住所", COUNTER: "窓口"}
_TITLES = {"forms": "申請書", "notices": "通知書"}
_PREFIX = {
    HOUSEHOLD: "inhouse", PERSON: "inhouse_person", COUNTER: "inhouse_counter", DEPARTMENT: "handover",
}  # fmt: skip
_KEYS = {
    HOUSEHOLD: ("household_id", "name_kanji", "postal_code", "address", "address_supplement", "head_name_kanji"),
    PERSON: ("resident_id", "name_kanji", "mailing_address"),
    COUNTER: ("household_id", "name_kanji"),
    DEPARTMENT: ("resident_id", "name_kanji", "birth_date", "certainty"),
}  # fmt: skip
_OF_KIND = {
    FORM: ("birth_date", "total_yen"), "decision": ("decided_yen", "persons", "transfer_date"),
    "non_payment": ("reason",), "deficiency": ("lacking",), "account": ("lacking",),
}  # fmt: skip


@dataclass(frozen=True)
class Draft:
    """A sheet before it is addressed and numbered.

    addressee: whom it goes to, a person's id. people: whom it names or is about. rows: (label, text) of a letter.
    replaces: the form that it is written instead of; at_counter: it is handed out, not mailed.
    """

    kind: str
    addressee: str
    people: tuple[str, ...]
    reference: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    replaces: str = ""
    at_counter: bool = False


@dataclass(frozen=True)
class _Addressed:
    """A draft with its number and its way. department: who hands it over, if one does. row: the addressee's."""

    draft: Draft
    number: str
    way: str
    department: str
    settled: bool
    row: Mapping[str, Any]
    sheet: Sheet

    @property
    def covers(self) -> frozenset[str]:
        """Whom the sheet names: of most letters the addressee alone."""
        about = self.draft.people if self.draft.kind in _NAMING else ()
        return frozenset({self.draft.addressee, *about})


@dataclass(frozen=True)
class _File:
    """Sheets that lie in one file, in order. cover: a department's list before them."""

    name: str
    entries: Sequence[_Addressed]
    cover: Cover | None

    @property
    def way(self) -> str:
        return self.entries[0].way

    @property
    def first_pages(self) -> list[int]:
        start = (self.cover.pages if self.cover else 0) + 1
        return list(accumulate((e.sheet.pages for e in self.entries[:-1]), initial=start))

    @property
    def people(self) -> frozenset[str]:
        return frozenset().union(*(entry.covers for entry in self.entries))


def make(
    c: Campaign, connection: sa.Connection, guard: Guard, drafts: Sequence[Draft], title: str, day: date, *,
    stamp: str = "",
) -> list[str]:  # fmt: skip
    """Make the day's sheets, their register and labels for return envelopes; names of the releases.

    title: what the files are called, `forms` or `notices`; stamp: what tells them from others of that title, else the
    day.

    Raises:
        KyufuError: a printed field differs from the register or the protection.
        DisclosureRefused: the gate does not let a file leave.
        PaperError: a character that cannot be printed.
    """
    if not drafts:
        return []
    addressed = _address(c, connection, drafts, day)
    stamp = stamp or f"{day:%Y%m%d}"
    files = _files(addressed, title, stamp, c.programme.mail.sheets_per_file)
    # pages are set beside what reads and compares them
    with ThreadPoolExecutor(max_workers=2) as pool:
        payloads = [pool.submit(_set, c.programme, file, day) for file in files]
        register = pool.submit(_set_register, files, title, day)
        wanted = _expected(c, connection, files)
        for file, payload in zip(files, payloads, strict=True):
            _release(c, connection, guard, file, _compared(file, payload.result(), wanted), day)
    mail.enter(connection, c.programme.id, [m for file in files for m in _mailings(file)], day)
    for entry in addressed:
        if entry.draft.replaces:
            replaced = entry.draft.replaces
            mail.close_reissue(connection, c.programme.id, replaced, entry.number, day)
    return [
        *(file.name for file in files),
        _keep_register(c, connection, guard, files, register.result(), f"{title}_{stamp}", day),
        *_keep_labels(c, connection, guard, addressed, f"return_labels_{title}_{stamp}.pdf", day),
    ]


def office(programme: Programme) -> Office:
    """Who writes."""
    of = programme.mail
    deadline = print_day(f"{programme.claims.deadline:%Y%m%d}", "")
    return Office(programme.benefit.name, of.signer, of.telephone, of.sender, deadline)


def rows_of(everybody: pa.Table, wanted: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """The register's, or the evidence's, row of each person."""
    ids = pa.array(sorted(set(wanted)), pa.string())
    found = everybody.filter(pc.is_in(everybody.column("person_id"), value_set=ids))
    return {row["person_id"]: row for row in found.to_pylist()}


def _address(
    c: Campaign, connection: sa.Connection, drafts: Sequence[Draft], day: date
) -> list[_Addressed]:
    """Every draft with its number, its way and what is printed."""
    care = addresses.read_care(connection, c.programme)
    rows = rows_of(c.people(), {p for d in drafts for p in (d.addressee, *d.people)})
    kinds = {draft.kind for draft in drafts}
    serials = {
        kind: count(mail.next_serial(connection, c.programme.id, kind, day)) for kind in kinds
    }
    found = []
    for draft in drafts:
        number = mail.number(draft.kind, day, next(serials[draft.kind]))
        own = care.get(draft.addressee)
        row = rows[draft.addressee]
        way = _way(draft, own, row)
        sheet = _sheet(c.programme, draft, number, _to(way, own, row), own is not None, rows)
        department = own.department if own and way == DEPARTMENT else ""
        found.append(
            _Addressed(draft, number, way, department, own is None or own.settled, row, sheet)
        )
    return found


def _way(draft: Draft, care: Care | None, row: Mapping[str, Any]) -> str:
    if care is not None and not care.address:
        return DEPARTMENT
    if draft.at_counter:
        return COUNTER
    if care is not None:
        return PERSON
    return HOUSEHOLD if row["address"] else COUNTER


def _to(way: str, care: Care | None, row: Mapping[str, Any]) -> Addressee:
    if way == COUNTER:
        return Addressee("", ("窓口交付",), row["name_kanji"])
    if care is not None:
        return addresses.of_protected(care, row["name_kanji"])
    return addresses.of_household(row)


def _sheet(
    programme: Programme, draft: Draft, number: str, to: Addressee, is_protected: bool,
    rows: Mapping[str, Mapping[str, Any]],
) -> Sheet:  # fmt: skip
    own = rows[draft.addressee]
    named = [rows[person] for person in draft.people] if draft.kind == FORM else []
    return Sheet(
        number, draft.kind, to,
        resident_id=(own["resident_id"] or "") if is_protected else "",
        household_id="" if is_protected or draft.kind != FORM else own["household_id"] or "",
        persons=tuple(Named(p["name_kanji"], print_day(p["date_key"], p["birth_date"])) for p in named),
        total_yen=programme.benefit.amount_yen * len(named), rows=draft.rows,
    )  # fmt: skip


def _files(addressed: Sequence[_Addressed], title: str, stamp: str, at_most: int) -> list[_File]:
    """The sheets by their ways, a department's by themselves, in files of at most so many."""
    groups: dict[tuple[str, str], list[_Addressed]] = defaultdict(list)
    for entry in addressed:
        groups[entry.way, entry.department].append(entry)
    departments = sorted(department for _, department in groups if department)
    files: list[_File] = []
    for (way, department), entries in sorted(groups.items()):
        start = f"{_PREFIX[way]}_{title}"
        if department:
            start += f"_{departments.index(department) + 1}"
        for number, at in enumerate(range(0, len(entries), at_most), start=1):
            part = entries[at : at + at_most]
            name = f"{start}_{stamp}_{number:02d}.pdf"
            cover = _cover(department, f"H{stamp}-{title}-{len(files) + 1}", part)
            files.append(_File(name, part, cover))
    return files


def _cover(department: str, number: str, entries: Sequence[_Addressed]) -> Cover | None:
    """The list of what a department hands over."""
    if not department:
        return None
    handed = (
        Handed(
            e.number, e.row["name_kanji"], print_day(e.row["date_key"], e.row["birth_date"]),
            "" if e.settled else "候補",
        )
        for e in entries
    )  # fmt: skip
    return Cover(department, number, tuple(handed))


def _set(programme: Programme, file: _File, day: date) -> bytes:
    """A file's pages."""
    sheets = [entry.sheet for entry in file.entries]
    return build_sheets(sheets, office(programme), day, file.cover)


def _expected(
    c: Campaign, connection: sa.Connection, files: Sequence[_File]
) -> Mapping[str, Sheet]:
    """Number -> what must stand on a sheet."""
    claimed = [
        Claimed(e.number, e.draft.kind, e.draft.addressee, e.draft.people, e.draft.rows, e.sheet.to.lines)
        for file in files
        for e in file.entries
    ]  # fmt: skip
    return expected_sheets(c, connection, claimed)


def _compared(file: _File, payload: bytes, wanted: Mapping[str, Sheet]) -> bytes:
    """A file's pages, which say what they must.

    Raises:
        KyufuError: they do not.
    """
    expected = [wanted[entry.number] for entry in file.entries]
    if told := compare_sheets(expected, payload, file.cover):
        raise KyufuError(
            f"{file.name}: 印刷した内容が台帳・保護の記録と{len(told)}か所違います。送りません。最初: {told[0]}"
        )
    return payload


def _release(
    c: Campaign, connection: sa.Connection, guard: Guard, file: _File, payload: bytes, day: date
) -> None:
    kinds = sorted({entry.draft.kind for entry in file.entries})
    columns = (
        "mail_number",
        *_KEYS[file.way],
        *(name for kind in kinds for name in _OF_KIND[kind]),
    )
    made = make_release(
        c.programme, guard, _DISCLOSURE[file.way], name=file.name, payload=payload,
        columns=tuple(dict.fromkeys(columns)), people=file.people, records=len(file.entries), sum_yen=None, day=day,
        pieces=_pieces(file),
    )  # fmt: skip
    outbox.keep(c, connection, made)


def _pieces(file: _File) -> list[Piece]:
    """Among protected people nobody may learn of another; a household's sheets hold nobody protected at all."""
    if file.way == HOUSEHOLD:
        return []
    pieces = [Piece(1, file.cover.pages, file.people)] if file.cover else []
    for entry, first in zip(file.entries, file.first_pages, strict=True):
        pieces.append(Piece(first, first + entry.sheet.pages - 1, entry.covers))
    return pieces


def _mailings(file: _File) -> list[Mailing]:
    return [
        Mailing(
            e.number, e.draft.kind, e.way, e.draft.addressee, e.draft.people, e.draft.reference, file.name, page
        )
        for e, page in zip(file.entries, file.first_pages, strict=True)
    ]  # fmt: skip


def _set_register(files: Sequence[_File], title: str, day: date) -> bytes:
    """The day's mailing register: every sheet, in the order of the files."""
    entries = [entry for file in files for entry in file.entries]
    posted = [
        Posted(e.number, WAYS[e.way], e.row["name_kanji"], e.department or _WHERE[e.way])
        for e in entries
    ]
    return build_register(posted, _TITLES[title], _envelopes(entries), day)


def _keep_register(
    c: Campaign, connection: sa.Connection, guard: Guard, files: Sequence[_File], payload: bytes, called: str,
    day: date,
) -> str:  # fmt: skip
    entries = [entry for file in files for entry in file.entries]
    return _keep(
        c, connection, guard, "mailing_register", f"mailing_register_{called}.pdf", payload,
        ("mail_number", "name_kanji", "route"), frozenset(e.draft.addressee for e in entries), len(entries), day,
    )  # fmt: skip


def _keep_labels(
    c: Campaign, connection: sa.Connection, guard: Guard, entries: Sequence[_Addressed], name: str, day: date
) -> list[str]:  # fmt: skip
    """Labels for the return envelopes of what is to be answered."""
    count_of_labels = _envelopes(entries)
    if not count_of_labels:
        return []
    of = c.programme.mail
    payload = build_return_labels(of.return_postal_code, of.return_to, count_of_labels, day)
    nobody: frozenset[str] = frozenset()
    return [
        _keep(c, connection, guard, "return_labels", name, payload, (), nobody, count_of_labels, day)
    ]  # fmt: skip


def _envelopes(entries: Sequence[_Addressed]) -> int:
    return sum(entry.draft.kind in _WITH_ENVELOPE for entry in entries)


def _keep(
    c: Campaign, connection: sa.Connection, guard: Guard, disclosure: str, name: str, payload: bytes,
    columns: tuple[str, ...], people: frozenset[str], records: int, day: date,
) -> str:  # fmt: skip
    made = make_release(
        c.programme, guard, disclosure, name=name, payload=payload, columns=columns, people=people, records=records,
        sum_yen=None, day=day,
    )  # fmt: skip
    outbox.keep(c, connection, made)
    return name
