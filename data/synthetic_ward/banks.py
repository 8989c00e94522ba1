"""Bank accounts: real banks and branches, invented numbers, each used once; the bank's own book."""

from __future__ import annotations

import json
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from random import Random

from data.synthetic_ward.model import Account
from data.synthetic_ward.writing import half_width, write_holder

YUCHO = "9900"
ORDINARY, CURRENT, SAVINGS = "1", "2", "4"
LONGEST_HOLDER = 30


def read_branches(bank: str) -> list[str]:
    """The branch codes of a bank."""
    spec = find_spec("zengin_code")
    if spec is None or spec.origin is None:
        raise RuntimeError("zengin-code is not installed: pip install -r requirements.txt")
    path = Path(spec.origin).parent / "source-data" / "data" / "branches" / f"{bank}.json"
    return sorted(json.loads(path.read_text(encoding="utf-8")))


def yucho_account(branch: str, number: str, check: int, holder: str) -> Account:
    """A Yucho account as its savings book writes it; the inverse of the published conversion."""
    if branch.endswith("9"):
        return Account("", "", "", "", holder, f"0{branch[:2]}{check}0", str(int(number)))
    return Account("", "", "", "", holder, f"1{branch[:2]}{check}0", f"{int(number)}1")


class Bank:
    """Opens accounts and keeps the book that the simulated bank compares with."""

    def __init__(self, rng: Random, weights: dict[str, int], shares: dict[str, float]) -> None:
        """Read the branches of the banks."""
        self.rng, self.shares = rng, shares
        self.codes = list(weights)
        self.cumulative = list(accumulate(weights.values()))
        self.branches = {code: read_branches(code) for code in self.codes}
        self.giro = [b for b in self.branches[YUCHO] if b.endswith("9")]
        self.branches[YUCHO] = [b for b in self.branches[YUCHO] if b.endswith("8")]
        self.used: set[tuple[str, str, str]] = set()
        self.book: dict[tuple[str, str, str, str], str] = {}

    def open(self, reading: str, bank: str = "") -> Account:
        """A new account of somebody with that reading, as it is written on a claim."""
        rng = self.rng
        bank = bank or rng.choices(self.codes, cum_weights=self.cumulative)[0]
        if bank == YUCHO:
            return self._open_yucho(reading)
        branch = rng.choice(self.branches[bank])
        number = self._number(bank, branch)
        draw = rng.random()
        kind = ORDINARY
        if draw < self.shares["current_account"]:
            kind = CURRENT
        elif draw > 1 - self.shares["savings_account"]:
            kind = SAVINGS
        self.enter(bank, branch, kind, number, reading)
        return Account(bank, branch, kind, number, write_holder(rng, reading))

    def _open_yucho(self, reading: str) -> Account:
        rng = self.rng
        giro = rng.random() < self.shares["yucho_giro"]
        branch = rng.choice(self.giro if giro else self.branches[YUCHO])
        number = self._number(YUCHO, branch)
        kind = CURRENT if giro else ORDINARY
        self.enter(YUCHO, branch, kind, number, reading)
        holder = write_holder(rng, reading)
        if rng.random() < self.shares["yucho_as_bank"]:
            return Account(YUCHO, branch, kind, number, holder)
        return yucho_account(branch, number, rng.randint(0, 9), holder)

    def _number(self, bank: str, branch: str) -> str:
        while True:
            number = f"{self.rng.randrange(1000, 10**7):07d}"
            if (bank, branch, number) not in self.used:
                self.used.add((bank, branch, number))
                return number

    def enter(self, bank: str, branch: str, kind: str, number: str, holder: str) -> None:
        """Enter an account into the bank's book."""
        if len(half_width(holder)) > LONGEST_HOLDER:
            raise ValueError("a holder's kana is longer than the transfer record carries")
        self.book[bank, branch, kind, number] = holder

    def mistype(self, account: Account) -> Account:
        """The account with another number that nobody has."""
        return account._replace(number=self._number(account.bank, account.branch))
