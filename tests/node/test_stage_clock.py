"""The clock of CPU by stage: it looks at a sample of many chunks, and yet tells what all of them took."""

from __future__ import annotations

from time import thread_time

import pytest

from node.metrics import SAMPLED_MAX, Stage

CHUNKS = 4_000
LARGE_SECONDS = 0.00002


def spend(seconds: float) -> None:
    """Use CPU for that long."""
    until = thread_time() + seconds
    while thread_time() < until:
        continue


def test_the_first_chunks_are_counted_one_by_one() -> None:
    """Goal: what was done a few times is told as it was. Method: chunks up to the number from which on a sample is taken."""
    stage = Stage()
    began = thread_time()
    for _ in range(SAMPLED_MAX):
        with stage:
            spend(LARGE_SECONDS)
    assert SAMPLED_MAX * LARGE_SECONDS <= stage.seconds <= thread_time() - began


@pytest.mark.parametrize("period", [1, 4])
def test_many_chunks_are_told_from_a_sample(period: int) -> None:
    """Goal: no chunk is looked at more often than others. Method: each of a period is large, as where leaders take turns."""
    stage = Stage()
    spent = 0.0
    for number in range(CHUNKS):
        began = thread_time()
        with stage:
            spend(0.0 if number % period else LARGE_SECONDS)
        spent += thread_time() - began
    assert 0.5 * spent < stage.seconds < 1.8 * spent


def test_what_another_thread_spent_is_added() -> None:
    """Goal: work beside the loop counts, too. Method: seconds measured elsewhere."""
    stage = Stage()
    stage.add(1.5)
    assert stage.seconds == 1.5
