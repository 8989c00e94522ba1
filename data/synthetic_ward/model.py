"""The people, households, accounts and claims of the synthetic ward, each with its true answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

SPACE = "\u3000"
HEAD, HUSBAND, WIFE, CHILD, MOTHER = "02", "11", "12", "20", "52"


class Account(NamedTuple):
    """A bank account as a claimant writes it; `symbol` and `book_number` only for Yucho."""

    bank: str
    branch: str
    kind: str
    number: str
    holder: str
    symbol: str = ""
    book_number: str = ""


NO_ACCOUNT = Account("", "", "", "", "")


@dataclass(slots=True, eq=False)
class Household:
    """A household of the register; the head stands first among its members."""

    household_id: str
    postal_code: str
    address: str
    building: str
    members: list[Person] = field(default_factory=list)

    @property
    def head(self) -> Person:
        """The head of the household."""
        return self.members[0]

    @property
    def others(self) -> list[Person]:
        """The members without the head."""
        return self.members[1:]


@dataclass(slots=True, eq=False)
class Person:
    """A person, with what the register says and what the campaign's last day must find."""

    resident_id: str
    sex: str
    birth: str
    relation: str
    family: str
    given: str
    family_kana: str
    given_kana: str
    household: Household | None = None
    has_kana: bool = True
    alias: str = ""
    in_extract: bool = True
    printed: bool = True
    listed_name: str = ""
    listed_birth: str = ""
    listed_kana: str = ""
    state: str = "lapsed"
    reasons: frozenset[str] = frozenset()
    paid_yen: int = 0
    recovery_yen: int = 0
    protected: bool = False
    claim: Claim | None = None

    @property
    def name(self) -> str:
        """The name as recorded (漢字氏名)."""
        alias = f"（{self.alias}）" if self.alias else ""
        return f"{self.family}{SPACE}{self.given}{alias}"

    @property
    def reading(self) -> str:
        """The reading of the name, which a bank always has."""
        return f"{self.family_kana}{SPACE}{self.given_kana}"

    @property
    def kana(self) -> str:
        """The reading as recorded (カナ氏名); empty for some foreign residents."""
        return self.reading if self.has_kana else ""

    @property
    def plain(self) -> bool:
        """Whether the name can be typed on any keyboard and stands alone."""
        return not self.alias and not "\ue000" <= self.family[0] <= "\uf8ff"


class Line(NamedTuple):
    """One member line of a claim as written."""

    name: str
    birth: str
    unwanted: bool = False


@dataclass(slots=True, eq=False)
class Claim:
    """One application as it arrives, with its true outcome."""

    channel: str
    day: str
    sent: str
    order: float
    kind: str
    original: Claim | None
    name: str
    kana: str
    birth: str
    account: Account
    lines: list[Line]
    household_id: str = ""
    resident_id: str = ""
    address: str = ""
    serial: str = ""
    postmark: str = ""
    proxy_kind: str = ""
    proxy_kana: str = ""
    deficiency: str = ""
    attachments: str = "1"
    outcome: str = "no_effect"
    codes: frozenset[str] = frozenset()
    number: str = ""
