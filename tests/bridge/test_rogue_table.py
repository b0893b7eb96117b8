"""What a full rogue quorum takes in each configuration, computed by doing it, is what its limits say and what the documentation shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bridge.rogue import BUCKET, PER_DAY, REFILL, ROWS, VAULT_HAS, Row
from tests.ledger.bridge_world import LIMITS

README = Path(__file__).resolve().parents[2] / "bridge" / "README.md"
REFILL_HERE = LIMITS.bucket // 24
"""Of an hour."""
TAKEN: dict[str, int] = {
    "at_once_there": BUCKET,
    "until_the_pause_there": BUCKET + REFILL * 3_600,
    "a_day_there": PER_DAY,
    "any_day_there": 2 * PER_DAY,
    "its_own_set_there": BUCKET,
    "ceiling_there": 300_000,
    "unstated_there": 0,
    "stated_there": 40_000 - 30_000,
    "both_sets_there": BUCKET,
    "at_once_here": LIMITS.bucket,
    "until_the_pause_here": LIMITS.bucket + REFILL_HERE,
    "a_day_here": LIMITS.day_in,
    "any_day_here": LIMITS.bucket + 23 * REFILL_HERE,
    "big_ones_here": 0,
    "nobody_looks_here": VAULT_HAS,
    "no_big_amount_here": VAULT_HAS,
    "false_expiries_here": VAULT_HAS,
}


@pytest.mark.parametrize("at", range(len(ROWS)), ids=[each[3].__name__ for each in ROWS])
def test_a_full_rogue_quorum_takes_no_more_than_the_documentation_says(at: int) -> None:
    """Goal: acceptance 6, with the amount. Method: do it, sum the raw events; compare with the limits, and with the published row."""
    side, configuration, bound, take = ROWS[at]
    taken = take()
    assert taken == TAKEN[take.__name__]
    assert Row(side, configuration, bound, taken).text() in README.read_text().splitlines()
