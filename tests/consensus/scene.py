"""One replica driven by hand: makers of blocks, votes and certificates, and readers of effects."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

from consensus.effects import Append, Cast, FetchBlock, Judge
from consensus.events import (
    BodyArrived,
    Built,
    CastDone,
    CertificateReceived,
    Judged,
    ProposalReceived,
    Started,
    TimerFired,
    TimerKind,
    Verdict,
    VoteReceived,
    WorkChanged,
)
from consensus.replica import Replica
from consensus.signing import signing_bytes
from consensus.types import (
    NO_BLOCK,
    BlockFacts,
    BlockId,
    Certificate,
    ChainId,
    Epoch,
    Height,
    Kind,
    Proposal,
    SignedVote,
    TimeMs,
    Timing,
    ValidatorId,
    ValidatorSet,
    View,
    Vote,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consensus.effects import Effects, Record, Replayed
    from consensus.events import Event

T = TypeVar("T")

CHAIN = ChainId(hashlib.sha256(b"chain").digest())
EPOCH = Epoch(0)
START = 1_000_000
GENESIS = BlockFacts(BlockId(CHAIN), NO_BLOCK, EPOCH, Height(0), View(0), ValidatorId(0), TimeMs(START))


def keys(size: int) -> ValidatorSet:
    """Make a set of `size` validators; the keys are names only."""
    return ValidatorSet(tuple(index.to_bytes(32, "big") for index in range(size)))


def fake_sign(key: bytes, message: bytes) -> bytes:
    """Sign in a world without forgers."""
    return hashlib.sha512(key + message).digest()


def fake_verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """Check a signature of `fake_sign`."""
    return fake_sign(key, message) == signature


def block(
    parent: BlockFacts, view: int, *, time_ms: int | None = None, tag: str = "", size: int = 4, height: int | None = None
) -> BlockFacts:
    """Make a block by the leader of its view; `tag` tells two of the same place apart."""
    name = f"{parent.block_id.hex()} {view} {time_ms} {tag} {height}"
    return BlockFacts(
        block_id=BlockId(hashlib.sha256(name.encode()).digest()),
        parent=parent.block_id,
        epoch=EPOCH,
        height=Height(parent.height + 1 if height is None else height),
        view=View(view),
        proposer=keys(size).leader(EPOCH, View(view)),
        time_ms=TimeMs(parent.time_ms + 1 if time_ms is None else time_ms),
    )


def vote_for(kind: Kind, facts: BlockFacts, parent_view: int | None = None) -> Vote:
    """Make a notarize or finalize vote; the parent's view is the one before unless told."""
    return Vote(kind, facts.epoch, facts.view, View(facts.view - 1 if parent_view is None else parent_view), facts.block_id)


def nullify_of(view: int) -> Vote:
    """Make a nullify vote."""
    return Vote.nullify(EPOCH, View(view))


def signed(vote: Vote, signer: int, size: int = 4) -> SignedVote:
    """Sign a vote."""
    return SignedVote(vote, ValidatorId(signer), fake_sign(keys(size).keys[signer], signing_bytes(CHAIN, vote)))


def certificate(vote: Vote, signers: Sequence[int] = (0, 2, 3), size: int = 4) -> Certificate:
    """Make a certificate; by default of all but validator 1, which is the replica under test."""
    return Certificate(vote, tuple((ValidatorId(signer), signed(vote, signer, size).signature) for signer in signers))


def only(effects: Effects, kind: type[T]) -> tuple[T, ...]:
    """Return the effects of one kind."""
    return tuple(effect for effect in effects if isinstance(effect, kind))


def votes(effects: Effects) -> tuple[Vote, ...]:
    """Return every vote that is cast."""
    return tuple(vote for cast in only(effects, Cast) for vote in cast.votes)


def kinds(effects: Effects) -> tuple[tuple[Kind, int], ...]:
    """Return kind and view of every vote that is cast."""
    return tuple((vote.kind, vote.view) for vote in votes(effects))


class Scene:
    """Validator 1 of `size`, which leads view 1, 1 + size, ...; the clock stands still unless told."""

    def __init__(
        self,
        size: int = 4,
        me: int = 1,
        *,
        floor: BlockFacts = GENESIS,
        floor_certificate: Certificate | None = None,
        journal: Sequence[Replayed] = (),
        timing: Timing | None = None,
    ) -> None:
        self.size, self.me, self.now = size, me, START
        self.timing = timing or Timing()
        self.replica = Replica(CHAIN, keys(size), ValidatorId(me), self.timing, floor, floor_certificate)
        if journal:
            self.replica.restore(journal)

    @property
    def clock(self) -> TimeMs:
        """The clock."""
        return TimeMs(self.now)

    def feed(self, event: Event) -> Effects:
        """Feed one event."""
        return self.replica.handle(event)

    def start(self) -> Effects:
        """Start."""
        return self.feed(Started(self.clock))

    def propose(self, facts: BlockFacts, parent_view: int | None = None, signer: int | None = None) -> Effects:
        """Receive a proposal."""
        vote = vote_for(Kind.NOTARIZE, facts, parent_view)
        return self.feed(
            ProposalReceived(Proposal(signed(vote, facts.proposer if signer is None else signer, self.size), facts), self.clock)
        )

    def judge(self, facts: BlockFacts, verdict: Verdict = Verdict.VALID, transactions: int = 1) -> Effects:
        """Have a block judged."""
        return self.feed(Judged(facts.block_id, verdict, facts, self.clock, transactions))

    def vote(self, vote: Vote, *signers: int) -> Effects:
        """Receive votes of others."""
        effects: Effects = ()
        for signer in signers:
            effects += self.feed(VoteReceived(signed(vote, signer, self.size), self.clock))
        return effects

    def durable(self, *done: Vote) -> Effects:
        """Have own votes come back signed and synced."""
        return self.feed(CastDone(tuple(signed(vote, self.me, self.size) for vote in done), self.clock))

    def certify(self, vote: Vote, signers: Sequence[int] | None = None) -> Effects:
        """Receive a certificate."""
        if signers is None:
            signers = [index for index in range(self.size) if index != self.me][: keys(self.size).quorum]
        return self.feed(CertificateReceived(certificate(vote, signers, self.size), self.clock))

    def fire(self, kind: TimerKind, after_ms: int = 0, view: int | None = None) -> Effects:
        """Have a timer of the current view fire."""
        self.now += after_ms
        return self.feed(TimerFired(kind, View(self.replica.view if view is None else view), self.clock))

    def work(self, pending: int) -> Effects:
        """Have the pool's size change."""
        return self.feed(WorkChanged(pending, self.clock))

    def built(self, facts: BlockFacts, transactions: int = 1) -> Effects:
        """Have our own block built."""
        return self.feed(Built(facts.view, facts, self.clock, transactions))

    def accept(self, facts: BlockFacts, parent_view: int | None = None, transactions: int = 1) -> Effects:
        """Receive a proposal and judge it valid."""
        return self.propose(facts, parent_view) + self.judge(facts, transactions=transactions)

    def notarized(self, facts: BlockFacts, parent_view: int | None = None) -> Effects:
        """Receive a notarization."""
        return self.certify(vote_for(Kind.NOTARIZE, facts, parent_view))

    def finalized(self, facts: BlockFacts, parent_view: int | None = None) -> Effects:
        """Receive a finalization."""
        return self.certify(vote_for(Kind.FINALIZE, facts, parent_view))

    def nullified(self, view: int) -> Effects:
        """Receive a nullification."""
        return self.certify(nullify_of(view))


def at_view_two() -> Scene:
    """Start, and leave our own view 1."""
    scene = Scene()
    scene.start()
    scene.nullified(1)
    return scene


def arrive(scene: Scene, facts: BlockFacts) -> Effects:
    """Have a fetched block arrive."""
    return scene.feed(BodyArrived(facts.block_id, scene.clock, facts))


def judged(effects: Effects) -> list[bytes]:
    """Return the ids of blocks that are to be judged."""
    return [judge.block_id for judge in only(effects, Judge)]


def fetched(effects: Effects) -> list[bytes]:
    """Return the ids of blocks that are to be fetched."""
    return [fetch.block_id for fetch in only(effects, FetchBlock)]


def recorded(effects: Effects) -> list[Record]:
    """Return what is to be journaled, in order."""
    return [record for effect in effects if isinstance(effect, Cast | Append) for record in effect.records]
