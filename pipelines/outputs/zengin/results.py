"""The bank's answer to a 総合振込 file: the same records with a result code in the filler.

No 全銀協 record exists for it; this is the shape most often published for type 21 (FORMATS 1.7,
shape 2): the code stands at column 114, and the trailer goes on after count and sum with the
processed and failed counts and amounts. Where a bank differs, its profile says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from pipelines.outputs.zengin.fields import RECORD_LENGTH, Field, Kind, Layout, ZenginError
from pipelines.outputs.zengin.file import check_totals, read_body, read_lines
from pipelines.outputs.zengin.records import (
    TRAILER_LAYOUT,
    Header,
    Payment,
    Profile,
    Trailer,
    payment_from,
)

PAID: Final = "paid"
DEFAULT_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "0": PAID,
        "1": "no_such_account",
        "2": "name_differs",
        "8": "other",
        "9": "other",
    }
)
_FIRST_FREE_COLUMN: Final = 113

RESULT_TRAILER_LAYOUT: Final = Layout(
    *TRAILER_LAYOUT.fields[:3],
    Field("processed_count", "振込済件数", 6, Kind.NUMBER),
    Field("processed_yen", "振込済金額", 12, Kind.NUMBER),
    Field("failed_count", "振込不能件数", 6, Kind.NUMBER),
    Field("failed_yen", "振込不能金額", 12, Kind.NUMBER),
    Field("filler", "ダミー", 65, Kind.CODE, (" " * 65,)),
)


@dataclass(frozen=True, slots=True)
class ReturnProfile:
    """How this bank returns a file.

    Attributes:
        sent: the profile the file was sent under; its line break and marks hold for the answer,
            except where `line_break` says otherwise.
        position: first column of the result code, counted from 1, in the unused end of the record
            (113 to 120).
        width: columns of the code.
        codes: code -> reason; `"paid"` is the one reason that means the money arrived.
        line_break: `"crlf"` or `"none"`; some banks answer with CR LF whatever was sent.

    Raises:
        ValueError: a setting that cannot be read.
    """

    sent: Profile = field(default_factory=Profile)
    position: int = 114
    width: int = 1
    codes: Mapping[str, str] = field(default_factory=lambda: DEFAULT_CODES)
    line_break: str = "crlf"

    def __post_init__(self) -> None:
        """Refuse a code that stands on a payment's own fields, or no way to say "paid"."""
        last = self.position + self.width - 1
        if self.width < 1 or self.position < _FIRST_FREE_COLUMN or last > RECORD_LENGTH:
            raise ValueError("the result code must stand in columns 113 to 120")
        if PAID not in self.codes.values():
            raise ValueError("codes has none that means paid")
        if any(len(code) != self.width for code in self.codes):
            raise ValueError("codes has one that is not as wide as width says")
        if self.line_break not in ("crlf", "none"):
            raise ValueError("line_break is 'crlf' or 'none'")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one payment: the bank's raw code and the reason the profile gives it."""

    payment: Payment
    code: str
    reason: str

    @property
    def is_paid(self) -> bool:
        """Whether the money arrived."""
        return self.reason == PAID


@dataclass(frozen=True, slots=True)
class Results:
    """A returned file that was read and found whole; amounts in yen."""

    header: Header
    outcomes: tuple[Outcome, ...]
    trailer: Trailer
    processed: Trailer
    failed: Trailer


def read_results(data: bytes, profile: ReturnProfile) -> Results:
    """Read the bank's returned file.

    Args:
        data: the file's bytes.
        profile: how this bank returns a file.

    Returns:
        One outcome a data record, in the file's order, and the totals. Whether these are the
        payments that were sent is for the caller to compare (by 顧客コード1, never by name).

    Raises:
        ZenginError: as `read`; a code the profile does not know; processed or failed totals that
            are not those of the records.
    """
    lines = read_lines(data, profile.line_break)
    codes = [_code(line, profile) for line in lines[1:-2]]
    plain = [lines[0], *(_without_code(line, profile) for line in lines[1:-2]), *lines[-2:]]
    header, rows, totals = read_body(plain, RESULT_TRAILER_LAYOUT, profile.sent)
    outcomes = tuple(
        Outcome(payment_from(values, number), code, _reason(code, number, profile))
        for (number, values), code in zip(rows, codes, strict=True)
    )
    count, amount, paid_count, paid_yen, failed_count, failed_yen = map(int, totals[1:7])
    results = Results(
        header,
        outcomes,
        Trailer(count, amount),
        Trailer(paid_count, paid_yen),
        Trailer(failed_count, failed_yen),
    )
    _check_results(results, len(lines) - 1)
    return results


def _code(line: str, profile: ReturnProfile) -> str:
    return line[profile.position - 1 : profile.position - 1 + profile.width]


def _without_code(line: str, profile: ReturnProfile) -> str:
    """The record as it was sent: the code's columns are blank there."""
    start = profile.position - 1
    return line[:start] + " " * profile.width + line[start + profile.width :]


def _reason(code: str, number: int, profile: ReturnProfile) -> str:
    reason = profile.codes.get(code)
    if reason is None:
        raise ZenginError(number, "result_code", "is not one of the codes the profile knows")
    return reason


def _check_results(results: Results, number: int) -> None:
    """Compare the three totals of the trailer (record `number`) with the data records."""
    check_totals(results.trailer, [outcome.payment for outcome in results.outcomes], number)
    paid = _total([outcome for outcome in results.outcomes if outcome.is_paid])
    failed = _total([outcome for outcome in results.outcomes if not outcome.is_paid])
    for name, declared, found in (
        ("processed", results.processed, paid),
        ("failed", results.failed, failed),
    ):
        if declared.count != found.count:
            raise ZenginError(number, f"{name}_count", "is not the number of such records")
        if declared.amount_yen != found.amount_yen:
            raise ZenginError(number, f"{name}_yen", "is not the sum of such records")


def _total(outcomes: Sequence[Outcome]) -> Trailer:
    return Trailer(len(outcomes), sum(outcome.payment.amount_yen for outcome in outcomes))
