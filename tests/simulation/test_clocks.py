"""Clocks that are wrong, set right, jump back or stand still (section 6): recovery within 30 s, without an operator."""

from __future__ import annotations

import pytest

from tests.simulation.scene import Scene

WITHIN_MS = 30_000
HOUR_MS = 3_600_000


def running(seed: int = 1) -> Scene:
    """Return four validators that are at height 5."""
    scene = Scene(4, seed=seed)
    scene.start()
    scene.reach(5)
    return scene


def set_clocks(scene: Scene, *skews_ms: int) -> None:
    for node, skew_ms in zip(scene.honest, skews_ms, strict=True):
        node.skew = skew_ms


@pytest.mark.parametrize(
    "skews_ms",
    [
        (5_000, 0, 0, 0),
        (-5_000, 0, 0, 0),
        (5_000, -5_000, 0, 0),
        (5_000, 5_000, 0, 0),
        (-5_000, -5_000, 0, 0),
        (5_000, 5_000, -5_000, -5_000),
        (5_000, 5_000, 5_000, -5_000),
    ],
)
def test_five_seconds_of_skew(skews_ms: tuple[int, ...]) -> None:
    """Goal: the chain goes on while clocks differ by seconds. Method: set in the middle; a block within 30 s, three times."""
    scene = running()
    set_clocks(scene, *skews_ms)
    for _ in range(3):
        scene.go_on(1, WITHIN_MS)


@pytest.mark.parametrize("wrong_ms", [HOUR_MS, -HOUR_MS])
def test_one_clock_an_hour_wrong_stops_nobody(wrong_ms: int) -> None:
    """Goal: one bad clock is one fault. Method: an hour ahead or behind for a while; chain time stays that of the others."""
    scene = running()
    set_clocks(scene, wrong_ms, 0, 0, 0)
    for _ in range(3):
        scene.play(5_000)
        scene.go_on(1, WITHIN_MS)
    assert abs(scene.honest[1].blocks.final.time_ms - scene.now) < WITHIN_MS
    set_clocks(scene, 0, 0, 0, 0)
    scene.go_on(5, WITHIN_MS)


@pytest.mark.parametrize("wrong_ms", [HOUR_MS, -600_000])
def test_all_clocks_wrong_and_set_right(wrong_ms: int) -> None:
    """Goal: a bad time server halts nothing, not even when it is mended. Method: all clocks move at once, and back after ten seconds.

    Time on the chain never goes back: after an hour ahead it crawls by a millisecond a block until the world has caught up.
    """
    scene = running()
    set_clocks(scene, *[wrong_ms] * 4)
    scene.go_on(5, WITHIN_MS)
    scene.play(10_000)
    set_clocks(scene, 0, 0, 0, 0)
    before = scene.honest[0].blocks.final
    scene.go_on(20, WITHIN_MS)
    after = scene.honest[0].blocks.final
    assert after.time_ms > before.time_ms
    if wrong_ms > 0:
        assert after.time_ms - before.time_ms <= 2 * (after.height - before.height) + 1_000


@pytest.mark.parametrize("back_ms", [2_000, 60_000, HOUR_MS])
@pytest.mark.parametrize("nodes", [1, 2, 3])
def test_clocks_that_jump_back_and_are_set_right(nodes: int, back_ms: int) -> None:
    """Goal: no timer waits for a time that will not come. Method: some clocks jump back for 30 s; when they are right again, blocks."""
    scene = running()
    set_clocks(scene, *[-back_ms] * nodes, *[0] * (4 - nodes))
    scene.play(30_000)
    set_clocks(scene, 0, 0, 0, 0)
    scene.go_on(5, WITHIN_MS)


def test_half_an_hour_of_pause_of_two() -> None:
    """Goal: a suspended half needs nobody. Method: two of four stand still for 30 minutes, and go on where they were."""
    scene = running()
    scene.pause(1, 3)
    scene.play(30 * 60_000)
    scene.resume(1, 3)
    scene.go_on(5, WITHIN_MS)


def test_a_pause_of_one() -> None:
    """Goal: the others go on, and it comes after. Method: one of four stands still; hundreds of heights behind, it takes ranges (K20)."""
    scene = running()
    scene.pause(2)
    scene.play(60_000)
    scene.resume(2)
    scene.go_on(5, WITHIN_MS)
