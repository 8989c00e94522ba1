"""Scenarios of the lists that departments and other municipalities send: facilities, placements."""

from __future__ import annotations

from data.synthetic_ward.claiming import end, file_claim, hold, ordinary, pay
from data.synthetic_ward.listing import (
    CHILDREN,
    DISABILITY,
    ELSEWHERE,
    INSIDE,
    OUTSIDE,
    PLACEMENT,
    add,
    add_by_facility,
    add_by_notice,
    admit,
    claim_self,
    describe,
    distant_address,
    enter_braille,
    facility_proxy,
    facility_row,
    guardian,
    list_address,
    local_address,
    newcomer,
    outside_cells,
    protect,
)
from data.synthetic_ward.model import Household
from data.synthetic_ward.scenarios import (
    claim_inhouse,
    claim_somehow,
    couple_with_minor,
    head_with_kana,
    minors,
    plain,
    scenario,
    several,
    single,
    with_minor,
)
from data.synthetic_ward.world import INHOUSE, ONLINE, Ward, day_before


@scenario(with_minor)
def facility_child_here(ward: Ward, household: Household) -> None:
    """A child of the household lives in a facility here; the facility applies for it."""
    child = admit(ward, CHILDREN, ward.rng.choice(minors(household)), local_address(ward))
    claim_self(ward, child, **facility_proxy(ward))
    claim_somehow(ward, household)


@scenario(couple_with_minor)
def facility_family_here(ward: Ward, household: Household) -> None:
    """Mother (or father) and children live in a mother-and-child home here."""
    home = local_address(ward)
    parent, *children = [
        admit(ward, CHILDREN, p, home) for p in [household.members[1], *minors(household)]
    ]
    claim_self(ward, parent, *children)
    claim_somehow(ward, household)


@scenario(plain)
def facility_adult_here(ward: Ward, household: Household) -> None:
    """Somebody lives in a facility for disabled people here and applies."""
    claim_self(ward, admit(ward, DISABILITY, household.members[-1], local_address(ward)))
    claim_somehow(ward, household)


@scenario(plain)
def facility_adult_proxy(ward: Ward, household: Household) -> None:
    """The facility applies for its resident; its account stands on many claims."""
    person = admit(ward, DISABILITY, household.members[-1], local_address(ward))
    claim_self(ward, person, **facility_proxy(ward))
    claim_somehow(ward, household)


@scenario(several)
def facility_named_online(ward: Ward, household: Household) -> None:
    """The head's online claim names the protected member."""
    person = admit(ward, DISABILITY, household.members[-1], local_address(ward))
    claim = file_claim(ward, ONLINE, ward.rng.choice([1, 2]), household.head, household.members)
    pay(ward, claim, household.members[:-1], "MEMBER_PROTECTED")
    if ward.rng.random() < 0.7:
        claim_self(ward, person)


@scenario(plain)
def facility_elsewhere(ward: Ward, household: Household) -> None:
    """A registered person lives in a facility elsewhere and waits for that municipality."""
    person = admit(ward, DISABILITY, household.members[-1], distant_address(ward))
    person.state = "elsewhere_pending"
    claim_somehow(ward, household)


@scenario(with_minor)
def facility_elsewhere_named_online(ward: Ward, household: Household) -> None:
    """The head's online claim names the child who lives in a facility elsewhere."""
    child = admit(ward, CHILDREN, minors(household)[-1], distant_address(ward))
    child.state = "elsewhere_pending"
    claim = file_claim(ward, ONLINE, ward.rng.choice([1, 2]), household.head, household.members)
    rest = [m for m in household.members if m is not child]
    pay(ward, claim, rest, "MEMBER_PAID_ELSEWHERE", "MEMBER_PROTECTED")


@scenario(single)
def facility_elsewhere_claims_here(ward: Ward, household: Household) -> None:
    """Somebody in a facility elsewhere applies here."""
    person = admit(ward, DISABILITY, household.head, distant_address(ward))
    person.state = "elsewhere_pending"
    claim = file_claim(ward, INHOUSE, 2, person, [person])
    end(claim, "no_effect", "MEMBER_PAID_ELSEWHERE")


@scenario(plain)
def facility_discharged(ward: Ward, household: Household) -> None:
    """A row about somebody who had left the facility by the base date has no effect."""
    person = household.members[-1]
    address, facility = list_address(ward, household), local_address(ward)
    left = ward.rng.choice(["20200331", "20200426", "20200427"])
    facility_row(ward, DISABILITY, person, address, facility, left)
    claim_somehow(ward, household)


@scenario(households=0)
def facility_addition(ward: Ward) -> None:
    """An addition from a facility list applies."""
    person = add_by_facility(ward, ward.rng.choice([CHILDREN, DISABILITY]))
    claim_self(ward, person, **(facility_proxy(ward) if ward.rng.random() < 0.4 else {}))


@scenario(households=0)
def facility_addition_unclaimed(ward: Ward) -> None:
    """An addition from a facility list does not apply."""
    add_by_facility(ward, DISABILITY)


@scenario(plain)
def facility_outside_paid(ward: Ward, household: Household) -> None:
    """The municipality of the facility has paid."""
    person = protect(household.members[-1])
    person.state = "elsewhere"
    ward.list_row(OUTSIDE, 0, *outside_cells(ward, person, "有"))
    claim_somehow(ward, household)


@scenario(plain)
def facility_outside_pending(ward: Ward, household: Household) -> None:
    """The municipality of the facility has not paid yet."""
    person = protect(household.members[-1])
    person.state = "elsewhere_pending"
    ward.list_row(OUTSIDE, 0, *outside_cells(ward, person, "無"))
    claim_somehow(ward, household)


@scenario(plain)
def facility_outside_becomes_paid(ward: Ward, household: Household) -> None:
    """The second list says that the payment has been made."""
    person = protect(household.members[-1])
    person.state = "elsewhere"
    cells = outside_cells(ward, person, "無")
    ward.list_row(OUTSIDE, 0, *cells, until=2)
    ward.list_row(OUTSIDE, 3, *cells[:-1], "有")
    claim_somehow(ward, household)


@scenario(households=0)
def facility_inside(ward: Ward) -> None:
    """An addition from another municipality's list applies."""
    claim_self(ward, add_by_notice(ward, "無"))


@scenario(households=0)
def facility_inside_paid(ward: Ward) -> None:
    """An addition who was paid where registered."""
    add_by_notice(ward, "有").state = "elsewhere"


@scenario(households=0)
def facility_inside_known(ward: Ward) -> None:
    """The other municipality tells of somebody whom our own list has as well."""
    person = add_by_facility(ward, DISABILITY)
    person.has_kana = True
    ward.list_row(INSIDE, 0, *outside_cells(ward, person, "無", slips=False))
    claim_self(ward, person)


@scenario(plain)
def placement_here(ward: Ward, household: Household) -> None:
    """A registered person placed after abuse, here or elsewhere, applies."""
    person = protect(household.members[-1])
    facility = ward.settings.ward["name"] if ward.rng.random() < 0.5 else ward.rng.choice(ELSEWHERE)
    ward.list_row(PLACEMENT, 0, *describe(ward, person), ward.settings.ward["name"], facility)
    claim_self(ward, person)
    claim_somehow(ward, household)


@scenario(several)
def placement_elsewhere(ward: Ward, household: Household) -> None:
    """A registered person placed elsewhere after abuse is named by the head and does not apply."""
    person = protect(household.members[-1])
    names = (ward.settings.ward["name"], ward.rng.choice(ELSEWHERE))
    ward.list_row(PLACEMENT, 0, *describe(ward, person), *names)
    claim = file_claim(ward, ONLINE, 2, household.head, household.members)
    pay(ward, claim, household.members[:-1], "MEMBER_PROTECTED")


@scenario(households=0)
def placement_addition(ward: Ward) -> None:
    """Somebody registered elsewhere was placed here after abuse."""
    person = newcomer(ward)
    name, birth = describe(ward, person)
    cells = (name, birth, ward.rng.choice(ELSEWHERE), ward.settings.ward["name"])
    ward.list_row(PLACEMENT, 0, *cells)
    claim_self(ward, add(ward, person, name, birth))


@scenario(several)
def protected_head_claims(ward: Ward, household: Household) -> None:
    """The head lives in a facility here and applies in-house for everybody."""
    admit(ward, DISABILITY, household.head, local_address(ward))
    claim_self(ward, household.head, *household.others)


@scenario(several)
def protected_head_impersonated(ward: Ward, household: Household) -> None:
    """A claim in the protected head's name comes online."""
    admit(ward, DISABILITY, household.head, local_address(ward))
    claim = file_claim(ward, ONLINE, ward.rng.choice([1, 2]), household.head, household.members)
    hold(claim, household.others, "HEAD_PROTECTED")
    claim.codes |= {"MEMBER_PROTECTED"}


@scenario(plain)
def braille(ward: Ward, household: Household) -> None:
    """A Braille household applies in-house, or online."""
    enter_braille(ward, household)
    if ward.rng.random() < 0.1:
        ordinary(ward, ONLINE, 2, household.head)
    else:
        claim_inhouse(ward, household)


@scenario(single)
def braille_guardian(ward: Ward, household: Household) -> None:
    """A legal representative applies for somebody of a Braille household."""
    enter_braille(ward, household)
    claim_self(ward, household.head, **guardian(ward))


@scenario(head_with_kana)
def late_in_time(ward: Ward, household: Household) -> None:
    """An in-house claim that was keyed late but posted in time is paid."""
    enter_braille(ward, household)
    claim = claim_inhouse(ward, household, 4)
    claim.postmark = min(claim.postmark, ward.settings.ward["postmark_deadline"])


@scenario(head_with_kana)
def late(ward: Ward, household: Household) -> None:
    """An in-house claim posted after the deadline is held."""
    enter_braille(ward, household)
    claim = file_claim(ward, INHOUSE, 4, household.head, household.members, sent="20200908")
    claim.postmark = day_before("20200907", ward.rng.randint(0, 6))
    hold(claim, household.members, "LATE")


def plant_strangers(ward: Ward) -> None:
    """Two rows about people said to be registered here whom the register does not have."""
    for _ in range(2):
        person = newcomer(ward)
        facility_row(ward, DISABILITY, person, local_address(ward), local_address(ward))
        ward.planted["stranger_on_list"] += 1
