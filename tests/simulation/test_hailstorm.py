"""Links that lose half of everything, then nearly all, then are good again (consensus.md section 9): safe throughout, final at once after.

Bar: a hundred views at 50 % loss and delays of 200 +- 150 ms; 60 s at 90 %; after healing everyone has a new final block within 5 T_max.
"""

from __future__ import annotations

import sys

import pytest

from tests.simulation.scene import Scene

STORM_MS = (50, 350)
WORST_SECONDS = 60
WITHIN_MS = 5 * 8_000


def hailstorm(validators: int, seed: int, views: int) -> tuple[int, int]:
    """Play it; return how many heights became final in the storm, and how long healing took in ms."""
    scene = Scene(validators, seed=seed)
    scene.links(loss_per_mille=500, delay_ms=STORM_MS)
    scene.start()
    scene.play_until(lambda: max(node.replica.view for node in scene.honest) > views, 3_600_000)
    final = max(scene.chain)
    scene.links(loss_per_mille=900, delay_ms=STORM_MS)
    scene.play(1_000 * WORST_SECONDS)
    scene.links()
    return final, scene.go_on(1, WITHIN_MS)


@pytest.mark.parametrize(("validators", "seed"), [(4, 1), (4, 2), (7, 1)])
def test_hailstorm(validators: int, seed: int) -> None:
    """Goal: the bar. Method: 100 views, one seed after the other."""
    final, _ = hailstorm(validators, seed, 100)
    assert final > 0  # half of all messages are enough for some progress


@pytest.mark.nightly
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize(("validators", "seeds"), [(4, 40), (7, 20), (10, 5)])
def test_many_hailstorms(validators: int, seeds: int) -> None:
    """Goal: as above. Method: more seeds, larger sets."""
    ends = [hailstorm(validators, seed, 100) for seed in range(100, 100 + seeds)]
    final, healed_ms = min(final for final, _ in ends), max(healed_ms for _, healed_ms in ends)
    sys.stdout.write(f"n = {validators}: {seeds} storms, at least {final} heights final in each, healed within {healed_ms} ms\n")
