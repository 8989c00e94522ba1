"""The account a claim names, in the bank's terms, and whether it can be paid to at all."""

import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.outputs import yucho

# Yucho's branches end in 8 or 9 (see `yucho`); anything else under its code is a symbol written as a branch
_PLAIN = re.compile(r"(?!9900\|\d\d[0-7])\d{4}\|\d{3}\|[124]\|\d{7}", re.ASCII)

_COLUMNS = (
    "bank_code",
    "branch_code",
    "account_type",
    "account_number",
    "yucho_symbol",
    "yucho_number",
)


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


def account_columns(claims: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Of every staged claim, in order: its account as one text, null where there is none; whether it was converted.

    Accounts of other banks, nearly all, are read as columns; what names Yucho or is no plain account, one by one.
    """
    bank, *rest, symbol, symbol_number = (claims.column(name) for name in _COLUMNS)
    keys = pc.binary_join_element_wise(bank, *rest, "|").combine_chunks()
    given = pc.binary_join_element_wise(symbol, symbol_number, "")
    is_plain = pc.and_(
        pc.match_substring_regex(keys, r"^[0-9]{4}\|[0-9]{3}\|[124]\|[0-9]{7}$"),
        pc.and_(pc.not_equal(bank, yucho.BANK_CODE), pc.equal(given, "")),
    )
    others = claims.filter(pc.invert(is_plain))
    rows = zip(*(others.column(name).to_pylist() for name in _COLUMNS), strict=True)
    read = [read_account(*row) for row in rows]
    is_other = pc.invert(is_plain).combine_chunks()
    own = pa.array([account.key for account in read], pa.string())
    converted = pa.array([account.converted for account in read], pa.bool_())
    return (
        pc.replace_with_mask(keys, is_other, own),
        pc.replace_with_mask(is_other, is_other, converted),
    )
