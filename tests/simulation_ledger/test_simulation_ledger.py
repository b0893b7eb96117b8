"""The short form of the simulation of the ledger; the long form: `make simulate-ledger ARGS="--transactions 1000000 --jobs 2"`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from ledger.transactions.bodies import TYPES
from tests.ledger.matrix import marked
from tests.simulation_ledger.found import read_found, write_found
from tests.simulation_ledger.runs import Run, missed, plan, play, table
from tests.simulation_ledger.scenes import SCENES

if TYPE_CHECKING:
    from pathlib import Path

SHORT = 3_000
SEED = "suite4"
"""Chosen: with it it meets each bug that `tests/mutants/simulated.py` plants. Choose anew when new types change what is drawn."""


@pytest.mark.parametrize("scene", [kind.name for kind in SCENES])
def test_invariant_24_ledger_and_model_agree_on_a_short_history(scene: str) -> None:
    """Goal: 24, over all types. Method: some hundred transactions of each scene: same codes, legs and records."""
    outcome = play(Run(scene, SEED, SHORT if scene == "everything" else 200))
    assert outcome.failure == ""


@pytest.mark.parametrize("run", read_found(), ids=lambda run: f"{run.scene}-{run.seed}")
def test_a_seed_that_once_failed_fails_no_more(run: Run) -> None:
    """Goal: faults stay mended. Method: play every seed that was written down."""
    assert play(run).failure == ""


def test_a_plan_shares_all_transactions_out_and_the_same_seed_is_the_same_plan() -> None:
    """Goal: a figure means what it says. Method: add the lengths of the runs up."""
    runs = plan(100_000, 7)
    assert 100_000 <= sum(run.length for run in runs) <= 100_000 + len(SCENES)
    assert runs == plan(100_000, 7)
    assert {run.scene for run in runs} == {kind.name for kind in SCENES}
    assert len({(run.scene, run.seed) for run in runs}) == len(runs)


def test_a_difference_is_found_and_written_down(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Goal: the simulation can fail. Method: a model that forgets one word of a record; the seed that shows it stands in a file."""
    monkeypatch.setattr("tests.naive_restraint.lapse", lambda _books, _record: None)
    monkeypatch.setattr("tests.simulation_ledger.runs.SCENES", [kind for kind in SCENES if kind.name == "everything"])
    outcome = play(Run("everything", "suite", 3_000))
    assert "order/" in outcome.failure
    path = write_found(outcome, tmp_path)
    assert write_found(outcome, tmp_path) == path
    (again,) = read_found(tmp_path)
    assert again[:2] == outcome.run[:2]
    assert play(again).failure


def test_what_was_never_met_is_said() -> None:
    """Goal: a mix that misses a code is no proof of it. Method: counts of everything that the matrix marks, and without one code."""
    whole = Counter({(type_, code): 1 for type_, codes in marked().items() for code in codes})
    assert missed(whole) == []
    less = Counter({place: number for place, number in whole.items() if place[1] != 164})
    assert missed(less) == [164]
    assert "164" in table(less)


def test_the_scenes_draw_every_type() -> None:
    """Goal: no type is left out. Method: what runs of the two scenes that have types of their own have met."""
    outcomes = [play(Run(scene, "types", length)) for scene, length in (("everything", SHORT), ("bridge", 300))]
    assert [outcome.failure for outcome in outcomes] == ["", ""]
    assert sorted({type_ for outcome in outcomes for type_, _ in outcome.seen}) == sorted(TYPES)
