"""Dates (L2): the day in Bishkek, UTC+6 without daylight saving, as text; and where a business date ends.

What is spent in a window of a person goes by the local date. Quotas and closings go by the business date, which ends at a cut-off and
skips closed days (`ledger.days`).
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

BISHKEK_AHEAD_MS = 6 * 3_600_000
MONTH_CHARACTERS = 7
"""Of a date: `2026-11`."""
NEVER_MS = 2**62
"""End of the last date that there is."""
_MINUTE_MS = 60_000
_DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()
_LAST = date.max.toordinal()
_WEEK = 7
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def local_date(time_ms: int) -> str:
    """Return the date of a block time in Bishkek, as `2026-11-21`. Times beyond the year 9999 all fall on its last day."""
    return text_of(day_of(time_ms))


def day_of(time_ms: int) -> int:
    """Return the number of the day (1 is the first of January of the year 1) that a block time falls on in Bishkek."""
    return min(_LAST, _EPOCH + (time_ms + BISHKEK_AHEAD_MS) // _DAY_MS)


def next_day(day: int) -> int:
    """Return the day after a day; the last one that there is stays."""
    return min(_LAST, day + 1)


def weekday_of(day: int) -> int:
    """Return 0 for a Monday, 6 for a Sunday."""
    return (day - 1) % _WEEK


def end_of(day: int, cutoff_minutes: int) -> int:
    """Unix ms at which a business date ends: so many minutes after its midnight in Bishkek; the last day that there is never does."""
    if day == _LAST:
        return NEVER_MS
    return (day - _EPOCH) * _DAY_MS - BISHKEK_AHEAD_MS + cutoff_minutes * _MINUTE_MS


@lru_cache(maxsize=64)
def text_of(day: int) -> str:
    """Return a day as text."""
    return date.fromordinal(day).isoformat()


def read_date(text: str) -> int:
    """Return the day of a text.

    Raises
    ------
    ValueError
        It is no date of the form `2026-11-21`.
    """
    if _DATE.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no date such as 2026-11-21")
    return date.fromisoformat(text).toordinal()
