"""The register of scenarios, and the properties a household needs for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from data.synthetic_ward.claiming import claimable, form_people, ordinary
from data.synthetic_ward.model import CHILD, HUSBAND, WIFE, Claim, Household, Person
from data.synthetic_ward.world import INHOUSE, ONLINE, POSTAL, Need, Ward

ADULT_BORN = "20000427"


class Scenario(NamedTuple):
    """Something that happens to one household, two, or to people without one here."""

    name: str
    plant: Callable[..., None]
    need: Need
    households: int


SCENARIOS: list[Scenario] = []


def anyone(household: Household) -> bool:
    """Every household will do."""
    return True


def plain(household: Household) -> bool:
    """Nobody's name has gaiji or an alias, so it can be typed."""
    return all(m.plain for m in household.members)


def single(household: Household) -> bool:
    """One person with a plain name."""
    return len(household.members) == 1 and plain(household)


def several(household: Household) -> bool:
    """Two people or more, with plain names."""
    return len(household.members) > 1 and plain(household)


def japanese(household: Household) -> bool:
    """The head has a plain name in kanji with a reading."""
    head = household.head
    return plain(household) and head.has_kana and not "Ａ" <= head.family[0] <= "Ｚ"


def several_japanese(household: Household) -> bool:
    """Two people or more, the head's name in kanji with a reading."""
    return several(household) and japanese(household)


def head_with_kana(household: Household) -> bool:
    """The head's reading is on the register."""
    return plain(household) and household.head.has_kana


def two_adults(household: Household) -> bool:
    """The second member is an adult whose reading, like the head's, is on the register."""
    if len(household.members) < 2 or not head_with_kana(household):
        return False
    other = household.members[1]
    return other.birth < ADULT_BORN and other.has_kana


def couple(household: Household) -> bool:
    """The second member is the head's wife or husband."""
    return two_adults(household) and household.members[1].relation in (HUSBAND, WIFE)


def with_minor(household: Household) -> bool:
    """There is a child under age."""
    return several(household) and bool(minors(household))


def couple_with_minor(household: Household) -> bool:
    """Husband, wife and a child under age."""
    return couple(household) and with_minor(household)


def minors(household: Household) -> list[Person]:
    """The children under age."""
    return [m for m in household.others if m.relation == CHILD and m.birth >= ADULT_BORN]


def scenario(need: Need = anyone, households: int = 1) -> Callable[..., Callable[..., None]]:
    """Register a scenario under its function's name."""

    def register(plant: Callable[..., None]) -> Callable[..., None]:
        SCENARIOS.append(Scenario(plant.__name__, plant, need, households))
        return plant

    return register


def plant_all(ward: Ward) -> None:
    """Plant every scenario as often as the settings say, each household at most once."""
    for kind in SCENARIOS:
        count = ward.settings.plantings(kind.name, len(ward.households))
        taken = ward.take(count * kind.households, kind.need)
        ward.planted[kind.name] = 0
        for n in range(count):
            group = taken[n * kind.households : (n + 1) * kind.households]
            if len(group) == kind.households:
                kind.plant(ward, *group)
                ward.planted[kind.name] += 1


def claim_somehow(ward: Ward, household: Household, *days: int) -> Claim | None:
    """An ordinary claim of the head for whoever is left to claim for, on one of the days."""
    if household.head.protected or not any(claimable(m) for m in household.members):
        return None
    day = ward.rng.choice(days or (1, 2, 3))
    online = day == 1 or ward.rng.random() < 0.15
    if online and plain(household):
        return ordinary(ward, ONLINE, day, household.head)
    if not form_people(household.members):
        return None
    return ordinary(ward, POSTAL, max(day, 2), household.head)


def claim_inhouse(ward: Ward, household: Household, *days: int) -> Claim:
    """An ordinary claim that the ward keys itself."""
    day = ward.rng.choice(days or (1, 2, 3))
    return ordinary(ward, INHOUSE, day, household.head)
