"""Twins, the short form. The long form: `python -m tests.simulation.twins`, and here as nightly."""

from __future__ import annotations

import pytest

from tests.simulation.twins import HEIGHTS_AFTER_HEALING, play_case


def test_one_key_in_two_nodes_forks_nothing() -> None:
    """Goal: f doubled keys count as f liars, no more. Method: 24 cases of split and healed networks, n = 4 and 7."""
    cases = [play_case(seed) for seed in range(1, 25)]
    assert [case.failure for case in cases] == [""] * 24
    assert {case.validators for case in cases} == {4, 7}
    assert all(case.height >= HEIGHTS_AFTER_HEALING for case in cases)


def test_twins_contradict_each_other_and_are_found_out() -> None:
    """Goal: the cases do what they are for. Method: how often there is evidence, how often a node notices its twin (K15)."""
    cases = [play_case(seed) for seed in range(1, 13)]
    assert sum(case.accused > 0 for case in cases) >= 3
    assert sum(case.silenced > 0 for case in cases) >= 6


def test_a_case_is_a_matter_of_its_seed() -> None:
    """Goal: what failed can be looked at again. Method: one case twice."""
    assert play_case(3) == play_case(3)


@pytest.mark.nightly
@pytest.mark.timeout(1_200)
def test_many_cases_of_twins() -> None:
    """Goal: the bar of consensus.md section 9. Method: 200 other cases."""
    assert [case.failure for case in map(play_case, range(10_000, 10_200))] == [""] * 200
