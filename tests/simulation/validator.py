"""An honest node: production replica, journal and signer while it votes, a follower while it does not, and a small synchronous shell.

It has one `Voter` for each epoch in which it votes (K22): after the last block of an epoch the store is flushed, and only then is the next
replica made. It answers for old epochs from its store, whatever it does in the current one. It can lose power before every step of every
effect, and before every operation on its disk; what it keeps in memory is lost then, and left are the disk of disk.py and the store.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from consensus import events as ev
from consensus.types import Epoch, TimeMs, ValidatorId
from node.memory import JOURNAL_FOLDER, create_memory, recall
from tests.simulation import messages as ms
from tests.simulation.chain import Blocks
from tests.simulation.disk import MemoryFiles
from tests.simulation.store import Store
from tests.simulation.voter import Broken, PowerLost, Voter, with_newest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from consensus.effects import Effect
    from consensus.events import Event
    from consensus.replica import Replica
    from consensus.types import BlockFacts, Certificate
    from node.memory import Memory
    from tests.simulation.epochs import Committee
    from tests.simulation.world import World

__all__ = ["Broken", "PowerLost", "Validator", "with_newest"]

FOLDER = Path("/validator")
NOBODY = ValidatorId(-1)
EARLY_MAX = 64
"""Frames of the next epoch that are kept of each link until this node is there, too."""
POLL_MS = 200
"""How often a follower asks for more."""
LATER_EPOCH_MS = 1_000
"""A node that heard of a later epoch, and is still not there after this long, takes ranges."""
PAUSES_MS = (0, 0, 5, 60)
"""How long flushing the store past a boundary takes: the replica of the old epoch goes on answering."""


class Validator:
    """One honest node."""

    def __init__(self, world: World, index: int) -> None:
        self.world, self.index = world, index
        self.random = world.random.fork()
        self.skew = self.random.between(-world.plan.skew_ms, world.plan.skew_ms) if world.plan.skew_ms else 0
        self.files = MemoryFiles()
        self.store = Store()
        self.life = 0
        """Rises at every start, loss of power and change of epoch: what was under way in an earlier one comes to nothing."""
        self.up = False
        self.fuse = 0
        """Steps left until power is lost; 0: none is set."""
        self.is_wiped = False
        """Whether the store was lost or put back: it may then be behind the journal."""
        self.doing: Effect | None = None
        """The effect that is or was last performed."""
        self.voter: Voter | None = None
        self.memory: Memory | None = None
        self.blocks = Blocks(self, self.store, {})
        self.committee: Committee = world.calendar.committee(0)
        self._early: dict[int, list[ms.OfEpoch]] = {}
        create_memory(self.files, FOLDER, Epoch(0), world.keys.keys[index])
        self.files.step = self.step

    @property
    def now(self) -> TimeMs:
        """Return this node's clock."""
        return TimeMs(self.world.now + self.skew)

    @property
    def epoch(self) -> Epoch:
        """The epoch this node is in."""
        return self.committee.epoch

    @property
    def me(self) -> ValidatorId:
        """The place in the current set; -1 for a follower."""
        return NOBODY if self.voter is None else self.voter.me

    @property
    def replica(self) -> Replica:
        """The replica of the current epoch."""
        if self.voter is None:
            raise AssertionError(f"node {self.index} does not vote")
        return self.voter.replica

    def step(self, _: str) -> None:
        """Let the fuse burn: power is lost at the step where it reaches 0."""
        if self.fuse:
            self.fuse -= 1
            if not self.fuse:
                raise PowerLost

    # Life and death

    def start(self) -> None:
        """Start, or start again, from what is durable."""
        self.life += 1
        try:
            if self.life > 1 and self.world.loses_journal(self.index):
                self.lose_journal()
            self.memory = recall(self.files, FOLDER, self.world.keys.keys[self.index], self.world.plan.segment_bytes)
            self.up, self.voter = True, None
            self._early.clear()
            self._take_part()
            for other in self.world.honest:
                if other is not self and other.up and self.up:
                    self.connected(other.index)
                    other.connected(self.index)
        except PowerLost:
            self.lose_power()

    def lose_journal(self) -> None:
        """Lose the disk with the journal; the mark is on its own (K15)."""
        for path in self.files.paths():
            if path.parent == FOLDER / JOURNAL_FOLDER:
                self.files.remove(path)

    def lose_power(self) -> None:
        """Lose what is in memory, and of what is not synced whatever the disk did not keep."""
        self.up, self.fuse = False, 0
        self.life += 1
        self.voter = self.memory = None
        self.files.lose_power(self.random.below)
        self.world.crashed(self)

    # Epochs

    def _take_part(self) -> None:
        """Vote or follow, as the set says in which the store stands. A memory of a later epoch has to wait until the store is there."""
        world, memory, epoch = self.world, self.memory, self.store.epoch
        self.committee = world.calendar.committee(epoch)
        self.voter = None
        place = self.committee.places.get(self.index)
        world.began_epoch(self.index, epoch)
        if memory is None or (memory.epoch > epoch and not self.is_wiped):  # flushed first, signed and journaled after (K22)
            raise Broken(f"node {self.index} is in epoch {epoch}, and its memory in {'none' if memory is None else memory.epoch}")
        if place is None or memory.epoch > epoch:
            self.blocks = Blocks(self, self.store, {})
            self.later(self.random.between(0, POLL_MS), self._poll)
        else:
            memory.begin(epoch, place)
            self.blocks = Blocks(self, self.store, memory.blocks)
            self.voter = Voter(self, memory, self.committee)
            memory.taken()
            self.feed(ev.Started(self.now))
            self.feed(ev.WorkChanged(world.pending, self.now))
        early, self._early = self._early, {}
        for sender, messages in sorted(early.items()):
            for message in messages:
                if self.up:
                    self._receive(sender, message)

    def _switch(self) -> None:
        """Go over into the next epoch: the store past the boundary first."""
        self.blocks.flush()
        self.life += 1
        self._take_part()

    def _poll(self) -> None:
        """Ask somebody for more final blocks: what a follower lives on."""
        other = self.random.below(self.world.plan.nodes - 1)
        self.blocks.catch_up(other + (other >= self.index))
        self.later(POLL_MS, self._poll)

    def reached(self, facts: BlockFacts) -> None:
        """Take note of a block that is final here: after the last one of an epoch the next one begins."""
        if facts.boundary:
            self.later(self.random.pick(PAUSES_MS), self._switch)

    def committed(self, facts: BlockFacts) -> None:
        """Take note that the store holds everything up to this block."""
        if self.voter is not None:
            self.voter.memory.journal.drop_below(facts)
        self.feed(ev.Committed(facts.height, self.now))

    def caught_up(self, node: int, facts: BlockFacts, certificate: Certificate) -> None:
        """Go on after a range: into the next epoch, or with the replica above it, or with the next range."""
        self.world.counts.ranges_taken += 1
        if facts.boundary:
            self.reached(facts)
        elif self.voter is not None:
            self.feed(ev.Synced(facts, certificate, self.now))
        else:
            self.blocks.catch_up(node)

    # What happens to it

    def feed(self, event: Event) -> None:
        """Give the replica an event and perform what it asks for, and what follows from that."""
        voter = self.voter
        if voter is None:
            return
        queue = voter.queue
        queue.append(event)
        if len(queue) > 1:
            return  # an event of our own effects: the loop below, further up the stack, takes it in its turn
        try:
            voter.run()
        except PowerLost:
            self.lose_power()

    def connected(self, node: int) -> None:
        """Take note that the link to another node is up."""
        place = self.committee.places.get(node)
        if place is not None:
            self.feed(ev.PeerConnected(place, self.now))

    def deliver(self, sender: int, message: ms.Message) -> None:
        """Take a message from the link; whoever is down misses it."""
        if self.up:
            try:
                self._receive(sender, message)
            except PowerLost:
                self.lose_power()

    def _receive(self, sender: int, message: ms.Message) -> None:
        match message:
            case ms.AskBlock(block_id):
                self.send(sender, ms.BlockAnswer(block_id, self.blocks.get(block_id)))
            case ms.BlockAnswer(block_id, block):
                self.blocks.answered(sender, block_id, block)
            case ms.AskRange(height):
                self.send(sender, self.store.range_from(height))
            case ms.RangeAnswer():
                self.blocks.range_arrived(sender, message)
            case _ if message.epoch != self.committee.epoch:
                self._receive_of_other_epoch(sender, message)
            case _ if self.voter is not None:
                self.voter.receive(sender, message)
            case _:
                pass

    def _receive_of_other_epoch(self, sender: int, message: ms.OfEpoch) -> None:
        """Answer for an old epoch, keep what is of the next one, see from a status that we are late."""
        epoch = message.epoch
        self.world.counts.other_epoch += 1
        if epoch < self.epoch:
            certificate = self.store.end_of(epoch, self.world.calendar.end(epoch)) if epoch >= 0 else None
            if certificate is not None and type(message) is ms.StatusMessage:
                self.world.counts.ends_shown += 1
                self.send(sender, ms.CertificateMessage(certificate))
            return
        if type(message) is ms.StatusMessage:
            self.later(LATER_EPOCH_MS, self._follow_later_epoch, sender, self.epoch)
        if epoch == self.epoch + 1:
            early = self._early.setdefault(sender, [])
            if len(early) < EARLY_MAX:
                self.world.counts.early_frames += 1
                early.append(message)

    def _follow_later_epoch(self, sender: int, epoch: int) -> None:
        if self.epoch == epoch:
            self.blocks.catch_up(sender)

    # What it does

    def nodes_of(self, places: Iterable[ValidatorId]) -> list[int]:
        """Return the nodes at these places of the current set."""
        return [self.committee.members[place] for place in places]

    def send(self, to: int, message: ms.Message) -> None:
        """Put a message on the link."""
        self.step("send")
        self.world.send(self.index, to, message)

    def later(self, delay_ms: int, act: Callable[..., None], *arguments: object) -> None:
        """Do something later in this life."""
        self.world.at(self.world.now + delay_ms, self._if_alive, self.life, act, arguments)

    def _if_alive(self, life: int, act: Callable[..., None], arguments: tuple[object, ...]) -> None:
        if self.up and self.life == life:
            try:
                act(*arguments)
            except PowerLost:
                self.lose_power()
