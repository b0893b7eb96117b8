"""Everything the core may ask of the node, one closed union, performed in the order given.

The contract (architecture.md, "Effects contract"; consensus.md section 4):

1. `Append` and the records of `Cast` go to the journal in order. A record is durable once a later `Cast` or `Finalize` has synced.
2. `Cast` is the only effect that sends a vote: append the records and sync them, sign (the signer's mark synced first), append the
   signed bytes, sync, send to every validator, feed `CastDone` back. A signer's refusal is fed back as `CastRefused`; nothing is sent.
   The records are durable before the mark moves: a key never votes below its mark, so what brought it to a view must outlive it.
3. `Finalize` is told to clients only after the journal is synced.
4. `Judge` and `Build` run outside the driver and come back as events. A block is judged only after its parent's verdict was fed.
5. After a restart the core asks to `Judge` again every block above the committed one that it needs, parents first (their bodies are in
   the journal's folder), and then gives the final ones out with `Finalize` again: the node needs no replay of its own. A `Judge` of a
   block whose result is still at hand is answered at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consensus.events import Status, TimerKind
    from consensus.evidence import Evidence
    from consensus.types import BlockFacts, BlockId, Certificate, Proposal, SignedVote, TimeMs, ValidatorId, View, Vote


@dataclass(frozen=True, slots=True)
class BodyRecord:
    """Journal the header and body of this block (the node holds the bytes). Comes before the notarize that rests on it."""

    facts: BlockFacts


@dataclass(frozen=True, slots=True)
class ProposalRecord:
    """Our own proposal, before it is sent; its block's body is in a BodyRecord before it. The signed vote follows as a vote record."""

    vote: Vote
    facts: BlockFacts


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """A certificate that was acted on."""

    certificate: Certificate


@dataclass(frozen=True, slots=True)
class CertifiedRecord:
    """The body of this block is durable and fully validated (only `True` is journaled, K8)."""

    facts: BlockFacts


@dataclass(frozen=True, slots=True)
class VoteRecord:
    """An own vote with its signature: appended by the node while performing `Cast`.

    The core itself has one journaled only where a forgotten vote of this key was shown (K15).
    """

    signed: SignedVote


Record = BodyRecord | ProposalRecord | CertificateRecord | CertifiedRecord | VoteRecord
Replayed = Record
"""What replay of the journal hands to the core, in the order it was appended."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Cast votes. `proposal` is set where the vote is our own proposal: the node sends header and vote together."""

    votes: tuple[Vote, ...]
    records: tuple[Record, ...]
    proposal: Proposal | None = None
    """Facts of our own proposal; its `vote.signature` is empty here, the signer fills it in."""


@dataclass(frozen=True, slots=True)
class Append:
    """Append records without a sync of their own: the next synced effect covers them."""

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Finalize:
    """These blocks, ancestors first, are final by this certificate on the last one. Sync, then tell clients."""

    blocks: tuple[BlockFacts, ...]
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Resend:
    """Send own signed votes again, the stored bytes (K13). `to` None: every validator."""

    signed: tuple[SignedVote, ...]
    proposal: Proposal | None
    to: ValidatorId | None


@dataclass(frozen=True, slots=True)
class SendCertificates:
    """Pass certificates on. `to` None: every validator (K10); else the answer to one who lacks them (K19)."""

    certificates: tuple[Certificate, ...]
    to: ValidatorId | None


@dataclass(frozen=True, slots=True)
class SendStatus:
    """Send our status; the node fills in `newest_vote_of_receiver` from `newest_vote_of` of the replica."""

    status: Status
    to: ValidatorId | None


@dataclass(frozen=True, slots=True)
class FetchCertificates:
    """Ask one validator for exactly these missing certificates (targeted repair)."""

    peer: ValidatorId
    notarizations: tuple[View, ...]
    nullifications: tuple[View, ...]


@dataclass(frozen=True, slots=True)
class FetchBlock:
    """Header or body is missing: ask these validators in order until one answers with bytes that hash to the id; feed BodyArrived.

    Asked again every `retry` with the order rotated, so the node may give up after one round, and ignores what it is already fetching.
    """

    block_id: BlockId
    ask: tuple[ValidatorId, ...]


@dataclass(frozen=True, slots=True)
class Judge:
    """Validate this block on its parent's state (already judged valid), body fetched from the hint or by FetchBlock. Feed `Judged`."""

    block_id: BlockId
    facts: BlockFacts | None
    ask: tuple[ValidatorId, ...]


@dataclass(frozen=True, slots=True)
class Build:
    """Make a block for `view` on this parent. Feed `Built` or `BuildFailed`."""

    view: View
    parent: BlockFacts
    time_ms_min: TimeMs
    """The block's time must be max(now, this) (section 6)."""
    unfinal_views: int
    """Views since the final one beyond the two that a healthy chain always has in flight: the builder halves its budget for each (K18);
    above `unfinal_depth_max` the block must be empty."""


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Fire `TimerFired(kind, view)` at `at_ms`; replaces the pending timer of this kind."""

    kind: TimerKind
    view: View
    at_ms: TimeMs


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Forget the pending timer of this kind."""

    kind: TimerKind


@dataclass(frozen=True, slots=True)
class CatchUp:
    """We are far behind: fetch ranges of final blocks from this validator up to its final view; feed `Synced` (K20).

    Asked again every `retry` while it lasts, of another validator: ignore it while a range is running. `Synced` may be fed several times
    on the way. `Finalize` may overtake it: blocks at or below the node's final height are skipped there, and a `Synced` below the final
    block is ignored here.
    """

    peer: ValidatorId
    final_view: View


@dataclass(frozen=True, slots=True)
class StoreEvidence:
    """Proof that a validator signed two conflicting votes: keep it, alarm, serve it."""

    evidence: Evidence


class AlarmKind(StrEnum):
    """What an alarm is about; the value is its name in metrics."""

    NO_VERDICT = "no_verdict"
    """A block could not be judged (K8)."""
    FALSE_VERDICT = "false_verdict"
    """A notarized block breaks a rule here (K8)."""
    REFUSED = "refused"
    """The signer refused a vote (K15, K21)."""
    FORGOTTEN_VOTE = "forgotten_vote"
    """A vote of this key was shown that is not remembered here: the key votes no more (K15)."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something an operator must see; the node logs it and counts it."""

    kind: AlarmKind
    reason: str


class MilestoneKind(StrEnum):
    """What happened in a view; the value is its name in metrics."""

    ENTERED = "entered"
    PROPOSED = "proposed"
    """The leader's first proposal was taken, or our own was cast."""
    NOTARIZED = "notarized"
    """A notarization is held."""
    CERTIFIED = "certified"
    """The block whose header names this view is durable and valid here (K8)."""
    FINAL = "final"
    """The finalization of this view and the blocks it makes final were given out (K11)."""
    GAVE_UP = "gave_up"
    """Own nullify was cast (K6)."""


class Cause(StrEnum):
    """Why: for ENTERED what let us in, for GAVE_UP why we gave up; the value is its name in metrics."""

    NONE = "none"
    NOTARIZED = "notarized"
    NULLIFIED = "nullified"
    FINALIZED = "finalized"
    LEADER_SILENT = "leader_silent"
    """No proposal within 2T."""
    NO_PROGRESS = "no_progress"
    """Neither certified nor nullified within 3T."""
    INVALID_PROPOSAL = "invalid_proposal"
    LEADER_NULLIFIED = "leader_nullified"
    """The leader gave its view up itself."""
    PASSED = "pass"
    """We lead, and could not build."""
    EVIDENCE_MISSING = "evidence_missing"
    """We lead, and what the proposal must rest on was not here within delta."""
    INACTIVE = "inactive"
    """The leader has been silent for long, others were not (K17)."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """A step of a view, for metrics and diagnosis: counted, nothing else. About five for each view, whatever the number of votes."""

    kind: MilestoneKind
    view: View
    leader: ValidatorId
    cause: Cause


@dataclass(frozen=True, slots=True)
class Halt:
    """More than f liars or non-determinism are proven, or a lemma failed: sync the journal, save both sides, stop with an own exit code."""

    reason: str
    certificates: tuple[Certificate, ...]


Effect = (
    Cast
    | Append
    | Finalize
    | Resend
    | SendCertificates
    | SendStatus
    | FetchCertificates
    | FetchBlock
    | Judge
    | Build
    | SetTimer
    | CancelTimer
    | CatchUp
    | StoreEvidence
    | Alarm
    | Milestone
    | Halt
)
Effects = tuple[Effect, ...]
