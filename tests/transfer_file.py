"""Payment files built by hand for tests, straight from the layout (not by Kyufu's writer)."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Payee:
    """One data record's fields."""

    bank: str = "0001"
    branch: str = "101"
    kind: str = "1"
    number: str = "1234567"
    holder: str = "ﾐﾎﾝ ﾊﾅｺ"
    amount_yen: int = 100_000
    key: int = 1


def transfer_file(payees: Sequence[Payee], *, line_end: bytes = b"") -> bytes:
    """Return header, data, trailer, end: 120 bytes each, then ``line_end``."""
    header = f"1210{0:010d}{'ｼﾝｼﾞﾕｸｸ':<40}06260001{'':15}001{'':15}1{1:07d}"
    total = sum(payee.amount_yen for payee in payees)
    trailer = f"8{len(payees):06d}{total:012d}"
    records = [header, *map(_data, payees), trailer, "9"]
    return b"".join(record.ljust(120).encode("cp932") + line_end for record in records)


def _data(payee: Payee) -> str:
    account = f"2{payee.bank}{'':15}{payee.branch}{'':15}0000{payee.kind}{payee.number}"
    return f"{account}{payee.holder:<30}{payee.amount_yen:010d}0{payee.key:010d}{0:010d}7"
