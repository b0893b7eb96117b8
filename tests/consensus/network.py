"""A few replicas in one process, with links of a fixed delay, a journal that is a list, and bodies that are facts.

It is here to see the protocol run and to script readable scenarios. The simulator with faults, disks and liars is tests/simulation.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from consensus import effects as fx
from consensus import events as ev
from consensus.replica import Replica
from consensus.types import Proposal, SignedVote, TimeMs, Timing, ValidatorId
from tests.consensus.scene import CHAIN, GENESIS, START, block, keys, signed

if TYPE_CHECKING:
    from consensus.types import BlockFacts, BlockId, Certificate, Height, View

DELAY_MS = 5
Link = Callable[[int, int], bool]


class Node:
    """One validator: a replica, a journal, the bodies it has, what it executed, what it told clients."""

    def __init__(self, world: Network, index: int) -> None:
        self.world, self.index = world, index
        self.journal: list[fx.Replayed] = []
        self.bodies: dict[BlockId, tuple[BlockFacts, int]] = {GENESIS.block_id: (GENESIS, 0)}
        self.final: list[BlockFacts] = [GENESIS]
        self.certificates: dict[Height, Certificate] = {}
        self.alarms: list[str] = []
        self.up = False
        self.boot()

    def boot(self) -> None:
        """Start, or start again, from the journal and the final chain."""
        tip = self.final[-1]
        self.executed = {facts.block_id for facts in self.final}
        self.timers: dict[ev.TimerKind, int] = {}
        self.replica = Replica(
            CHAIN, keys(self.world.size), ValidatorId(self.index), self.world.timing, tip, self.certificates.get(tip.height)
        )
        self.replica.restore(self.journal)
        self.up = True
        self.world.at(0, self.index, ev.Started(self.world.clock))

    def crash(self) -> None:
        """Lose everything but journal, bodies and final chain."""
        self.up = False

    def take(self, event: ev.Event) -> None:
        """Handle one event and perform its effects."""
        for effect in self.replica.handle(event):
            self.perform(effect)

    def perform(self, effect: fx.Effect) -> None:
        """Perform one effect."""
        world, me = self.world, self.index
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
                self.timers[kind] = world.at(max(0, at_ms - world.now), me, ev.TimerFired(kind, view, world.clock))
            case fx.CancelTimer(kind):
                self.timers.pop(kind, None)
            case fx.CatchUp(peer, _):
                self.catch_up(world.nodes[peer])
            case _:
                self.tell(effect)

    def tell(
        self, effect: fx.Resend | fx.SendCertificates | fx.SendStatus | fx.FetchCertificates | fx.StoreEvidence | fx.Alarm | fx.Halt
    ) -> None:
        """Perform an effect that only speaks to others."""
        world, me = self.world, ValidatorId(self.index)
        match effect:
            case fx.Resend(own, proposal, to):
                self.send(own, proposal, to)
            case fx.SendCertificates(certificates, to):
                for certificate in certificates:
                    world.send(me, to, partial(ev.CertificateReceived, certificate))
            case fx.SendStatus(status, to):
                world.send(me, to, partial(ev.StatusReceived, me, status))
            case fx.FetchCertificates(peer, notarizations, nullifications):
                world.send(me, peer, partial(ev.CertificatesRequested, me, notarizations, nullifications))
            case fx.Alarm(reason):
                self.alarms.append(reason)
            case fx.StoreEvidence():
                self.alarms.append("evidence")
            case fx.Halt(reason):
                raise AssertionError(f"node {me} halts: {reason}")

    def cast(self, effect: fx.Cast) -> None:
        """Journal records and signed votes, send them, say that it is done."""
        own = tuple(signed(vote, self.index, self.world.size) for vote in effect.votes)
        self.journal += [*effect.records, *(fx.VoteRecord(vote) for vote in own)]
        self.send(own, effect.proposal, None)
        self.world.at(0, self.index, ev.CastDone(own, self.world.clock))

    def finalize(self, effect: fx.Finalize) -> None:
        """Extend the final chain."""
        for facts in effect.blocks:
            if facts.parent != self.final[-1].block_id:
                raise AssertionError(f"node {self.index} finalizes {facts} on {self.final[-1]}")
            self.final.append(facts)
        self.certificates[effect.blocks[-1].height] = effect.certificate
        self.world.at(0, self.index, ev.Committed(effect.blocks[-1].height, self.world.clock))

    def send(self, own: tuple[SignedVote, ...], proposal: Proposal | None, to: ValidatorId | None) -> None:
        """Send votes; the one that signs a proposal goes with its header and body."""
        for vote in own:
            if proposal is not None and vote.vote == proposal.vote.vote:
                whole = Proposal(vote, proposal.facts)
                body = self.bodies[whole.facts.block_id]
                self.world.send(self.index, to, partial(ev.ProposalReceived, whole), body)
            else:
                self.world.send(self.index, to, partial(ev.VoteReceived, vote))

    def body(self, effect: fx.FetchBlock | fx.Judge) -> None:
        """Fetch a body from the first asked that has it and can be reached, or judge one."""
        block_id, now = effect.block_id, self.world.clock
        if block_id not in self.bodies:
            for other in effect.ask:
                node = self.world.nodes[other]
                if node.up and block_id in node.bodies and self.world.linked(other, self.index):
                    self.bodies[block_id] = node.bodies[block_id]
                    break
        facts, size = self.bodies.get(block_id, (None, 0))
        if isinstance(effect, fx.FetchBlock):
            if facts is not None:
                self.world.at(2 * DELAY_MS, self.index, ev.BodyArrived(block_id, now, facts))
            return
        known = facts is not None and facts.parent in self.executed
        if known:
            self.executed.add(block_id)
        self.world.at(1, self.index, ev.Judged(block_id, ev.Verdict.VALID if known else ev.Verdict.NONE, facts, now, size))

    def build(self, effect: fx.Build) -> None:
        """Build a block of everything in the pool that is in no block yet."""
        facts = block(effect.parent, effect.view, time_ms=max(self.world.now, effect.time_ms_min), size=self.world.size)
        size, self.world.pool = self.world.pool, 0
        self.bodies[facts.block_id] = facts, size
        self.executed.add(facts.block_id)
        self.world.at(1, self.index, ev.Built(effect.view, facts, self.world.clock, size))
        self.world.announce()

    def catch_up(self, peer: Node) -> None:
        """Take final blocks from a peer up to the last that has a certificate."""
        if peer.up and self.world.linked(peer.index, self.index) and len(peer.final) > len(self.final):
            for facts in peer.final[len(self.final) :]:
                self.final.append(facts)
                self.executed.add(facts.block_id)
                self.bodies[facts.block_id] = peer.bodies[facts.block_id]
            tip = self.final[-1]
            self.certificates[tip.height] = peer.certificates[tip.height]
            self.world.at(2 * DELAY_MS, self.index, ev.Synced(tip, self.certificates[tip.height], self.world.clock))


class Network:
    """Nodes, links and one queue of what happens when."""

    def __init__(self, size: int = 4, timing: Timing | None = None) -> None:
        self.size, self.now, self.pool, self.sequence = size, START, 0, 0
        self.timing = timing or Timing()
        self.queue: list[tuple[int, int, int, ev.Event | Callable[[TimeMs], ev.Event]]] = []
        self.linked: Link = lambda _sender, _receiver: True
        self.nodes: list[Node] = []
        for index in range(size):
            self.nodes.append(Node(self, index))

    @property
    def clock(self) -> TimeMs:
        """The time, the same for all."""
        return TimeMs(self.now)

    def at(self, after_ms: int, index: int, event: ev.Event | Callable[[TimeMs], ev.Event]) -> int:
        """Have something happen to a node later; return its number."""
        self.sequence += 1
        heapq.heappush(self.queue, (self.now + after_ms, self.sequence, index, event))
        return self.sequence

    def send(self, sender: int, to: int | None, make: Callable[[TimeMs], ev.Event], body: tuple[BlockFacts, int] | None = None) -> None:
        """Deliver a message to one or all others, where the link is up."""
        for receiver in range(self.size) if to is None else (to,):
            if receiver != sender and self.linked(sender, receiver):
                self.at(DELAY_MS, receiver, make)
                if body is not None and self.nodes[receiver].up:
                    self.nodes[receiver].bodies[body[0].block_id] = body

    def pay(self, count: int = 1) -> None:
        """Put payments into everybody's pool."""
        self.pool += count
        self.announce()

    def announce(self) -> None:
        """Tell everybody the size of the pool."""
        for index in range(self.size):
            self.at(0, index, ev.WorkChanged(self.pool, self.clock))

    def run(self, for_ms: int) -> None:
        """Let time pass."""
        end = self.now + for_ms
        while self.queue and self.queue[0][0] <= end:
            self.now, number, index, event = heapq.heappop(self.queue)
            node = self.nodes[index]
            if not node.up:
                continue
            if isinstance(event, ev.TimerFired):
                if node.timers.get(event.kind) != number:
                    continue
                event = ev.TimerFired(event.kind, event.view, self.clock)
            node.take(event(self.clock) if callable(event) else event)
        self.now = end

    def heights(self) -> list[int]:
        """Return the final height of every node."""
        return [node.final[-1].height for node in self.nodes]

    def same_chain(self) -> bool:
        """Tell whether no two final chains differ where both have a block."""
        longest = max((node.final for node in self.nodes), key=len)
        return all(node.final == longest[: len(node.final)] for node in self.nodes)

    def views(self) -> list[View]:
        """Return the current view of every node."""
        return [node.replica.view for node in self.nodes]
