"""Random histories of one bridge against an independent model, and mutants of the byte code that they must expose."""

from __future__ import annotations

import json
from collections import Counter
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

REACHED = (
    "honest: Checkpoint taken",
    "honest: MintAuth taken",
    "honest: ReserveStatement taken",
    "honest: RotateAttestors taken",
    "rogue quorum: MintAuth taken",
    "rogue quorum: MintAuth refused",
    "rogue quorum: Checkpoint taken",
    "rogue quorum: ReserveStatement refused",
    "reordered: Checkpoint refused",
    "reordered: MintAuth taken",
    "reordered: MintAuth refused",
    "repeated: MintAuth refused",
    "repeated: RotateAttestors refused",
    "rotated set: MintAuth taken",
    "another set: MintAuth taken",
    "another set: MintAuth refused",
    "outsider: MintAuth refused",
    "outsider: RotateAttestors refused",
    "outsider: call refused",
    "too thin a quorum: MintAuth refused",
    "paused: MintAuth refused",
    "holder: burn taken",
    "holder: burn refused",
)
"""Who does what with what outcome, at the least."""
MUTANTS = sorted((FOLDER / "mutants").glob("*.json"))
STEPS, HISTORIES = 50, 40
SEEDS_MAX = 150
"""More than any mutant has needed; each seed takes a tenth of a second."""


@given(random=st.randoms(use_true_random=False))
def test_no_history_breaks_a_promise(random: Random) -> None:
    """Goal: section 1 and B2. Method: any history, also with a rogue quorum; contract, model and raw events agree at every step."""
    History(random).run(STEPS)


def test_histories_get_somewhere() -> None:
    """Goal: a model and a contract that refuse everything also agree. Method: a fifth of the steps is taken, and everybody had a try."""
    accepted, reached = 0, Counter[str]()
    for seed in range(HISTORIES):
        history = History(Random(seed))  # noqa: S311
        history.run(STEPS)
        accepted += history.accepted
        reached += history.reached
    assert accepted > HISTORIES * STEPS // 5
    assert not [each for each in REACHED if not reached[each]]


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
