"""Rows of the departments' and other municipalities' lists, and protected people's own claims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from data.synthetic_ward.claiming import file_claim, pay
from data.synthetic_ward.model import Account, Claim, Household, Person
from data.synthetic_ward.places import wide
from data.synthetic_ward.world import INHOUSE, Ward
from data.synthetic_ward.writing import (
    half_width,
    list_name,
    short_address,
    slip_kana,
    write_date,
    write_holder,
)

CHILDREN, DISABILITY = "facility_children", "facility_disability"
OUTSIDE, INSIDE = "facility_outside", "facility_inside"
PLACEMENT, BRAILLE = "placement_disability", "visually_impaired"
ELSEWHERE = (
    "東京都八王子市",
    "東京都三鷹市",
    "東京都中野区",
    "東京都豊島区",
    "東京都世田谷区",
    "埼玉県川口市",
    "埼玉県所沢市",
    "千葉県船橋市",
    "千葉県柏市",
    "神奈川県横浜市",
    "神奈川県相模原市",
    "山梨県甲府市",
)
STREETS = (
    "本町１丁目２番３号",
    "緑町４丁目５－６",
    "中央２丁目１１番８号",
    "若葉台３－１２－５",
    "栄町６丁目７番",
)
CANARY_FAMILY, CANARY_KANA, CANARY_TOWN = "秘匿鳥", "ヒトクドリ", "東京都新宿区百人町９丁目"
FACILITY_KANA = ("フク）ワカバエン", "フク）アオゾラカイ", "フク）ヒダマリノイエ")
ADMITTED = ("20180401", "20190401", "20190910", "20191202", "20200115", "20200316")


def distant_address(ward: Ward) -> str:
    """An address in another municipality."""
    return ward.rng.choice(ELSEWHERE) + ward.rng.choice(STREETS)


def list_address(ward: Ward, household: Household) -> str:
    """The registered address as a list has it, without the building."""
    address = household.address
    return address if ward.rng.random() < 0.5 else short_address(address)


def local_address(ward: Ward) -> str:
    """An address in the ward; of a ward of canaries one that nobody else has."""
    if not ward.canaries:
        return ward.places.address()[1]
    ward.marked += 1
    return f"{CANARY_TOWN}{wide(ward.marked)}番９９９号"


def describe(ward: Ward, person: Person) -> tuple[str, str]:
    """Name and birth date as a list has them; in a ward of canaries the person bears a name that nobody else has."""
    if ward.canaries and person.family != CANARY_FAMILY:
        ward.marked += 1
        person.family, person.family_kana = CANARY_FAMILY, CANARY_KANA
        person.given = "".join("〇一二三四五六七八九"[int(d)] for d in f"{ward.marked:04d}") + "子"
        person.given_kana = (
            "".join("レイニミヨゴムナハク"[int(d)] for d in f"{ward.marked:04d}") + "コ"
        )
        person.alias = ""
    return list_name(ward.rng, person.name), write_date(ward.rng, person.birth)


def protect(person: Person) -> Person:
    """The person's data need care from before the forms were printed."""
    person.protected, person.printed = True, False
    return person


def add(ward: Ward, person: Person, name: str, birth: str, kana: str = "") -> Person:
    """Somebody registered elsewhere becomes an addition, as described by the list."""
    person.listed_name, person.listed_birth, person.listed_kana = name, birth, kana
    person.has_kana = bool(kana)
    ward.additions.append(protect(person))
    return person


def newcomer(ward: Ward, ages: tuple[int, int] = (20, 88)) -> Person:
    """Somebody registered elsewhere."""
    return ward.people.stranger(ward.rng.choice("12"), ages)


def facility_row(
    ward: Ward, dataset: str, person: Person, registered: str, facility: str, discharged: str = ""
) -> tuple[str, str]:
    """A row of a facility list; returns name and birth date as it has them."""
    name, birth = describe(ward, person)
    admitted = max(ward.rng.choice(ADMITTED), person.birth)
    cells = (name, birth, person.sex, registered, facility, admitted, discharged)
    ward.list_row(dataset, 0, *cells)
    return name, birth


def admit(ward: Ward, dataset: str, person: Person, facility: str) -> Person:
    """A registered person is admitted to a facility."""
    if person.household is None:
        raise ValueError("only a registered person is admitted")
    discharged = "20200520" if ward.rng.random() < 0.08 else ""
    facility_row(ward, dataset, person, list_address(ward, person.household), facility, discharged)
    return protect(person)


def claim_self(
    ward: Ward, applicant: Person, *others: Person, days: Sequence[int] = (1, 2, 3), **more: Any
) -> Claim:
    """A protected person's own claim, kept in-house, is paid."""
    people = [applicant, *others]
    claim = file_claim(ward, INHOUSE, ward.rng.choice(days), applicant, people, **more)
    return pay(ward, claim, people, *(["PROXY"] if claim.proxy_kind else []))


def facility_proxy(ward: Ward) -> dict[str, Any]:
    """The facility applies for its resident and receives the money on its own account."""
    kana = ward.rng.choice(FACILITY_KANA)
    account = ward.facility_accounts.get(kana)
    if account is None:
        account = ward.facility_accounts[kana] = ward.bank.open(kana, "0001")
    return {"proxy_kind": "施設", "proxy_kana": kana, "account": account}


def guardian(ward: Ward) -> dict[str, Any]:
    """A legal representative applies and receives the money."""
    kana = newcomer(ward, (30, 70)).reading
    account: Account = ward.bank.open(kana)
    account = account._replace(holder=write_holder(ward.rng, kana))
    return {"proxy_kind": "法定代理人", "proxy_kana": half_width(kana), "account": account}


def add_by_facility(ward: Ward, dataset: str) -> Person:
    """Somebody registered elsewhere lives in a facility here."""
    person = newcomer(ward, (3, 17) if dataset == CHILDREN else (20, 88))
    row = facility_row(ward, dataset, person, distant_address(ward), local_address(ward))
    return add(ward, person, *row)


def outside_cells(ward: Ward, person: Person, paid: str, *, slips: bool = True) -> tuple[str, ...]:
    """A row that another municipality sends."""
    name, birth = describe(ward, person)
    kana = half_width(person.kana) if ward.rng.random() < 0.4 else person.kana
    if slips and ward.rng.random() < 0.2:
        kana = slip_kana(ward.rng, person.kana)
    return ward.rng.choice(ELSEWHERE), name, kana, person.sex, birth, paid


def add_by_notice(ward: Ward, paid: str) -> Person:
    """Another municipality tells of its resident in a facility here."""
    person = newcomer(ward)
    cells = outside_cells(ward, person, paid, slips=False)
    ward.list_row(INSIDE, 0, *cells)
    return add(ward, person, cells[1], cells[4], cells[2])


def enter_braille(ward: Ward, household: Household) -> None:
    """A member holds the handbook: the household's claims are kept in-house."""
    person = ward.rng.choice(household.members)
    ward.list_row(BRAILLE, 0, person.resident_id, list_name(ward.rng, person.name))
    for member in household.members:
        member.printed = False
