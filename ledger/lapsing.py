"""When something with an end is void (L19): for every read and check, swept or not."""

from __future__ import annotations


def has_lapsed(until: int, time_ms: int) -> bool:
    """Whether something with this `until` is void at a block time; 0 never lapses."""
    return until != 0 and until <= time_ms
