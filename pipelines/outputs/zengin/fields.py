"""Fields of a 120-byte record as data: width, padding, meaning; and the one way to write and read.

A layout is a tuple of fields. Writing checks every value against its own field before anything is
put side by side, so a value that is too wide can never push its neighbours along. Errors name the
record and the field, never the value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import accumulate
from typing import Final

from pipelines.outputs.zengin.characters import BANK_NAME_SET, NAME_SET

RECORD_LENGTH: Final = 120
_BETWEEN: Final = "|"  # in no field's character set
UNREADABLE: Final = "\ufffd"  # stands for a byte that is no character of the bank; in no set


class ZenginError(ValueError):
    """A bank file that must not be sent or believed.

    Attributes:
        record: number of the record in the file, the header being 1; 0 for the file as a whole.
        field: name of the field, as in the layouts.
        rule: what is wrong, without any value.
    """

    def __init__(self, record: int, field: str, rule: str) -> None:
        """Say where and why; never put a value into `rule`."""
        super().__init__(f"record {record}: {field}: {rule}")
        self.record = record
        self.field = field
        self.rule = rule


class Kind(Enum):
    """How a field is filled."""

    DIGITS = "exactly as many digits as the field is wide"
    NUMBER = "a whole number, right aligned, zero filled"
    CODE = "one of a fixed list"
    BANK_KANA = "bank or branch name or nothing, left aligned, space filled"
    NAME_KANA = "name of a payee or ordering party, required, left aligned, space filled"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record.

    Attributes:
        name: the name used in this program and in errors.
        item: the bank's own item name.
        width: bytes.
        kind: how it is filled and checked.
        codes: the values a `CODE` field may have; each is exactly `width` characters.
        least: the smallest value of a `NUMBER`.
    """

    name: str
    item: str
    width: int
    kind: Kind
    codes: tuple[str, ...] = ()
    least: int = 0


class Layout:
    """The fields of one record, in order, and the patterns made of them once.

    Raises:
        ValueError: the widths do not add up to 120 bytes.
    """

    def __init__(self, *fields: Field) -> None:
        """Take the fields in the order they stand in."""
        if sum(field.width for field in fields) != RECORD_LENGTH:
            raise ValueError("a layout does not add up to 120 bytes")
        self.fields = fields
        self.template = "".join(
            f"{{:{'0>' if field.kind is Kind.NUMBER else ' <'}{field.width}}}" for field in fields
        )
        self.types = tuple(int if field.kind is Kind.NUMBER else str for field in fields)
        self.least = tuple((at, f.least) for at, f in enumerate(fields) if f.kind is Kind.NUMBER)

    @lru_cache  # noqa: B019 - layouts live as long as the program
    def values_pattern(self, marks: str) -> re.Pattern[str]:
        """What the values, put side by side with a mark between, must look like."""
        between = re.escape(_BETWEEN)
        return re.compile(between.join(_value_pattern(field, marks) for field in self.fields))

    @lru_cache  # noqa: B019
    def record_pattern(self, marks: str) -> re.Pattern[str]:
        """What a finished record must look like, one group a field."""
        return re.compile("".join(f"({_fixed_pattern(field, marks)})" for field in self.fields))


def write_record(layout: Layout, values: Sequence[str | int], number: int, marks: str) -> str:
    """Put one record together.

    Args:
        layout: the record's fields, in order.
        values: one value a field; `NUMBER` fields take `int`, all others `str`.
        number: the record's number in the file, for errors.
        marks: extra characters allowed in names.

    Returns:
        120 characters, each one byte in the file.

    Raises:
        ZenginError: a value does not fit its field.
    """
    texts = [str(value) for value in values]
    if _has_wrong_type(layout, values) or not layout.values_pattern(marks).fullmatch(
        _BETWEEN.join(texts)
    ):
        raise _first_fault(layout, values, number, marks)
    return layout.template.format(*texts)


def read_record(layout: Layout, text: str, number: int, marks: str) -> tuple[str, ...]:
    """Take one record apart; the inverse of `write_record`, just as strict.

    Args:
        layout: the record's fields, in order.
        text: the record, 120 characters.
        number: the record's number in the file, for errors.
        marks: extra characters allowed in names.

    Returns:
        One text a field, names without their padding, numbers still zero filled.

    Raises:
        ZenginError: wrong length, or a field that this layout does not allow.
    """
    if len(text) != RECORD_LENGTH:
        raise ZenginError(number, "record", f"is not {RECORD_LENGTH} bytes long")
    match = layout.record_pattern(marks).fullmatch(text)
    if match is None:
        raise _first_unreadable(layout, text, number, marks)
    return tuple(map(str.rstrip, match.groups()))


def _names_set(field: Field, marks: str) -> str:
    allowed = BANK_NAME_SET if field.kind is Kind.BANK_KANA else NAME_SET + marks
    return re.escape(allowed)


def _value_pattern(field: Field, marks: str) -> str:
    """What a value must look like before it is padded; names neither begin nor end with a space."""
    if field.kind is Kind.DIGITS:
        return f"[0-9]{{{field.width}}}"
    if field.kind is Kind.NUMBER:
        return f"(?:0|[1-9][0-9]{{0,{field.width - 1}}})"
    if field.kind is Kind.CODE:
        return f"(?:{'|'.join(map(re.escape, field.codes))})"
    body = f"(?! )[{_names_set(field, marks)}]{{1,{field.width}}}(?<! )"
    return body if field.kind is Kind.NAME_KANA else f"(?:{body})?"


def _fixed_pattern(field: Field, marks: str) -> str:
    """What a field must look like in a finished record."""
    if field.kind in (Kind.DIGITS, Kind.NUMBER):
        return f"[0-9]{{{field.width}}}"
    if field.kind is Kind.CODE:
        return f"(?:{'|'.join(map(re.escape, field.codes))})"
    allowed = _names_set(field, marks)
    if field.kind is Kind.BANK_KANA:  # no space inside, so nothing may follow one
        return f"(?:(?<! )[{allowed}]| ){{{field.width}}}"
    return f"(?! )[{allowed}]{{{field.width}}}"


def _has_wrong_type(layout: Layout, values: Sequence[str | int]) -> bool:
    """True and 1, or '5' and 5, look alike once they are text: the type decides, per field."""
    if tuple(map(type, values)) != layout.types:
        return True
    return any(int(values[at]) < least for at, least in layout.least)


def _first_fault(
    layout: Layout, values: Sequence[str | int], number: int, marks: str
) -> ZenginError:
    """The error for the first value that its field refuses; there is one."""
    return next(
        ZenginError(number, field.name, rule)
        for field, value in zip(layout.fields, values, strict=True)
        if (rule := _fault(field, value, marks)) is not None
    )


def _fault(field: Field, value: str | int, marks: str) -> str | None:
    """Why a field refuses a value, or None if it does not."""
    if field.kind is Kind.NUMBER:
        return _number_fault(field, value)
    if type(value) is not str:
        return "is not text"
    if re.fullmatch(_value_pattern(field, marks), value):
        return None
    if field.kind is Kind.NAME_KANA and not value:
        return "is missing"
    if len(value) > field.width:
        return f"is longer than {field.width}"
    if field.kind in (Kind.DIGITS, Kind.CODE):
        return _shape(field)
    if value != value.strip(" "):
        return "begins or ends with a space"
    return "has a character outside the bank's set"


def _number_fault(field: Field, value: str | int) -> str | None:
    if type(value) is not int:
        return "is not a whole number"
    if value < field.least:
        return f"is less than {field.least}"
    if value >= 10**field.width:
        return f"does not fit into {field.width} digits"
    return None


def _shape(field: Field) -> str:
    if field.kind is Kind.CODE:
        return "is not one of the codes allowed"
    return f"is not {field.width} digits"


def _first_unreadable(layout: Layout, text: str, number: int, marks: str) -> ZenginError:
    """The error for the first field of a finished record that its layout refuses; there is one."""
    ends = accumulate(field.width for field in layout.fields)
    return next(
        ZenginError(number, field.name, _unreadable(field, part))
        for field, end in zip(layout.fields, ends, strict=True)
        if not re.fullmatch(_fixed_pattern(field, marks), part := text[end - field.width : end])
    )


def _unreadable(field: Field, part: str) -> str:
    """Why a field's part of a finished record is refused."""
    if UNREADABLE in part:
        return "has a byte that is no character of the bank"
    if field.kind in (Kind.DIGITS, Kind.NUMBER, Kind.CODE):
        return _shape(field)
    if part.startswith(" "):
        return "is missing or not left aligned"
    return "has a character outside the bank's set"
