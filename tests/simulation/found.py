"""Seeds that once failed, and what was wrong. They are run again with the suite; each also has a rule test of its own, named here.

A seed means the same run only as long as the simulator draws the same numbers: the rule test is what keeps the fault from coming back.
"""

from __future__ import annotations

from typing import NamedTuple


class Found(NamedTuple):
    """A run that failed."""

    validators: int
    liars: int
    seed: int
    what: str


FOUND = (
    Found(
        4,
        1,
        2035,
        "No recovery: power was lost between the sync of the signer's mark and that of the journal, so the only nullification of a "
        "view was lost while the mark above it stood. tests/node/test_memory.py::"
        "test_k15_power_lost_between_mark_and_journal_keeps_what_the_vote_rests_on",
    ),
    Found(
        4,
        1,
        3710,
        "No recovery, and none promised: a validator lost its journal beside f liars, which makes f + 1 faults. Since then a lost journal "
        "counts as one of the f (plan.py).",
    ),
)
