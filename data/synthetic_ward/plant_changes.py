"""Scenarios of the register changes (異動): deaths, moves and births around the base date."""

from __future__ import annotations

from data.synthetic_ward.claiming import NEW, claimable, file_claim, follow_up, hold, ordinary, pay
from data.synthetic_ward.claiming import end as end_claim
from data.synthetic_ward.model import CHILD, HEAD, Household, Person
from data.synthetic_ward.people import LODGER
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
from data.synthetic_ward.world import LAST_DAY, ONLINE, POSTAL, Known, Ward, day_before

DIED, MOVED_OUT, BORN, MOVED_IN = "死亡", "転出", "出生", "転入"
# events before the base date, and after it by the day of the file that first tells of them
BEFORE = ("20200412", "20200426")
AFTER = {
    0: ("20200427", "20200515"),
    2: ("20200516", "20200601"),
    3: ("20200602", "20200614"),
}
BORN_IN_TIME = ("20200401", "20200427")
BORN_TOO_LATE = {0: ("20200428", "20200512"), 2: ("20200428", "20200525")}
NOTIFIED = {
    0: ("20200513", "20200517"),
    2: ("20200519", "20200602"),
    3: ("20200604", "20200616"),
}


def draw_day(ward: Ward, period: tuple[str, str], boundary: str = "") -> str:
    """A day of a period, every fourth time its boundary day."""
    if boundary and ward.rng.random() < 0.25:
        return boundary
    first, last = period
    days = [last]
    while days[-1] > first:
        days.append(day_before(days[-1], 1))
    return ward.rng.choice(days)


def change(ward: Ward, known: int, person: Person, reason: str, day: str) -> None:
    """A row of the register changes, first told in the file of that day."""
    household = person.household
    if household is None:
        raise ValueError("a register change needs a household")
    notified = max(day, draw_day(ward, NOTIFIED[known]))
    cells: tuple[str, ...] = (person.resident_id, household.household_id, reason, day, notified)
    if reason in (BORN, MOVED_IN):
        cells += (person.kana, person.name, person.relation, person.birth, household.postal_code)
        cells += (household.address, household.building, household.head.name)
    else:
        cells += ("",) * 8
    ward.changes.append(Known(ward.day(known), ward.day(LAST_DAY), cells))


def lose(ward: Ward, person: Person, reason: str, known: int = 0) -> None:
    """The person died or left before the base date."""
    change(ward, known, person, reason, draw_day(ward, BEFORE, BEFORE[1]))
    person.state = "ineligible"
    person.printed = known > 0


def die_after(ward: Ward, person: Person, known: int) -> None:
    """The person died on or after the base date."""
    boundary = AFTER[0][0] if known == 0 else ""
    change(ward, known, person, DIED, draw_day(ward, AFTER[known], boundary))


def newborn(ward: Ward, household: Household, birth: str) -> Person:
    """A child born into the household."""
    head = household.head
    given_kana = {m.given_kana for m in household.members}
    while True:
        sex = ward.rng.choice("12")
        given = ward.people.names.draw_given("japanese", sex, 2020)
        child = Person(
            "", sex, birth, CHILD, head.family, given.text, head.family_kana, given.kana, household
        )
        if given.kana not in given_kana and ward.people.enter(child):
            break
    child.resident_id, child.in_extract = next(ward.people.ids), False
    return child


def newcomer(ward: Ward, household: Household, relation: str) -> Person:
    """An adult who moves into the household."""
    person = ward.people.stranger(ward.rng.choice("12"), (22, 60))
    person.resident_id, person.relation, person.household = (
        next(ward.people.ids),
        relation,
        household,
    )
    return person


def join(ward: Ward, person: Person, household: Household, reason: str, known: int) -> None:
    """The person is on the register since the base date or before, which was told later."""
    day = person.birth if reason == BORN else draw_day(ward, BORN_IN_TIME, BORN_IN_TIME[1])
    household.members.append(person)
    change(ward, known, person, reason, day)
    person.printed = known == 0
    ward.late.append(person)


@scenario(several)
def died_before(ward: Ward, household: Household) -> None:
    """A member died before the base date; the form no longer names the member."""
    lose(ward, household.members[-1], DIED)
    claim_somehow(ward, household)


@scenario(several)
def moved_out_before(ward: Ward, household: Household) -> None:
    """A member had moved out before the base date."""
    lose(ward, household.members[-1], MOVED_OUT)
    claim_somehow(ward, household)


@scenario(several)
def ineligible_on_printed_form(ward: Ward, household: Household) -> None:
    """The loss became known after the form was printed: the form still names the person."""
    lose(ward, household.members[-1], ward.rng.choice([DIED, MOVED_OUT]), known=2)
    claim = file_claim(ward, POSTAL, 3, household.head, household.members)
    pay(ward, claim, household.members[:-1], "NOT_ELIGIBLE")


@scenario(several)
def ineligible_named_online(ward: Ward, household: Household) -> None:
    """The head types somebody who had left or died before the base date."""
    lose(ward, household.members[-1], ward.rng.choice([DIED, MOVED_OUT]))
    claim = file_claim(ward, ONLINE, ward.rng.choice([1, 2]), household.head, household.members)
    pay(ward, claim, household.members[:-1], "NOT_ELIGIBLE")


@scenario(single)
def single_died_before(ward: Ward, household: Household) -> None:
    """Somebody who lived alone died before the base date."""
    lose(ward, household.head, DIED, known=ward.rng.choice([0, 2]))


@scenario(single)
def single_moved_out_before(ward: Ward, household: Household) -> None:
    """Somebody who lived alone had moved out before the base date."""
    lose(ward, household.head, MOVED_OUT, known=ward.rng.choice([0, 2]))


@scenario(single)
def moved_out_before_applies(ward: Ward, household: Household) -> None:
    """Somebody who had moved out before the base date applies nevertheless."""
    lose(ward, household.head, MOVED_OUT)
    claim = file_claim(ward, ONLINE, ward.rng.choice([1, 2]), household.head, household.members)
    end_claim(claim, "no_effect", "NOT_ELIGIBLE")


@scenario(several)
def head_died_form_returned(ward: Ward, household: Household) -> None:
    """The head died; the form comes back in the head's name."""
    die_after(ward, household.head, ward.rng.choice([0, 2]))
    claim = file_claim(ward, POSTAL, 3, household.head, household.members)
    hold(claim, household.members, "HEAD_DIED")


@scenario(two_adults)
def head_died_new_head_claims(ward: Ward, household: Household) -> None:
    """The head died; another adult applies for everybody."""
    die_after(ward, household.head, ward.rng.choice([0, 2]))
    claim = file_claim(ward, ONLINE, 3, household.members[1], household.members)
    hold(claim, household.members, "HEAD_DIED")


@scenario(several)
def head_died_after_payment(ward: Ward, household: Household) -> None:
    """The head died after the household had been paid."""
    ordinary(ward, POSTAL, 2, household.head)
    die_after(ward, household.head, 3)


@scenario(single)
def single_head_died(ward: Ward, household: Household) -> None:
    """Somebody who lived alone died and had not applied."""
    die_after(ward, household.head, ward.rng.choice([0, 2, 3]))


@scenario(single)
def single_head_died_claimed(ward: Ward, household: Household) -> None:
    """Somebody who lived alone died; a relative sends the form."""
    die_after(ward, household.head, ward.rng.choice([0, 2]))
    claim = file_claim(ward, POSTAL, 3, household.head, household.members)
    hold(claim, household.members, "HEAD_DIED")


@scenario(several)
def member_died_after(ward: Ward, household: Household) -> None:
    """A member died on or after the base date and is paid like everybody."""
    die_after(ward, household.members[-1], ward.rng.choice([0, 2]))
    claim_somehow(ward, household, 2, 3)


@scenario(anyone)
def moved_out_after(ward: Ward, household: Household) -> None:
    """The household moved away after the base date and claims here."""
    known = ward.rng.choice([0, 2, 3])
    day = draw_day(ward, AFTER[known])
    for person in household.members:
        change(ward, known, person, MOVED_OUT, day)
    claim_somehow(ward, household)


@scenario(several_japanese)
def late_birth_claimed(ward: Ward, household: Household) -> None:
    """A birth before the base date was notified after it; the claim names the child."""
    child = newborn(ward, household, draw_day(ward, BORN_IN_TIME, BORN_IN_TIME[1]))
    known = ward.rng.choice([0, 0, 2])
    join(ward, child, household, BORN, known)
    if known == 0:
        claim_somehow(ward, household)
    else:
        ordinary(ward, ONLINE, 3, household.head)


@scenario(several_japanese)
def late_birth_corrected(ward: Ward, household: Household) -> None:
    """The child became known after the claim was paid; a correction names everybody."""
    first = ordinary(ward, POSTAL, 2, household.head)
    child = newborn(ward, household, draw_day(ward, BORN_IN_TIME, BORN_IN_TIME[1]))
    join(ward, child, household, BORN, 3)
    second = follow_up(ward, first, 3, household.head, household.members)
    pay(ward, second, [child], "MEMBER_PAID")


@scenario(several_japanese)
def late_birth_unclaimed(ward: Ward, household: Household) -> None:
    """The child became known after the claim was paid and nobody claims for it."""
    ordinary(ward, POSTAL, 2, household.head)
    child = newborn(ward, household, draw_day(ward, BORN_IN_TIME, BORN_IN_TIME[1]))
    join(ward, child, household, BORN, 3)


@scenario(plain)
def late_move_in_member(ward: Ward, household: Household) -> None:
    """Somebody moved into the household before the base date, which was told later."""
    join(ward, newcomer(ward, household, LODGER), household, MOVED_IN, 0)
    claim_somehow(ward, household)


@scenario(households=0)
def late_move_in_household(ward: Ward) -> None:
    """A household that moved in before the base date, which was told later."""
    household = Household(next(ward.people.household_ids), *ward.places.address())
    join(ward, newcomer(ward, household, HEAD), household, MOVED_IN, 0)
    claim_somehow(ward, household, 2, 3)


def name_too_late(ward: Ward, household: Household, person: Person, code: str) -> None:
    """The head's online claim names somebody without entitlement."""
    people = [m for m in household.members if claimable(m)]
    claim = file_claim(ward, ONLINE, 3, household.head, [*people, person], kind=NEW)
    pay(ward, claim, people, code)


@scenario(several_japanese)
def birth_after_named(ward: Ward, household: Household) -> None:
    """A child born after the base date is named on the claim."""
    known = ward.rng.choice([0, 2])
    period = BORN_TOO_LATE[known]
    child = newborn(ward, household, draw_day(ward, period, period[0]))
    change(ward, known, child, BORN, child.birth)
    name_too_late(ward, household, child, "NOT_ELIGIBLE")


@scenario(several_japanese)
def birth_after_unnotified(ward: Ward, household: Household) -> None:
    """A child born after the base date, whom the ward was not told of, is named on the claim."""
    child = newborn(ward, household, draw_day(ward, BORN_TOO_LATE[2]))
    name_too_late(ward, household, child, "MEMBER_NOT_FOUND")


@scenario(single)
def move_in_after_named(ward: Ward, household: Household) -> None:
    """Somebody who moved in after the base date is named on the claim."""
    person = newcomer(ward, household, LODGER)
    change(ward, 2, person, MOVED_IN, draw_day(ward, BORN_TOO_LATE[2], "20200428"))
    name_too_late(ward, household, person, "NOT_ELIGIBLE")
