"""The bank's calendar."""

from datetime import date

import pytest

from pipelines.outputs.business_days import is_business_day, transfer_date


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2020, 6, 26), True),
        (date(2020, 6, 27), False),
        (date(2020, 6, 28), False),
        (date(2020, 7, 23), False),
        (date(2020, 7, 24), False),
        (date(2020, 5, 6), False),
        (date(2020, 12, 30), True),
        (date(2020, 12, 31), False),
        (date(2021, 1, 1), False),
        (date(2024, 1, 2), False),
        (date(2024, 1, 3), False),
        (date(2024, 1, 4), True),
    ],
)
def test_business_days(day: date, expected: bool) -> None:
    assert is_business_day(day) is expected


@pytest.mark.parametrize(
    ("day", "lead", "expected"),
    [
        (date(2020, 6, 26), 0, date(2020, 6, 26)),
        (date(2020, 6, 27), 0, date(2020, 6, 29)),
        (date(2020, 6, 26), 1, date(2020, 6, 29)),
        (date(2020, 6, 27), 1, date(2020, 6, 29)),
        (date(2020, 4, 28), 2, date(2020, 5, 1)),
        (date(2020, 5, 1), 1, date(2020, 5, 7)),
        (date(2020, 7, 20), 5, date(2020, 7, 29)),
        (date(2020, 12, 30), 1, date(2021, 1, 4)),
    ],
)
def test_transfer_date(day: date, lead: int, expected: date) -> None:
    assert transfer_date(day, lead) == expected


def test_no_way_back() -> None:
    with pytest.raises(ValueError, match="lead_business_days"):
        transfer_date(date(2020, 6, 26), -1)
