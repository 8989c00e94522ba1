"""The people of the ward: names by generation and origin, ages by household, nobody twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import accumulate
from random import Random
from typing import Any, NamedTuple

from data.synthetic_ward import names_foreign, names_japanese
from data.synthetic_ward.model import CHILD, HEAD, HUSBAND, MOTHER, WIFE, Household, Person
from data.synthetic_ward.places import Places
from data.synthetic_ward.writing import fold, fold_kana

BASE = date(2020, 4, 27)
SIBLINGS = {"1": "74", "2": "84"}
LODGER = "99"
_ENTRY = re.compile(r"([^ァ-ヴー\s][^ァ-ヴー\n ]*)([ァ-ヴー][ァ-ヴー　]*)")
_ADULT_AGES = ((18, 24, 16), (25, 39, 36), (40, 64, 30), (65, 79, 12), (80, 98, 6))
_COUPLE_AGES = ((26, 39, 35), (40, 64, 40), (65, 92, 25))
_PARENT_AGES = ((24, 39, 40), (40, 54, 60))


class Written(NamedTuple):
    """A name part as written and as read."""

    text: str
    kana: str


def read_names(text: str) -> list[Written]:
    """Split a list of names, each written and then read."""
    return [Written(*pair) for pair in _ENTRY.findall(text)]


class Names:
    """Draws names."""

    def __init__(self, rng: Random) -> None:
        """Weigh the family names by rank and sort the given names by sex and generation."""
        self.rng = rng
        self.family, weights = self._weigh_family_names()
        self.family_weights = list(accumulate(weights))
        self.given = {
            sex: [(year, read_names(text)) for year, text in table.items()]
            for sex, table in (("1", names_japanese.MALE), ("2", names_japanese.FEMALE))
        }
        self.kanji = read_names(names_foreign.KANJI_FAMILY)
        self.kanji_given = {
            "1": read_names(names_foreign.KANJI_GIVEN_MALE),
            "2": read_names(names_foreign.KANJI_GIVEN_FEMALE),
        }
        self.roman = read_names(names_foreign.ROMAN_FAMILY)
        self.roman_given = {
            "1": read_names(names_foreign.ROMAN_GIVEN_MALE),
            "2": read_names(names_foreign.ROMAN_GIVEN_FEMALE),
        }

    def _weigh_family_names(self) -> tuple[list[Written], list[float]]:
        usual = dict(read_names(names_japanese.FAMILY_NAMES))
        weights = {name: 1 / (rank + 12) for rank, name in enumerate(usual)}
        for old, new, share in names_japanese.OLD_FAMILY_NAMES:
            usual[old] = usual[new]
            weights[old] = weights[new] * share
        return [Written(n, k) for n, k in usual.items()], list(weights.values())

    def draw_family(self, origin: str) -> Written:
        """A family name; origin is japanese, kanji or roman."""
        if origin == "japanese":
            return self.rng.choices(self.family, cum_weights=self.family_weights)[0]
        return self.rng.choice(self.kanji if origin == "kanji" else self.roman)

    def draw_given(self, origin: str, sex: str, year: int) -> Written:
        """A given name of a generation."""
        if origin != "japanese":
            return self.rng.choice(
                (self.kanji_given if origin == "kanji" else self.roman_given)[sex]
            )
        names = next(names for last, names in self.given[sex] if year <= last)
        # the first names of a generation are the common ones
        return names[int(len(names) * self.rng.random() ** 1.6)]


class People:
    """Makes people and households; no two people share a name or reading and a birth date."""

    def __init__(self, rng: Random, places: Places, settings: dict[str, Any]) -> None:
        """Start with nobody."""
        self.rng, self.places, self.settings = rng, places, settings
        self.names = Names(rng)
        self.known: set[tuple[str, str]] = set()
        self.full_names: set[str] = set()
        self.ids: Iterator[str] = iter(())
        self.all_household_ids: frozenset[str] = frozenset()
        self.household_ids: Iterator[str] = iter(())
        sizes = settings["household_sizes"]
        self.size_weights = list(accumulate(sizes))

    def number(self, people: int) -> None:
        """Prepare numbers for that many people and for all that may join them."""
        count = people + people // 20 + 1000
        self.ids = (f"{n:010d}" for n in self.rng.sample(range(1, 10**10), count))
        numbers = [f"{n:010d}" for n in self.rng.sample(range(1, 10**10), count)]
        self.all_household_ids = frozenset(numbers)
        self.household_ids = iter(numbers)

    def birth_date(self, low: int, high: int) -> str:
        """A birth date of somebody of that age on the base date."""
        day = BASE - timedelta(days=self.rng.randint(low * 366 + 1, high * 365 + 364))
        text = day.isoformat().replace("-", "")
        if day.year < 1955 and self.rng.random() < self.settings["unknown_birth_dates"]:
            return text[:6] + "00" if self.rng.random() < 0.5 else text[:4] + "0000"
        return text

    def adult_age(self, bands: tuple[tuple[int, int, int], ...] = _ADULT_AGES) -> int:
        """An age drawn from weighted bands."""
        low, high, _ = self.rng.choices(bands, weights=[b[2] for b in bands])[0]
        return self.rng.randint(low, high)

    def person(
        self, origin: str, sex: str, ages: tuple[int, int], relation: str, family: Written | None
    ) -> Person:
        """A new person whose name and birth date nobody else has."""
        while True:
            birth = self.birth_date(*ages)
            surname = family or self.names.draw_family(origin)
            given = self.names.draw_given(origin, sex, int(birth[:4]))
            person = Person(
                "", sex, birth, relation, surname.text, given.text, surname.kana, given.kana
            )
            if self.enter(person):
                break
        if origin == "roman":
            person.has_kana = self.rng.random() >= self.settings["foreign_without_kana"]
        if origin != "japanese" and self.rng.random() < self.settings["foreign_with_alias"]:
            alias = self.names.draw_family("japanese")
            given = self.names.draw_given("japanese", sex, int(birth[:4]))
            person.alias = f"{alias.text}\u3000{given.text}"
        return person

    def enter(self, person: Person) -> bool:
        """Note a person's name, reading and birth date; False if somebody has them already."""
        keys = [(fold(person.family + person.given), person.birth)]
        keys.append((fold_kana(person.reading), person.birth))
        if any(key in self.known for key in keys):
            return False
        self.known.update(keys)
        self.full_names.add(keys[0][0])
        return True

    def stranger(self, sex: str, ages: tuple[int, int], relative: Person | None = None) -> Person:
        """Somebody not on the register, whose full name nobody there has."""
        while True:
            surname = self.rng.choice(self.names.family)
            if relative:
                surname = Written(relative.family, relative.family_kana)
            birth = self.birth_date(*ages)
            year = int(birth[:4])
            generation = next(names for last, names in self.names.given[sex] if year <= last)
            given = self.rng.choice(generation)
            person = Person("", sex, birth, "", surname.text, given.text, surname.kana, given.kana)
            person.in_extract = False
            name = fold(person.family + person.given)
            if name not in self.full_names and not birth.endswith("00") and self.enter(person):
                return person

    def household(self, size: int) -> Household:
        """A new household of that many people, the head first."""
        household = Household(next(self.household_ids), *self.places.address())
        origin = "japanese"
        if self.rng.random() < self.settings["foreign_households"]:
            origin = "kanji" if self.rng.random() < 0.55 else "roman"
        members = [self.person(origin, *who) for who in self._plan(origin, size)]
        while len({fold_kana(m.given_kana) for m in members}) < size:
            members = [self.person(origin, *who) for who in self._plan(origin, size)]
        household.members = members
        if origin == "japanese" and self.rng.random() < self.settings["gaiji_households"]:
            gaiji = chr(0xE000 + self.rng.randrange(0x758))
            family = members[0].family
            for member in (m for m in members if m.family == family):
                member.family = gaiji + family[1:]
        for member in members:
            member.resident_id, member.household = next(self.ids), household
        return household

    def _plan(
        self, origin: str, size: int
    ) -> list[tuple[str, tuple[int, int], str, Written | None]]:
        """Sex, ages, relation and family name of each member."""
        rng = self.rng
        family = self.names.draw_family(origin)
        sex = "1" if rng.random() < (0.52 if size == 1 else 0.84) else "2"
        other = "2" if sex == "1" else "1"
        if size == 1:
            age = self.adult_age()
            return [(sex, (age, age), HEAD, family)]
        kind = rng.random()
        if size == 2 and kind < 0.22:
            age = self.adult_age()
            relation = SIBLINGS[other] if kind < 0.1 else LODGER
            return [
                (sex, (age, age), HEAD, family),
                (other, (max(18, age - 4), age), relation, family if kind < 0.1 else None),
            ]
        if (size == 2 and kind < 0.45) or kind < 0.12:
            age = self.adult_age(_PARENT_AGES)
            plan = [(other, (age, age), HEAD, family)]
            return plan + [self._child(age, family) for _ in range(size - 1)]
        age = self.adult_age(_COUPLE_AGES if size == 2 else _PARENT_AGES)
        spouse = WIFE if sex == "1" else HUSBAND
        plan = [
            (sex, (age, age), HEAD, family),
            (other, (max(20, age - 5), age + 3), spouse, family),
        ]
        children = size - 2
        if size >= 4 and kind > 0.93:
            children -= 1
            plan.append(("2", (age + 22, age + 32), MOTHER, family))
        return plan + [self._child(age, family) for _ in range(children)]

    def _child(self, age: int, family: Written) -> tuple[str, tuple[int, int], str, Written | None]:
        oldest = min(age - 20, 24)
        return self.rng.choice("12"), (0, max(0, oldest)), CHILD, family

    def fill(self, residents: int) -> list[Household]:
        """Households for exactly that many residents."""
        self.number(residents)
        sizes = range(1, len(self.size_weights) + 1)
        households = []
        while residents:
            size = min(residents, self.rng.choices(sizes, cum_weights=self.size_weights)[0])
            households.append(self.household(size))
            residents -= size
        return households
