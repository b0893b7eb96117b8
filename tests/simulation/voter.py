"""A node's part in one epoch in which it votes: the production replica, what it may be told, and its effects performed.

The effects are performed by the contract of consensus/effects.py, each step of each of them a place where power may be lost.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from consensus import effects as fx
from consensus import events as ev
from consensus.replica import Replica
from consensus.signing import signing_bytes
from consensus.types import Kind, Proposal, ValidatorId
from node.records import encode
from node.relay import says_more
from node.signer import Marked, NotAboveMark
from tests.simulation import messages as ms
from tests.simulation.blocks import CHAIN, open_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from consensus.types import Certificate, SignedVote
    from node.memory import Memory
    from node.records import Entry
    from tests.simulation.epochs import Committee
    from tests.simulation.validator import Validator


class PowerLost(Exception):
    """The fuse of this validator burned down."""


class Broken(Exception):
    """The run is over: something happened that must not happen."""


class Voter:
    """One validator of one epoch, from the start of the process or of the epoch to the end of either."""

    def __init__(self, node: Validator, memory: Memory, committee: Committee) -> None:
        self._node, self.memory, self.committee = node, memory, committee
        self.me: ValidatorId = memory.me
        self._world = node.world
        store = node.store
        certificate = None if store.final.boundary else store.certificate
        self.replica = Replica(CHAIN, committee.set, self.me, self._world.plan.timing, store.final, certificate)
        self.replica.restore(memory.replayed)
        self.queue: deque[ev.Event] = deque()
        self._timers: dict[ev.TimerKind, int] = {}
        self._timer_count = 0
        self._to_relay: list[Certificate] = []
        self._others = tuple(member for member in committee.members if member != node.index)
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

    def run(self) -> None:
        """Take the events of the queue, and those that come of them."""
        queue, node, world = self.queue, self._node, self._world
        while queue:
            for effect in self.replica.handle(queue[0]):
                if type(effect) is fx.Milestone:
                    world.counts.skipped_leaders += effect.cause is fx.Cause.INACTIVE
                    continue
                node.doing = effect
                node.step("effect")
                if world.trace is not None:
                    world.note(f"{node.index} does {effect}")
                self._perform[type(effect)](effect)
            queue.popleft()

    # Messages from others

    def receive(self, sender: int, message: ms.OfEpoch) -> None:
        """Verify as a node does, then feed. The message is of this epoch."""
        match message:
            case ms.VoteMessage(signed):
                if self.replica.accepts_vote(signed.vote) and self._world.keys.check(signed):
                    self._node.feed(ev.VoteReceived(signed, self._node.now))
            case ms.CertificateMessage(certificate):
                self._receive_certificate(certificate)
            case ms.ProposalMessage():
                self._receive_proposal(sender, message)
            case ms.StatusMessage(status):
                self._receive_status(sender, status)
            case ms.AskCertificates(_, notarizations, nullifications):
                place = self.committee.places.get(sender)
                if place is not None:
                    self._node.feed(ev.CertificatesRequested(place, notarizations[:64], nullifications[:64], self._node.now))

    def _receive_status(self, sender: int, status: ev.Status) -> None:
        place = self.committee.places.get(sender)
        if place is None:
            return
        newest = status.newest_vote_of_receiver
        if newest is not None and (newest.signer != self.me or not self._world.keys.check(newest)):
            newest = None
        self._node.feed(ev.StatusReceived(place, with_newest(status, newest), self._node.now))

    def _receive_certificate(self, certificate: Certificate) -> None:
        subject = certificate.subject
        if self.replica.holds(subject) or not self.replica.accepts_certificate(subject):
            return
        if self._world.verified(certificate):
            self._world.held(self._node.index, subject)
            self._node.feed(ev.CertificateReceived(certificate, self._node.now))

    def _receive_proposal(self, sender: int, message: ms.ProposalMessage) -> None:
        vote, opened = message.proposal.vote, open_header(message.header)
        if opened is None or opened.facts != message.proposal.facts or vote.vote.block_id != opened.facts.block_id:
            return
        leader = self.committee.set.leader(self.committee.epoch, vote.vote.view)
        if vote.vote.kind is not Kind.NOTARIZE or vote.signer != leader or not self.replica.accepts_vote(vote.vote):
            return
        if not self._world.keys.check(vote):
            return
        self._node.blocks.offered(sender, message.header, message.body)
        self._node.feed(ev.ProposalReceived(message.proposal, self._node.now))

    # Effects

    def _send_all(self, to: ValidatorId | None, message: ms.Message) -> None:
        """Send to one validator of this epoch, or to all others."""
        for other in self._others if to is None else (self.committee.members[to],):
            self._node.send(other, message)

    def _entries(self, records: tuple[fx.Record, ...]) -> list[Entry]:
        """Encode records; the body of a block comes from what is held."""
        entries: list[Entry] = []
        for record in records:
            block = None
            if isinstance(record, fx.BodyRecord):
                block = self._node.blocks.get(record.facts.block_id)
                if block is None:
                    raise Broken(f"node {self._node.index} was asked to journal a body that was never here: view {record.facts.view}")
            elif isinstance(record, fx.CertificateRecord):
                self._world.held(self._node.index, record.certificate.subject)
            entries.append(encode(record, block))
        return entries

    def _append(self, effect: fx.Append) -> None:
        for entry in self._entries(effect.records):
            self.memory.journal.append(entry)

    def _cast(self, effect: fx.Cast) -> None:
        try:
            signed = self.memory.promise(self._entries(effect.records), [Marked(vote, signing_bytes(CHAIN, vote)) for vote in effect.votes])
        except NotAboveMark:
            self._world.counts.refused += 1
            self.queue.append(ev.CastRefused(effect.votes, self._node.now))
            return
        proposal = effect.proposal
        if proposal is not None and proposal.facts.view != proposal.vote.vote.view:
            self._world.counts.boundaries_again += 1
        self._send_votes(signed, proposal, None)
        self.queue.append(ev.CastDone(signed, self._node.now))

    def _send_votes(self, signed: tuple[SignedVote, ...], proposal: Proposal | None, to: ValidatorId | None) -> None:
        """Send votes; a proposal goes with its header and body in place of the vote that it is."""
        for vote in signed:
            if proposal is None or vote.vote != proposal.vote.vote:
                self._send_all(to, ms.VoteMessage(vote))
                continue
            block = self._node.blocks.get(proposal.facts.block_id)
            if block is not None:
                whole = Proposal(vote, proposal.facts)
                self._send_all(to, ms.ProposalMessage(whole, block.header, block.body))
            else:
                self._send_all(to, ms.VoteMessage(vote))

    def _finalize(self, effect: fx.Finalize) -> None:
        self.memory.journal.sync()
        self._node.blocks.finalize(effect.blocks, effect.certificate)
        self._node.reached(effect.blocks[-1])

    def _resend(self, effect: fx.Resend) -> None:
        proposal = effect.proposal
        signed = effect.signed
        if proposal is not None and all(vote.vote != proposal.vote.vote for vote in signed):
            signed = (proposal.vote, *signed)
        self._send_votes(signed, proposal, effect.to)

    def _send_certificates(self, effect: fx.SendCertificates) -> None:
        for certificate in effect.certificates:
            if effect.to is None and self._world.is_lonely_crash(self._node.index, certificate):
                raise PowerLost
            if effect.to is None and self._world.plan.relay_ms:
                self._pass_on_later(certificate)
            else:
                self._send_all(effect.to, ms.CertificateMessage(certificate))

    def _pass_on_later(self, certificate: Certificate) -> None:
        """Do as `node.relay` does; what waits when the epoch or the process ends is lost."""
        if not self._to_relay:
            self._node.later(self._world.plan.relay_ms, self._pass_on)
        self._to_relay.append(certificate)

    def _pass_on(self) -> None:
        waiting, self._to_relay = self._to_relay, []
        for certificate in waiting:
            if says_more(certificate, self.replica.final_view):
                self._send_all(None, ms.CertificateMessage(certificate))

    def _send_status(self, effect: fx.SendStatus) -> None:
        status, members = effect.status, self.committee.members
        for other in self._others if effect.to is None else (members[effect.to],):
            newest = self.replica.newest_vote_of(self.committee.places[other])
            self._node.send(other, ms.StatusMessage(with_newest(status, newest)))

    def _fetch_certificates(self, effect: fx.FetchCertificates) -> None:
        self._send_all(effect.peer, ms.AskCertificates(self.committee.epoch, effect.notarizations, effect.nullifications))

    def _fetch_block(self, effect: fx.FetchBlock) -> None:
        self._node.blocks.fetch(effect.block_id, effect.ask)

    def _judge(self, effect: fx.Judge) -> None:
        self._node.blocks.judge(effect)

    def _build(self, effect: fx.Build) -> None:
        self._node.later(self._node.random.between(0, 3), self._node.blocks.build, effect)

    def _set_timer(self, effect: fx.SetTimer) -> None:
        self._timer_count += 1
        self._timers[effect.kind] = self._timer_count
        self._node.later(max(0, effect.at_ms - self._node.now), self._fire, effect, self._timer_count)

    def _cancel_timer(self, effect: fx.CancelTimer) -> None:
        self._timers.pop(effect.kind, None)

    def _fire(self, effect: fx.SetTimer, number: int) -> None:
        if self._timers.get(effect.kind) == number:
            del self._timers[effect.kind]
            self._node.feed(ev.TimerFired(effect.kind, effect.view, self._node.now))

    def _catch_up(self, effect: fx.CatchUp) -> None:
        self._node.blocks.catch_up(self.committee.members[effect.peer])

    def _store_evidence(self, effect: fx.StoreEvidence) -> None:
        self._world.accused(self._node.index, effect.evidence)

    def _alarm(self, effect: fx.Alarm) -> None:
        self._world.counts.alarms += 1
        if self._world.trace is not None:
            self._world.note(f"{self._node.index} ALARM {effect.reason}")

    def _halt(self, effect: fx.Halt) -> None:
        self._world.halted(self._node.index, effect.reason)


def with_newest(status: ev.Status, newest: SignedVote | None) -> ev.Status:
    """Return the status with another newest vote of its receiver."""
    if status.newest_vote_of_receiver is newest:
        return status
    return replace(status, newest_vote_of_receiver=newest)
