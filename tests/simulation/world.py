"""The world of one run: clock, queue, links, partitions, crashes, and what must hold after every event."""

from __future__ import annotations

from array import array
from dataclasses import replace
from hashlib import sha256
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from consensus import events as ev
from consensus.certificates import check_certificate
from consensus.types import Kind
from node.fatal import Fatal
from tests.simulation import messages as ms
from tests.simulation.blocks import CHAIN, GENESIS, GENESIS_ROOT, transactions_of
from tests.simulation.counts import Counts, Outcome
from tests.simulation.keys import Contradiction, Keys
from tests.simulation.liars import Mind
from tests.simulation.plan import START_MS, draw_plan
from tests.simulation.splitmix import SplitMix64
from tests.simulation.validator import Broken, Validator

if TYPE_CHECKING:
    from collections.abc import Callable

    from consensus.evidence import Evidence
    from consensus.types import BlockFacts, BlockId, Certificate, Vote
    from node.records import StoredBlock
    from tests.simulation.plan import Plan

FAULTS = (Broken, Contradiction, AssertionError, Fatal, LookupError, ValueError, TypeError, AttributeError, ArithmeticError)
"""What ends a run as a failure: what the world found, what stops a node, and whatever a fault in the code raises."""
RECOVERY_MS_MAX = 120_000
"""Virtual time from healing to convergence: 15 views at the longest timeout."""
HEIGHTS_AFTER_HEALING = 5
EPOCHS_PER_MILLE = 300
"""Of so many runs in 1,000 the validator set changes."""
DELAY_HEALED_MS = (2, 25)
EVENTS_MAX = 400_000
"""A run that needs more is a storm: a failure of its own."""


class Fork(Exception):
    """Two honest validators finalized different blocks at one height."""


class World:
    """One run."""

    def __init__(
        self, seed: int, validators: int, liars: int, signatures: str = "table", epochs_per_mille: int = 0, relay_ms: int = 0
    ) -> None:
        self.epochs_per_mille, self.relay_ms = epochs_per_mille, relay_ms
        self.plan = plan = self.draw(seed, validators, liars)
        self.random = SplitMix64(seed)
        self.now = START_MS
        self.counts = Counts()
        self.trace: list[str] | None = None
        self.pending = 1
        self.chain: dict[int, BlockId] = {0: GENESIS.block_id}
        """Final blocks by height: what all must agree on."""
        self.known: dict[BlockId, tuple[BlockFacts, bytes]] = {GENESIS.block_id: (GENESIS, GENESIS_ROOT)}
        """Every block that was ever built, with its true root: what the liars know."""
        self.bodies: dict[BlockId, StoredBlock] = {}
        self.is_chaos = True
        self.queue: list[tuple[int, int, Callable[..., None], tuple[object, ...]]] = []
        self._number = 0
        self._numbers = array("Q")
        self._asleep: dict[int, int] = {}
        """Node to when it wakes."""
        self._cut: dict[tuple[int, int], int] = {}
        self._masks: dict[Vote, int] = {}
        self._verified: dict[int, tuple[Certificate, bool]] = {}
        self._target = 0
        self._last_read: ms.Message | None = None
        self._is_done = False
        self.keys = Keys(plan.nodes, plan.honest, signatures, plan.sets, plan.lengths)
        self.calendar = self.keys.calendar
        self._epochs = [-1] * plan.nodes
        self.honest = [self.make_node(index) for index in range(plan.honest)]
        self.mind = self.make_mind(tuple(range(plan.honest, plan.nodes)))
        self.is_overrun = liars > self.keys.set.faults
        """More liars than the protocol tolerates: a fork is what the run looks for."""

    def draw(self, seed: int, validators: int, liars: int) -> Plan:
        """Say what the seed means."""
        return replace(draw_plan(seed, validators, liars, self.epochs_per_mille), relay_ms=self.relay_ms)

    def make_node(self, index: int) -> Validator:
        """Make an honest node."""
        return Validator(self, index)

    def make_mind(self, liars: tuple[int, ...]) -> Mind:
        """Make what is behind the liars."""
        return Mind(self, liars, self.random.fork())

    # Running

    def run(self, seed: int) -> Outcome:
        """Run to convergence, failure or the end of patience."""
        failure, is_fork = "", False
        try:
            self.schedule()
            failure = self.loop()
        except Fork as fork:
            failure, is_fork = f"fork: {fork}", True
        except FAULTS as broken:
            failure = f"{type(broken).__name__}: {broken}"
        if self.is_overrun and not is_fork:
            failure = ""
        self.counts.finalizations = len(self.chain) - 1
        self.counts.epochs = self.calendar.epoch_at(max(self.chain) + 1)
        nullified = {(subject.epoch, subject.view) for subject in self._masks if subject.kind is Kind.NULLIFY}
        notarized = {(subject.epoch, subject.view) for subject in self._masks if subject.kind is Kind.NOTARIZE}
        self.counts.double_views = len(nullified & notarized)
        return Outcome(seed, failure, is_fork, self.counts, self.trace_hash, tuple(self.trace or ()))

    @property
    def trace_hash(self) -> str:
        """Hash of every delivery, finalization and loss of power so far, and of the final chain."""
        return sha256(self._numbers.tobytes() + b"".join(self.chain.values())).hexdigest()

    def schedule(self) -> None:
        """Put what is to happen into the queue."""
        plan = self.plan
        for validator in self.honest:
            self.at(self.now + self.random.between(0, 50), self._start, validator)
        for cut in plan.cuts:
            self.at(START_MS + cut.start_ms, self._cut_off, cut.pairs, 1)
            self.at(START_MS + cut.end_ms, self._cut_off, cut.pairs, -1)
        for time_ms, index, fuse in plan.crashes:
            self.at(START_MS + time_ms, self._light, index, fuse)
        if plan.sleeper is not None:
            self.at(START_MS + plan.sleeper.start_ms, self._fall_asleep, plan.sleeper.node, plan.sleeper.ms)
        if plan.arrivals_ms:
            self.at(START_MS, self._arrive)
        self.at(START_MS, self.mind.wake, 1)
        self.at(START_MS + plan.chaos_ms, self._heal)

    def loop(self) -> str:
        """Run until all have come far enough; return what went wrong, or nothing."""
        queue, events = self.queue, 0
        deadline = START_MS + self.plan.chaos_ms + RECOVERY_MS_MAX
        while queue and not self._is_done:
            self.now, _, act, arguments = heappop(queue)
            act(*arguments)
            events += 1
            if self.now > deadline or events > EVENTS_MAX:
                break
        self.counts.events = events
        self.counts.recovery_ms = max(0, self.now - START_MS - self.plan.chaos_ms)
        if self._is_done:
            return ""
        heights = [validator.blocks.final.height for validator in self.honest]
        return f"no recovery: heights {heights}, wanted {self._target}, after {events} events and {self.counts.recovery_ms} ms"

    def at(self, time_ms: int, act: Callable[..., None], *arguments: object) -> None:
        """Do something at a time; what is due at once comes in the order it was asked for."""
        self._number += 1
        heappush(self.queue, (time_ms, self._number, act, arguments))

    # Links

    def send(self, sender: int, to: int, message: ms.Message) -> None:
        """Put a message of an honest validator on a link. The liars read all of them."""
        if message is not self._last_read:
            self._last_read = message
            self.mind.read(sender, message)
        if to >= len(self.honest):
            self.at(self.now + 1, self.mind.asked, to, sender, message)
            return
        low, high = DELAY_HEALED_MS
        if self.is_chaos:
            plan = self.plan
            if (sender, to) in self._cut or self.random.below(1_000) < plan.loss_per_mille:
                return
            low, high = plan.delay_ms
            if type(message) is ms.ProposalMessage and self.random.below(1_000) < plan.body_loss_per_mille:
                message = message._replace(body=None)
            if self.random.below(1_000) < plan.duplicate_per_mille:
                self.at(self.now + self.random.between(low, 3 * high), self.deliver, sender, to, message)
        self.at(self.now + self.random.between(low, high), self.deliver, sender, to, message)

    def deliver(self, sender: int, to: int, message: ms.Message) -> None:
        """Hand a message over."""
        self._numbers.extend((self.now, sender << 16 | to << 8 | ms.CODES[type(message)], ms.view_of(message)))
        if self.trace is not None and self.honest[to].up:
            self.note(f"{sender} -> {to} {type(message).__name__} {message!r:.300}")
        self.honest[to].deliver(sender, message)

    def _cut_off(self, pairs: frozenset[tuple[int, int]], change: int) -> None:
        """Begin or end a partition; they may overlap. Some links notice that they are up again, some do not."""
        for pair in sorted(pairs):
            count = self._cut.pop(pair, 0) + change
            if count > 0:
                self._cut[pair] = count
            elif change < 0 and self.random.chance(500):
                self._connect(*pair)

    def _connect(self, a: int, b: int) -> None:
        for one, other in ((self.honest[a], self.honest[b]), (self.honest[b], self.honest[a])):
            if one.up and other.up:
                one.connected(other.index)

    # Faults

    def _start(self, validator: Validator) -> None:
        if not validator.up and self.now >= self._asleep.get(validator.index, 0):
            self.note(f"{validator.index} starts")
            if self.is_chaos and self.random.chance(self.plan.fuse_per_mille):
                validator.fuse = self.random.between(1, 30)
            validator.start()

    def _fall_asleep(self, index: int, ms: int) -> None:
        """Switch a node off for long."""
        self._asleep[index] = self.now + ms
        self.honest[index].fuse = 1

    def _light(self, index: int, fuse: int) -> None:
        if self.is_chaos and self.honest[index].up:
            self.honest[index].fuse = fuse

    def crashed(self, validator: Validator) -> None:
        """Count a loss of power, and start the validator again some time later."""
        self.note(f"{validator.index} loses power")
        self.counts.crashes += 1
        mine = 1 << validator.index
        if any(mask == mine for mask in self._masks.values()):
            self.counts.lonely_crashes += 1
        self._numbers.extend((self.now, validator.index, 0))
        wakes = max(self.now + self.random.pick((5, 100, 700, 2_000)), self._asleep.get(validator.index, 0))
        self.at(wakes, self._start, validator)

    def is_lonely_crash(self, index: int, certificate: Certificate) -> bool:
        """Tell whether power is lost now: about to relay what nobody else holds."""
        if not (self.is_chaos and self.plan.lonely_per_mille and self._masks.get(certificate.subject) == 1 << index):
            return False
        return self.counts.crashes < 12 and self.random.chance(self.plan.lonely_per_mille)

    def loses_journal(self, index: int) -> bool:
        """Tell whether the disk with the journal is gone at this start, the mark on its own disk not (K15). Once a run, one validator."""
        if self.plan.journal_lost_by != index or self.counts.lost_journals or not self.counts.crashes:
            return False
        self.counts.lost_journals += 1
        return True

    def is_unwell(self) -> bool:
        """Tell whether a judge or builder meets an exception now: no verdict (K8)."""
        return self.is_chaos and self.random.below(100) < self.plan.unwell_per_cent

    def judge_ms(self) -> int:
        """How long judging takes now."""
        if self.is_chaos and self.random.below(100) < self.plan.slow_per_cent:
            return self.random.between(50, 400)
        return self.random.below(4)

    def _heal(self) -> None:
        """From now on links are good and nobody loses power; the liars go on lying."""
        self.note("healed")
        self.is_chaos = False
        self._cut.clear()
        self._asleep.clear()
        for validator in self.honest:
            validator.fuse = 0
        for validator in self.honest:
            self._start(validator)
        for validator in self.honest:
            for other in self.honest[validator.index + 1 :]:
                self._connect(validator.index, other.index)
        self._target = max(self.chain) + HEIGHTS_AFTER_HEALING

    def _arrive(self) -> None:
        self.pending += 1
        for validator in self.honest:
            validator.feed(ev.WorkChanged(self.pending, validator.now))
        self.at(self.now + self.plan.arrivals_ms, self._arrive)

    # What must hold

    def finalized(self, index: int, facts: BlockFacts) -> None:
        """Check agreement after every finalization, and see whether all have come far enough."""
        agreed = self.chain.setdefault(facts.height, facts.block_id)
        self._numbers.extend((self.now, index, facts.height))
        if agreed != facts.block_id:
            raise Fork(f"height {facts.height}: {agreed.hex()[:8]} and {facts.block_id.hex()[:8]} of validator {index}")
        if self.plan.arrivals_ms and self.pending and transactions_of(self.bodies[facts.block_id].body):
            self.pending = 0
            for validator in self.honest:
                self.at(self.now, validator.feed, ev.WorkChanged(0, validator.now))
        if not self.is_chaos and facts.height >= self._target:
            self._is_done = all(validator.up and validator.blocks.final.height >= self._target for validator in self.honest)

    def check_active(self, facts: BlockFacts, certificate: Certificate) -> None:
        """Refuse a block that is accepted with certificates of a set not active at its height (invariant 23 of the design)."""
        epoch = self.calendar.epoch_at(facts.height)
        if not epoch == facts.epoch == certificate.subject.epoch:
            raise Broken(f"height {facts.height} of epoch {epoch} says {facts.epoch}, its finalization {certificate.subject.epoch}")
        if facts.boundary != (facts.height == self.calendar.end(epoch)):
            raise Broken(f"height {facts.height}: boundary {facts.boundary}, and epoch {epoch} ends at {self.calendar.end(epoch)}")
        if not self.verified(certificate):
            raise Broken(f"height {facts.height}: final by a certificate that the set of epoch {epoch} did not sign")

    def began_epoch(self, index: int, epoch: int) -> None:
        """Count who joins, leaves and comes late."""
        before = self._epochs[index]
        self._epochs[index] = epoch
        self.note(f"{index} is in epoch {epoch}")
        if before < 0 or before == epoch:
            self.counts.slept_over += before == epoch and epoch < self.calendar.epoch_at(max(self.chain))
        else:
            was, is_now = (index in self.calendar.committee(number).places for number in (before, epoch))
            self.counts.joined += is_now and not was
            self.counts.left += was and not is_now

    def halted(self, index: int, reason: str) -> None:
        """Take note of a validator that stopped: with at most f liars none may."""
        self.counts.halts += 1
        self.note(f"{index} HALT {reason}")
        if not self.is_overrun:
            raise Broken(f"validator {index} halted: {reason}")

    def accused(self, index: int, evidence: Evidence) -> None:
        """Count evidence; against an honest validator it is a failure."""
        self.counts.accusations += 1
        signed = evidence.first
        signer = self.calendar.committee(signed.vote.epoch).members[signed.signer]
        if signer < len(self.honest):
            raise Broken(f"validator {index} holds evidence against honest validator {signer}")

    # Bookkeeping

    def built(self, facts: BlockFacts, root: bytes, block: StoredBlock) -> None:
        """Remember a block that somebody made."""
        self.known[facts.block_id] = (facts, root)
        self.bodies[facts.block_id] = block

    def held(self, index: int, subject: Vote) -> None:
        """Remember that an honest validator holds a certificate."""
        self._masks[subject] = self._masks.get(subject, 0) | 1 << index

    def verified(self, certificate: Certificate) -> bool:
        """Verify every signature of a certificate; the same object only once."""
        found = self._verified.get(id(certificate))
        if found is None:
            epoch = certificate.subject.epoch
            validators = self.calendar.committee(epoch).set if self.calendar.has(epoch) else None
            valid = validators is not None and check_certificate(certificate, validators, CHAIN, self.keys.verify)
            found = self._verified[id(certificate)] = (certificate, valid)
        return found[1]

    def note(self, line: str) -> None:
        """Add a line to the trace, where one is kept."""
        if self.trace is not None:
            self.trace.append(f"{self.now - START_MS:6} {line}")


def run_seed(
    seed: int, validators: int, liars: int, signatures: str = "table", epochs_per_mille: int = EPOCHS_PER_MILLE, relay_ms: int = 0
) -> Outcome:
    """Run one seed."""
    return World(seed, validators, liars, signatures, epochs_per_mille, relay_ms).run(seed)


def trace_seed(
    seed: int, validators: int, liars: int, signatures: str = "table", epochs_per_mille: int = EPOCHS_PER_MILLE, relay_ms: int = 0
) -> Outcome:
    """Run one seed and keep every line."""
    world = World(seed, validators, liars, signatures, epochs_per_mille, relay_ms)
    world.trace = []
    return world.run(seed)
