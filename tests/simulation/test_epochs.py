"""Validator sets that change (K22), scripted: grown and shrunk, joiners, leavers, sleepers, stores lost across a boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from consensus.types import Certificate, Epoch, Kind, View, Vote
from node.memory import JOURNAL_FOLDER
from tests.simulation import messages as ms
from tests.simulation.blocks import make_block, root_after
from tests.simulation.epochs import epoch_after
from tests.simulation.scene import Scene, subject_of
from tests.simulation.store import RANGE_BLOCKS_MAX, Store
from tests.simulation.validator import FOLDER

if TYPE_CHECKING:
    from consensus.types import BlockId

FOUR = (0, 1, 2, 3)
SEVEN = (0, 1, 2, 3, 4, 5, 6)


def in_epoch(scene: Scene, epoch: int) -> bool:
    return all(node.epoch >= epoch for node in scene.honest if node.up)


def test_four_seven_four() -> None:
    """Goal: a set grows and shrinks again without a pause. Method: 4 -> 7 -> 4 -> 4 others; only members of an epoch vote in it."""
    sets = (FOUR, SEVEN, FOUR, (3, 4, 5, 6))
    scene = Scene(4, sets=sets, lengths=(6, 6, 6))
    scene.start()
    scene.reach(25, 60_000)
    for epoch, members in enumerate(sets):
        voters = {node for node, votes in scene.sent.items() if any(vote.epoch == epoch for vote in votes)}
        assert voters == set(members)
    assert {scene.honest[3].store.chain[height - 1][0].height for height in (6, 12, 18)} == {6, 12, 18}
    assert scene.counts.joined == 3 + 3  # 4, 5, 6 twice
    assert scene.counts.left == 3 + 3


def test_segments_of_old_epochs_go() -> None:
    """Goal: K12; the journal does not grow over epochs. Method: three epochs of the same four; only segments of the last two are left."""
    scene = Scene(4, sets=(FOUR, FOUR, FOUR), lengths=(8, 8))
    scene.start()
    scene.reach(24, 60_000)
    scene.play(1_000)
    for node in scene.honest:
        assert node.memory is not None
        assert node.memory.journal.epoch == 2
        folder = FOLDER / JOURNAL_FOLDER
        assert node.memory.journal.segments == len(node.files.names(folder)) <= 4


@pytest.mark.parametrize("off", [(), (1,)])
@pytest.mark.parametrize("stage", [Kind.NOTARIZE, Kind.FINALIZE])
def test_a_joiner_starts_during_the_change(stage: Kind, off: tuple[int, ...]) -> None:
    """Goal: whoever comes in the middle is taken in. Method: node 4 starts when the boundary is voted for; with one off it is needed."""
    scene = Scene(4, sets=(FOUR, (1, 2, 3, 4)), lengths=(8,))
    scene.start(*FOUR)

    def boundary_voted() -> bool:
        blocks = [vote.block_id for vote in scene.sent.get(2, ()) if vote.kind is stage]
        return any(scene.known[block_id][0].boundary for block_id in blocks)

    scene.play_until(boundary_voted)
    scene.stop(*off)
    scene.start(4)
    scene.play_until(lambda: in_epoch(scene, 1), 60_000)
    scene.go_on(5, 60_000)
    assert any(vote.epoch == 1 for vote in scene.sent[4])


def test_a_new_set_waits_for_those_who_come_late() -> None:
    """Goal: a new epoch without its quorum stands still, safe, and goes on. Method: two of the new four are off for a minute."""
    scene = Scene(4, sets=(FOUR, (2, 3, 4, 5)), lengths=(6,))
    scene.start(*FOUR)
    scene.play_until(lambda: max(scene.chain) == 6)
    scene.play(60_000)
    assert max(scene.chain) == 6
    scene.start(4, 5)
    scene.go_on(5, 60_000)


def test_sleeping_over_epochs() -> None:
    """Goal: who was off for epochs comes back into the current one. Method: node 3, a member always, sleeps through two of them."""
    scene = Scene(4, sets=(FOUR, FOUR, FOUR, FOUR), lengths=(6, 6, 6))
    scene.start()
    scene.reach(3)
    scene.stop(3)
    scene.reach(20, 60_000)
    scene.start(3)
    scene.go_on(5, 60_000)
    assert scene.honest[3].epoch == 3
    assert any(vote.epoch == 3 for vote in scene.sent[3])


def test_one_that_missed_the_end_is_shown_it() -> None:
    """Goal: whoever stands at a boundary in the old epoch is let out. Method: node 0 hears no finalization of it, takes no ranges."""
    scene = Scene(4, sets=(FOUR, FOUR), lengths=(6,))

    def takes_ranges(sender: int, _to: int, message: ms.Message) -> bool:
        return sender == 0 and type(message) is ms.AskRange

    def drops(sender: int, to: int, message: ms.Message) -> bool:
        subject = subject_of(message)
        if takes_ranges(sender, to, message):
            return True
        return to == 0 and subject is not None and subject.kind is Kind.FINALIZE and scene.known[subject.block_id][0].boundary

    scene.drops = drops
    scene.start()
    scene.play_until(lambda: all(scene.honest[node].epoch == 1 for node in (1, 2, 3)))
    assert scene.honest[0].epoch == 0
    scene.drops = takes_ranges
    scene.play_until(lambda: scene.honest[0].epoch == 1, 10_000)
    scene.drops = lambda *_: False
    assert scene.counts.ends_shown > 0
    scene.go_on(5)


@pytest.mark.parametrize("views", [1, 2, 4])
def test_a_boundary_is_proposed_again_until_it_is_final(views: int) -> None:
    """Goal: K22; the last block has no child, only itself again. Method: its finalize votes are lost for some views."""
    scene = Scene(4, sets=(FOUR, FOUR), lengths=(5,))

    def drops(_sender: int, _to: int, message: ms.Message) -> bool:
        subject = subject_of(message)
        if subject is None or subject.kind is not Kind.FINALIZE:
            return False
        facts = scene.known[subject.block_id][0]
        return facts.boundary and subject.view < facts.view + views

    scene.drops = drops
    scene.start()
    scene.reach(8)
    assert scene.counts.boundaries_again >= views
    assert {facts.height for facts, _ in scene.known.values() if facts.boundary} == {5}
    assert len([facts for facts, _ in scene.known.values() if facts.height == 6 and facts.epoch == 0]) == 0


@pytest.mark.parametrize("survivor", range(4))
def test_stores_lost_after_a_boundary(survivor: int) -> None:
    """Goal: a journal of a later epoch than the store waits. Method: in epoch 1 three of four lose their stores and begin at genesis."""
    scene = Scene(4, sets=(FOUR, FOUR, FOUR), lengths=(5, 9))
    scene.start()
    scene.reach(9)
    scene.stop(0, 1, 2, 3)
    for node in scene.honest:
        if node.index != survivor:
            node.store, node.is_wiped = Store(), True
    scene.start()
    assert [int(node.epoch) for node in scene.honest].count(0) == 3
    scene.go_on(8, 60_000)


def test_power_lost_by_all_around_a_boundary() -> None:
    """Goal: no moment of an epoch's end is deadly. Method: all lose power, every few ms later, from before the boundary to after it."""
    for moment_ms in range(0, 400, 10):
        scene = Scene(4, sets=(FOUR, SEVEN), lengths=(4,), seed=moment_ms)
        scene.start()
        scene.reach(3)
        scene.play(moment_ms)
        scene.stop(*SEVEN)
        scene.start()
        scene.reach(7, 60_000)


# A chain of 10,000 heights that nobody had to play.


def ancestry(scene: Scene, heights: int) -> None:
    """Put a chain into the stores of all nodes of the first set, as if it had been made: a finalization at the end of each range.

    It has to stop at an epoch's end: in a running epoch nobody may forget what it signed (K15).
    """
    facts, root = scene.honest[0].store.final, scene.honest[0].store.root
    for height in range(1, heights + 1):
        epoch = epoch_after(facts)
        end, following = scene.calendar.end(epoch), scene.calendar.next_at(epoch, height)
        view = height - (scene.calendar.end(epoch - 1) if epoch else 0)
        body = b"\x01" + height.to_bytes(4, "big")
        root = root_after(root, body)
        facts, block = make_block(facts, view, (epoch + view) % 4, facts.time_ms + 50, body, root, following)
        is_shown = height == end or height % RANGE_BLOCKS_MAX == 0
        certificate = finalization(scene, epoch, view, facts.block_id) if is_shown else None
        scene.chain[height] = facts.block_id
        scene.built(facts, root, block)
        for node in scene.calendar.committee(0).members:
            scene.honest[node].store.commit(facts, block, root, certificate)


def finalization(scene: Scene, epoch: int, view: int, block_id: BlockId) -> Certificate:
    committee = scene.calendar.committee(epoch)
    vote = Vote(Kind.FINALIZE, Epoch(epoch), View(view), View(view - 1), block_id)
    signed = [scene.keys.sign(node, vote) for node in committee.members[: committee.set.quorum]]
    return Certificate(vote, tuple((one.signer, one.signature) for one in signed))


def test_joiner_at_height_10_000() -> None:
    """Goal: an empty disk comes up to a long chain over several epochs, and votes. Method: node 4 is at genesis, the others at 10,000."""
    scene = Scene(4, sets=(FOUR, FOUR, FOUR, FOUR, (1, 2, 3, 4)), lengths=(2_500, 3_000, 4_500, 100))
    ancestry(scene, 10_000)
    scene.start(*FOUR)
    scene.go_on(3)
    scene.start(4)
    took = scene.play_until(lambda: scene.honest[4].epoch == 4, 120_000)
    scene.go_on(5, 60_000)
    assert took > 0
    assert any(vote.epoch == 4 for vote in scene.sent[4])
