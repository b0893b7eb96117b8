"""Everything that can happen to the core: one closed union.

The node verifies before it feeds: signatures, membership, epoch and a sane view are checked outside (architecture.md, "One consensus
message through the house"). Every event carries `now_ms`, the node's clock; the core has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consensus.types import BlockFacts, BlockId, Certificate, Epoch, Height, Proposal, SignedVote, TimeMs, ValidatorId, View, Vote


class Verdict(IntEnum):
    """What judging a block came to (K8)."""

    VALID = 1
    """Body here, hashes to its header, executed, roots equal."""
    INVALID = 2
    """A matching body breaks a rule: permanent."""
    NONE = 3
    """No verdict: body or key missing, memory, disk, any exception. Judge again later."""


class TimerKind(IntEnum):
    """The timers the core may ask for. Setting one replaces the pending one of the same kind."""

    LEADER = 1
    ADVANCE = 2
    RETRY = 3
    STATUS = 4
    CLOCK = 5
    """A proposal from the future is judged again when the clock gets there (section 6)."""
    PROPOSE = 6
    """The leader's own pacing: block interval, 2 delta wait of K18."""


@dataclass(frozen=True, slots=True)
class Started:
    """Once, after replay of the journal: arm timers, re-send own votes (K13, K15)."""

    now_ms: TimeMs


@dataclass(frozen=True, slots=True)
class ProposalReceived:
    """A leader's proposal whose signature is verified and whose facts come from the header that hashes to its block id."""

    proposal: Proposal
    now_ms: TimeMs


@dataclass(frozen=True, slots=True)
class VoteReceived:
    """A verified vote of another validator."""

    signed: SignedVote
    now_ms: TimeMs


@dataclass(frozen=True, slots=True)
class CertificateReceived:
    """A certificate whose q signatures were verified one by one."""

    certificate: Certificate
    now_ms: TimeMs


@dataclass(frozen=True, slots=True)
class CastDone:
    """The votes of a Cast are signed and synced: only now does the core tally them."""

    signed: tuple[SignedVote, ...]
    now_ms: TimeMs


@dataclass(frozen=True, slots=True)
class CastRefused:
    """The signer refused a vote as not above its mark (K15, K21): the core gives that vote up and goes on without it."""

    votes: tuple[Vote, ...]
    now_ms: TimeMs


@dataclass(frozen=True, slots=True)
class Judged:
    """Answer to `Judge`, exactly one for each. `facts` is None where the header itself is not here."""

    block_id: BlockId
    verdict: Verdict
    facts: BlockFacts | None
    now_ms: TimeMs
    transactions: int = 1
    """How many transactions and sweeps the block holds: an unfinal block with none keeps no view awake (K18). Only read with VALID."""


@dataclass(frozen=True, slots=True)
class Built:
    """Answer to `Build`: a block of our own, executed; its body is kept by the node under its id."""

    view: View
    facts: BlockFacts
    now_ms: TimeMs
    transactions: int = 1
    """How many transactions and sweeps the block holds (K18)."""


@dataclass(frozen=True, slots=True)
class BuildFailed:
    """Answer to `Build`: no block can be made for this view; the leader passes (K6)."""

    view: View
    now_ms: TimeMs


@dataclass(frozen=True, slots=True)
class BodyArrived:
    """A header or body that was asked for by `FetchBlock`, or came by itself, is here: judge again what waits for it."""

    block_id: BlockId
    now_ms: TimeMs
    facts: BlockFacts | None = None
    """From the header that hashes to `block_id`; always set in answer to `FetchBlock`, which asks for header and body."""


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer set by `SetTimer` ran out; `view` is the one it was set for."""

    kind: TimerKind
    view: View
    now_ms: TimeMs


@dataclass(frozen=True, slots=True)
class WorkChanged:
    """How many includable transactions the pool holds and sweeps are due (K18: more than none keeps a view awake)."""

    pending: int
    now_ms: TimeMs


@dataclass(frozen=True, slots=True)
class Status:
    """What a peer says of itself on connect and every 2 s (K19). Ranges are inclusive pairs of views, at most 64 each."""

    epoch: Epoch
    view: View
    final_view: View
    committed_height: Height
    time_ms: TimeMs
    notarized: tuple[tuple[View, View], ...]
    nullified: tuple[tuple[View, View], ...]
    newest_vote_of_receiver: SignedVote | None
    """The receiver's node verifies its signature and that the receiver is its signer; else it sets None before it feeds this (K15)."""


@dataclass(frozen=True, slots=True)
class StatusReceived:
    """A validator's status; answered by the repair bundle it lacks (K19)."""

    peer: ValidatorId
    status: Status
    now_ms: TimeMs


@dataclass(frozen=True, slots=True)
class PeerConnected:
    """A link to a validator came up: re-send what K13 lists, and our status. Not fed before `Started`."""

    peer: ValidatorId
    now_ms: TimeMs


@dataclass(frozen=True, slots=True)
class CertificatesRequested:
    """A validator asks for exactly these certificates, at most 64 (K19)."""

    peer: ValidatorId
    notarizations: tuple[View, ...]
    nullifications: tuple[View, ...]
    now_ms: TimeMs


@dataclass(frozen=True, slots=True)
class Synced:
    """Catch-up by ranges reached a final block with its verified finalization (K20): the floor moves up to it.

    The node's state is this block's. What the core knows above it, it asks to judge again.
    """

    facts: BlockFacts
    certificate: Certificate
    now_ms: TimeMs


@dataclass(frozen=True, slots=True)
class Committed:
    """LMDB holds everything up to this height, synced; the core may forget at or below it (K14)."""

    height: Height
    now_ms: TimeMs


Event = (
    Started
    | ProposalReceived
    | VoteReceived
    | CertificateReceived
    | CastDone
    | CastRefused
    | Judged
    | Built
    | BuildFailed
    | BodyArrived
    | TimerFired
    | WorkChanged
    | StatusReceived
    | PeerConnected
    | CertificatesRequested
    | Synced
    | Committed
)
