"""Memory that is lost: journals, stores, everything at the worst moment (K13, K14, K15)."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest

from consensus.types import Epoch, Kind, View
from node.signer import MarkBehind
from tests.simulation.disk import MemoryFiles
from tests.simulation.scene import Scene, vote_in
from tests.simulation.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from consensus.types import Vote
    from tests.simulation import messages as ms
    from tests.simulation.validator import Validator

VIEW = 4


def test_all_crash_after_nullify() -> None:
    """Goal: K13; q validators that crash with nullify in their journals are not dead. Method: nobody's nullify arrives, all lose power."""
    scene = Scene(4)
    leader = scene.honest[0].committee.set.leader(Epoch(0), View(VIEW))

    def drops(sender: int, to: int, message: ms.Message) -> bool:
        del to
        vote = vote_in(message)
        return vote is not None and (vote.kind is Kind.NULLIFY or (sender == leader and vote.view == VIEW))

    scene.drops = drops
    scene.start()
    scene.play_until(lambda: all(scene.voted(node, Kind.NULLIFY, VIEW) for node in range(4)))
    scene.stop(0, 1, 2, 3)
    scene.drops = lambda *_: False
    scene.start()
    scene.go_on(5)


def test_one_lost_journal() -> None:
    """Goal: K15; a key whose journal is gone never contradicts itself, and the others go on. Method: the journal goes, the mark stays."""
    scene = Scene(4)
    scene.start()
    scene.reach(6)
    scene.stop(2)
    scene.honest[2].lose_journal()
    scene.start(2)
    scene.go_on(10)


def test_amnesia_of_a_whole_quorum_is_safe() -> None:
    """Goal: journals lost by all are no fork. Method: stores and marks stay; no key contradicts itself, no chain forks."""
    scene = Scene(4)
    scene.start()
    scene.reach(6)
    scene.stop(0, 1, 2, 3)
    for node in scene.honest:
        node.lose_journal()
    scene.start()
    scene.play(30_000)
    assert scene.counts.halts == 0


class Image:
    """A copy of a node's disk and store."""

    def __init__(self, node: Validator) -> None:
        self._files: list[tuple[Path, bytes]] = [(path, node.files.read(path)) for path in node.files.paths()]
        self._store = copied(node.store)

    def restore(self, node: Validator) -> None:
        """Put everything back."""
        node.files = MemoryFiles()
        for path, data in self._files:
            file = node.files.create(path)
            file.write_at(0, data)
            file.sync()
            node.files.sync_folder(path.parent)
        node.files.step = node.step
        node.store = copied(self._store)


def copied(store: Store) -> Store:
    other = copy.copy(store)
    other.chain, other.blocks, other.certificates = list(store.chain), dict(store.blocks), dict(store.certificates)
    return other


def test_a_disk_from_an_old_image_falls_silent_for_good() -> None:
    """Goal: K15; a key whose memory was set back votes no more. Method: put an image back; peers show it its vote; no second start."""
    scene = Scene(4)
    scene.start()
    scene.reach(5)
    scene.stop(1)
    image = Image(scene.honest[1])
    scene.start(1)
    scene.go_on(5)
    scene.stop(1)
    image.restore(scene.honest[1])
    before = list(scene.sent[1])
    scene.links(delay_ms=(1, 2))
    scene.start(1)
    scene.play_until(lambda: scene.honest[1].replica.silenced)
    scene.go_on(10)
    newest = max(vote.view for vote in before)
    assert not [vote for vote in scene.sent[1] if vote.view > newest]
    scene.play(1_000)
    scene.stop(1)
    with pytest.raises(MarkBehind):
        scene.start(1)


@pytest.mark.parametrize("survivor", range(4))
def test_three_of_four_lose_their_stores_at_the_worst_moment(survivor: int) -> None:
    """Goal: what was told to be final stays final. Method: the last block is notarized, finalize votes are out, nobody has the certificate.

    All lose power, three of them their store, none its journal: they follow from the one that has it, and vote on from their journals.
    """
    scene = Scene(4, segment_bytes=12_000)
    scene.start()
    scene.reach(8)
    view = max(node.replica.view for node in scene.honest) + 2
    scene.drops = lambda _sender, _to, message: is_vote(message, Kind.FINALIZE, view)
    scene.play_until(lambda: all(scene.voted(node, Kind.FINALIZE, view) for node in range(4)))
    scene.stop(0, 1, 2, 3)
    final = dict(scene.chain)
    for node in scene.honest:
        if node.index != survivor:
            node.store = Store()
            node.is_wiped = True
    scene.drops = lambda *_: False
    scene.start()
    scene.go_on(5, 60_000)
    assert all(scene.chain[height] == block_id for height, block_id in final.items())


def is_vote(message: ms.Message, kind: Kind, view: int) -> bool:
    vote: Vote | None = vote_in(message)
    return vote is not None and (vote.kind, vote.view) == (kind, view)
