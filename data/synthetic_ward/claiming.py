"""Writing a claim, and noting what becomes of its people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from data.synthetic_ward.model import NO_ACCOUNT, Account, Claim, Line, Person
from data.synthetic_ward.world import INHOUSE, ONLINE, POSTAL, Ward, day_before
from data.synthetic_ward.writing import half_width, type_address, write_date, write_kana, write_name

NEW, CORRECTION, WITHDRAWAL = "新規", "訂正", "取下"


def claimable(person: Person) -> bool:
    """Whether the head may claim for that person."""
    return not person.protected and person.state not in ("ineligible", "elsewhere")


def form_people(people: Iterable[Person]) -> list[Person]:
    """Who stands on the pre-printed form."""
    return [p for p in people if p.printed and claimable(p)]


def line(ward: Ward, channel: str, person: Person, *, unwanted: bool = False) -> Line:
    """A member line as that channel's claimants write it."""
    name = person.listed_name or person.name
    if channel != ONLINE:
        if ward.rng.random() >= ward.settings.claims["keying_noise"] or not person.plain:
            return Line(name, person.birth, unwanted)
        ward.planted["noise_keying"] += 1
        return Line(write_name(ward.rng, name), write_date(ward.rng, person.birth), unwanted)
    ward.planted["noise_typed_line"] += 1
    return Line(write_name(ward.rng, name), write_date(ward.rng, person.birth), unwanted)


def certificate(ward: Ward) -> str:
    """The serial number of a signature certificate."""
    return f"{ward.rng.getrandbits(40):010X}"


def file_claim(
    ward: Ward,
    channel: str,
    day: int,
    applicant: Person,
    people: Sequence[Person | Line],
    *,
    account: Account | None = None,
    sent: str = "",
    original: Claim | None = None,
    kind: str = NEW,
    refused: bool = False,
    **more: Any,
) -> Claim:
    """Write a claim of an applicant for people (or ready lines); `more` overrides its fields.

    A claim that follows an original of the same day is sent after it.
    """
    arrives = ward.day(day)
    sent = sent or ward.stamps(channel, arrives, 1)[0]
    order = ward.rng.random()
    if original and original.day == arrives:
        sent, order = max(sent, original.sent), original.order + 1
    claim = Claim(
        channel,
        arrives,
        sent,
        order,
        kind,
        original,
        *_applicant(ward, channel, applicant),
        account or ward.bank.open(applicant.reading),
        [p if isinstance(p, Line) else line(ward, channel, p) for p in people],
    )
    household = applicant.household
    if channel == ONLINE:
        claim.serial = certificate(ward)
        claim.address = type_address(ward.rng, household) if household else ""
    else:
        claim.postmark = day_before(sent, ward.rng.randint(1, 2))
        claim.household_id = household.household_id if household else ""
        claim.resident_id = applicant.resident_id if channel == INHOUSE else ""
    for name, value in more.items():
        setattr(claim, name, value)
    (ward.refused if refused else ward.claims).append(claim)
    return claim


def _applicant(ward: Ward, channel: str, person: Person) -> tuple[str, str, str]:
    """The applicant's name, reading and birth date as written."""
    rng = ward.rng
    # somebody registered elsewhere signs as on the list, or with other spaces and kanji forms
    name = person.listed_name if person.listed_name and rng.random() < 0.6 else person.name
    kana = person.kana
    if channel == ONLINE:
        return write_name(rng, name), write_kana(rng, kana), write_date(rng, person.birth)
    return name, half_width(kana) if rng.random() < 0.5 else kana, person.birth


def follow_up(
    ward: Ward, original: Claim, day: int, applicant: Person, people: Sequence[Person], **more: Any
) -> Claim:
    """A correction (訂正) of a claim in its own channel, with the same certificate."""
    more.setdefault("serial", original.serial)
    return file_claim(
        ward, original.channel, day, applicant, people, original=original, kind=CORRECTION, **more
    )


def withdraw(ward: Ward, original: Claim, day: int, applicant: Person) -> Claim:
    """A withdrawal (取下) of a claim: it names no member and no account."""
    return file_claim(
        ward,
        original.channel,
        day,
        applicant,
        [],
        account=NO_ACCOUNT,
        original=original,
        kind=WITHDRAWAL,
        serial=original.serial,
    )


def _settle(people: Iterable[Person], state: str, claim: Claim, codes: Iterable[str]) -> None:
    for person in people:
        person.state, person.claim = state, claim
        person.reasons = frozenset(codes)
        person.paid_yen = 0


def pay(ward: Ward, claim: Claim, people: Iterable[Person], *notes: str) -> Claim:
    """The claim pays these people."""
    people = list(people)
    _settle(people, "paid", claim, ())
    for person in people:
        person.paid_yen = ward.settings.ward["amount_yen"]
    claim.outcome = "paid"
    claim.codes |= {*notes, *_conversion(claim)}
    return claim


def hold(claim: Claim, people: Iterable[Person], *codes: str) -> Claim:
    """The claim's people are held for these reasons."""
    _settle(people, "held", claim, codes)
    claim.outcome = "held"
    claim.codes |= {*codes, *_conversion(claim)}
    return claim


def wait(claim: Claim, people: Iterable[Person]) -> Claim:
    """The claim is deficient; its people are claimed."""
    _settle(people, "claimed", claim, ["DEFICIENT"])
    claim.outcome = "deficient"
    claim.codes |= {"DEFICIENT", *_conversion(claim)}
    return claim


def decline(claim: Claim, people: Iterable[Person]) -> Claim:
    """These people's box says that they do not want the benefit."""
    _settle(people, "declined", claim, ["MEMBER_NOT_WANTED"])
    claim.codes |= {"MEMBER_NOT_WANTED"}
    return claim


def bounce(claim: Claim, people: Iterable[Person]) -> Claim:
    """The claim's payment is returned by the bank."""
    _settle(people, "returned", claim, ())
    claim.outcome = "paid"
    claim.codes |= _conversion(claim)
    return claim


def end(claim: Claim, outcome: str, *codes: str) -> Claim:
    """The claim pays nobody: outcome and codes."""
    claim.outcome = outcome
    claim.codes |= {*codes, *_conversion(claim)}
    return claim


def forget(people: Iterable[Person]) -> None:
    """Nobody has claimed for these people (any more)."""
    for person in people:
        person.state, person.claim, person.reasons, person.paid_yen = "lapsed", None, frozenset(), 0


def _conversion(claim: Claim) -> set[str]:
    convertible = len(claim.account.symbol) == 5 and claim.account.symbol[0] in "01"
    return {"YUCHO_CONVERTED"} if convertible else set()


def ordinary(ward: Ward, channel: str, day: int, head: Person, **more: Any) -> Claim:
    """A head's faultless claim for everybody of the household."""
    if head.household is None:
        raise ValueError("an ordinary claim needs a household")
    members = head.household.members
    people = form_people(members) if channel == POSTAL else [p for p in members if claimable(p)]
    return pay(ward, file_claim(ward, channel, day, head, people, **more), people)
