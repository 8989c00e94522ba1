"""Asking the bank about accounts before money goes to them: 振込口座照会依頼 (98) and its answer, 照会結果 (99).

The kinds of record and the answer codes are published (0 確認済, 1 該当口座なし, 2 受取人名相違, 9 その他); where the
items stand is not, so a profile says it. Header and end are those of every file of the standard, with
their own 種別コード; the trailer holds the count alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Any, Final

from pipelines.outputs.zengin.fields import (
    RECORD_LENGTH,
    Field,
    Kind,
    Layout,
    ZenginError,
    read_record,
    write_record,
)
from pipelines.outputs.zengin.file import join_lines, read_lines
from pipelines.outputs.zengin.records import (
    END_LAYOUT,
    HEADER_LAYOUT,
    Header,
    Profile,
    header_values,
)

REQUEST: Final = "98"
RESULT: Final = "99"
CONFIRMED: Final = "confirmed"
_ITEMS: Final[Mapping[str, tuple[str, int, Kind]]] = {
    "bank_code": ("被仕向銀行番号", 4, Kind.DIGITS),
    "branch_code": ("被仕向支店番号", 3, Kind.DIGITS),
    "account_type": ("預金種目", 1, Kind.DIGITS),
    "account_number": ("口座番号", 7, Kind.DIGITS),
    "payee_kana": ("受取人名", 30, Kind.NAME_KANA),
    "key": ("照会番号", 10, Kind.DIGITS),
}
_ANSWER: Final = "answer"
_VALUES: Final[Callable[[Any], tuple[str, ...]]] = attrgetter(*_ITEMS)
_TRAILER: Final = Layout(
    Field("record_type", "データ区分", 1, Kind.CODE, ("8",)),
    Field("count", "合計件数", 6, Kind.NUMBER, least=1),
    Field("filler", "ダミー", 113, Kind.CODE, (" " * 113,)),
)


@dataclass(frozen=True, slots=True)
class Query:
    """One account to be looked up, and the key by which its answer is matched."""

    bank_code: str = field(repr=False)
    branch_code: str = field(repr=False)
    account_type: str = field(repr=False)
    account_number: str = field(repr=False)
    payee_kana: str = field(repr=False)
    key: str


@dataclass(frozen=True)
class CheckProfile:
    """How this bank is asked.

    Attributes:
        sent: line break, marks and most records, as for payments.
        columns: item -> its first column, counted from 1: the items of `Query`, and `answer`.
        answers: answer code, one character -> what it means; `"confirmed"` is the one that lets money go.

    Raises:
        ValueError: an item is missing, stands on another, or no code means confirmed.
    """

    sent: Profile
    columns: Mapping[str, int]
    answers: Mapping[str, str]

    def __post_init__(self) -> None:
        """Refuse positions that cannot be."""
        if set(self.columns) != {*_ITEMS, _ANSWER}:
            raise ValueError(f"columns must say where each of {[*_ITEMS, _ANSWER]} stands")
        if CONFIRMED not in self.answers.values() or any(len(code) != 1 for code in self.answers):
            raise ValueError("answers are codes of one character, one of which means confirmed")
        self._layout((" ",))

    @cached_property
    def asked(self) -> Layout:
        """A data record as it is sent: without an answer."""
        return self._layout((" ",))

    @cached_property
    def answered(self) -> Layout:
        """A data record as it comes back."""
        return self._layout(tuple(sorted(self.answers)))

    def places(self) -> list[str]:
        """The items in the order in which they stand."""
        return sorted(self.columns, key=self.columns.__getitem__)

    def _layout(self, answers: tuple[str, ...]) -> Layout:
        fields = [Field("record_type", "データ区分", 1, Kind.CODE, ("2",))]
        end = 1
        for name in self.places():
            fields += _blank(name, end, self.columns[name] - 1)
            if name == _ANSWER:
                one = Field(_ANSWER, "照会回答コード", 1, Kind.CODE, answers)
            else:
                item, width, kind = _ITEMS[name]
                one = Field(name, item, width, kind)
            fields.append(one)
            end = self.columns[name] - 1 + one.width
        return Layout(*fields, *_blank("the end", end, RECORD_LENGTH))


def write_queries(header: Header, queries: Sequence[Query], profile: CheckProfile) -> bytes:
    """Build the file of accounts to look up; the same arguments always give the same bytes.

    Raises:
        ZenginError: no account, more than the bank takes, or a value that does not fit its field.
    """
    if not 0 < len(queries) <= profile.sent.max_records:
        raise ZenginError(0, "count", f"is not between 1 and {profile.sent.max_records}")
    marks, layout = profile.sent.extra_marks, profile.asked
    first = [*header_values(header, profile.sent)]
    first[1] = REQUEST
    lines = [write_record(_header(REQUEST), first, 1, marks)]
    for number, query in enumerate(queries, start=2):
        values = {
            **dict(zip(_ITEMS, _VALUES(query), strict=True)),
            _ANSWER: " ",
            "record_type": "2",
        }
        blanks = {f.name: f.codes[0] for f in layout.fields if f.name.startswith("blank")}
        lines.append(
            write_record(
                layout, [{**values, **blanks}[f.name] for f in layout.fields], number, marks
            )
        )
    lines.append(write_record(_TRAILER, ("8", len(queries), " " * 113), len(lines) + 1, ""))
    lines.append(write_record(END_LAYOUT, ("9", " " * 119), len(lines) + 1, ""))
    return join_lines(lines, profile.sent)


def read_queries(data: bytes, profile: CheckProfile) -> list[Query]:
    """Read a file that `write_queries` could have built.

    Raises:
        ZenginError: as `read`.
    """
    return [query for query, _ in _read(data, profile, REQUEST)]


def read_answers(data: bytes, profile: CheckProfile) -> list[tuple[Query, str]]:
    """Read the bank's answer: each account as it was asked about, and what its code means; in the file's order.

    Raises:
        ZenginError: as `read`, or a code that the profile does not know.
    """
    return [(query, profile.answers[code]) for query, code in _read(data, profile, RESULT)]


def _read(data: bytes, profile: CheckProfile, kind: str) -> list[tuple[Query, str]]:
    lines = read_lines(data, profile.sent.line_break)
    if len(lines) < 4:
        raise ZenginError(0, "file", "has no data record")
    marks = profile.sent.extra_marks
    layout = profile.asked if kind == REQUEST else profile.answered
    read_record(_header(kind), lines[0], 1, marks)
    _, count, _ = read_record(_TRAILER, lines[-2], len(lines) - 1, "")
    read_record(END_LAYOUT, lines[-1], len(lines), "")
    if int(count) != len(lines) - 3:
        raise ZenginError(len(lines) - 1, "count", "is not the number of data records")
    found = []
    for number, line in enumerate(lines[1:-2], start=2):
        values = dict(
            zip(
                (f.name for f in layout.fields),
                read_record(layout, line, number, marks),
                strict=True,
            )
        )
        found.append((Query(**{name: values[name] for name in _ITEMS}), values[_ANSWER]))
    return found


def _header(kind: str) -> Layout:
    """The standard's header with another 種別コード."""
    fields = list(HEADER_LAYOUT.fields)
    fields[1] = Field("transfer_type", "種別コード", 2, Kind.CODE, (kind,))
    return Layout(*fields)


def _blank(before: str, start: int, end: int) -> list[Field]:
    """What stands empty between two items."""
    if end < start:
        raise ValueError(f"{before} stands on another item")
    width = end - start
    return [Field(f"blank_{start}", "ダミー", width, Kind.CODE, (" " * width,))] if width else []
