"""Business dates (L2): the day in Bishkek, UTC+6 without daylight saving, as text."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

BISHKEK_AHEAD_MS = 6 * 3_600_000
_DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()
_LAST = date.max.toordinal()


def business_date(time_ms: int) -> str:
    """Return the date of a block time, as `2026-11-21`. Times beyond the year 9999 all fall on its last day."""
    return _text_of(min(_LAST, _EPOCH + (time_ms + BISHKEK_AHEAD_MS) // _DAY_MS))


def business_month(time_ms: int) -> str:
    """Return the month of a block time, as `2026-11`."""
    return business_date(time_ms)[:7]


@lru_cache(maxsize=64)
def _text_of(day: int) -> str:
    return date.fromordinal(day).isoformat()
