"""The bank's own reading of a 総合振込 file: 120-byte records, checked against its own trailer.

Columns below are counted from 1 as in the Japanese Bankers Association's layout.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

LENGTH = 120
LINE_END = b"\r\n"
RESULT_COLUMN = 114
ANSWER_COLUMN = 112  # of an account enquiry


class NotAPaymentFile(Exception):
    """The file is not one transfer batch. Says which record, never its content."""

    def __init__(self, reason: str, records: int = 0, sum_yen: int | None = None) -> None:
        """Keep what was counted."""
        super().__init__(reason)
        self.records = records
        self.sum_yen = sum_yen


@dataclass(frozen=True)
class Transfer:
    """One data record, and the fields that the bank acts on."""

    record: bytes
    bank: str
    branch: str
    kind: str
    number: str
    holder: str
    amount_yen: int


@dataclass(frozen=True)
class Batch:
    """A payment file: header and end record as sent, the transfers, count and sum."""

    header: bytes
    transfers: list[Transfer]
    trailer: bytes
    end: bytes
    sum_yen: int


def read_batch(content: bytes) -> Batch:
    """Read a payment file and check its order, fields, count and sum.

    Raises:
        NotAPaymentFile: anything is not as the layout says.
    """
    records = _split(content)
    kinds = bytes(record[0] for record in records)
    if kinds != b"1" + b"2" * (len(records) - 3) + b"89":
        raise NotAPaymentFile("the records are not header, data, trailer, end in this order")
    header, trailer, end = records[0], records[-2], records[-1]
    if header[1:4] != b"210":
        raise NotAPaymentFile("the header is not of a transfer batch (21) in JIS code")
    transfers = [_read_transfer(record, row) for row, record in enumerate(records[1:-2], 2)]
    total = sum(transfer.amount_yen for transfer in transfers)
    if _number(trailer, 2, 6) != len(transfers):
        raise NotAPaymentFile("the trailer's count is not the records'", len(transfers), total)
    if _number(trailer, 8, 12) != total:
        raise NotAPaymentFile("the trailer's sum is not the records'", len(transfers), total)
    return Batch(header, transfers, trailer, end, total)


def write_result(batch: Batch, answers: Sequence[tuple[Transfer, int]]) -> bytes:
    """Return the answered records as sent, each with its result code, and the trailer with the totals.

    The code is 0 for processed.
    """
    lines = [batch.header]
    for transfer, code in answers:
        at = RESULT_COLUMN - 1
        lines.append(transfer.record[:at] + b"%d" % code + transfer.record[at + 1 :])
    lines.append(_result_trailer(answers))
    lines.append(batch.end)
    return b"".join(line + LINE_END for line in lines)


def _result_trailer(answers: Sequence[tuple[Transfer, int]]) -> bytes:
    good = [transfer.amount_yen for transfer, code in answers if code == 0]
    failed = [transfer.amount_yen for transfer, code in answers if code != 0]
    totals = b"%06d%012d" * 3 % (
        len(answers), sum(good) + sum(failed), len(good), sum(good), len(failed), sum(failed)
    )  # fmt: skip
    return (b"8" + totals).ljust(LENGTH)


@dataclass(frozen=True)
class Enquiry:
    """A file that asks about accounts: its records as sent, and each account, of no amount."""

    header: bytes
    accounts: list[Transfer]
    trailer: bytes
    end: bytes


def read_enquiry(content: bytes) -> Enquiry:
    """Read a file of accounts to look up and check its order, fields and count.

    Raises:
        NotAPaymentFile: anything is not as this bank asks for it.
    """
    records = _split(content)
    kinds = bytes(record[0] for record in records)
    if kinds != b"1" + b"2" * (len(records) - 3) + b"89":
        raise NotAPaymentFile("the records are not header, data, trailer, end in this order")
    if records[0][1:4] != b"980":
        raise NotAPaymentFile("the header is not of an account enquiry (98) in JIS code")
    accounts = [_read_account(record, row) for row, record in enumerate(records[1:-2], 2)]
    if _number(records[-2], 2, 6) != len(accounts):
        raise NotAPaymentFile("the trailer's count is not the records'", len(accounts))
    return Enquiry(records[0], accounts, records[-2], records[-1])


def write_answers(enquiry: Enquiry, codes: Sequence[int]) -> bytes:
    """Return the records as sent, as a file of answers (99), each with its code; 0 for confirmed."""
    at = ANSWER_COLUMN - 1
    lines = [enquiry.header[:1] + b"99" + enquiry.header[3:]]
    lines += [
        account.record[:at] + b"%d" % code + account.record[at + 1 :]
        for account, code in zip(enquiry.accounts, codes, strict=True)
    ]
    return b"".join(line + LINE_END for line in (*lines, enquiry.trailer, enquiry.end))


def _split(content: bytes) -> list[bytes]:
    step = LENGTH + len(LINE_END) if content[LENGTH : LENGTH + 2] == LINE_END else LENGTH
    if not content or len(content) % step != 0 or len(content) // step < 4:
        raise NotAPaymentFile("the file is not a whole number of 120-byte records, at least four")
    records = [content[at : at + LENGTH] for at in range(0, len(content), step)]
    ends = b"".join(content[at + LENGTH : at + step] for at in range(0, len(content), step))
    if ends != LINE_END * (len(ends) // 2) or any(b"\n" in r or b"\r" in r for r in records):
        raise NotAPaymentFile("line ends are not CRLF after every record, or none at all")
    return records


def _read_transfer(record: bytes, row: int) -> Transfer:
    amount = _number(record, 81, 10, row)
    if amount == 0:
        raise NotAPaymentFile(f"record {row}: the amount is zero")
    return replace(_read_account(record, row), amount_yen=amount)


def _read_account(record: bytes, row: int) -> Transfer:
    for start, width in ((2, 4), (21, 3), (43, 1), (44, 7)):
        _number(record, start, width, row)
    try:
        text = record.decode("cp932")
    except UnicodeDecodeError as error:
        raise NotAPaymentFile(f"record {row}: not single-byte JIS text") from error
    if len(text) != LENGTH:
        raise NotAPaymentFile(f"record {row}: not single-byte JIS text")
    return Transfer(record, text[1:5], text[20:23], text[42], text[43:50], text[50:80], 0)


def _number(record: bytes, start: int, width: int, row: int | None = None) -> int:
    field = record[start - 1 : start - 1 + width]
    if not field.isdigit():
        where = "the trailer" if row is None else f"record {row}"
        raise NotAPaymentFile(f"{where}: columns {start} to {start + width - 1} are no number")
    return int(field)
