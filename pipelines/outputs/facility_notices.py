"""Letters to other municipalities (外部提供): one a municipality with the five items, and the post office's list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Final

from pipelines.outputs.paper.typesetting import typeset, unprintable

NOT_ON_RECORD: Final = "(当区に記録なし)"
BY_HAND: Final = "(職員が記入)"


@dataclass(frozen=True)
class Addressee:
    """Where a letter goes. postal_code: seven digits."""

    name: str
    office: str
    postal_code: str
    address: str


@dataclass(frozen=True)
class Line:
    """What is told of one person: the five items of the report, as they are printed.

    sex: 男, 女, or empty where no list gives it; registered_address: empty where it is not on record here.
    """

    name: str
    birth_date: str
    sex: str
    registered_address: str
    paid: str

    @property
    def blanks(self) -> int:
        """Cells that a person fills in before the letter goes."""
        return (self.sex == "") + bool(unprintable(self.name)) + bool(unprintable(self.registered_address))  # fmt: skip


def build_letter(
    to: Addressee, lines: Sequence[Line], *, number: str, sender: Mapping[str, str], programme: str, basis: str,
    checks: int, day: date,
) -> bytes:  # fmt: skip
    """One municipality's letter: page 1 is the label and the checkers' table, the others are the letter.

    Args:
        to: the addressee.
        lines: the people, in the order of the table.
        number: the letter's own.
        sender: municipality and office.
        programme: the benefit's name.
        basis: the disclosure's.
        checks: how many people sign each check.
        day: the business date, on which "paid" is true.

    Returns:
        A PDF. A text that the font has not is left for a person to write, never printed as something else.
    """
    return typeset(
        "facility_notice",
        {
            "to": asdict(to), "number": number, "from": dict(sender), "programme": programme, "basis": basis,
            "checks": checks, "date": _written(day), "rows": [_row(line) for line in lines],
        },
        day,
    )  # fmt: skip


def build_registered_mail(
    letters: Sequence[tuple[str, Addressee]], *, sender: Mapping[str, str], day: date
) -> bytes:
    """The list (書留・特定記録郵便物等差出票) of a day's letters: (number, addressee); no person is on it."""
    rows = [{"number": number, **asdict(to)} for number, to in letters]
    data = {"from": dict(sender), "date": _written(day), "letters": rows}
    return typeset("registered_mail", data, day)


def birth_date_text(birth_key: str | None, written: str) -> str:
    """A birth date for people: 1980年4月1日, or as it is written where a part is not known."""
    if birth_key is None or "00" in (birth_key[4:6], birth_key[6:]):
        return written
    return _written(date.fromisoformat(birth_key))


def _row(line: Line) -> dict[str, str]:
    row = asdict(line)
    for item in ("name", "registered_address"):
        if unprintable(row[item]):
            row[item] = BY_HAND
    row["registered_address"] = row["registered_address"] or NOT_ON_RECORD
    return row


def _written(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"
