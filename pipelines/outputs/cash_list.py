"""The counter's payout list (現金給付 支払名簿): who collects how much, with a place to sign, as PDF."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from pipelines.outputs.paper.typesetting import typeset, unprintable

_NOT_PRINTABLE = (
    "〓"  # what a printer puts where it lacks a character; the clerk compares with the reading
)


@dataclass(frozen=True)
class Row:
    """One payment. people: how many are paid with it; amount in yen."""

    payment_key: str
    name_kanji: str
    name_kana: str
    birth_date: str
    people: int
    amount_yen: int


def build_cash_list(
    rows: Iterable[Row], *, programme: str, office: str, counter: str, batch_id: str, until: date, day: date
) -> bytes:  # fmt: skip
    """The list as PDF; until: the last day on which the money is held ready. The same rows give the same bytes."""
    listed = list(rows)
    data = {
        "programme": programme, "office": office, "counter": counter, "batch_id": batch_id,
        "day": _written(day), "until": _written(until), "payments": f"{len(listed):,}",
        "people": f"{sum(row.people for row in listed):,}", "yen": f"{sum(row.amount_yen for row in listed):,}",
        "rows": [
            [
                row.payment_key, _printable(row.name_kanji), _printable(row.name_kana), row.birth_date,
                f"{row.people:,}", f"{row.amount_yen:,}",
            ]
            for row in listed
        ],
    }  # fmt: skip
    return typeset("cash_list", data, day)


def _printable(text: str) -> str:
    lacking = unprintable(text)
    return "".join(_NOT_PRINTABLE if character in lacking else character for character in text)


def _written(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"
