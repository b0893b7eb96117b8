"""Villains, the short form: every kind, few seeds. The long form: `python -m tests.simulation.villains --jobs 2`, and here as nightly."""

from __future__ import annotations

import pytest

from tests.simulation.villains.kinds import KINDS, play
from tests.simulation.villains.villain import Due

FIRST_SEED_NIGHTLY = 1_000


@pytest.mark.parametrize("validators", [4, 7])
@pytest.mark.parametrize("kind", KINDS)
def test_villains_change_nothing(kind: str, validators: int) -> None:
    """Goal: agreement, a hundred final views, evidence exactly where it is due. Method: f villains of a kind, three seeds."""
    for seed in (1, 2, 3):
        outcome = play(kind, validators, seed, 100)
        assert outcome.failure == ""
        assert outcome.views >= 100
        assert outcome.height >= 50


@pytest.mark.nightly
@pytest.mark.parametrize("validators", [4, 7, 10, 31])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.timeout(1_200)
def test_many_villains_change_nothing(kind: str, validators: int) -> None:
    """Goal: the bar of consensus.md section 9. Method: 20 other seeds of each kind and size."""
    failures = [play(kind, validators, seed, 100).failure for seed in range(FIRST_SEED_NIGHTLY, FIRST_SEED_NIGHTLY + 20)]
    assert failures == [""] * 20


def test_a_run_is_a_matter_of_its_seed() -> None:
    """Goal: what failed can be looked at again. Method: one run twice, another seed."""
    first = play("equivocator", 4, 5, 30)
    assert play("equivocator", 4, 5, 30) == first
    assert play("equivocator", 4, 6, 30).events != first.events


def test_each_villain_is_caught_at_what_it_is() -> None:
    """Goal: the table of kinds says which are caught. Method: those that contradict themselves, and those whose lies nobody can prove."""
    due = {kind: villain.evidence for kind, villain in KINDS.items()}
    assert [kind for kind in due if due[kind] in (Due.SOME, Due.EACH)] == ["conflicter", "equivocator", "nuller"]
