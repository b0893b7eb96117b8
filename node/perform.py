"""Effects of the core carried out: one match over the closed union, in the order given (architecture.md, "Effects contract").

The one rule that all safety hangs on is in `_cast`: records, mark and signed votes are synced before the first byte of a vote is given to
a socket, and the core hears of its own votes only afterwards.
"""

from __future__ import annotations

import time
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, assert_never

import structlog

from consensus.effects import (
    Alarm,
    Append,
    BodyRecord,
    Build,
    CancelTimer,
    Cast,
    CatchUp,
    CertificateRecord,
    FetchBlock,
    FetchCertificates,
    Finalize,
    Halt,
    Judge,
    Milestone,
    Resend,
    SendCertificates,
    SendStatus,
    SetTimer,
    StoreEvidence,
)
from consensus.events import CastDone, CastRefused
from consensus.signing import signing_bytes
from consensus.types import Kind
from ledger.blocks import split_body
from node.driver import now_ms
from node.records import encode
from node.relay import Relay
from node.signer import Marked, NotAboveMark
from node.wire import (
    VOTES_MAX,
    BlockIds,
    CertificateRequest,
    Lane,
    ProposalFrame,
    StatusFrame,
    Votes,
    encode_frame,
    split_certificates,
    wire_vote,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from consensus.effects import Effect, Record
    from consensus.replica import Replica
    from consensus.types import BlockFacts, Certificate, ChainId, Proposal, SignedVote, ValidatorId
    from node.bodies import Bodies
    from node.chain import Chain
    from node.driver import Driver
    from node.evidence import EvidenceBook
    from node.finish import Finisher
    from node.judging import Judging
    from node.link import Link
    from node.memory import Memory
    from node.metrics import Metrics
    from node.peers import Peers
    from node.records import Entry
    from node.teller import Teller
    from node.timers import Timers

log = structlog.get_logger("consensus")


class Performer:
    """Carries effects out. Nothing here waits: what takes long is started and comes back as an event."""

    def __init__(  # noqa: PLR0913 - it joins what the node is made of
        self,
        *,
        chain_id: ChainId,
        me: ValidatorId,
        replica: Replica,
        driver: Driver,
        memory: Memory,
        chain: Chain,
        peers: Peers,
        timers: Timers,
        judging: Judging,
        finisher: Finisher,
        bodies: Bodies,
        evidence: EvidenceBook,
        teller: Teller,
        metrics: Metrics,
        catch_up: Callable[[CatchUp], None],
    ) -> None:
        self._chain_id, self._me, self._replica, self._driver = chain_id, me, replica, driver
        self._memory, self._journal = memory, memory.journal
        self._chain, self._peers, self._timers, self._judging = chain, peers, timers, judging
        self._finisher, self._bodies, self._evidence, self._teller = finisher, bodies, evidence, teller
        self._metrics, self._catch_up = metrics, catch_up
        self._log = log.bind()
        self._relay = Relay(partial(peers.to_validators, Lane.VOTES), lambda: replica.final_view)

    def perform(self, effect: Effect) -> None:  # noqa: C901, PLR0912 - one arm per effect, nothing else
        """Carry out one effect."""
        match effect:
            case Cast():
                self._cast(effect)
            case Append(records):
                self._append(records)
            case Finalize(blocks, certificate):
                self._sync()
                self._finisher.finalize([facts.block_id for facts in blocks], certificate)
            case Resend(signed, proposal, to):
                self._resend(signed, proposal, to)
            case SendCertificates(certificates, to):
                self._send_certificates(certificates, to)
            case SendStatus():
                self._send_status(effect)
            case FetchCertificates(peer, notarizations, nullifications):
                self._teller.asked(Kind.NOTARIZE, notarizations)
                self._teller.asked(Kind.NULLIFY, nullifications)
                self._send(Lane.VOTES, encode_frame(CertificateRequest(notarizations, nullifications)), peer)
            case FetchBlock():
                self._judging.fetch(effect)
            case Judge():
                self._judging.judge(effect)
            case Build():
                self._judging.build(effect)
            case SetTimer():
                self._timers.arm(effect)
            case CancelTimer(kind):
                self._timers.cancel(kind)
            case CatchUp():
                self._catch_up(effect)
            case StoreEvidence(evidence):
                self._metrics.alarm("evidence")
                self._evidence.store(evidence)
            case Alarm() | Milestone():
                self._teller.tell(effect)
            case Halt(reason, certificates):
                self._evidence.halt(reason, certificates)
            case _:
                assert_never(effect)

    # --- durable before sent ------------------------------------------------------------------------------------------

    def _cast(self, effect: Cast) -> None:
        """Make records, mark and signed votes durable, in this order; only then send, and feed back."""
        began = time.perf_counter()
        votes = [Marked(vote, signing_bytes(self._chain_id, vote)) for vote in effect.votes]
        with self._metrics.stage("journal"):
            try:
                signed = self._memory.promise(self._entries(effect.records), votes)
            except NotAboveMark as refusal:
                log.warning("the signer refuses", why=str(refusal))
                self._driver.post_next(CastRefused(effect.votes, now_ms()))
                return
        self._metrics.journal_sync.observe(time.perf_counter() - began)
        self._send_votes(signed, effect.proposal, None)
        for own in signed:
            self._log.debug("cast", kind=own.vote.kind.name, view=own.vote.view)
        self._driver.post_next(CastDone(signed, now_ms()))

    def _append(self, records: Iterable[Record]) -> None:
        for entry in self._entries(records):
            self._journal.append(entry)

    def _entries(self, records: Iterable[Record]) -> list[Entry]:
        entries: list[Entry] = []
        for record in records:
            block = None
            if isinstance(record, BodyRecord):
                block = self._bodies.find(record.facts.block_id)
                if block is None:
                    raise AssertionError(f"the body of {record.facts.block_id.hex()} is to be journaled and is not here")
            elif isinstance(record, CertificateRecord):
                self._teller.arrived(record.certificate.subject)
                if record.certificate.subject.kind is Kind.NULLIFY:
                    self._metrics.views_nullified.inc()
            entries.append(encode(record, block))
        return entries

    def _sync(self) -> None:
        with self._metrics.stage("journal"):
            self._journal.sync()

    # --- sending ------------------------------------------------------------------------------------------------------

    def _send(self, lane: Lane, data: bytes, to: ValidatorId | None) -> None:
        if to is None:
            self._peers.to_validators(lane, data)
        elif (link := self._peers.link_of(to)) is not None:
            link.send(lane, data)

    def _resend(self, signed: tuple[SignedVote, ...], proposal: Proposal | None, to: ValidatorId | None) -> None:
        for start in range(0, len(signed), VOTES_MAX):
            self._send_votes(signed[start : start + VOTES_MAX], None, to)
        if proposal is not None:
            self._send_proposal(proposal.vote, proposal.facts, to)

    def _send_votes(self, signed: tuple[SignedVote, ...], proposal: Proposal | None, to: ValidatorId | None) -> None:
        """Send votes in one frame; the one that is the proposal's signature travels with the header instead."""
        rest = signed
        if proposal is not None:
            own = next((vote for vote in signed if vote.vote == proposal.vote.vote), None)
            if own is None:
                raise AssertionError("a proposal was cast without its own vote")
            rest = tuple(vote for vote in signed if vote is not own)
            self._send_proposal(own, proposal.facts, to)
        if rest:
            self._send(Lane.VOTES, encode_frame(Votes(tuple(wire_vote(vote) for vote in rest))), to)

    def _send_proposal(self, vote: SignedVote, facts: BlockFacts, to: ValidatorId | None) -> None:
        """Header and vote on one lane, the ids of the transactions on the other; an empty block needs no list."""
        stored = self._bodies.find(facts.block_id)
        if stored is None:
            raise AssertionError(f"the own block {facts.block_id.hex()} is to be proposed and is not here")
        transactions = self._chain.transactions_of(facts.block_id)
        ids = [sha256(raw).digest() for raw in split_body(stored.body)] if transactions is None else [tx.raw_id for tx in transactions]
        if ids:
            self._send(Lane.BULK, encode_frame(BlockIds(facts.block_id, b"".join(ids))), to)
        self._send(Lane.VOTES, encode_frame(ProposalFrame(stored.header, wire_vote(vote))), to)

    def _send_certificates(self, certificates: tuple[Certificate, ...], to: ValidatorId | None) -> None:
        """Answer one validator at once; what all are told (K10) waits a moment."""
        if to is None:
            self._relay.add(certificates)
            return
        for frame in split_certificates(certificates):
            self._send(Lane.VOTES, encode_frame(frame), to)

    def _send_status(self, effect: SendStatus) -> None:
        """Send our status; each validator gets the newest vote that we have of it (K15)."""
        links = self._peers.links() if effect.to is None else [link for link in self._peers.links() if link.validator == effect.to]
        for link in links:
            if link.validator is not None:
                link.send(Lane.VOTES, encode_frame(self._status(effect, link)))

    def _status(self, effect: SendStatus, link: Link) -> StatusFrame:
        status = effect.status
        newest = None if link.validator is None else self._replica.newest_vote_of(link.validator)
        return StatusFrame(
            epoch=status.epoch,
            view=status.view,
            final_view=status.final_view,
            committed_height=status.committed_height,
            time_ms=status.time_ms,
            notarized=status.notarized,
            nullified=status.nullified,
            newest_vote_of_receiver=None if newest is None else wire_vote(newest),
        )
