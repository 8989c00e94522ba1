"""What a rehearsal delivers: files in the real layout about nobody, unusable by themselves.

Every name says 見本, every number is one that nobody can have, the bank does not exist and each amount is one yen. The
same files are the samples of `docs/interfaces`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import pyarrow as pa

from pipelines.outputs import zengin
from pipelines.outputs.forms import DERIVED_COLUMNS, FormsProfile, build_forms
from pipelines.outputs.forms_check import count_rows

NO_BANK: Final = "9999"  # not given to any bank
_TEN_ITEMS: Final = (
    "household_id", "resident_id", "name_kana", "name_kanji", "relationship", "birth_date", "postal_code", "address",
    "address_supplement", "head_name_kanji",
)  # fmt: skip
_PEOPLE: Final = (
    ("9999999901", "9999999901", "ミホン　イチロウ", "見本　一郎", "02", "19000101", "1600022",
     "東京都新宿区新宿０丁目０番０号", "見本荘１０１", "見本　一郎"),
    ("9999999901", "9999999902", "ミホン　ハナコ", "見本　花子", "12", "19000102", "1600022",
     "東京都新宿区新宿０丁目０番０号", "見本荘１０１", "見本　一郎"),
    ("9999999903", "9999999903", "ミホン　ジロウ", "見本　二郎", "02", "19000103", "1600023",
     "東京都新宿区西新宿０丁目０番０号", "", "見本　二郎"),
)  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """One file of a rehearsal. columns: what it holds, in the disclosure's words."""

    disclosure: str
    suffix: str
    payload: bytes
    columns: tuple[str, ...]
    records: int
    sum_yen: int | None


def sample_forms(profile: FormsProfile) -> Sample:
    """The contractor's file: three people in two households."""
    items = list(zip(*_PEOPLE, strict=True))
    rows = pa.table({name: pa.array(c, pa.string()) for name, c in zip(_TEN_ITEMS, items, strict=True)})  # fmt: skip
    payload = build_forms(rows, profile)
    columns = (*_TEN_ITEMS, *DERIVED_COLUMNS)
    return Sample("forms", "forms.csv", payload, columns, count_rows(payload, profile), None)


def sample_payments(header: zengin.Header, profile: zengin.Profile) -> Sample:
    """The bank's file: two transfers of one yen to a bank that does not exist.

    header: the client's and its bank's, as in earnest, so that the bank can check them.
    """
    transfers = [
        zengin.Payment(NO_BANK, "999", "1", f"000000{n}", "ﾐﾎﾝ ﾘﾊ-ｻﾙ", 1, f"999999990{n}")
        for n in (1, 2)
    ]
    columns = (
        "bank_code", "branch_code", "account_type", "account_number", "account_holder_kana", "amount_yen", "payment_key"
    )  # fmt: skip
    payload = zengin.write(header, transfers, profile)
    return Sample("payments", "payments.txt", payload, columns, len(transfers), len(transfers))


def sample_name(sample: Sample, day: date, number: int) -> str:
    """The name of a rehearsal's delivery; it begins so that nobody takes it for another."""
    return f"rehearsal_{day:%Y%m%d}_{number:02d}_{sample.suffix}"
