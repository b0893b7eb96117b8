"""Power lost at every effect boundary, in every vote kind, by one node or by all at once; and a hundred random restarts."""

from __future__ import annotations

import sys

import pytest

from tests.simulation.crashes import Scope, Sweep, count_steps, sweep
from tests.simulation.scene import Scene
from tests.simulation.splitmix import SplitMix64

STATES_MIN = 10_000
EFFECTS = (
    "Cast(notarize): effect",
    "Cast(nullify): effect",
    "Cast(finalize): effect",
    "Append: effect",
    "Finalize: effect",
    "Judge: effect",
    "Build: effect",
    "SendCertificates: send",
    "Cast(notarize): sync",
    "Cast(nullify): sync",
    "Cast(finalize): sync",
)
"""What a whole sweep must have met."""


def test_power_lost_at_some_steps() -> None:
    """Goal: the bar, short. Method: every eleventh step of one history, by the node whose step it is and by all at once."""
    done = sweep(1, Scope, every=11, offset=3)
    assert done.states >= 2 * (count_steps(1) // 11) - 2


@pytest.mark.nightly
@pytest.mark.timeout(3_000)
def test_power_lost_at_every_step() -> None:
    """Goal: at least 10,000 states, every kind of effect and of vote among them. Method: every step of histories of several seeds."""
    done, seed = Sweep(), 0
    while done.states < STATES_MIN:
        seed += 1
        found = sweep(seed, Scope)
        done.states += found.states
        done.labels.update(found.labels)
    sys.stdout.write("\n".join(done.lines()) + "\n")
    assert [label for label in EFFECTS if not done.labels[label]] == []


def wait_for_view(scene: Scene, view: int) -> None:
    scene.play_until(lambda: max(node.replica.view for node in scene.honest) > view, 120_000)


def restart_often(views: int, restarts: int, seed: int) -> Scene:
    """Take one node's power every so often, now this one's and now that one's; it comes back a little later."""
    scene, random = Scene(4, seed=seed), SplitMix64(seed)
    scene.start()
    for number in range(restarts):
        wanted = (number + 1) * views // (restarts + 1)
        wait_for_view(scene, wanted)
        node = random.below(4)
        scene.play(random.below(100))
        scene.stop(node)
        scene.play(random.pick((1, 50, 500, 3_000)))
        scene.start(node)
    wait_for_view(scene, views)
    scene.go_on(5)
    return scene


def test_ten_restarts_in_a_hundred_views() -> None:
    """Goal: the bar, short; and a scene plays the same twice. Method: one seed, two times."""
    first, second = restart_often(100, 10, 1), restart_often(100, 10, 1)
    assert first.counts.crashes == 10
    assert first.trace_hash == second.trace_hash
    assert restart_often(100, 10, 2).trace_hash != first.trace_hash


@pytest.mark.nightly
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("seed", range(1, 6))
def test_a_hundred_restarts_in_a_thousand_views(seed: int) -> None:
    """Goal: the bar. Method: five seeds."""
    scene = restart_often(1_000, 100, seed)
    sys.stdout.write(f"seed {seed}: 100 restarts, {scene.heights[0]} heights final in 1,000 views\n")
    assert scene.counts.crashes == 100
    assert scene.heights[0] > 500
