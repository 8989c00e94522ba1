"""Letters to other municipalities (外部提供): who is in a facility here or there, and whether this ward has paid.

On paper alone, by registered mail, to the one municipality that the person concerns. A letter is drafted when there is
something new to tell; `letter_checks` is what people do with it. Evacuees and placements after abuse are in no letter.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.disclosure.guard import Guard, PeriodClosed
from pipelines.disclosure.release import make_release
from pipelines.intake.keys.places import lies_in
from pipelines.intake.municipalities import Municipality, load_directory, place_name
from pipelines.ledger import municipal_letters as letters
from pipelines.ledger import people, tables
from pipelines.ledger.states import Entitlement
from pipelines.ledger.store import tell_refusal
from pipelines.outputs.facility_notices import (
    Addressee,
    Line,
    birth_date_text,
    build_letter,
    build_registered_mail,
)
from pipelines.steps import outbox
from pipelines.steps.campaign import Campaign

NOTICES, MAIL = "facility_notices", "registered_mail"
FIELDS = ("name_kanji", "birth_date", "sex", "registered_address", "paid")
_MAIL_FIELDS = ("municipality", "municipality_address", "letter")
_SEX = {"male": "男", "female": "女"}
_EVIDENCE = re.compile(r"(?P<dataset>\w+)/(?P<day>[0-9-]{10})(?:/v(?P<first>[0-9]+))?:(?P<row>[0-9]+)")  # fmt: skip


@dataclass(frozen=True)
class _Told:
    """What one municipality is to be told of one person."""

    person_id: str
    line: Line
    paid: bool


def draft(c: Campaign, day: date) -> dict[str, Any]:
    """Draft the day's letters: to each municipality about everybody of whom it does not know what is so today.

    Letters that may not leave any more, or that a checker found wrong, are withdrawn first. Nothing is drafted outside
    the disclosure's period, and nothing to a municipality whose address the directory lacks; both are told.
    """

    def work(connection: sa.Connection) -> dict[str, Any]:
        guard = c.guard(day)
        withdrawn = _withdraw_stale(c, connection, guard, day)
        wanted, unknown = _wanted(c, connection, guard)
        refused = None
        names: list[str] = []
        try:
            names = _make(c, connection, guard, wanted, day)
        except PeriodClosed as error:
            tell_refusal(connection, c.programme.id, error)
            refused = str(error)
        told = sum(map(len, wanted.values())) if names else 0
        return {
            "letters": len(names), "people": told, "withdrawn": withdrawn, "refused": refused,
            "unknown": sorted(unknown),
        }  # fmt: skip

    if c.programme.letters is None:
        return {"letters": 0}
    result = c.ledger.once("letters.draft", day, work)
    if result["refused"]:
        c.note_refusal(NOTICES, result["refused"], day)
    for place in result["unknown"]:
        c.note_refusal(NOTICES, _no_address(place), day)
    return result


def _no_address(place: str) -> str:
    return (
        f"{place or '(自治体名の読めない名簿の行)'}: 宛先が登録されていないため、通知を作成していません。"
        "宛先の表(schemas/municipalities)に加えてください。"
    )


def _withdraw_stale(c: Campaign, connection: sa.Connection, guard: Guard, day: date) -> int:
    withdrawn = 0
    for letter in letters.letters(connection, c.programme.id):
        if not letter.is_open:
            continue
        about = letters.people_of(connection, c.programme.id, letter.name)
        if about - guard.in_facilities:
            letters.withdraw(connection, c.programme.id, letter.name, "PEOPLE", day)
        elif letters.is_refused(connection, c.programme.id, letter.name):
            letters.withdraw(connection, c.programme.id, letter.name, "CHECK", day)
        else:
            continue
        withdrawn += 1
    return withdrawn


def _make(
    c: Campaign, connection: sa.Connection, guard: Guard, wanted: Mapping[Municipality, list[_Told]], day: date
) -> list[str]:  # fmt: skip
    """Build, check and keep the letters, and the list for the post office; returns the letters' names."""
    sender = {
        "municipality": c.programme.benefit.municipality,
        "office": c.programme.benefit.office,
    }
    made: list[tuple[str, Addressee]] = []
    for place, told in sorted(wanted.items(), key=lambda item: item[0].code):
        to = Addressee(place.name, place.office, place.postal_code, place.address)
        name = f"facility_notice_{place.code}_{day:%Y%m%d}.pdf"
        payload = build_letter(
            to, [one.line for one in told], number=_number(name), sender=sender,
            programme=c.programme.benefit.name, basis=c.programme.disclosure(NOTICES).basis,
            checks=checkers(c), day=day,
        )  # fmt: skip
        release = make_release(
            c.programme, guard, NOTICES, name=name, payload=payload, columns=FIELDS,
            people=frozenset(one.person_id for one in told), records=len(told), sum_yen=None, day=day,
        )  # fmt: skip
        outbox.keep(c, connection, release)
        letters.enter(
            connection, c.programme.id, name, place.name, {one.person_id: one.paid for one in told},
            sum(one.line.blanks for one in told), release.sha256, day,
        )  # fmt: skip
        made.append((name, to))
    if made:
        numbered = [(_number(name), to) for name, to in made]
        outbox.keep(
            c, connection,
            make_release(
                c.programme, guard, MAIL, name=f"registered_mail_{day:%Y%m%d}.pdf",
                payload=build_registered_mail(numbered, sender=sender, day=day), columns=_MAIL_FIELDS,
                people=frozenset(), records=len(made), sum_yen=None, day=day,
            ),
        )  # fmt: skip
    return [name for name, _ in made]


def _number(name: str) -> str:
    """A letter's number on paper: the municipality's code and the day."""
    return name.removeprefix("facility_notice_").removesuffix(".pdf").replace("_", "-")


def checkers(c: Campaign) -> int:
    """How many people make each check."""
    return c.programme.letters.checks if c.programme.letters else 2


def _wanted(
    c: Campaign, connection: sa.Connection, guard: Guard
) -> tuple[dict[Municipality, list[_Told]], set[str]]:
    """(municipality -> what it does not know yet, places that the directory lacks)."""
    if c.programme.letters is None:
        return {}, set()
    directory = load_directory(c.programme.letters.directory)
    rows = _listed(c, connection, guard)
    standing = people.states_of(connection, c.programme.id, {person for person, _ in rows})
    everybody = {row["person_id"]: row for row in _people(c, standing)}
    before = letters.told_before(connection, c.programme.id)
    found: dict[Municipality, dict[str, _Told]] = defaultdict(dict)
    unknown: set[str] = set()
    for person, values in rows:
        place = _concerned(values, c.programme.benefit.address_prefix)
        if place is None or person not in everybody:
            continue
        municipality = directory.find(place)
        if municipality is None:
            unknown.add(place_name(place))
            continue
        paid = standing[person] == Entitlement.PAID
        if before.get((municipality.name, person)) != paid:
            earlier = found[municipality].get(person)
            line = _line(everybody[person], values, paid, earlier)
            found[municipality][person] = _Told(person, line, paid)
    in_order = {place: [told[person] for person in sorted(told)] for place, told in found.items()}
    return in_order, unknown


def _concerned(values: Mapping[str, Any], prefix: str) -> str | None:
    """The one place that a list's row makes this ward's business to write to; None where there is none.

    The sender of a notice; of a department's row the municipality of the facility for who is registered here, and that
    of the registration for who is in a facility here.
    """
    if "sender" in values:
        return str(values["sender"])
    registered, facility = values["registered_address"], values["facility_address"]
    registered_here, facility_here = lies_in(registered, prefix), lies_in(facility, prefix)
    if registered_here is not False and facility_here is False:
        return str(facility)
    if registered_here is False and facility_here is not False:
        return str(registered)
    return None


def _line(
    person: Mapping[str, Any], values: Mapping[str, Any], paid: bool, earlier: _Told | None
) -> Line:
    """The five items. The sex is on no register here: it is what a list says of this person, else left to a person."""
    address = "".join((person["address"] or "", person["address_supplement"] or ""))
    return Line(
        name=person["name_kanji"],
        birth_date=birth_date_text(person["date_key"], person["birth_date"]),
        sex=_SEX.get(values["sex"], "") or (earlier.line.sex if earlier else ""),
        registered_address=address or values.get("registered_address", ""),
        paid="有" if paid else "無",
    )


def _people(c: Campaign, wanted: Iterable[str]) -> list[dict[str, Any]]:
    everybody = c.people()
    ids = pa.array(sorted(wanted), pa.string())
    found = everybody.filter(pc.is_in(everybody.column("person_id"), value_set=ids))
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def _listed(
    c: Campaign, connection: sa.Connection, guard: Guard
) -> list[tuple[str, dict[str, Any]]]:
    """(person, the list's row about that person) of everybody whom a letter may be about, in order of the evidence."""
    p = tables.protection
    query = (
        sa.select(p.c.person_id, p.c.evidence)
        .where(p.c.programme == c.programme.id, p.c.certainty == "linked")
        .where(p.c.kind.in_(people.FACILITY_KINDS))
        .order_by(p.c.evidence, p.c.person_id)
    )
    read = _Rows(c)
    found = []
    for person, evidence in connection.execute(query):
        if person in guard.in_facilities and (values := read.of(evidence)) is not None:
            found.append((person, values))
    return found


class _Rows:
    """Rows of staged lists by the evidence that names them, each list read once."""

    def __init__(self, c: Campaign) -> None:
        self._staging = c.staging
        self._read: dict[str, dict[int, dict[str, Any]]] = {}

    def of(self, evidence: str) -> dict[str, Any] | None:
        """The row, of the newest version made of the bytes that the evidence names; None once it is erased."""
        named = _EVIDENCE.fullmatch(evidence)
        if named is None:
            return None
        source = evidence.rpartition(":")[0]
        if source not in self._read:
            self._read[source] = self._rows(named)
        return self._read[source].get(int(named["row"]))

    def _rows(self, named: re.Match[str]) -> dict[int, dict[str, Any]]:
        dataset, day, first = named["dataset"], date.fromisoformat(named["day"]), int(named["first"] or 1)  # fmt: skip
        versions = [
            v for v in self._staging.versions(dataset, day) if self._staging.first_of(dataset, day, v) == first
        ]  # fmt: skip
        if not versions:
            return {}
        rows = self._staging.read(dataset, day, version=max(versions)).to_pylist()
        return {int(row["row"]): row for row in rows}
