"""An honest validator: the production replica, journal and signer, and a small synchronous shell around them.

It performs effects by the contract of consensus/effects.py and can lose power before every step of every effect, and before every
operation on its disk. What it keeps in memory is lost then; what is left is the disk of disk.py and a store that is as durable as LMDB.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from consensus import effects as fx
from consensus import events as ev
from consensus.replica import Replica
from consensus.signing import signing_bytes
from consensus.types import Epoch, Kind, Proposal, TimeMs, ValidatorId
from node.memory import JOURNAL_FOLDER, create_memory, open_memory
from node.records import encode
from node.signer import Marked, NotAboveMark
from tests.simulation import messages as ms
from tests.simulation.blocks import CHAIN, open_header
from tests.simulation.chain import Blocks, Store
from tests.simulation.disk import MemoryFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from consensus.events import Event
    from consensus.types import Certificate, SignedVote
    from node.memory import Memory
    from node.records import Entry
    from tests.simulation.world import World

FOLDER = Path("/validator")
EPOCH = Epoch(0)


class PowerLost(Exception):
    """The fuse of this validator burned down."""


class Broken(Exception):
    """The run is over: something happened that must not happen."""


class Validator:
    """One honest validator."""

    def __init__(self, world: World, index: int) -> None:
        self.world, self.index, self.me = world, index, ValidatorId(index)
        self.random = world.random.fork()
        self.skew = self.random.between(-world.plan.skew_ms, world.plan.skew_ms) if world.plan.skew_ms else 0
        self.files = MemoryFiles()
        self.store = Store()
        self.life = 0
        self.up = False
        self.fuse = 0
        """Steps left until power is lost; 0: none is set."""
        create_memory(self.files, FOLDER, EPOCH, world.keys.keys[index])
        self.files.step = self.step
        self._queue: deque[Event] = deque()
        self._timers: dict[ev.TimerKind, int] = {}
        self._timer_count = 0
        self._perform: dict[type, Callable[..., None]] = {
            fx.Cast: self._cast,
            fx.Append: self._append,
            fx.Finalize: self._finalize,
            fx.Resend: self._resend,
            fx.SendCertificates: self._send_certificates,
            fx.SendStatus: self._send_status,
            fx.FetchCertificates: self._fetch_certificates,
            fx.FetchBlock: self._fetch_block,
            fx.Judge: self._judge,
            fx.Build: self._build,
            fx.SetTimer: self._set_timer,
            fx.CancelTimer: self._cancel_timer,
            fx.CatchUp: self._catch_up,
            fx.StoreEvidence: self._store_evidence,
            fx.Alarm: self._alarm,
            fx.Halt: self._halt,
        }

    @property
    def now(self) -> TimeMs:
        """Return this validator's clock."""
        return TimeMs(self.world.now + self.skew)

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
            self._start()
        except PowerLost:
            self._lose_power()

    def _start(self) -> None:
        world = self.world
        key = world.keys.keys[self.index]
        if self.life > 1 and world.loses_journal(self.index):
            for path in self.files.paths():
                if path.parent == FOLDER / JOURNAL_FOLDER:
                    self.files.remove(path)
        self.memory: Memory = open_memory(self.files, FOLDER, EPOCH, key, self.me, world.plan.segment_bytes)
        self.blocks = Blocks(self, self.store, self.memory.blocks)
        self.replica = Replica(CHAIN, world.keys.set, self.me, world.plan.timing, self.store.final, self.store.certificate)
        self.replica.restore(self.memory.replayed)
        self._queue.clear()
        self._timers.clear()
        self.up = True
        self.feed(ev.Started(self.now))
        self.feed(ev.WorkChanged(world.pending, self.now))
        for other in world.honest:
            if other is not self and other.up and self.up:
                self.feed(ev.PeerConnected(other.me, self.now))
                other.feed(ev.PeerConnected(self.me, other.now))

    def _lose_power(self) -> None:
        self.up, self.fuse = False, 0
        self.life += 1
        self.files.lose_power(self.random.below)
        self.world.crashed(self)

    def feed(self, event: Event) -> None:
        """Give the replica an event and perform what it asks for, and what follows from that."""
        if not self.up:
            return
        queue = self._queue
        queue.append(event)
        if len(queue) > 1:
            return  # an event of our own effects: the loop below, further up the stack, takes it in its turn
        try:
            while queue:
                for effect in self.replica.handle(queue[0]):
                    self.step("effect")
                    if self.world.trace is not None:
                        self.world.note(f"{self.index} does {effect}")
                    self._perform[type(effect)](effect)
                queue.popleft()
        except PowerLost:
            self._lose_power()

    # Messages from others

    def deliver(self, sender: int, message: ms.Message) -> None:
        """Take a message from the link; whoever is down misses it."""
        if self.up:
            self._if_alive(self.life, self._receive, (sender, message))

    def _receive(self, sender: int, message: ms.Message) -> None:
        """Verify as a node does, then feed."""
        match message:
            case ms.VoteMessage(signed):
                if self.replica.accepts_vote(signed.vote) and self.world.keys.check(signed):
                    self.feed(ev.VoteReceived(signed, self.now))
            case ms.CertificateMessage(certificate):
                self._receive_certificate(certificate)
            case ms.ProposalMessage():
                self._receive_proposal(ValidatorId(sender), message)
            case ms.StatusMessage(status):
                self._receive_status(ValidatorId(sender), status)
            case _:
                self._receive_other(sender, message)

    def _receive_other(self, sender: int, message: ms.Message) -> None:
        """Questions and their answers."""
        match message:
            case ms.AskCertificates(notarizations, nullifications):
                self.feed(ev.CertificatesRequested(ValidatorId(sender), notarizations[:64], nullifications[:64], self.now))
            case ms.AskBlock(block_id):
                self.send(sender, ms.BlockAnswer(block_id, self.blocks.held.get(block_id)))
            case ms.BlockAnswer(block_id, block):
                self.blocks.answered(sender, block_id, block)
            case ms.AskRange(height):
                self.send(sender, self.store.range_from(height))
            case ms.RangeAnswer():
                self.blocks.range_arrived(message)
            case _:
                raise AssertionError(f"a message that nobody takes: {message}")

    def _receive_status(self, peer: ValidatorId, status: ev.Status) -> None:
        newest = status.newest_vote_of_receiver
        if newest is not None and (newest.signer != self.me or not self.world.keys.check(newest)):
            newest = None
        self.feed(ev.StatusReceived(peer, with_newest(status, newest), self.now))

    def _receive_certificate(self, certificate: Certificate) -> None:
        subject = certificate.subject
        if self.replica.holds(subject) or not self.replica.accepts_certificate(subject):
            return
        if self.world.verified(certificate):
            self.world.held(self.index, subject)
            self.feed(ev.CertificateReceived(certificate, self.now))

    def _receive_proposal(self, peer: ValidatorId, message: ms.ProposalMessage) -> None:
        vote, opened = message.proposal.vote, open_header(message.header)
        if opened is None or opened.facts != message.proposal.facts or vote.vote.block_id != opened.facts.block_id:
            return
        leader = self.world.keys.set.leader(EPOCH, vote.vote.view)
        if vote.vote.kind is not Kind.NOTARIZE or vote.signer != leader or not self.replica.accepts_vote(vote.vote):
            return
        if not self.world.keys.check(vote):
            return
        self.blocks.offered(peer, message.header, message.body)
        self.feed(ev.ProposalReceived(message.proposal, self.now))

    # Effects

    def send(self, to: int, message: ms.Message) -> None:
        """Put a message on the link."""
        self.step("send")
        self.world.send(self.index, to, message)

    def send_all(self, to: ValidatorId | None, message: ms.Message) -> None:
        """Send to one validator, or to all others."""
        for other in range(self.world.plan.validators) if to is None else (to,):
            if other != self.index:
                self.send(other, message)

    def later(self, delay_ms: int, act: Callable[..., None], *arguments: object) -> None:
        """Do something later in this life."""
        self.world.at(self.world.now + delay_ms, self._if_alive, self.life, act, arguments)

    def _if_alive(self, life: int, act: Callable[..., None], arguments: tuple[object, ...]) -> None:
        if self.up and self.life == life:
            try:
                act(*arguments)
            except PowerLost:
                self._lose_power()

    def _entries(self, records: tuple[fx.Record, ...]) -> list[Entry]:
        """Encode records; the body of a block comes from what is held."""
        entries: list[Entry] = []
        for record in records:
            block = None
            if isinstance(record, fx.BodyRecord):
                block = self.blocks.held.get(record.facts.block_id)
                if block is None:
                    raise Broken(f"validator {self.index} was asked to journal a body that was never here: view {record.facts.view}")
            elif isinstance(record, fx.CertificateRecord):
                self.world.held(self.index, record.certificate.subject)
            entries.append(encode(record, block))
        return entries

    def _append(self, effect: fx.Append) -> None:
        for entry in self._entries(effect.records):
            self.memory.journal.append(entry)

    def _cast(self, effect: fx.Cast) -> None:
        try:
            signed = self.memory.promise(self._entries(effect.records), [Marked(vote, signing_bytes(CHAIN, vote)) for vote in effect.votes])
        except NotAboveMark:
            self.world.counts.refused += 1
            self._queue.append(ev.CastRefused(effect.votes, self.now))
            return
        self._send_votes(signed, effect.proposal, None)
        self._queue.append(ev.CastDone(signed, self.now))

    def _send_votes(self, signed: tuple[SignedVote, ...], proposal: Proposal | None, to: ValidatorId | None) -> None:
        """Send votes; a proposal goes with its header and body in place of the vote that it is."""
        for vote in signed:
            if proposal is None or vote.vote != proposal.vote.vote:
                self.send_all(to, ms.VoteMessage(vote))
                continue
            block = self.blocks.held.get(proposal.facts.block_id)
            if block is not None:
                whole = Proposal(vote, proposal.facts)
                self.send_all(to, ms.ProposalMessage(whole, block.header, block.body))
            else:
                self.send_all(to, ms.VoteMessage(vote))

    def _finalize(self, effect: fx.Finalize) -> None:
        self.memory.journal.sync()
        self.blocks.finalize(effect.blocks, effect.certificate)

    def _resend(self, effect: fx.Resend) -> None:
        proposal = effect.proposal
        signed = effect.signed
        if proposal is not None and all(vote.vote != proposal.vote.vote for vote in signed):
            signed = (proposal.vote, *signed)
        self._send_votes(signed, proposal, effect.to)

    def _send_certificates(self, effect: fx.SendCertificates) -> None:
        for certificate in effect.certificates:
            if effect.to is None and self.world.is_lonely_crash(self.index, certificate):
                raise PowerLost
            self.send_all(effect.to, ms.CertificateMessage(certificate))

    def _send_status(self, effect: fx.SendStatus) -> None:
        status = effect.status
        for other in range(self.world.plan.validators) if effect.to is None else (effect.to,):
            if other != self.index:
                newest = self.replica.newest_vote_of(ValidatorId(other))
                self.send(other, ms.StatusMessage(with_newest(status, newest)))

    def _fetch_certificates(self, effect: fx.FetchCertificates) -> None:
        self.send_all(effect.peer, ms.AskCertificates(effect.notarizations, effect.nullifications))

    def _fetch_block(self, effect: fx.FetchBlock) -> None:
        self.blocks.fetch(effect.block_id, effect.ask)

    def _judge(self, effect: fx.Judge) -> None:
        self.blocks.judge(effect)

    def _build(self, effect: fx.Build) -> None:
        self.later(self.random.between(0, 3), self.blocks.build, effect)

    def _set_timer(self, effect: fx.SetTimer) -> None:
        self._timer_count += 1
        self._timers[effect.kind] = self._timer_count
        self.later(max(0, effect.at_ms - self.now), self._fire, effect, self._timer_count)

    def _cancel_timer(self, effect: fx.CancelTimer) -> None:
        self._timers.pop(effect.kind, None)

    def _fire(self, effect: fx.SetTimer, number: int) -> None:
        if self._timers.get(effect.kind) == number:
            del self._timers[effect.kind]
            self.feed(ev.TimerFired(effect.kind, effect.view, self.now))

    def _catch_up(self, effect: fx.CatchUp) -> None:
        self.blocks.catch_up(effect.peer)

    def _store_evidence(self, effect: fx.StoreEvidence) -> None:
        self.world.accused(self.index, effect.evidence)

    def _alarm(self, effect: fx.Alarm) -> None:
        self.world.counts.alarms += 1
        if self.world.trace is not None:
            self.world.note(f"{self.index} ALARM {effect.reason}")

    def _halt(self, effect: fx.Halt) -> None:
        self.world.halted(self.index, effect.reason)


def with_newest(status: ev.Status, newest: SignedVote | None) -> ev.Status:
    """Return the status with another newest vote of its receiver."""
    return replace(status, newest_vote_of_receiver=newest)
