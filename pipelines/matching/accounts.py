"""The account a claim names, in the bank's terms, and whether it can be paid to at all."""

import re
from dataclasses import dataclass

import pyarrow as pa

from pipelines.outputs import yucho

# Yucho's branches end in 8 or 9 (see `yucho`); anything else under its code is a symbol written as a branch
_PLAIN = re.compile(r"(?!9900\|\d\d[0-7])\d{4}\|\d{3}\|[124]\|\d{7}", re.ASCII)


@dataclass(frozen=True)
class Account:
    """Bank, branch, type and number, or a fault; converted: made from a Yucho symbol and number."""

    parts: tuple[str, str, str, str] | None
    converted: bool

    @property
    def key(self) -> str | None:
        """One text an account, None where there is none."""
        return "|".join(self.parts) if self.parts else None


def read_account(
    bank: str, branch: str, account_type: str, number: str, symbol: str, symbol_number: str
) -> Account:
    """The account of one claim: either the four bank items, or a Yucho symbol and number."""
    if symbol or symbol_number:
        if bank or branch or number:
            return Account(None, converted=False)
        try:
            return Account(yucho.convert(symbol, symbol_number), converted=True)
        except yucho.YuchoError:
            return Account(None, converted=False)
    parts = (bank, branch, account_type, number)
    return Account(parts if _PLAIN.fullmatch("|".join(parts)) else None, converted=False)


def read_accounts(claims: pa.Table) -> list[Account]:
    """The account of every staged claim, in order."""
    columns = (
        claims.column(name).to_pylist()
        for name in (
            "bank_code",
            "branch_code",
            "account_type",
            "account_number",
            "yucho_symbol",
            "yucho_number",
        )
    )
    return [read_account(*row) for row in zip(*columns, strict=True)]
