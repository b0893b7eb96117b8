"""The short form of the histories of the whole bridge; the long form: `make simulate-bridge ARGS="--runs 10000 --jobs 2"`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.simulation_bridge.course import Outcome
from tests.simulation_bridge.found import read_found, write_found
from tests.simulation_bridge.runs import WANTED, Sum, play_safely

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = 30


@pytest.mark.parametrize("first", range(1, SEEDS + 1, 10))
def test_b1_no_history_breaks_a_promise(first: int) -> None:
    """Goal: B1 and B2 over the whole system. Method: drawn histories; totals recomputed from raw events of both sides after each act."""
    for seed in range(first, first + 10):
        assert play_safely(seed).failure == "", seed


def test_seeds_that_once_failed_fail_no_more() -> None:
    """Goal: faults stay mended. Method: play every seed that was written down."""
    assert [outcome for outcome in (play_safely(*each) for each in read_found()) if outcome.failure] == []


def test_the_same_seed_is_the_same_history() -> None:
    """Goal: a seed replays. Method: one history twice, another one in between."""
    first, other, again = (play_safely(seed) for seed in (7, 8, 7))
    assert (first.trace, first.counts) == (again.trace, again.counts)
    assert first.trace != other.trace


def test_what_was_never_met_and_what_failed_is_said(tmp_path: Path) -> None:
    """Goal: a set of histories is no proof of what it never met. Method: everything once; without one; a failure is written down once."""
    found = Sum()
    found.add(Outcome(1, Counter(dict.fromkeys(WANTED[1:], 1)), "", ()))
    assert found.missed() == [WANTED[0]]
    failed = Outcome(2, Counter({WANTED[0]: 3}), "a promise", ())
    found.add(failed)
    assert (found.missed(), found.failed) == ([], [failed])
    assert f"3 times in       1 histories  {WANTED[0]}" in found.table()
    assert write_found(failed, 40, tmp_path) == write_found(failed, 40, tmp_path)
    assert read_found(tmp_path) == ((2, 40),)
