"""Scenarios of bank accounts: whose they are, whether they exist, what the bank returns."""

from __future__ import annotations

from data.synthetic_ward.banks import YUCHO
from data.synthetic_ward.claiming import bounce, file_claim, hold, ordinary
from data.synthetic_ward.listing import guardian
from data.synthetic_ward.model import SPACE, Account, Claim, Household, Person
from data.synthetic_ward.plant_applicants import online_or_postal
from data.synthetic_ward.plant_repeats import correct
from data.synthetic_ward.scenarios import (
    anyone,
    head_with_kana,
    japanese,
    plain,
    scenario,
    two_adults,
)
from data.synthetic_ward.world import ONLINE, POSTAL, Ward
from data.synthetic_ward.writing import write_holder

BIG_BANKS = ("0001", "0005", "0009", "0010")


def bank_account(ward: Ward, person: Person) -> Account:
    """An account at a bank that is not Yucho."""
    return ward.bank.open(person.reading, ward.rng.choice(BIG_BANKS))


def hold_for_account(
    ward: Ward, household: Household, account: Account, code: str, *when: object
) -> Claim:
    """A claim held because of its account."""
    channel, day = when or online_or_postal(ward)
    claim = file_claim(
        ward, str(channel), int(str(day)), household.head, household.members, account=account
    )
    return hold(claim, household.members, code)


@scenario(two_adults)
def account_of_member(ward: Ward, household: Household) -> None:
    """The account is another member's, without proxy."""
    account = ward.bank.open(household.members[1].reading)
    hold_for_account(ward, household, account, "ACCOUNT_NOT_CLAIMANT")


@scenario(head_with_kana)
def account_of_stranger(ward: Ward, household: Household) -> None:
    """The account is a stranger's."""
    person = ward.people.stranger(ward.rng.choice("12"), (25, 60))
    account = ward.bank.open(person.reading)
    hold_for_account(ward, household, account, "ACCOUNT_NOT_CLAIMANT")


def without_kana(household: Household) -> bool:
    """The head's reading is not on the register."""
    return plain(household) and not household.head.has_kana


@scenario(without_kana)
def account_of_applicant_without_kana(ward: Ward, household: Household) -> None:
    """The holder's kana of an applicant without kana on the register is not asked."""
    head = household.head
    account = ward.bank.open(f"{head.given_kana}{SPACE}{head.family_kana}")
    ordinary(ward, *online_or_postal(ward), household.head, account=account)


def other_holder(ward: Ward, account: Account, household: Household) -> Account:
    """The same account under the head's own name."""
    return account._replace(holder=write_holder(ward.rng, household.head.reading))


def different_heads(one: Household, two: Household) -> bool:
    """The heads' readings differ."""
    return one.head.reading != two.head.reading


@scenario(head_with_kana, households=2)
def account_shared(ward: Ward, one: Household, two: Household) -> None:
    """One account number stands on the claims of two households under two names."""
    when = online_or_postal(ward)
    account = ward.bank.open(one.head.reading)
    hold_for_account(ward, one, account, "ACCOUNT_SHARED", *when)
    hold_for_account(ward, two, other_holder(ward, account, two), "ACCOUNT_SHARED", *when)


@scenario(head_with_kana, households=2)
def account_shared_other_holder(ward: Ward, one: Household, two: Household) -> None:
    """A second household uses the first one's account."""
    when = online_or_postal(ward)
    account = ward.bank.open(one.head.reading)
    hold_for_account(ward, one, account, "ACCOUNT_SHARED", *when)
    second = hold_for_account(ward, two, account, "ACCOUNT_SHARED", *when)
    if different_heads(one, two):
        hold(second, two.members, "ACCOUNT_NOT_CLAIMANT", "ACCOUNT_SHARED")


@scenario(head_with_kana, households=2)
def account_shared_after_payment(ward: Ward, one: Household, two: Household) -> None:
    """A second household uses the account of one that has been paid."""
    first = ordinary(ward, ONLINE, 1, one.head)
    first.codes |= {"ACCOUNT_SHARED"}
    account = other_holder(ward, first.account, two)
    hold_for_account(ward, two, account, "ACCOUNT_SHARED", POSTAL, 3)


def wrong_length(ward: Ward, person: Person) -> Account:
    """An account number of six or eight digits."""
    account = bank_account(ward, person)
    number = account.number[:6] if ward.rng.random() < 0.5 else account.number + "1"
    return account._replace(number=number)


@scenario(plain)
def account_number_wrong_length(ward: Ward, household: Household) -> None:
    """The account number has not seven digits."""
    hold_for_account(ward, household, wrong_length(ward, household.head), "ACCOUNT_INVALID")


@scenario(plain)
def account_type_unknown(ward: Ward, household: Household) -> None:
    """The account's type does not exist."""
    account = bank_account(ward, household.head)._replace(kind="9")
    hold_for_account(ward, household, account, "ACCOUNT_INVALID")


def savings_book(ward: Ward, person: Person) -> Account:
    """Symbol and number of a savings book written into the bank's columns."""
    rng = ward.rng
    holder = write_holder(rng, person.reading)
    # a branch whose symbol does not look like a branch number
    branch = rng.choice([b for b in ward.bank.branches[YUCHO] if b[1] not in "89"])
    symbol = f"1{branch[:2]}{rng.randint(0, 9)}0"
    number = f"{rng.randint(1_000_000, 9_999_999)}"
    if rng.random() < 0.5:
        return Account(YUCHO, symbol, "1", f"{number}1", holder)
    return Account(YUCHO, symbol[:3], "1", number, holder)


@scenario(plain)
def yucho_number_in_bank_columns(ward: Ward, household: Household) -> None:
    """The savings book's symbol stands where a branch belongs."""
    hold_for_account(ward, household, savings_book(ward, household.head), "ACCOUNT_INVALID")


@scenario(plain)
def yucho_not_convertible(ward: Ward, household: Household) -> None:
    """Symbol and number that the published rule does not cover."""
    holder = write_holder(ward.rng, household.head.reading)
    symbol = ward.rng.choice(["20130", "1013", "91370", "50120"])
    account = Account("", "", "", "", holder, symbol, f"{ward.rng.randint(10_000, 999_999)}1")
    hold_for_account(ward, household, account, "ACCOUNT_INVALID")


@scenario(plain)
def account_missing(ward: Ward, household: Household) -> None:
    """No account is given, only the holder's name."""
    holder = write_holder(ward.rng, household.head.reading)
    account = Account("", "", "", "", holder)
    hold_for_account(ward, household, account, "ACCOUNT_INVALID")


@scenario(plain)
def account_invalid_corrected(ward: Ward, household: Household) -> None:
    """An invalid account is put right by a correction."""
    make = ward.rng.choice([wrong_length, savings_book])
    when = ward.rng.choice([(ONLINE, 1), (ONLINE, 2), (POSTAL, 2)])
    account = make(ward, household.head)
    first = hold_for_account(ward, household, account, "ACCOUNT_INVALID", *when)
    correct(ward, first, household, 3)


@scenario(two_adults)
def proxy_member(ward: Ward, household: Household) -> None:
    """A member is the head's proxy and receives the money."""
    proxy = household.members[1]
    account = ward.bank.open(proxy.reading)
    claim = ordinary(
        ward,
        POSTAL,
        ward.rng.choice([2, 3]),
        household.head,
        account=account,
        proxy_kind="世帯員",
        proxy_kana=write_holder(ward.rng, proxy.reading),
    )
    claim.codes |= {"PROXY"}


@scenario(head_with_kana)
def proxy_not_a_member(ward: Ward, household: Household) -> None:
    """The proxy called a member is none."""
    stranger = ward.people.stranger(ward.rng.choice("12"), (25, 60))
    claim = file_claim(
        ward,
        POSTAL,
        ward.rng.choice([2, 3]),
        household.head,
        household.members,
        proxy_kind="世帯員",
        proxy_kana=stranger.reading,
    )
    hold(claim, household.members, "PROXY_NOT_MEMBER")


@scenario(anyone)
def proxy_guardian(ward: Ward, household: Household) -> None:
    """A legal representative sends the form."""
    claim = ordinary(ward, POSTAL, ward.rng.choice([2, 3]), household.head, **guardian(ward))
    claim.codes |= {"PROXY"}


def returned(ward: Ward, household: Household, when: tuple[str, int], account: Account) -> Claim:
    """The payment comes back."""
    claim = file_claim(ward, *when, household.head, household.members, account=account)
    return bounce(claim, household.members)


@scenario(plain)
def transfer_returned_number(ward: Ward, household: Household) -> None:
    """The account number is mistyped: the bank has no such account."""
    account = ward.bank.mistype(bank_account(ward, household.head))
    returned(ward, household, online_or_postal(ward), account)


def renamed_account(ward: Ward, person: Person) -> Account:
    """The bank's book still has the person's former family name."""
    account = bank_account(ward, person)
    former = ward.people.names.draw_family("japanese").kana
    while former == person.family_kana:
        former = ward.people.names.draw_family("japanese").kana
    holder = f"{former}{SPACE}{person.given_kana}"
    ward.bank.enter(account.bank, account.branch, account.kind, account.number, holder)
    return account


@scenario(japanese)
def transfer_returned_name(ward: Ward, household: Household) -> None:
    """The bank has another holder's name for the account."""
    account = renamed_account(ward, household.head)
    returned(ward, household, online_or_postal(ward), account)


@scenario(japanese)
def transfer_returned_corrected(ward: Ward, household: Household) -> None:
    """The payment comes back; a correction brings another account, which is paid."""
    account = ward.bank.mistype(bank_account(ward, household.head))
    if ward.rng.random() < 0.4:
        account = renamed_account(ward, household.head)
    when = ward.rng.choice([(ONLINE, 1), (ONLINE, 2), (POSTAL, 2)])
    first = returned(ward, household, when, account)
    correct(ward, first, household, 3)
