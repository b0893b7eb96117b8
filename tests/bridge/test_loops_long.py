"""Histories of the whole bridge in a long form (B1): `pytest -m nightly tests/bridge/test_loops_long.py`."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.bridge.test_loops import history
from tests.bridge.whole import Whole

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.nightly
@pytest.mark.timeout(3_600)
def test_b1_many_histories(tmp_path: Path) -> None:
    """Goal: V - S >= 0 and equal totals in the end. Method: 500 random histories, as in `test_loops`, longer."""
    for seed in range(1_000, 1_500):
        history(Whole(tmp_path / str(seed)), random.Random(seed), 60)  # noqa: S311 - a seed that replays
