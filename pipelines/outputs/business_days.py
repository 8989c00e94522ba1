"""The bank's calendar: on which day money can move.

Banks are closed on Saturdays, Sundays, national holidays and from 31 December to 3 January
(Banking Act enforcement order, article 5).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import jpholiday

_SATURDAY: Final = 5
_YEAR_END: Final = frozenset({(12, 31), (1, 1), (1, 2), (1, 3)})


def is_business_day(day: date) -> bool:
    """Whether banks are open on that day."""
    return (
        day.weekday() < _SATURDAY
        and (day.month, day.day) not in _YEAR_END
        and not jpholiday.is_holiday(day)
    )


def transfer_date(day: date, lead_business_days: int) -> date:
    """The day on which a file handed over on `day` is paid.

    Args:
        day: the hand-over.
        lead_business_days: business days the bank needs; 0 means the same day if banks are open,
            else the next day they are.

    Returns:
        The business day that is `lead_business_days` business days after `day`.

    Raises:
        ValueError: a negative lead.
    """
    if lead_business_days < 0:
        raise ValueError("lead_business_days is not negative")
    if lead_business_days == 0:
        return day if is_business_day(day) else _next_business_day(day)
    for _ in range(lead_business_days):
        day = _next_business_day(day)
    return day


def _next_business_day(day: date) -> date:
    day += timedelta(days=1)
    while not is_business_day(day):
        day += timedelta(days=1)
    return day
