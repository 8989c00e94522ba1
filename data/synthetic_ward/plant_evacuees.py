"""Scenarios of people who fled a spouse: requests in time, and requests after the head was paid."""

from __future__ import annotations

from data.synthetic_ward.claiming import file_claim, forget, ordinary, pay
from data.synthetic_ward.listing import (
    add,
    claim_self,
    describe,
    distant_address,
    list_address,
    local_address,
    protect,
)
from data.synthetic_ward.model import CHILD, Household, Person
from data.synthetic_ward.scenarios import claim_somehow, couple, minors, scenario
from data.synthetic_ward.world import ONLINE, POSTAL, Ward
from data.synthetic_ward.writing import half_width, slip_kana

EVACUEE, COMPANION = "本人", "同伴者"
SENT_AFTER_REQUEST = "20200616"
REQUESTED = {0: ("20200424", "20200430", "20200511"), 3: ("20200605", "20200611", "20200615")}


def request(ward: Ward, known: int, people: list[Person], registered: str) -> list[tuple[str, ...]]:
    """An evacuee's request for herself and her companions; returns the rows' cells."""
    ward.requests += 1
    number, day = f"E{ward.requests:05d}", ward.rng.choice(REQUESTED[known])
    home = local_address(ward)
    rows: list[tuple[str, ...]] = []
    for person in people:
        kind = EVACUEE if person is people[0] else COMPANION
        name, birth = describe(ward, person)
        kana = half_width(person.kana) if ward.rng.random() < 0.2 else person.kana
        if person.household and ward.rng.random() < 0.15:
            kana = slip_kana(ward.rng, person.kana)
        cells = (number, day, kind, name, kana, birth, registered, home)
        ward.list_row("evacuation_requests", known, *cells)
        rows.append(cells)
    return rows


def flee(ward: Ward, household: Household, known: int = 0) -> list[Person]:
    """The head's spouse flees with the children under age; the request is known from that day."""
    people = [household.members[1], *minors(household)]
    request(ward, known, people, list_address(ward, household))
    for person in people:
        protect(person)
        person.printed = known > 0
    return people


def evacuees_from_elsewhere(ward: Ward, known: int) -> list[Person]:
    """An evacuee registered elsewhere who lives here, with up to two children."""
    parent = ward.people.stranger("2" if ward.rng.random() < 0.9 else "1", (24, 50))
    people = [parent]
    for _ in range(ward.rng.choice([0, 0, 1, 2])):
        child = ward.people.stranger(ward.rng.choice("12"), (1, 15), relative=parent)
        child.relation = CHILD
        people.append(child)
    for person, cells in zip(
        people, request(ward, known, people, distant_address(ward)), strict=True
    ):
        add(ward, person, cells[3], cells[5], cells[4])
    return people


@scenario(couple)
def evacuee(ward: Ward, household: Household) -> None:
    """The evacuee claims for herself and her companions; the head's form does not name them."""
    claim_self(ward, *flee(ward, household))
    claim_somehow(ward, household)


@scenario(couple)
def evacuee_named_online(ward: Ward, household: Household) -> None:
    """The head's online claim names those who fled."""
    people = flee(ward, household)
    rest = [m for m in household.members if m not in people]
    claim = file_claim(ward, ONLINE, ward.rng.choice([1, 2]), household.head, household.members)
    pay(ward, claim, rest, "MEMBER_PROTECTED")
    claim_self(ward, *people)


@scenario(couple)
def evacuee_unclaimed(ward: Ward, household: Household) -> None:
    """The evacuee does not claim after all."""
    flee(ward, household)
    claim_somehow(ward, household)


@scenario(households=0)
def evacuee_addition(ward: Ward) -> None:
    """Evacuees registered elsewhere claim here."""
    claim_self(ward, *evacuees_from_elsewhere(ward, 0))


@scenario(households=0)
def evacuee_late_addition(ward: Ward) -> None:
    """Evacuees registered elsewhere whose request came late."""
    claim_self(ward, *evacuees_from_elsewhere(ward, 3), days=(3,), sent=SENT_AFTER_REQUEST)


def recover(ward: Ward, household: Household) -> list[Person]:
    """The head's claim is paid for everybody; then the spouse's request becomes known."""
    ordinary(ward, POSTAL, 2, household.head)
    people = flee(ward, household, 3)
    forget(people)
    for person in people:
        person.recovery_yen = ward.settings.ward["amount_yen"]
    return people


@scenario(couple)
def evacuee_late_recovery(ward: Ward, household: Household) -> None:
    """Paid to the head, under recovery, and paid to the evacuee the same day as the request."""
    claim_self(ward, *recover(ward, household), days=(3,), sent=SENT_AFTER_REQUEST)


@scenario(couple)
def evacuee_late_recovery_autumn(ward: Ward, household: Household) -> None:
    """Paid to the head, under recovery, and paid to the evacuee on the last claim day."""
    claim = claim_self(ward, *recover(ward, household), days=(4,))
    claim.postmark = min(claim.postmark, ward.settings.ward["postmark_deadline"])


@scenario(couple)
def evacuee_late_recovery_unclaimed(ward: Ward, household: Household) -> None:
    """Paid to the head and under recovery; the evacuee does not claim."""
    recover(ward, household)


@scenario(couple)
def evacuee_late_on_printed_form(ward: Ward, household: Household) -> None:
    """The form printed before the request names those who fled and comes back the same day."""
    people = flee(ward, household, 3)
    rest = [m for m in household.members if m not in people]
    claim = file_claim(ward, POSTAL, 3, household.head, household.members)
    pay(ward, claim, rest, "MEMBER_PROTECTED")
    if ward.rng.random() < 0.7:
        claim_self(ward, *people, days=(3,), sent=SENT_AFTER_REQUEST)
