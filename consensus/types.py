"""The nouns of consensus: ids, votes, proposals, certificates and the validator set with its quorum arithmetic.

A block is known here by its 32-byte id and the few facts that rules need (`BlockFacts`); what is in it is the ledger's matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NewType

ValidatorId = NewType("ValidatorId", int)
"""Position in the epoch's validator set, 0 <= index < n."""
BlockId = NewType("BlockId", bytes)
"""32 bytes: SHA-256 of the header."""
ChainId = NewType("ChainId", bytes)
"""32 bytes: hash of the genesis document; also the id of the genesis block."""
Epoch = NewType("Epoch", int)
"""u32."""
View = NewType("View", int)
"""u64. Genesis is view 0; the first proposal is made in view 1."""
Height = NewType("Height", int)
"""u64. Genesis is height 0."""
TimeMs = NewType("TimeMs", int)
"""Unix time in milliseconds; reaches the core only as a field of events."""

NO_BLOCK = BlockId(bytes(32))


class Kind(IntEnum):
    """The three votes. The numbers are on the wire and in the journal, and give the order within a view (K21)."""

    NOTARIZE = 1
    NULLIFY = 2
    FINALIZE = 3


@dataclass(frozen=True, slots=True)
class Vote:
    """What a validator signs. A nullify vote names no block: `parent_view` 0, `block_id` zeros."""

    kind: Kind
    epoch: Epoch
    view: View
    parent_view: View
    block_id: BlockId

    @classmethod
    def nullify(cls, epoch: Epoch, view: View) -> Vote:
        """Vote to give a view up."""
        return cls(Kind.NULLIFY, epoch, view, View(0), NO_BLOCK)


@dataclass(frozen=True, slots=True)
class SignedVote:
    """A vote with its signature (64 bytes, Ed25519). The leader's signed notarize vote *is* its proposal."""

    vote: Vote
    signer: ValidatorId
    signature: bytes


@dataclass(frozen=True, slots=True)
class BlockFacts:
    """What consensus knows of a header: taken by the node from the header whose hash is `block_id`."""

    block_id: BlockId
    parent: BlockId
    epoch: Epoch
    height: Height
    view: View
    proposer: ValidatorId
    time_ms: TimeMs
    boundary: bool = False
    """Whether it ends its epoch: its header names the next validator set (K22)."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A block put forward by the leader of its view: the leader's notarize vote and the facts of the header it names."""

    vote: SignedVote
    facts: BlockFacts


@dataclass(frozen=True, slots=True)
class Certificate:
    """Exactly q signatures, indices strictly increasing, under one vote (the subject)."""

    subject: Vote
    signatures: tuple[tuple[ValidatorId, bytes], ...]


@dataclass(frozen=True, slots=True)
class ValidatorSet:
    """The validators of an epoch, in the order of the genesis document."""

    keys: tuple[bytes, ...]
    """Ed25519 public keys of consensus, 32 bytes each."""

    @property
    def size(self) -> int:
        """N."""
        return len(self.keys)

    @property
    def faults(self) -> int:
        """F = (n - 1) // 3: how many may be Byzantine."""
        return (len(self.keys) - 1) // 3

    @property
    def quorum(self) -> int:
        """Q = n - f, for every n: two quorums meet in an honest validator."""
        return len(self.keys) - self.faults

    def leader(self, epoch: Epoch, view: View) -> ValidatorId:
        """K2: the leader of a view."""
        return ValidatorId((epoch + view) % len(self.keys))


@dataclass(frozen=True, slots=True)
class Timing:
    """Timers of section 5, in integer milliseconds (retention and depth in views)."""

    delta_ms: int = 250
    timeout_ms_max: int = 8_000
    retry_ms: int = 1_000
    heartbeat_ms: int = 5_000
    interval_ms_min: int = 10
    status_ms: int = 2_000
    retention_views: int = 256
    unfinal_depth_max: int = 64
    future_ms_max: int = 500
    past_ms_max: int = 10_000
