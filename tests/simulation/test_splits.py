"""Certificates that only some hold (K9, K10, K19): every split of a view into who saw it notarized and who saw it given up."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from consensus.types import Kind
from tests.simulation.scene import Scene, cut_off, subject_of

if TYPE_CHECKING:
    from tests.simulation import messages as ms

NODES = range(4)
SPLITS = range(16)
"""Subsets of four nodes, as bits."""
VIEW = 3


def split_view(notarized: int, nullified: int, seed: int) -> Scene:
    """Play view 3 so that its notarize votes reach only some, its nullify votes only some, and its finalize votes nobody."""
    scene = Scene(4, seed=seed)
    reaches = {Kind.NOTARIZE: notarized, Kind.NULLIFY: nullified, Kind.FINALIZE: 0}

    def drops(sender: int, to: int, message: ms.Message) -> bool:
        del sender
        subject = subject_of(message)
        return subject is not None and subject.view == VIEW and not reaches[subject.kind] >> to & 1

    scene.drops = drops
    scene.start()
    scene.play(3_000)
    return scene


def heal_all(notarized: int, step: int) -> int:
    """Play the splits of one subset that saw a notarization; return how long the slowest took to heal, in ms."""
    slowest_ms = 0
    for nullified in range(notarized % step, len(SPLITS), step):
        scene = split_view(notarized, nullified, seed=nullified)
        scene.drops = lambda *_: False
        slowest_ms = max(slowest_ms, scene.go_on(3, 30_000))
    return slowest_ms


@pytest.mark.parametrize("notarized", SPLITS)
def test_splits_of_a_view_heal(notarized: int) -> None:
    """Goal: no split of certificates halts the chain or forks it. Method: a quarter of the splits of view 3, healed after three seconds."""
    heal_all(notarized, 4)


@pytest.mark.nightly
@pytest.mark.parametrize("notarized", SPLITS)
def test_every_split_of_a_view_heals(notarized: int) -> None:
    """Goal: as above. Method: all 16 x 16 splits."""
    sys.stdout.write(f"notarized at {notarized:04b}, given up at any of 16: three heights within {heal_all(notarized, 1)} ms\n")


@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (1, 3)])
def test_two_against_two(pair: tuple[int, int]) -> None:
    """Goal: K9. Method: two see view 3 notarized and go on, two give it up, and the halves do not hear each other for 20 s."""
    scene = split_view(sum(1 << node for node in pair), 0b1111, seed=7)
    scene.drops = cut_off(pair)
    scene.play(20_000)
    scene.drops = lambda *_: False
    scene.go_on(5, 30_000)


def test_a_minority_makes_nothing_final() -> None:
    """Goal: a half cannot decide. Method: two of four alone for a minute; afterwards one chain, at once."""
    scene = Scene(4)
    scene.start()
    scene.reach(3)
    scene.drops = cut_off((0, 1))
    scene.play(1_000)
    before = max(scene.chain)
    scene.play(60_000)
    assert max(scene.chain) == before
    scene.drops = lambda *_: False
    scene.go_on(5, 20_000)
