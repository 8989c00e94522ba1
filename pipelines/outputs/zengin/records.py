"""The four records of a 総合振込 (type 21) file: header, data, trailer, end.

Layout: the union of 群馬銀行's layout, SMBC Web21's, a shinkin carry-in standard and the
ガリバー FB page, which agree byte for byte. A class says what a record means; its `LAYOUT` says
where each field stands. Fields that hold a person's data are kept out of `repr`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from operator import attrgetter
from typing import Any, Final

from pipelines.outputs.zengin.characters import OPTIONAL_MARKS
from pipelines.outputs.zengin.fields import Field, Kind, Layout, ZenginError

TRANSFER_TYPE: Final = "21"
_LEAP_YEAR: Final = 2020  # the record holds no year, and 29 February is a day
MOST_RECORDS: Final = 999_999
"""The trailer counts records in six digits."""


@dataclass(frozen=True, slots=True)
class Profile:
    r"""What differs between banks that take the same records.

    Attributes:
        line_break: `"crlf"` (each record is followed by CR LF) or `"none"`.
        max_records: most data records the bank takes in one file (50,000 and 9,999 are published).
        extra_marks: characters of `/,｢｣\` that this bank takes in names beside the safe set.
        code_section: コード区分; `"0"` = JIS. EBCDIC (`"1"`) is not written by this program.
        clearing_house: what stands in the unused 手形交換所番号: `"0000"` or four spaces.

    Raises:
        ValueError: a setting no bank has.
    """

    line_break: str = "crlf"
    max_records: int = 50_000
    extra_marks: str = ""
    code_section: str = "0"
    clearing_house: str = "0000"

    def __post_init__(self) -> None:
        """Refuse settings that cannot be honoured."""
        if self.line_break not in ("crlf", "none"):
            raise ValueError("line_break is 'crlf' or 'none'")
        if not 0 < self.max_records <= MOST_RECORDS:
            raise ValueError("max_records is between 1 and 999999")
        if not set(self.extra_marks) <= set(OPTIONAL_MARKS):
            raise ValueError("extra_marks holds a character no bank takes")
        if self.code_section != "0":
            raise ValueError("code_section is '0' (JIS); EBCDIC is not supported")
        if self.clearing_house not in ("0000", "    "):
            raise ValueError("clearing_house is '0000' or four spaces")


@dataclass(frozen=True, slots=True)
class Header:
    """Who pays, on which day, from which account.

    Attributes:
        client_code: 振込依頼人コード, 10 digits, given by the bank.
        client_name: 振込依頼人名 in the bank's characters, up to 40.
        transfer_mmdd: 振込指定日 as MMDD; the record holds no year. See `mmdd`.
        bank_code: 仕向銀行番号, 4 digits.
        branch_code: 仕向支店番号, 3 digits.
        account_type: 預金種目: 1 普通, 2 当座, 9 その他.
        account_number: 口座番号, 7 digits.
        bank_name: 仕向銀行名 in kana, up to 15; may be empty.
        branch_name: 仕向支店名 in kana, up to 15; may be empty.
    """

    client_code: str
    client_name: str
    transfer_mmdd: str
    bank_code: str
    branch_code: str
    account_type: str
    account_number: str = field(repr=False)
    bank_name: str = ""
    branch_name: str = ""


@dataclass(frozen=True, slots=True)
class Payment:
    """One transfer.

    Attributes:
        bank_code: 被仕向銀行番号, 4 digits.
        branch_code: 被仕向支店番号, 3 digits.
        account_type: 預金種目: 1 普通, 2 当座, 4 貯蓄, 9 その他.
        account_number: 口座番号, 7 digits.
        payee_kana: 受取人名 in the bank's characters, up to 30. See `bank_name_kana`.
        amount_yen: 振込金額, whole yen, more than zero, up to 10 digits.
        customer_code_1: 顧客コード1, 10 digits: the payment's key, by which a result is matched.
        customer_code_2: 顧客コード2, 10 digits.
        new_code: 新規コード: 1 first transfer, 2 changed, 0 other.
        bank_name: 被仕向銀行名 in kana, up to 15; may be empty.
        branch_name: 被仕向支店名 in kana, up to 15; may be empty.
        transfer_kind: 振込指定区分: 7 電信, 8 文書 (banks treat both as 7).
    """

    bank_code: str = field(repr=False)
    branch_code: str = field(repr=False)
    account_type: str = field(repr=False)
    account_number: str = field(repr=False)
    payee_kana: str = field(repr=False)
    amount_yen: int
    customer_code_1: str
    customer_code_2: str = "0000000000"
    new_code: str = "0"
    bank_name: str = field(default="", repr=False)
    branch_name: str = field(default="", repr=False)
    transfer_kind: str = "7"


@dataclass(frozen=True, slots=True)
class Trailer:
    """The totals: number of data records and their sum in yen."""

    count: int
    amount_yen: int


def _fixed(name: str, item: str, value: str) -> Field:
    return Field(name, item, len(value), Kind.CODE, (value,))


def _digits(name: str, item: str, width: int) -> Field:
    return Field(name, item, width, Kind.DIGITS)


def _bank_kana(name: str, item: str) -> Field:
    return Field(name, item, 15, Kind.BANK_KANA)


HEADER_LAYOUT: Final = Layout(
    _fixed("record_type", "データ区分", "1"),
    _fixed("transfer_type", "種別コード", TRANSFER_TYPE),
    _fixed("code_section", "コード区分", "0"),
    _digits("client_code", "振込依頼人コード", 10),
    Field("client_name", "振込依頼人名", 40, Kind.NAME_KANA),
    _digits("transfer_mmdd", "振込指定日", 4),
    _digits("bank_code", "仕向銀行番号", 4),
    _bank_kana("bank_name", "仕向銀行名"),
    _digits("branch_code", "仕向支店番号", 3),
    _bank_kana("branch_name", "仕向支店名"),
    Field("account_type", "預金種目", 1, Kind.CODE, ("1", "2", "9")),
    _digits("account_number", "口座番号", 7),
    _fixed("filler", "ダミー", " " * 17),
)
DATA_LAYOUT: Final = Layout(
    _fixed("record_type", "データ区分", "2"),
    _digits("bank_code", "被仕向銀行番号", 4),
    _bank_kana("bank_name", "被仕向銀行名"),
    _digits("branch_code", "被仕向支店番号", 3),
    _bank_kana("branch_name", "被仕向支店名"),
    Field("clearing_house", "手形交換所番号", 4, Kind.CODE, ("0000", "    ")),
    Field("account_type", "預金種目", 1, Kind.CODE, ("1", "2", "4", "9")),
    _digits("account_number", "口座番号", 7),
    Field("payee_kana", "受取人名", 30, Kind.NAME_KANA),
    Field("amount_yen", "振込金額", 10, Kind.NUMBER, least=1),
    Field("new_code", "新規コード", 1, Kind.CODE, ("0", "1", "2")),
    _digits("customer_code_1", "顧客コード1", 10),
    _digits("customer_code_2", "顧客コード2", 10),
    Field("transfer_kind", "振込指定区分", 1, Kind.CODE, ("7", "8")),
    _fixed("identification", "識別表示", " "),  # Y would turn the customer codes into EDI text
    _fixed("filler", "ダミー", " " * 7),
)
TRAILER_LAYOUT: Final = Layout(
    _fixed("record_type", "データ区分", "8"),
    Field("count", "合計件数", 6, Kind.NUMBER, least=1),
    Field("amount_yen", "合計金額", 12, Kind.NUMBER, least=1),
    _fixed("filler", "ダミー", " " * 101),
)
END_LAYOUT: Final = Layout(
    _fixed("record_type", "データ区分", "9"),
    _fixed("filler", "ダミー", " " * 119),
)

_FROM_HEADER: Final[Callable[[Any], tuple[str, ...]]] = attrgetter(
    *(item.name for item in HEADER_LAYOUT.fields[3:-1])
)
_BEFORE: Final[Callable[[Any], tuple[str, ...]]] = attrgetter(
    "bank_code", "bank_name", "branch_code", "branch_name"
)
_AFTER: Final[Callable[[Any], tuple[str | int, ...]]] = attrgetter(
    *(item.name for item in DATA_LAYOUT.fields[6:14])
)


def header_values(header: Header, profile: Profile) -> tuple[str | int, ...]:
    """The header's values in the order of `HEADER_LAYOUT`."""
    return ("1", TRANSFER_TYPE, profile.code_section, *_FROM_HEADER(header), " " * 17)


def payment_values(payment: Payment, profile: Profile) -> tuple[str | int, ...]:
    """A payment's values in the order of `DATA_LAYOUT`."""
    return (
        "2",
        *_BEFORE(payment),
        profile.clearing_house,
        *_AFTER(payment),
        " ",
        " " * 7,
    )


def header_from(values: tuple[str, ...]) -> Header:
    """The header that `read_record` took apart."""
    return Header(
        **dict(zip((item.name for item in HEADER_LAYOUT.fields[3:-1]), values[3:], strict=False))
    )


def payment_from(values: tuple[str, ...], number: int) -> Payment:
    """The payment that `read_record` took apart.

    Raises:
        ZenginError: the amount is zero.
    """
    amount_yen = int(values[9])
    if amount_yen < 1:
        raise ZenginError(number, "amount_yen", "is less than 1")
    return Payment(
        bank_code=values[1],
        bank_name=values[2],
        branch_code=values[3],
        branch_name=values[4],
        account_type=values[6],
        account_number=values[7],
        payee_kana=values[8],
        amount_yen=amount_yen,
        new_code=values[10],
        customer_code_1=values[11],
        customer_code_2=values[12],
        transfer_kind=values[13],
    )


def check_day(transfer_mmdd: str) -> None:
    """Refuse a 振込指定日 that is no day of any year.

    Raises:
        ZenginError: in record 1.
    """
    try:
        date(_LEAP_YEAR, int(transfer_mmdd[:2]), int(transfer_mmdd[2:]))
    except ValueError:
        raise ZenginError(1, "transfer_mmdd", "is not a day") from None
