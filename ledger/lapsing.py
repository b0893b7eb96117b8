"""When something with an end is void (L19): for every read and check, swept or not."""

from __future__ import annotations


def has_lapsed(until: int, time_ms: int) -> bool:
    """Whether something with this `until` is void at a block time; 0 never lapses."""
    return until != 0 and until <= time_ms


class TooMuchLapsedError(Exception):
    """A transaction touches accounts on which more has lapsed than one block sweeps in passing: no block may contain it here.

    Most of what has lapsed goes at the start of blocks, so a later block has room for it.
    """
