"""Scenarios of several claims for one household: repeats, corrections, deficiencies."""

from __future__ import annotations

from typing import Any

from data.synthetic_ward.claiming import (
    end,
    file_claim,
    follow_up,
    forget,
    hold,
    ordinary,
    pay,
    wait,
    withdraw,
)
from data.synthetic_ward.listing import enter_braille
from data.synthetic_ward.model import Claim, Household
from data.synthetic_ward.scenarios import head_with_kana, plain, scenario, several, single
from data.synthetic_ward.world import INHOUSE, ONLINE, POSTAL, Ward
from data.synthetic_ward.writing import write_holder

DEFICIENCIES = ("01", "02", "03")


def repeat_online(ward: Ward, household: Household, times: int) -> None:
    """The head applies again and again on one day with the same account; the first one counts."""
    day, head = ward.rng.choice([1, 2, 3]), household.head
    first_sent, *later = ward.stamps(ONLINE, ward.day(day), times)
    first = ordinary(ward, ONLINE, day, head, sent=first_sent)
    for sent in later:
        again = file_claim(
            ward,
            ONLINE,
            day,
            head,
            household.members,
            account=first.account,
            sent=sent,
            serial=first.serial,
        )
        end(again, "duplicate", "DUPLICATE_CLAIM")


@scenario(plain)
def repeated_same_day(ward: Ward, household: Household) -> None:
    """The head applies two to five times on one day."""
    repeat_online(ward, household, ward.rng.randint(2, 5))


@scenario(single)
def repeated_fifteen_times(ward: Ward, household: Household) -> None:
    """One person applies fifteen times on one day."""
    repeat_online(ward, household, 15)


@scenario(plain)
def repeated_later_day(ward: Ward, household: Household) -> None:
    """The head applies again after having been paid."""
    first = ordinary(ward, ONLINE, 1, household.head)
    account = first.account if ward.rng.random() < 0.5 else None
    again = file_claim(
        ward,
        ONLINE,
        ward.rng.choice([2, 3]),
        household.head,
        household.members,
        account=account,
        serial=first.serial,
    )
    end(again, "duplicate", "DUPLICATE_CLAIM", "MEMBER_PAID")


@scenario(plain)
def online_then_postal(ward: Ward, household: Household) -> None:
    """The head applied online, was paid, and sends the form as well."""
    ordinary(ward, ONLINE, 1, household.head)
    claim = file_claim(ward, POSTAL, ward.rng.choice([2, 3]), household.head, household.members)
    end(claim, "duplicate", "DUPLICATE_CLAIM", "MEMBER_PAID")


@scenario(plain)
def online_and_postal_same_account(ward: Ward, household: Household) -> None:
    """Online and postal arrive on one day with one account: the earlier application counts."""
    day, head = ward.rng.choice([2, 3]), household.head
    online = ordinary(ward, ONLINE, day, head)
    received = max(ward.stamps(POSTAL, ward.day(day), 9))
    sent = min(ward.stamps(ONLINE, ward.day(day), 9))
    online.sent = min(online.sent, sent)
    holder = write_holder(ward.rng, head.reading)
    account = online.account._replace(holder=holder)
    claim = file_claim(ward, POSTAL, day, head, household.members, account=account, sent=received)
    end(claim, "duplicate", "DUPLICATE_CLAIM")


@scenario(plain)
def online_and_postal_other_account(ward: Ward, household: Household) -> None:
    """Online and postal arrive on one day with different accounts."""
    day = ward.rng.choice([2, 3])
    for channel in (POSTAL, ONLINE):
        claim = file_claim(ward, channel, day, household.head, household.members)
        hold(claim, household.members, "DUPLICATE_CLAIM")


@scenario(plain)
def repeated_other_account(ward: Ward, household: Household) -> None:
    """Two online claims of one day have different accounts."""
    day, serial = ward.rng.choice([1, 2, 3]), f"{ward.rng.getrandbits(40):010X}"
    for sent in reversed(ward.stamps(ONLINE, ward.day(day), 2)):
        claim = file_claim(
            ward, ONLINE, day, household.head, household.members, sent=sent, serial=serial
        )
        hold(claim, household.members, "DUPLICATE_CLAIM")


@scenario(head_with_kana)
def held_then_second_claim(ward: Ward, household: Household) -> None:
    """Held for the account; a later plain claim is a duplicate and the people stay held."""
    stranger = ward.people.stranger(ward.rng.choice("12"), (25, 60))
    account = ward.bank.open(stranger.reading)
    first = file_claim(ward, ONLINE, 1, household.head, household.members, account=account)
    hold(first, household.members, "ACCOUNT_NOT_CLAIMANT")
    second = file_claim(ward, POSTAL, 3, household.head, household.members)
    end(second, "duplicate", "DUPLICATE_CLAIM")


@scenario(plain, households=2)
def same_certificate(ward: Ward, one: Household, two: Household) -> None:
    """One certificate signed the claims of two heads."""
    day, serial = ward.rng.choice([1, 2, 3]), f"{ward.rng.getrandbits(40):010X}"
    for household in (one, two):
        claim = file_claim(ward, ONLINE, day, household.head, household.members, serial=serial)
        hold(claim, household.members, "SAME_CERTIFICATE")


def lack(ward: Ward, household: Household, channel: str, day: int) -> Claim:
    """A deficient claim."""
    lack_of: dict[str, Any] = (
        {"attachments": "0"} if channel == ONLINE else {"deficiency": ward.rng.choice(DEFICIENCIES)}
    )
    claim = file_claim(ward, channel, day, household.head, household.members, **lack_of)
    return wait(claim, household.members)


@scenario(plain)
def deficient_postal(ward: Ward, household: Household) -> None:
    """A deficient form, never corrected."""
    lack(ward, household, POSTAL, ward.rng.choice([2, 3]))


@scenario(plain)
def deficient_online(ward: Ward, household: Household) -> None:
    """An online claim without attachment, never corrected."""
    lack(ward, household, ONLINE, ward.rng.choice([1, 2, 3]))


def correct(ward: Ward, first: Claim, household: Household, day: int) -> Claim:
    """The correction is paid in place of the first claim."""
    second = follow_up(ward, first, day, household.head, household.members)
    first.outcome = "superseded"
    return pay(ward, second, household.members)


@scenario(plain)
def deficient_postal_corrected(ward: Ward, household: Household) -> None:
    """A deficient form, corrected later."""
    correct(ward, lack(ward, household, POSTAL, 2), household, 3)


@scenario(plain)
def deficient_online_corrected(ward: Ward, household: Household) -> None:
    """An online claim without attachment, corrected later."""
    correct(ward, lack(ward, household, ONLINE, 1), household, ward.rng.choice([2, 3]))


@scenario(plain)
def deficient_inhouse_corrected(ward: Ward, household: Household) -> None:
    """A deficient claim of a Braille household, corrected in-house."""
    enter_braille(ward, household)
    correct(ward, lack(ward, household, INHOUSE, ward.rng.choice([1, 2])), household, 3)


@scenario(plain)
def deficient_twice(ward: Ward, household: Household) -> None:
    """The correction is deficient too."""
    first = lack(ward, household, POSTAL, 2)
    second = follow_up(
        ward, first, 3, household.head, household.members, deficiency=DEFICIENCIES[0]
    )
    first.outcome = "superseded"
    wait(second, household.members)


@scenario(several)
def corrected_same_day(ward: Ward, household: Household) -> None:
    """A correction with another account arrives with its original."""
    day = ward.rng.choice([1, 2, 3])
    first = ordinary(ward, ONLINE, day, household.head)
    correct(ward, first, household, day)


@scenario(plain)
def withdrawn(ward: Ward, household: Household) -> None:
    """A deficient form is taken back."""
    first = lack(ward, household, POSTAL, 2)
    withdraw(ward, first, 3, household.head)
    forget(household.members)
    first.outcome = "withdrawn"


def withdraw_same_day(ward: Ward, household: Household) -> None:
    """An online claim and its withdrawal arrive together."""
    first = ordinary(ward, ONLINE, 2, household.head)
    withdraw(ward, first, 2, household.head)
    forget(household.members)
    first.outcome = "withdrawn"


@scenario(plain)
def withdrawn_same_day(ward: Ward, household: Household) -> None:
    """Taken back before it was decided; nobody claims again."""
    withdraw_same_day(ward, household)


@scenario(plain)
def withdrawn_then_claimed_again(ward: Ward, household: Household) -> None:
    """Taken back before it was decided; the form is sent instead and paid."""
    withdraw_same_day(ward, household)
    ordinary(ward, POSTAL, 3, household.head)


@scenario(plain)
def withdrawn_after_payment(ward: Ward, household: Household) -> None:
    """A withdrawal after the payment changes nothing."""
    withdraw(ward, ordinary(ward, ONLINE, 1, household.head), 2, household.head)


@scenario(plain)
def refused_online(ward: Ward, household: Household) -> None:
    """The online claim is in a file outside the programme's periods: it never enters."""
    file_claim(ward, ONLINE, 4, household.head, household.members, refused=True)


@scenario(plain)
def refused_postal(ward: Ward, household: Household) -> None:
    """The form is in a file outside the programme's periods: it never enters."""
    file_claim(ward, POSTAL, 4, household.head, household.members, refused=True)
