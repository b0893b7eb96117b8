"""What is explored: who lies and how, which blocks there are, what can be said of them, and who can say it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from hashlib import sha256
from typing import NamedTuple

from consensus.types import (
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
    ValidatorId,
    ValidatorSet,
    View,
    Vote,
)

CHAIN = ChainId(sha256(b"explored chain").digest())
EPOCH = Epoch(0)
VALIDATORS = ValidatorSet(tuple(sha256(b"explored key %d" % index).digest() for index in range(4)))
GENESIS = BlockFacts(BlockId(CHAIN), BlockId(bytes(32)), EPOCH, Height(0), View(0), ValidatorId(0), TimeMs(0))
SIGNATURE = bytes(64)
"""Nothing here looks at signatures: the node verifies before it feeds the core. Whom a vote is from is said by its signer."""


class What(IntEnum):
    """What can happen to one validator."""

    PROPOSAL = 0
    CERTIFICATE = 1
    VOTES = 2
    """The votes come that make a certificate."""
    HEADER = 3
    """Header and body of a block that was asked for come."""
    JUDGED = 4
    BUILT = 5
    TIMEOUT = 6
    # Left out of the search, since it shows nothing new, and put in again where that is checked (finer.py):
    VOTE = 7
    """One vote comes."""
    NO_VERDICT = 8
    """Judging comes to nothing (K8)."""
    NOT_BUILT = 9
    RETRY = 10
    RANGE = 11
    """A range of final blocks comes, after it was asked for (K20)."""
    # What a scope with losses of power has besides (power.py):
    GO_ON = 12
    """What waits to be synced is, and what rests on that is done."""
    POWER_LOST = 13
    """Memory is lost; of what is not synced so many records stay."""
    POWER_LOST_STORED = 14
    """The same, after the store took what is final."""


class Lie(Enum):
    """What is the matter with the liar's second block of a view. The first one is sound."""

    NOTHING = "two sound blocks"
    BROKEN = "one of two blocks breaks a rule that only judging shows"
    MISNAMED = "one of two blocks names another view than its parent's"
    """Only a leader of view 2 can: in view 1 there is no other view to name."""


class Event(NamedTuple):
    """One event; the other fields say of what, from whom, how much."""

    what: What
    block: BlockId | None = None
    subject: Vote | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """A block that may come to be."""

    name: str
    facts: BlockFacts
    parent_view: View
    """The view that its leader names as the parent's."""
    lie: Lie = Lie.NOTHING

    @property
    def proposal(self) -> Proposal:
        """Return its leader's proposal."""
        return Proposal(SignedVote(self.vote(Kind.NOTARIZE), self.facts.proposer, SIGNATURE), self.facts)

    def vote(self, kind: Kind) -> Vote:
        """Return a vote for it."""
        return Vote(kind, EPOCH, self.facts.view, self.parent_view, self.facts.block_id)


def make(name: str, parent: BlockFacts, view: int, lie: Lie = Lie.NOTHING) -> Block:
    """Make a block of the leader of its view. It is always in time (section 6): a millisecond after its parent."""
    block_id = BlockId(sha256(name.encode()).digest())
    leader = VALIDATORS.leader(EPOCH, View(view))
    facts = BlockFacts(block_id, parent.block_id, EPOCH, Height(parent.height + 1), View(view), leader, TimeMs(parent.time_ms + 1))
    parent_view = View(1 - parent.view) if lie is Lie.MISNAMED else parent.view
    return Block(name, facts, parent_view, lie)


class Depth(Enum):
    """How far the last view goes."""

    PROPOSAL = "first proposal"
    """It is proposed in, and voted."""
    CERTIFICATES = "certificates"
    """They are delivered too, and finalize votes cast on them."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One exploration."""

    liars: tuple[int, ...]
    """0 leads neither view, 1 leads view 1, 2 leads view 2. (3 is like 0: the leader of view 3 does nothing in here.)"""
    views: int
    """1: view 1 alone; 2: also proposals and votes of view 2."""
    depth: Depth
    lie: Lie
    blocks: tuple[Block, ...]
    more: tuple[Event, ...] = ()
    """Events beyond those of the search."""

    @property
    def honest(self) -> tuple[int, ...]:
        """Return the honest validators."""
        return tuple(index for index in range(4) if index not in self.liars)

    def votes(self) -> tuple[Vote, ...]:
        """Return every vote that can be cast in here; the position is its number."""
        found: list[Vote] = []
        for view in range(1, self.views + 1):
            found.append(Vote.nullify(EPOCH, View(view)))
            for block in self.blocks:
                if block.facts.view == view:
                    found += [block.vote(Kind.NOTARIZE), block.vote(Kind.FINALIZE)]
        return tuple(found)

    def events(self) -> tuple[Event, ...]:
        """Return every event that can happen to a validator in here; the position is its number."""
        found = [Event(What.TIMEOUT), Event(What.BUILT)]
        for block in self.blocks:
            found += [Event(what, block.facts.block_id) for what in (What.PROPOSAL, What.HEADER, What.JUDGED)]
        for vote in self.votes():
            if self.depth is Depth.CERTIFICATES or vote.view == 1:
                found += [Event(What.CERTIFICATE, subject=vote), Event(What.VOTES, subject=vote)]
        return (*found, *self.more)

    def excludes(self, first: Vote, second: Vote) -> bool:
        """Tell whether two certificates must not both be possible, by the lemmas under "Safety" in consensus.md section 3.

        K5: one block notarized in a view. K6, K7: no finalization beside a nullification. K4: what is certified beyond a final block
        descends from it.
        """
        if first.view == second.view:
            if Kind.NULLIFY in (first.kind, second.kind):
                return Kind.FINALIZE in (first.kind, second.kind)
            return first.block_id != second.block_id
        earlier, later = (first, second) if first.view < second.view else (second, first)
        if earlier.kind is not Kind.FINALIZE or later.kind is Kind.NULLIFY:
            return False
        return self.block(later.block_id).facts.parent != earlier.block_id

    def name(self, subject: Vote) -> str:
        """Return what a certificate of this subject is called."""
        if subject.kind is Kind.NULLIFY:
            return f"nullification({subject.view})"
        kind = "notarization" if subject.kind is Kind.NOTARIZE else "finalization"
        return f"{kind}({subject.view}, {self.block(subject.block_id).name})"

    def block(self, block_id: BlockId) -> Block:
        """Return a block by its id."""
        return next(block for block in self.blocks if block.facts.block_id == block_id)


def scope_of(liars: tuple[int, ...], views: int, lie: Lie = Lie.NOTHING, depth: Depth = Depth.PROPOSAL) -> Scope:
    """Return the blocks that can come to be where these validators lie.

    An honest leader builds one block on each parent it may have, a liar two.
    """
    first = [make("A", GENESIS, 1)]
    if 1 in liars:
        first += [make("B", GENESIS, 1, lie)]
    second: list[Block] = []
    if views > 1:
        for parent, name in ((GENESIS, "genesis"), *((block.facts, block.name) for block in first if block.lie is Lie.NOTHING)):
            second.append(make(f"C on {name}", parent, 2))
            if 2 in liars:
                second.append(make(f"D on {name}", parent, 2, lie))
    return Scope(liars, views, depth, lie, (*first, *second))


def certificate(subject: Vote, signers: tuple[int, ...]) -> Certificate:
    """Make a certificate; who signed it means nothing in here."""
    return Certificate(subject, tuple((ValidatorId(signer), SIGNATURE) for signer in sorted(signers)))
