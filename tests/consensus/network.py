"""A few replicas in one process, with links of a fixed delay, a journal that is a list, and bodies that are facts.

It is here to see the protocol run and to script readable scenarios. The simulator with faults, disks and liars is tests/simulation.
Nodes have numbers; in each epoch a committee of them votes, and a validator's index is its place there. Who does not vote follows.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from consensus import effects as fx
from consensus import events as ev
from consensus.replica import Replica
from consensus.types import Epoch, Proposal, SignedVote, TimeMs, Timing, ValidatorId
from tests.consensus.scene import CHAIN, GENESIS, START, block, keys, signed

if TYPE_CHECKING:
    from consensus.types import BlockFacts, BlockId, Certificate, Height, View

DELAY_MS = 5
EARLY_MAX = 64
Link = Callable[[int, int], bool]
Make = Callable[[TimeMs], ev.Event]


@dataclass(frozen=True, slots=True)
class Message:
    """Something on a link: who sent it, of which epoch, and the event that it becomes."""

    sender: int
    epoch: int
    make: Make


@dataclass(frozen=True, slots=True)
class Own:
    """An event of a node's own, in one of its lives."""

    life: int
    event: ev.Event


@dataclass(frozen=True, slots=True)
class Copied:
    """Final blocks reach a node that does not vote."""

    source: int


class Node:
    """One node: a replica while it votes, a journal, the bodies it has, what it executed, what it told clients."""

    def __init__(self, world: Network, number: int) -> None:
        self.world, self.number = world, number
        self.journal: list[fx.Replayed] = []
        self.bodies: dict[BlockId, tuple[BlockFacts, int]] = {GENESIS.block_id: (GENESIS, 0)}
        self.final: list[BlockFacts] = [GENESIS]
        self.certificates: dict[Height, Certificate] = {}
        self.ends: dict[int, Certificate] = {}
        """Finalization of the last block of each epoch."""
        self.alarms: list[str] = []
        self.milestones: list[fx.Milestone] = []
        self.life = 0
        self.up = False
        self.boot()

    def boot(self) -> None:
        """Start, start again, or go on in another epoch: from the journal and the final chain."""
        world, tip = self.world, self.final[-1]
        self.life += 1
        self.up = True
        self.epoch = tip.epoch + 1 if tip.boundary else int(tip.epoch)
        self.committee = world.committee(self.epoch)
        self.executed = {facts.block_id for facts in self.final}
        self.timers: dict[ev.TimerKind, int] = {}
        self.early: list[Message] = []
        self.me = self.committee.index(self.number) if self.number in self.committee else None
        if self.me is not None:
            validators = keys(len(self.committee))
            certificate = self.certificates.get(tip.height)
            self.replica = Replica(CHAIN, validators, ValidatorId(self.me), world.timing, tip, certificate)
            self.replica.restore(self.journal)
            self.own(0, ev.Started(world.clock))
            self.own(0, ev.WorkChanged(world.pool, world.clock))

    def crash(self) -> None:
        """Lose everything but journal, bodies and final chain."""
        self.up = False
        self.life += 1

    def own(self, after_ms: int, event: ev.Event) -> int:
        """Have something happen later in this life."""
        return self.world.at(after_ms, self.number, Own(self.life, event))

    def happen(self, what: Message | Own | Copied, turn: int) -> None:
        """Take what the queue holds for this node."""
        match what:
            case Copied(source):
                self.copy(self.world.nodes[source])
            case Own(life, event):
                if life == self.life and self.is_due(event, turn):
                    self.take(event)
            case Message():
                self.receive(what)

    def is_due(self, event: ev.Event, turn: int) -> bool:
        """Tell whether a timer was not replaced or cancelled."""
        return not isinstance(event, ev.TimerFired) or self.timers.get(event.kind) == turn

    def receive(self, message: Message) -> None:
        """Take a message: of the next epoch later, of an older one as a question how that ended (K22)."""
        event = message.make(self.world.clock)
        if not self.world.passes(self.number, event):
            return
        if message.epoch == self.epoch and self.me is not None:
            self.take(event)
        elif message.epoch > self.epoch and len(self.early) < EARLY_MAX:
            self.early.append(message)
        elif isinstance(event, ev.StatusReceived) and message.epoch in self.ends:
            answer = Message(self.number, message.epoch, partial(ev.CertificateReceived, self.ends[message.epoch]))
            self.world.deliver(self.number, message.sender, answer)

    def take(self, event: ev.Event) -> None:
        """Handle one event and perform its effects; go on in the next epoch when this one is over."""
        if isinstance(event, ev.TimerFired | ev.Started):
            event = replace(event, now_ms=self.world.clock)
        for effect in self.replica.handle(event):
            self.perform(effect)
        if self.replica.ended:
            early = self.early
            self.boot()
            for message in early:
                self.world.at(0, self.number, message)

    def perform(self, effect: fx.Effect) -> None:
        """Perform one effect."""
        world = self.world
        match effect:
            case fx.Cast():
                self.cast(effect)
            case fx.Append(records):
                self.journal += records
            case fx.Finalize():
                self.finalize(effect)
            case fx.FetchBlock() | fx.Judge():
                self.body(effect)
            case fx.Build():
                self.build(effect)
            case fx.SetTimer(kind, view, at_ms):
                self.timers[kind] = self.own(max(0, at_ms - world.now), ev.TimerFired(kind, view, world.clock))
            case fx.CancelTimer(kind):
                self.timers.pop(kind, None)
            case fx.CatchUp(peer, _):
                self.catch_up(world.nodes[self.committee[peer]])
            case _:
                self.tell(effect)

    def tell(
        self,
        effect: fx.Resend
        | fx.SendCertificates
        | fx.SendStatus
        | fx.FetchCertificates
        | fx.StoreEvidence
        | fx.Alarm
        | fx.Milestone
        | fx.Halt,
    ) -> None:
        """Perform an effect that only speaks to others."""
        me = self.replica_index
        match effect:
            case fx.Resend(own, proposal, to):
                self.send_votes(own, proposal, to)
            case fx.SendCertificates(certificates, to):
                for certificate in certificates:
                    self.send(to, partial(ev.CertificateReceived, certificate))
            case fx.SendStatus(status, to):
                self.send(to, partial(ev.StatusReceived, me, status))
            case fx.FetchCertificates(peer, notarizations, nullifications):
                self.send(peer, partial(ev.CertificatesRequested, me, notarizations, nullifications))
            case fx.Alarm(_, reason):
                self.alarms.append(reason)
            case fx.Milestone():
                self.milestones.append(effect)
            case fx.StoreEvidence():
                self.alarms.append("evidence")
            case fx.Halt(reason):
                raise AssertionError(f"node {self.number} halts: {reason}")

    @property
    def replica_index(self) -> ValidatorId:
        """Place in the committee."""
        if self.me is None:
            raise AssertionError(f"node {self.number} does not vote")
        return ValidatorId(self.me)

    def cast(self, effect: fx.Cast) -> None:
        """Journal records and signed votes, send them, say that it is done."""
        own = tuple(signed(vote, self.replica_index, len(self.committee)) for vote in effect.votes)
        self.journal += [*effect.records, *(fx.VoteRecord(vote) for vote in own)]
        self.send_votes(own, effect.proposal, None)
        self.own(0, ev.CastDone(own, self.world.clock))

    def finalize(self, effect: fx.Finalize) -> None:
        """Extend the final chain; who does not vote copies it."""
        for facts in effect.blocks:
            self.extend(facts)
        self.certify(effect.blocks[-1], effect.certificate)
        self.own(0, ev.Committed(effect.blocks[-1].height, self.world.clock))
        for other in self.world.nodes:
            if other.me is None and self.world.linked(self.number, other.number):
                self.world.at(DELAY_MS, other.number, Copied(self.number))

    def extend(self, facts: BlockFacts) -> None:
        """Add a final block."""
        if facts.parent != self.final[-1].block_id:
            raise AssertionError(f"node {self.number} finalizes {facts} on {self.final[-1]}")
        self.final.append(facts)
        self.executed.add(facts.block_id)

    def certify(self, tip: BlockFacts, certificate: Certificate) -> None:
        """Keep the finalization of a block."""
        self.certificates[tip.height] = certificate
        if tip.boundary:
            self.ends[tip.epoch] = certificate

    def send(self, to: ValidatorId | None, make: Make, body: tuple[BlockFacts, int] | None = None) -> None:
        """Deliver a message to one or all other validators of the epoch."""
        for number in self.committee if to is None else (self.committee[to],):
            self.world.deliver(self.number, number, Message(self.number, self.epoch, make), body)

    def send_votes(self, own: tuple[SignedVote, ...], proposal: Proposal | None, to: ValidatorId | None) -> None:
        """Send votes; the one that signs a proposal goes with its header and body."""
        for vote in own:
            if proposal is not None and vote.vote == proposal.vote.vote:
                whole = Proposal(vote, proposal.facts)
                self.send(to, partial(ev.ProposalReceived, whole), self.bodies[whole.facts.block_id])
            else:
                self.send(to, partial(ev.VoteReceived, vote))

    def body(self, effect: fx.FetchBlock | fx.Judge) -> None:
        """Fetch a body from the first asked that has it and can be reached, or judge one."""
        block_id, now = effect.block_id, self.world.clock
        if block_id not in self.bodies:
            for other in effect.ask:
                node = self.world.nodes[self.committee[other]]
                if node.up and block_id in node.bodies and self.world.linked(node.number, self.number):
                    self.bodies[block_id] = node.bodies[block_id]
                    break
        facts, size = self.bodies.get(block_id, (None, 0))
        if isinstance(effect, fx.FetchBlock):
            if facts is not None:
                self.own(2 * DELAY_MS, ev.BodyArrived(block_id, now, facts))
            return
        known = facts is not None and facts.parent in self.executed
        if known:
            self.executed.add(block_id)
        self.own(1, ev.Judged(block_id, ev.Verdict.VALID if known else ev.Verdict.NONE, facts, now, size))

    def build(self, effect: fx.Build) -> None:
        """Build a block of everything in the pool that is in no block yet; its height says whether it ends the epoch."""
        world = self.world
        made = block(effect.parent, effect.view, time_ms=max(world.now, effect.time_ms_min), tag=f"epoch {self.epoch}")
        boundary = world.epoch_length > 0 and made.height % world.epoch_length == 0
        facts = replace(made, epoch=Epoch(self.epoch), proposer=self.replica_index, boundary=boundary)
        size, world.pool = world.pool, 0
        self.bodies[facts.block_id] = facts, size
        self.executed.add(facts.block_id)
        self.own(1, ev.Built(effect.view, facts, world.clock, size))
        world.announce()

    def catch_up(self, peer: Node) -> None:
        """Take final blocks of this epoch from a peer up to the last that has a certificate."""
        if peer.up and self.world.linked(peer.number, self.number) and self.copy_epoch(peer):
            tip = self.final[-1]
            self.own(2 * DELAY_MS, ev.Synced(tip, self.certificates[tip.height], self.world.clock))

    def copy(self, peer: Node) -> None:
        """Follow the final chain of a peer, epoch by epoch, until this node is in the committee."""
        while self.me is None and self.copy_epoch(peer):
            if self.final[-1].boundary:
                self.boot()

    def copy_epoch(self, peer: Node) -> bool:
        """Copy final blocks, at most to the end of this epoch."""
        known = len(self.final)
        for facts in peer.final[known:]:
            if facts.epoch != self.epoch:
                break
            self.extend(facts)
            self.bodies[facts.block_id] = peer.bodies.get(facts.block_id, (facts, 0))
        while len(self.final) > known and self.final[-1].height not in peer.certificates:
            self.executed.discard(self.final.pop().block_id)
        if len(self.final) > known:
            self.certify(self.final[-1], peer.certificates[self.final[-1].height])
        return len(self.final) > known


class Network:
    """Nodes, links and one queue of what happens when."""

    def __init__(
        self,
        size: int = 4,
        timing: Timing | None = None,
        *,
        epoch_length: int = 0,
        committees: tuple[tuple[int, ...], ...] = (),
    ) -> None:
        self.size, self.now, self.pool, self.sequence = size, START, 0, 0
        self.timing = timing or Timing()
        self.epoch_length, self.committees = epoch_length, committees
        """Every so many heights an epoch ends (0: never); who votes in each, the last one stays."""
        self.queue: list[tuple[int, int, int, Message | Own | Copied]] = []
        self.linked: Link = lambda _sender, _receiver: True
        self.passes: Callable[[int, ev.Event], bool] = lambda _receiver, _event: True
        self.nodes: list[Node] = []
        for number in range(size):
            self.nodes.append(Node(self, number))

    def committee(self, epoch: int) -> tuple[int, ...]:
        """Return the numbers of the nodes that vote in an epoch."""
        return self.committees[min(epoch, len(self.committees) - 1)] if self.committees else tuple(range(self.size))

    @property
    def clock(self) -> TimeMs:
        """The time, the same for all."""
        return TimeMs(self.now)

    def at(self, after_ms: int, number: int, what: Message | Own | Copied) -> int:
        """Have something happen to a node later; return its turn."""
        self.sequence += 1
        heapq.heappush(self.queue, (self.now + after_ms, self.sequence, number, what))
        return self.sequence

    def deliver(self, sender: int, receiver: int, message: Message, body: tuple[BlockFacts, int] | None = None) -> None:
        """Put a message on a link, where it is up."""
        if receiver != sender and self.linked(sender, receiver):
            self.at(DELAY_MS, receiver, message)
            if body is not None and self.nodes[receiver].up:
                self.nodes[receiver].bodies[body[0].block_id] = body

    def pay(self, count: int = 1) -> None:
        """Put payments into everybody's pool."""
        self.pool += count
        self.announce()

    def announce(self) -> None:
        """Tell everybody the size of the pool."""
        for node in self.nodes:
            if node.me is not None:
                node.own(0, ev.WorkChanged(self.pool, self.clock))

    def run(self, for_ms: int) -> None:
        """Let time pass."""
        end = self.now + for_ms
        while self.queue and self.queue[0][0] <= end:
            self.now, turn, number, what = heapq.heappop(self.queue)
            if self.nodes[number].up:
                self.nodes[number].happen(what, turn)
        self.now = end

    def heights(self) -> list[int]:
        """Return the final height of every node."""
        return [node.final[-1].height for node in self.nodes]

    def epochs(self) -> list[int]:
        """Return the epoch of every node."""
        return [node.epoch for node in self.nodes]

    def same_chain(self) -> bool:
        """Tell whether no two final chains differ where both have a block."""
        longest = max((node.final for node in self.nodes), key=len)
        return all(node.final == longest[: len(node.final)] for node in self.nodes)

    def views(self) -> list[View]:
        """Return the current view of every node."""
        return [node.replica.view for node in self.nodes]
