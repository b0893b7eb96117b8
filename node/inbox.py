"""Frames of other nodes, checked and turned into events or answers. Everything hostile ends here.

wire.decode -> epoch -> sane (member, view: else dropped and counted, for it may only be late) -> signature (a bad one is the sender's
fault: cut off) -> event. Frames of the next epoch are kept for it; who shows an old one is told how it ended (K22); nobody is punished for
being in another epoch. What a follower may not say is garbage when it says it.

Source: consensus.md K4, K19, section 8; architecture.md, "One consensus message through the house".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from consensus.events import (
    CertificateReceived,
    CertificatesRequested,
    PeerConnected,
    ProposalReceived,
    Status,
    StatusReceived,
    VoteReceived,
)
from consensus.types import BlockId, Epoch, Height, Kind, Proposal, TimeMs, View
from ledger.epochs import NO_EPOCH_BEGINS
from node.driver import now_ms
from node.later import epoch_of_frame, may_be_later
from node.rates import Rates
from node.wire import (
    BlockIds,
    BlockRequest,
    BlockResponse,
    CertificateRequest,
    Certificates,
    FinalBlock,
    Follow,
    Lane,
    PeerStatus,
    ProposalFrame,
    StatusFrame,
    Transactions,
    TransactionsRequest,
    TransactionsResponse,
    Votes,
    WireError,
    core_certificate,
    core_vote,
    decode_frame,
    encode_frame,
    facts_of,
    header_of,
    subject_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consensus.events import Event
    from consensus.types import ChainId, SignedVote, ValidatorId, ValidatorSet, Vote
    from node.bodies import Bodies
    from node.clockwatch import ClockWatch
    from node.later import Later
    from node.link import Link
    from node.metrics import MessageKind, Metrics
    from node.verify import VoteVerifier
    from node.wire import Frame, WireCertificate

CHECKS_PER_SECOND = 2_000.0
"""Signatures that one validator may have verified: a busy network of four needs a tenth. A liar with a key buys 8 % of a core with it."""
CHECKS_BURST = 8_000.0
"""A repair bundle of a large set, and what a restarted validator is told by each other."""
KINDS: dict[type, MessageKind] = {
    Votes: "vote",
    ProposalFrame: "proposal",
    Certificates: "certificate",
    StatusFrame: "status",
    PeerStatus: "status",
    BlockIds: "header",
    BlockResponse: "body",
    TransactionsResponse: "body",
    FinalBlock: "body",
    Transactions: "transaction",
    BlockRequest: "fetch",
    TransactionsRequest: "fetch",
    CertificateRequest: "fetch",
}


class Gate(Protocol):
    """What the inbox asks the core (`consensus.replica.Replica`)."""

    @property
    def epoch(self) -> Epoch:
        """Current epoch."""
        ...

    def accepts_vote(self, vote: Vote) -> bool:
        """Whether a vote of this epoch and view would be looked at."""
        ...

    def accepts_certificate(self, subject: Vote) -> bool:
        """Whether a certificate of this subject would be looked at."""
        ...

    def holds(self, subject: Vote) -> bool:
        """Whether a certificate of exactly this subject is held."""
        ...


class Events(Protocol):
    """Where events go (`node.driver.Driver`)."""

    def post(self, event: Event) -> None:
        """Queue an event of this node's own."""
        ...

    def offer(self, event: Event) -> bool:
        """Queue an event that a peer caused; False where too many wait."""
        ...


class Incoming(Protocol):
    """Where transactions go (`node.gossip.Gossip`)."""

    def arrived(self, link: Link, raws: Sequence[bytes]) -> None:
        """Take transactions of a node."""
        ...

    def hand_over(self, link: Link | None) -> None:
        """Send what waits here to one validator."""
        ...


class OtherEpochs(Protocol):
    """What is done about nodes that are in another epoch (`node.voting.Voting`)."""

    def behind(self, link: Link, epoch: int) -> None:
        """Answer a node that shows an epoch which is over here."""
        ...

    def ahead(self, link: Link, epoch: int) -> None:
        """Hear that a node shows an epoch which has not begun here."""
        ...


class Inbox:
    """What a validator does with frames. A node that does not vote has `node.follow` instead."""

    def __init__(  # noqa: PLR0913 - it joins what the node is made of
        self,
        *,
        chain_id: ChainId,
        validators: ValidatorSet,
        me: ValidatorId,
        replica: Gate,
        driver: Events,
        verifier: VoteVerifier,
        bodies: Bodies,
        gossip: Incoming,
        clocks: ClockWatch,
        metrics: Metrics,
        later: Later,
        others: OtherEpochs,
    ) -> None:
        self._chain_id, self._validators, self._me = chain_id, validators, me
        self._replica, self._driver, self._verifier = replica, driver, verifier
        self._bodies, self._gossip, self._clocks, self._metrics = bodies, gossip, clocks, metrics
        self._later, self._others = later, others
        self._asks, self._checks = Rates(), Rates(CHECKS_PER_SECOND, CHECKS_BURST)

    def connected(self, link: Link) -> None:
        """Tell the core that a validator can be reached: it sends what K13 lists; and hand over what waits here (M1)."""
        if link.validator is not None:
            self._driver.post(PeerConnected(link.validator, now_ms()))
            self._gossip.hand_over(link)

    def disconnected(self, link: Link) -> None:
        """Forget what was counted of a node, unless it is back already."""
        self._asks.forget(link)
        self._checks.forget(link)

    async def receive(self, link: Link, lane: Lane, data: bytes) -> None:
        """Take one frame of a node; raises WireError where no honest node sends it."""
        try:
            frame = decode_frame(lane, data)
        except WireError:
            self._metrics.dropped("malformed")
            raise
        self._metrics.received(KINDS.get(type(frame), "other"))
        epoch = epoch_of_frame(frame) if lane is Lane.VOTES else None
        if epoch is not None and epoch != self._replica.epoch:
            self._other_epoch(link, frame, epoch, data)
        elif link.validator is None:
            self._from_follower(link, lane, frame, data)
        elif lane is Lane.VOTES:
            self._votes_lane(link, link.validator, frame)
        else:
            self._bulk_lane(link, frame)

    # --- who says what ------------------------------------------------------------------------------------------------

    def _other_epoch(self, link: Link, frame: Frame, epoch: int, data: bytes) -> None:
        """Take a frame of the votes lane that is of another epoch: late or early, and no fault of its sender (K22)."""
        ours = self._replica.epoch
        if not isinstance(frame, StatusFrame):
            self._metrics.dropped("epoch")
            if epoch == ours + 1:
                self._later.keep(link, Lane.VOTES, data)
        elif self._may_ask(link):
            if epoch < ours:
                self._others.behind(link, epoch)
            else:
                self._others.ahead(link, epoch)

    def _from_follower(self, link: Link, lane: Lane, frame: Frame, data: bytes) -> None:
        """Take a frame of a node that the current set does not have; it may be of the next one's, or have been of the last one's."""
        match frame:
            case Transactions(transactions):
                self._gossip.arrived(link, transactions)
            case Follow(wanted):
                link.follows = wanted == 1
            case Certificates(certificates):
                for each in certificates:
                    self._certificate(link, each)
            case BlockRequest() | TransactionsRequest() | BlockResponse() | TransactionsResponse():
                self._bulk_lane(link, frame)
            case _ if may_be_later(frame):
                self._later.keep(link, lane, data)
            case PeerStatus() | CertificateRequest():
                pass
            case _:
                self._metrics.dropped("membership")
                raise WireError("membership", f"a node that does not vote sent {type(frame).__name__}")

    def _votes_lane(self, link: Link, peer: ValidatorId, frame: Frame) -> None:
        match frame:
            case Votes(votes):
                for wire in votes:
                    self._vote(link, core_vote(wire))
            case ProposalFrame():
                self._proposal(link, frame)
            case Certificates(certificates):
                for each in certificates:
                    self._certificate(link, each)
            case StatusFrame():
                if self._may_ask(link):
                    self._status(peer, frame)
            case CertificateRequest(notarizations, nullifications):
                if self._may_ask(link):
                    wanted = (tuple(map(View, notarizations)), tuple(map(View, nullifications)))
                    self._offer(CertificatesRequested(peer, *wanted, now_ms()))
            case _:
                return

    def _bulk_lane(self, link: Link, frame: Frame) -> None:
        match frame:
            case Transactions(transactions):
                self._gossip.arrived(link, transactions)
            case BlockIds():
                self._bodies.ids_arrived(link, frame)
            case Follow(wanted):
                link.follows = wanted == 1
            case BlockResponse() | TransactionsResponse():
                self._bodies.answer_arrived(link, frame)
            case BlockRequest(block_id):
                if self._may_ask(link):
                    stored = self._bodies.find(BlockId(block_id))
                    header, body = (b"", b"") if stored is None else (stored.header, stored.body)
                    link.send(Lane.BULK, encode_frame(BlockResponse(block_id, header, body)))
            case TransactionsRequest():
                if self._may_ask(link):
                    answer = TransactionsResponse(frame.block_id, self._bodies.transactions_at(frame))
                    link.send(Lane.BULK, encode_frame(answer))
            case _:
                self._metrics.dropped("membership")
                raise WireError("membership", f"a validator was sent {type(frame).__name__}")

    # --- votes lane ---------------------------------------------------------------------------------------------------

    def _vote(self, link: Link, signed: SignedVote) -> None:
        if signed.signer >= self._validators.size:
            self._metrics.dropped("membership")
            raise WireError("membership", f"a vote of validator {signed.signer}, who does not exist")
        if signed.signer != self._me and self._sane(link, signed):
            self._offer(VoteReceived(signed, now_ms()))

    def _sane(self, link: Link, signed: SignedVote) -> bool:
        """Whether the core would look at the vote, and its signature is good."""
        if signed.vote.epoch != self._replica.epoch:
            self._metrics.dropped("epoch")
            return False
        if not self._replica.accepts_vote(signed.vote):
            self._metrics.dropped("view")
            return False
        if not self._may_cost(link, 1):
            return False
        if not self._verifier.vote(signed):
            self._metrics.dropped("signature")
            raise WireError("signature", f"a vote that validator {signed.signer} did not sign")
        return True

    def _proposal(self, link: Link, frame: ProposalFrame) -> None:
        """Take a header whose leader signed it (K4). The vote inside counts as a vote in the core."""
        signed = core_vote(frame.vote)
        vote = signed.vote
        block_id, header = header_of(frame.header)
        mistaken = (
            vote.kind is not Kind.NOTARIZE
            or vote.block_id != block_id
            or (header.chain, header.epoch) != (self._chain_id, vote.epoch)
            or signed.signer >= self._validators.size
            or signed.signer != self._validators.leader(vote.epoch, vote.view)
            or header.proposer != self._validators.leader(vote.epoch, View(header.view))
        )
        # The block that ends its epoch is proposed again as it is, by the leader of a later view (K22); any other in its own view only.
        if mistaken or not (header.view == vote.view or (header.next != NO_EPOCH_BEGINS and header.view < vote.view)):
            self._metrics.dropped("malformed")
            raise WireError("malformed", "a proposal whose header and vote do not belong together")
        if signed.signer != self._me and self._sane(link, signed):
            self._bodies.header_arrived(block_id, frame.header)
            self._offer(ProposalReceived(Proposal(signed, facts_of(block_id, header)), now_ms()))

    def _certificate(self, link: Link, wire: WireCertificate) -> None:
        """Take a certificate; nearly always it is held already, put together here from the votes."""
        subject = subject_of(wire)
        if subject.epoch != self._replica.epoch:
            self._metrics.dropped("epoch")
            return
        if self._replica.holds(subject) or not self._replica.accepts_certificate(subject):
            self._metrics.dropped("view")
            return
        certificate = core_certificate(wire)
        if not self._may_cost(link, len(certificate.signatures)):
            return
        if not self._verifier.certificate(certificate):
            self._metrics.dropped("signature")
            raise WireError("signature", "a certificate without a quorum of good signatures")
        self._offer(CertificateReceived(certificate, now_ms()))

    def _status(self, peer: ValidatorId, frame: StatusFrame) -> None:
        self._clocks.heard(peer, frame.time_ms)
        newest = None if frame.newest_vote_of_receiver is None else core_vote(frame.newest_vote_of_receiver)
        if newest is not None and (newest.signer != self._me or newest.vote.epoch != frame.epoch or not self._verifier.vote(newest)):
            newest = None
        status = Status(
            epoch=Epoch(frame.epoch),
            view=View(frame.view),
            final_view=View(frame.final_view),
            committed_height=Height(frame.committed_height),
            time_ms=TimeMs(frame.time_ms),
            notarized=tuple((View(low), View(high)) for low, high in frame.notarized),
            nullified=tuple((View(low), View(high)) for low, high in frame.nullified),
            newest_vote_of_receiver=newest,
        )
        self._offer(StatusReceived(peer, status, now_ms()))

    # --- limits -------------------------------------------------------------------------------------------------------

    def _offer(self, event: Event) -> None:
        if not self._driver.offer(event):
            self._metrics.dropped("queue_full")

    def _may_ask(self, link: Link) -> bool:
        """Whether this peer may cause work once more; what is over its rate is dropped, not punished."""
        return self._within(self._asks, link, 1)

    def _may_cost(self, link: Link, signatures: int) -> bool:
        """Whether this peer may have so many signatures verified now."""
        return self._within(self._checks, link, signatures)

    def _within(self, rates: Rates, link: Link, amount: int) -> bool:
        if rates.may(link, amount):
            return True
        self._metrics.dropped("rate")
        return False
