"""Random histories of one bridge against an independent model, and mutants of the byte code that they must expose."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.contracts import FOLDER
from tests.bridge.contracts.history import History
from tests.bridge.contracts.raw_events import Violation

if TYPE_CHECKING:
    from pathlib import Path

MUTANTS = sorted((FOLDER / "mutants").glob("*.json"))
STEPS = 50
SEEDS_MAX = 150
"""More than any mutant has needed; each seed takes a tenth of a second."""


@given(random=st.randoms(use_true_random=False))
def test_no_history_breaks_a_promise(random: Random) -> None:
    """Goal: section 1 and B2. Method: any history, also with a rogue quorum; contract, model and raw events agree at every step."""
    History(random).run(STEPS)


def test_histories_get_somewhere() -> None:
    """Goal: a model and a contract that refuse everything also agree. Method: of ten histories, a fifth of the steps is taken."""
    accepted = 0
    for seed in range(10):
        history = History(Random(seed))  # noqa: S311
        history.run(STEPS)
        accepted += history.accepted
    assert accepted > 10 * STEPS // 5


@pytest.mark.parametrize("path", MUTANTS, ids=lambda path: path.stem)
def test_each_mutant_is_caught(path: Path) -> None:
    """Goal: the histories would notice a missing rule. Method: byte code without it; some history must expose it."""
    code = json.loads(path.read_text())["bytecode"]
    for seed in range(SEEDS_MAX):
        try:
            History(Random(seed), code).run(STEPS)  # noqa: S311
        except Violation:
            return
    pytest.fail(f"{path.stem}: {SEEDS_MAX} histories saw nothing")
