"""Scenarios of applicants and member lines: who applies, and whom the lines name."""

from __future__ import annotations

from data.synthetic_ward.claiming import (
    decline,
    end,
    file_claim,
    follow_up,
    hold,
    ordinary,
    pay,
)
from data.synthetic_ward.claiming import line as write_line
from data.synthetic_ward.model import Claim, Household, Line, Person
from data.synthetic_ward.scenarios import (
    anyone,
    claim_somehow,
    plain,
    scenario,
    several,
    several_japanese,
    single,
    two_adults,
)
from data.synthetic_ward.world import ONLINE, POSTAL, Ward
from data.synthetic_ward.writing import fold, fold_kana, type_address, write_date, write_name


def online_or_postal(ward: Ward) -> tuple[str, int]:
    """A channel and a claim day on which it is open."""
    return ward.rng.choice([(ONLINE, 1), (ONLINE, 2), (ONLINE, 3), (POSTAL, 2), (POSTAL, 3)])


def mistype_birth(ward: Ward, person: Person) -> str:
    """A wrong birth date with which the name is nobody's, and which nobody of the household has."""
    taken = {m.birth for m in person.household.members} if person.household else set()
    while True:
        year, month, day = (person.birth[:4], person.birth[4:6], person.birth[6:])
        if ward.rng.random() < 0.5:
            day = f"{ward.rng.randint(1, 28):02d}"
        else:
            month, year = f"{ward.rng.randint(1, 12):02d}", str(int(year) - ward.rng.randint(0, 1))
        birth = f"{year}{month}{day if day != '00' else '01'}"
        keys = {(fold(person.family + person.given), birth), (fold_kana(person.reading), birth)}
        if birth not in taken and int(day) <= 28 and not keys & ward.people.known:
            return birth


def distinct_births(household: Household) -> bool:
    """Two Japanese or more of different names, and no two with one birth date."""
    births = {m.birth for m in household.members}
    return several_japanese(household) and len(births) == len(household.members)


@scenario(two_adults)
def not_head(ward: Ward, household: Household) -> None:
    """A member who is not the head applies for everybody."""
    claim = file_claim(
        ward, ONLINE, ward.rng.choice([1, 2, 3]), household.members[1], household.members
    )
    hold(claim, household.members, "NOT_HEAD")


@scenario(two_adults)
def not_head_then_head(ward: Ward, household: Household) -> None:
    """A member who is not the head applies; later the head sends the form."""
    claim = file_claim(
        ward, ONLINE, ward.rng.choice([1, 2]), household.members[1], household.members
    )
    hold(claim, household.members, "NOT_HEAD")
    end(
        file_claim(ward, POSTAL, 3, household.head, household.members),
        "duplicate",
        "DUPLICATE_CLAIM",
    )


@scenario(households=0)
def unknown_applicant(ward: Ward) -> None:
    """Somebody who is nobody on the register applies."""
    person = ward.people.stranger(ward.rng.choice("12"), (22, 70))
    lines = [person]
    if ward.rng.random() < 0.5:
        lines.append(ward.people.stranger(ward.rng.choice("12"), (1, 70)))
    place = Household("", *ward.places.address())
    claim = file_claim(
        ward,
        ONLINE,
        ward.rng.choice([1, 2, 3]),
        person,
        lines,
        address=type_address(ward.rng, place),
    )
    end(claim, "unresolved", "HEAD_NOT_FOUND")


def misapply(ward: Ward, household: Household, day: int) -> None:
    """The head applies with a wrong birth date of his own."""
    birth = mistype_birth(ward, household.head)
    claim = file_claim(
        ward,
        ONLINE,
        day,
        household.head,
        household.members,
        birth=write_date(ward.rng, birth),
    )
    end(claim, "unresolved", "HEAD_NOT_FOUND")


@scenario(plain)
def applicant_birth_mistyped(ward: Ward, household: Household) -> None:
    """The head's birth date is mistyped online: no match."""
    misapply(ward, household, ward.rng.choice([1, 2, 3]))


@scenario(plain)
def applicant_birth_mistyped_then_postal(ward: Ward, household: Household) -> None:
    """The head's birth date is mistyped online; the form sent later is paid."""
    misapply(ward, household, ward.rng.choice([1, 2]))
    ordinary(ward, POSTAL, 3, household.head)


def miskey_number(ward: Ward, household: Household, day: int) -> None:
    """The contractor keys a household number that does not exist."""
    number = household.household_id
    while number in ward.people.all_household_ids:
        at = ward.rng.randrange(10)
        number = f"{number[:at]}{ward.rng.randrange(10)}{number[at + 1 :]}"
    claim = file_claim(ward, POSTAL, day, household.head, household.members, household_id=number)
    end(claim, "unresolved", "HEAD_NOT_FOUND")


@scenario(anyone)
def household_number_mistyped(ward: Ward, household: Household) -> None:
    """The form's household number is keyed wrong."""
    miskey_number(ward, household, ward.rng.choice([2, 3]))


@scenario(anyone)
def household_number_mistyped_then_again(ward: Ward, household: Household) -> None:
    """The form's household number is keyed wrong; a second form is paid."""
    miskey_number(ward, household, 2)
    ordinary(ward, POSTAL, 3, household.head)


def namesake(ward: Ward, person: Person, other: Person) -> None:
    """The other person gets the same name, sex and birth date."""
    for attribute in ("sex", "birth", "family", "given", "family_kana", "given_kana", "has_kana"):
        setattr(other, attribute, getattr(person, attribute))
    ward.planted["people_with_one_name_and_birth"] += 2


@scenario(single, households=2)
def same_name_and_birth(ward: Ward, one: Household, two: Household) -> None:
    """Two people with one name and birth date apply online; the address tells them apart."""
    namesake(ward, one.head, two.head)
    for household in (one, two):
        ordinary(ward, ONLINE, ward.rng.choice([1, 2]), household.head)


@scenario(single, households=2)
def same_name_and_birth_no_address(ward: Ward, one: Household, two: Household) -> None:
    """Of two people with one name and birth date, one applies from an address of neither."""
    namesake(ward, one.head, two.head)
    place = Household("", *ward.places.address())
    claim = file_claim(
        ward, ONLINE, 1, one.head, one.members, address=type_address(ward.rng, place)
    )
    end(claim, "unresolved", "HEAD_NOT_FOUND")
    ordinary(ward, POSTAL, 2, two.head)


@scenario(plain)
def member_not_found(ward: Ward, household: Household) -> None:
    """A line names somebody who is nobody on the register."""
    births = {m.birth for m in household.members}
    person = ward.people.stranger(ward.rng.choice("12"), (18, 70))
    while person.birth in births:
        person = ward.people.stranger(ward.rng.choice("12"), (18, 70))
    people = [*household.members, person]
    claim = file_claim(ward, ONLINE, ward.rng.choice([1, 2, 3]), household.head, people)
    pay(ward, claim, household.members, "MEMBER_NOT_FOUND")


@scenario(single, households=2)
def member_of_another_household(ward: Ward, one: Household, two: Household) -> None:
    """A line names somebody of another household, who claims there."""
    people = [*one.members, *two.members]
    claim = file_claim(ward, ONLINE, ward.rng.choice([1, 2, 3]), one.head, people)
    if one.head.birth == two.head.birth:  # too close for a certain answer: name the head alone
        claim.lines.pop()
        pay(ward, claim, one.members)
    else:
        pay(ward, claim, one.members, "MEMBER_NOT_IN_HOUSEHOLD")
    claim_somehow(ward, two)


def omit(ward: Ward, household: Household, day: int) -> Claim:
    """The claim leaves the last member out."""
    people = household.members[:-1]
    return pay(
        ward, file_claim(ward, ONLINE, day, household.head, people), people, "MEMBER_OMITTED"
    )


@scenario(several)
def member_omitted(ward: Ward, household: Household) -> None:
    """A member is left out and nobody claims for that member."""
    omit(ward, household, ward.rng.choice([1, 2, 3]))


@scenario(several)
def member_omitted_corrected(ward: Ward, household: Household) -> None:
    """A member is left out; a correction names everybody."""
    first = omit(ward, household, ward.rng.choice([1, 2]))
    second = follow_up(ward, first, 3, household.head, household.members)
    pay(ward, second, household.members[-1:], "MEMBER_PAID")


@scenario(several)
def member_omitted_second_claim(ward: Ward, household: Household) -> None:
    """A member is left out; a second plain claim names everybody."""
    first = omit(ward, household, ward.rng.choice([1, 2]))
    second = file_claim(ward, ONLINE, 3, household.head, household.members, serial=first.serial)
    pay(ward, second, household.members[-1:], "DUPLICATE_CLAIM", "MEMBER_PAID")


def mark_unwanted(ward: Ward, household: Household, channel: str, day: int) -> Claim:
    """The last member's "not wanted" box is marked."""
    *rest, last = household.members
    lines: list[Person | Line] = [*rest, write_line(ward, channel, last, unwanted=True)]
    claim = file_claim(ward, channel, day, household.head, lines)
    decline(claim, [last])
    return pay(ward, claim, rest) if rest else end(claim, "no_effect")


@scenario(several)
def member_not_wanted(ward: Ward, household: Household) -> None:
    """A member does not want the benefit."""
    mark_unwanted(ward, household, *online_or_postal(ward))


@scenario(single)
def single_not_wanted(ward: Ward, household: Household) -> None:
    """Somebody who lives alone does not want the benefit."""
    mark_unwanted(ward, household, *online_or_postal(ward))


@scenario(plain)
def not_wanted_by_mistake(ward: Ward, household: Household) -> None:
    """The box was marked by mistake; a correction follows."""
    first = mark_unwanted(ward, household, *ward.rng.choice([(ONLINE, 1), (POSTAL, 2)]))
    second = follow_up(ward, first, 3, household.head, household.members)
    several_people = len(household.members) > 1
    pay(ward, second, household.members[-1:], *(["MEMBER_PAID"] if several_people else []))
    first.outcome = "paid" if several_people else "superseded"


@scenario(single)
def declined_then_second_claim(ward: Ward, household: Household) -> None:
    """Declined; a later plain claim is a duplicate and changes nothing."""
    mark_unwanted(ward, household, POSTAL, 2)
    claim = file_claim(ward, ONLINE, 3, household.head, household.members)
    end(claim, "duplicate", "DUPLICATE_CLAIM")


@scenario(distinct_births)
def member_birth_mistyped(ward: Ward, household: Household) -> None:
    """A line's birth date is wrong; the name is enough within the household."""
    *rest, last = household.members
    wrong = Line(write_name(ward.rng, last.name), mistype_birth(ward, last))
    claim = file_claim(ward, ONLINE, ward.rng.choice([1, 2, 3]), household.head, [*rest, wrong])
    pay(ward, claim, household.members)


@scenario(distinct_births)
def member_name_mistyped(ward: Ward, household: Household) -> None:
    """A line's given name is wrong; birth date and family name are enough within the household."""
    *rest, last = household.members
    names = {m.given for m in household.members}
    while True:
        given = ward.people.names.draw_given("japanese", last.sex, int(last.birth[:4]))
        typed = fold(last.family + given.text)
        if given.text not in names and (typed, last.birth) not in ward.people.known:
            break
    wrong = Line(f"{last.family}\u3000{given.text}", last.birth)
    claim = file_claim(ward, ONLINE, ward.rng.choice([1, 2, 3]), household.head, [*rest, wrong])
    pay(ward, claim, household.members)
