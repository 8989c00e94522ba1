"""What a list says about people: who is protected, who is paid elsewhere, who is to be added.

The rules are those of `docs/rules.md`, "Who may be paid here". Pure: rows with their linkage outcome in, effects out.
"""

import hashlib
from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pipelines.intake.keys.places import lies_in
from pipelines.matching.persons import Addition, Person, Protection
from pipelines.programme import ListKind


@dataclass
class Effects:
    """What lists do, in the order they were read. elsewhere: person_id -> paid there already."""

    protections: list[Protection] = field(default_factory=list)
    additions: list[Addition] = field(default_factory=list)
    elsewhere: dict[str, bool] = field(default_factory=dict)
    braille: dict[str, str] = field(default_factory=dict)
    unlinked: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For the stored draft that two people approve."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Effects":
        """Read back what `as_json` gave."""
        additions = [
            Addition(**{**item, "person": Person(**item["person"])}) for item in value["additions"]
        ]
        protections = [Protection(**item) for item in value["protections"]]
        return cls(protections, additions, value["elsewhere"], value["braille"], value["unlinked"])


@dataclass(frozen=True)
class ListRow:
    """One row of a list, in our columns, with what linkage found. evidence: dataset/day:row."""

    evidence: str
    values: dict[str, Any]
    outcome: str
    person_id: str | None
    candidates: Sequence[str]


@dataclass(frozen=True)
class Placement:
    """What a row says of somebody's whereabouts. here: this municipality; None: the row's place cannot be read."""

    registered_here: bool | None
    lives_here: bool | None
    mailing_address: str
    paid_elsewhere: bool = False


def place(kind: ListKind, values: dict[str, Any], prefix: str, base_date: str) -> Placement | None:
    """Where the row's person is registered and lives; None when the row has no effect.

    prefix: how an address or municipality here begins. base_date: YYYYMMDD.
    """
    if kind == "facility":
        discharged = values["discharged_on_key"]
        if discharged and _latest_day(discharged) <= base_date:
            return None
        address = values["facility_address"]
        return Placement(
            lies_in(values["registered_address"], prefix), lies_in(address, prefix), address
        )
    if kind == "placement":
        registered = lies_in(values["registered_municipality"], prefix)
        facility = lies_in(values["facility_municipality"], prefix)
        # whoever is registered here is paid here, wherever the facility is
        return Placement(registered, facility if registered is False else True, "")
    if kind == "evacuation":
        return Placement(
            lies_in(values["registered_address"], prefix), True, values["current_address"]
        )
    paid = values["paid_elsewhere"] == "yes"
    if kind == "facility_outside":
        return Placement(True, False, "", paid)
    return Placement(False, True, "", paid)


def _latest_day(key: str) -> str:
    """The last day that a date key may mean; 00 is an unknown month or day."""
    month = "12" if key[4:6] == "00" else key[4:6]
    day = f"{monthrange(int(key[:4]), int(month))[1]:02d}" if key[6:] == "00" else key[6:]
    return key[:4] + month + day


def interpret(
    dataset: str,
    kind: ListKind,
    rows: Iterable[ListRow],
    prefix: str,
    base_date: str,
    programme: str,
    effects: Effects,
) -> None:
    """Add to `effects` what the rows of one list do.

    Whoever a row may mean is protected, whatever its places say; a row that means nobody is left out only where both
    its places are plainly elsewhere.
    """
    for row in rows:
        placement = place(kind, row.values, prefix, base_date)
        if placement is None:
            continue
        person = row.person_id
        nobody = person is None and not row.candidates
        if nobody and placement.registered_here is False and placement.lives_here is False:
            continue
        if nobody and placement.registered_here is False and placement.lives_here:
            person = _add(row, programme, effects)
        if person is None and nobody:
            effects.unlinked.append(row.evidence)
            continue
        certainty = "linked" if person else "candidate"
        for who in [person] if person else row.candidates:
            effects.protections.append(
                Protection(
                    who,
                    dataset,
                    kind,
                    certainty,
                    row.evidence,
                    placement.mailing_address if person else "",
                )
            )
        lives_elsewhere = placement.registered_here is not False and placement.lives_here is False
        if person and (placement.paid_elsewhere or lives_elsewhere):
            effects.elsewhere[person] = (
                effects.elsewhere.get(person, False) or placement.paid_elsewhere
            )


def _add(row: ListRow, programme: str, effects: Effects) -> str:
    """Open an addition for a row that is nobody yet; the id comes from name and birth date, so a repeat is the same."""
    values = row.values
    address = values.get("registered_address", values.get("registered_municipality", ""))
    name = "|".join(
        [programme, values["name_key"] or "", values["date_key"] or values["birth_date"]]
    )
    person_id = "A" + hashlib.sha256(name.encode()).hexdigest()[:12]
    if all(item.person.person_id != person_id for item in effects.additions):
        effects.additions.append(
            Addition(
                Person(person_id, None, None), row.evidence, values["name_kanji"], values.get("name_kana", ""),
                values["birth_date"], address=address, date_key=values["date_key"],
            )
        )  # fmt: skip
    return person_id
