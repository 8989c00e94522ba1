"""A whole 総合振込 file: written from payments, read back just as strictly."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import Any, Final, Protocol

from pipelines.outputs.zengin.fields import (
    RECORD_LENGTH,
    UNREADABLE,
    Layout,
    ZenginError,
    read_record,
    write_record,
)
from pipelines.outputs.zengin.records import (
    DATA_LAYOUT,
    END_LAYOUT,
    HEADER_LAYOUT,
    TRAILER_LAYOUT,
    Header,
    Payment,
    Profile,
    Trailer,
    check_day,
    header_from,
    header_values,
    payment_from,
    payment_values,
)

_ACCOUNT_AND_YEN: Final[Callable[[Any], tuple[Any, ...]]] = attrgetter(
    "bank_code", "branch_code", "account_type", "account_number", "amount_yen"
)
_CRLF: Final = "\r\n"
_BYTES: Final = "".join(
    chr(byte)
    if 0x20 <= byte <= 0x7E or byte in b"\r\n"
    else bytes([byte]).decode("cp932")
    if 0xA1 <= byte <= 0xDF
    else UNREADABLE
    for byte in range(256)
)


class Transfer(Protocol):
    """What of a transfer says where how much money goes, whoever holds it: a record, or the payer's own books."""

    @property
    def bank_code(self) -> str: ...  # noqa: D102
    @property
    def branch_code(self) -> str: ...  # noqa: D102
    @property
    def account_type(self) -> str: ...  # noqa: D102
    @property
    def account_number(self) -> str: ...  # noqa: D102
    @property
    def amount_yen(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class File:
    """A bank file that was read and found whole."""

    header: Header
    payments: tuple[Payment, ...]
    trailer: Trailer


def mmdd(day: date) -> str:
    """A transfer date as the header holds it."""
    return f"{day:%m%d}"


def write(header: Header, payments: Sequence[Payment], profile: Profile) -> bytes:
    """Build the bank's file.

    Args:
        header: who pays, when, from which account.
        payments: the transfers, in the order they shall stand; at least one.
        profile: what this bank wants.

    Returns:
        The file: 120 bytes a record (122 with CR LF), records 1, 2 x n, 8, 9. The same arguments
        always give the same bytes.

    Raises:
        ZenginError: no payment, more than the bank takes, or a value that does not fit its field.
    """
    if not payments:
        raise ZenginError(0, "count", "is zero: there is nothing to pay")
    if len(payments) > profile.max_records:
        raise ZenginError(0, "count", f"is more than the {profile.max_records} the bank takes")
    marks = profile.extra_marks
    lines = [write_record(HEADER_LAYOUT, header_values(header, profile), 1, marks)]
    check_day(header.transfer_mmdd)
    lines += (
        write_record(DATA_LAYOUT, payment_values(payment, profile), number, marks)
        for number, payment in enumerate(payments, start=2)
    )
    totals = ("8", len(payments), sum(payment.amount_yen for payment in payments), " " * 101)
    lines.append(write_record(TRAILER_LAYOUT, totals, len(lines) + 1, ""))
    lines.append(write_record(END_LAYOUT, ("9", " " * 119), len(lines) + 1, ""))
    return join_lines(lines, profile)


def join_lines(lines: Sequence[str], profile: Profile) -> bytes:
    """The file of these records, with the bank's line breaks."""
    line_break = _CRLF if profile.line_break == "crlf" else ""
    return (line_break.join(lines) + line_break).encode("cp932")


def read(data: bytes, profile: Profile) -> File:
    """Read a file that `write` could have built.

    Args:
        data: the file's bytes.
        profile: what this bank wants.

    Returns:
        Header, payments in their order, and totals.

    Raises:
        ZenginError: wrong length or order of records, a byte or value a field does not allow, or
            totals that are not those of the records.
    """
    lines = read_lines(data, profile.line_break)
    header, rows, totals = read_body(lines, TRAILER_LAYOUT, profile)
    payments = tuple(payment_from(values, number) for number, values in rows)
    trailer = Trailer(count=int(totals[1]), amount_yen=int(totals[2]))
    check_totals(trailer, payments, len(lines) - 1)
    return File(header, payments, trailer)


def read_lines(data: bytes, line_break: str) -> list[str]:
    """Cut a file into its records, one character a byte.

    Raises:
        ZenginError: the length is no multiple of a record, or a line break is not where it belongs.
    """
    after = _CRLF if line_break == "crlf" else ""
    step = RECORD_LENGTH + len(after)
    if not data or len(data) % step:
        raise ZenginError(0, "file", f"is not a multiple of {step} bytes")
    text = codecs.charmap_decode(data, "strict", _BYTES)[0]
    lines = [text[start : start + RECORD_LENGTH] for start in range(0, len(text), step)]
    for number, start in enumerate(range(RECORD_LENGTH, len(text) + 1, step), start=1):
        if after and text[start : start + 2] != after:
            raise ZenginError(number, "record", "does not end with CR LF")
    return lines


def read_body(
    lines: Sequence[str], trailer_layout: Layout, profile: Profile
) -> tuple[Header, Iterator[tuple[int, tuple[str, ...]]], tuple[str, ...]]:
    """Check the order of the records and take them apart.

    Args:
        lines: the records.
        trailer_layout: the trailer a file sent, or a file returned, has.
        profile: what this bank wants.

    Returns:
        The header; an iterator over (record number, values in the order of `DATA_LAYOUT`), which
        raises at the first bad record; the trailer's values.

    Raises:
        ZenginError: wrong order or number of records, or a bad header, trailer or end.
    """
    _check_order(lines, profile)
    marks = profile.extra_marks
    header_line, *data_lines, trailer_line, end_line = lines
    header = header_from(read_record(HEADER_LAYOUT, header_line, 1, marks))
    check_day(header.transfer_mmdd)
    totals = read_record(trailer_layout, trailer_line, len(lines) - 1, "")
    read_record(END_LAYOUT, end_line, len(lines), "")
    rows = (
        (number, read_record(DATA_LAYOUT, line, number, marks))
        for number, line in enumerate(data_lines, start=2)
    )
    return header, rows, totals


def check_totals(trailer: Trailer, payments: Sequence[Payment], number: int) -> None:
    """Compare the trailer (record `number`) with the data records.

    Raises:
        ZenginError: count or sum differ.
    """
    if trailer.count != len(payments):
        raise ZenginError(number, "count", "is not the number of data records")
    if trailer.amount_yen != sum(payment.amount_yen for payment in payments):
        raise ZenginError(number, "amount_yen", "is not the sum of the data records")


def split(payments: Sequence[Payment], max_records: int) -> list[tuple[Payment, ...]]:
    """Cut payments into files the bank takes, keeping their order and losing none.

    Raises:
        ValueError: `max_records` is less than 1.
    """
    if max_records < 1:
        raise ValueError("max_records is at least 1")
    return [
        tuple(payments[start : start + max_records])
        for start in range(0, len(payments), max_records)
    ]


def account_hash(payments: Iterable[Transfer]) -> str:
    """Fingerprint of who is paid how much, whatever order, name, date or file it stands in.

    Args:
        payments: the transfers.

    Returns:
        SHA-256, lower-case hex, over the sorted list of (bank, branch, type, number, amount), every
        part and the whole written with its length, so that no two different sets look alike.
    """
    rows = sorted(
        _framed([*account, str(yen)]) for *account, yen in map(_ACCOUNT_AND_YEN, payments)
    )
    return hashlib.sha256(f"{len(rows)}:{''.join(rows)}".encode()).hexdigest()


def _framed(parts: Sequence[str]) -> str:
    """Parts one after the other, each after its length, the whole after its own."""
    body = "".join([f"{len(part)}:{part}" for part in parts])
    return f"{len(body)}:{body}"


def _check_order(lines: Sequence[str], profile: Profile) -> None:
    """One header, data records, one trailer, one end; and no more data than the bank takes."""
    if len(lines) < 4:
        raise ZenginError(0, "file", "has no data record")
    last = len(lines)
    expected = {1: "1", last - 1: "8", last: "9"}
    for number, line in enumerate(lines, start=1):
        if line[0] != expected.get(number, "2"):
            raise ZenginError(number, "record_type", "is out of order")
    if last - 3 > profile.max_records:
        raise ZenginError(0, "count", f"is more than the {profile.max_records} the bank takes")
