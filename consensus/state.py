"""What a replica knows: one `ViewState` per view, one `BlockState` per block above the final one, and the few numbers that rules compare.

Only bookkeeping lives here: no rule is decided in this file. Everything is bounded: views by `retention_views` below and by what the
network certified above, votes by three for each validator and view, blocks by two for each view, peers by the validator set.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from consensus.effects import Append, Cast, Cause, Finalize, Milestone
from consensus.types import Height, Kind, TimeMs, View

if TYPE_CHECKING:
    from consensus.effects import Effect, MilestoneKind, Record
    from consensus.events import Status
    from consensus.types import (
        BlockFacts,
        BlockId,
        Certificate,
        ChainId,
        Epoch,
        Proposal,
        SignedVote,
        Timing,
        ValidatorId,
        ValidatorSet,
        Vote,
    )


_NEVER = TimeMs(0)
_GENESIS_VIEW = View(0)


class Stage(IntEnum):
    """How far a block has come in this process."""

    IDLE = 0
    """Nothing under way."""
    FETCHING = 1
    JUDGING = 2
    EXECUTED = 3
    """The node has its post-state at hand: children can be judged, built and finalized on it."""
    INVALID = 4
    DOUBTED = 5
    """No verdict (K8): left alone until the next retry, or until its body arrives."""


class Armed(IntEnum):
    """How the timers of the current view were set (K18)."""

    NO = 0
    AWAKE = 1
    ASLEEP = 2
    WOKEN = 3
    """Re-armed on waking; happens once per view."""


@dataclass(slots=True)
class BlockState:
    """One block above the final one, or the final one itself."""

    block_id: BlockId
    view: View
    """Of its header; before that is here, an upper bound. The block that ends an epoch may be certified in later views too (K22)."""
    facts: BlockFacts | None = None
    sources: tuple[ValidatorId, ...] = ()
    """Who is known to have it: its proposer, those who voted for it."""
    stage: Stage = Stage.IDLE
    certified: bool = False
    """Journaled as durable and valid (K8); outlives a restart, `stage` does not."""
    needed: bool = False
    """Notarized, or an ancestor of what is: at least one honest quorum member has it."""
    attempts: int = 0
    """How often it was asked for; rotates whom to ask."""
    doubts: int = 0
    """How often judging it gave no verdict."""


@dataclass(slots=True)
class ViewState:
    """What is known of one view. Lists are indexed by `Kind`; index 0 is not used."""

    number: View
    votes: list[dict[ValidatorId, SignedVote]] = field(default_factory=lambda: [{}, {}, {}, {}])
    """The first vote of each signer; own ones only after `CastDone`."""
    tallies: list[dict[tuple[View, BlockId], list[SignedVote]]] = field(default_factory=lambda: [{}, {}, {}, {}])
    certificates: list[Certificate | None] = field(default_factory=lambda: [None, None, None, None])
    own: list[Vote | None] = field(default_factory=lambda: [None, None, None, None])
    """Own votes from the moment they are asked to be cast: one in flight counts as cast."""
    proposal: Proposal | None = None
    """The leader's first. Our own has an empty signature until `CastDone`."""
    in_time: bool = False
    """The proposal passed the time rule once; it is never checked again (section 6)."""
    accused: dict[ValidatorId, None] = field(default_factory=dict)

    def block_id(self) -> BlockId | None:
        """Return the block that this view certified, by notarization or finalization."""
        certificate = self.certificates[Kind.NOTARIZE] or self.certificates[Kind.FINALIZE]
        return None if certificate is None else certificate.subject.block_id


@dataclass(frozen=True, slots=True)
class Timeout:
    """A view that this replica gave up (K6)."""

    view: View
    leader: ValidatorId
    cause: Cause
    at_ms: TimeMs


@dataclass(slots=True)
class State:
    """Everything a replica remembers, and the effects of the event at hand."""

    chain: ChainId
    validators: ValidatorSet
    me: ValidatorId
    timing: Timing
    final: BlockFacts
    """The last block given out by `Finalize`, or the floor (K14)."""
    finalization: Certificate | None
    """The highest finalization held."""
    final_view: View
    view: View
    best_view: View
    """The highest view with a certified block: what K3 proposes on."""
    best_block: BlockId
    committed_height: Height
    epoch: Epoch
    now: TimeMs = _NEVER
    entered_ms: TimeMs = _NEVER
    entry: Certificate | None = None
    """What let us enter the current view."""
    top_view: View = _GENESIS_VIEW
    """The highest view with any certificate."""
    lowest_view: View = _GENESIS_VIEW
    """No `ViewState` is kept at or below it."""
    views: dict[View, ViewState] = field(default_factory=dict)
    blocks: dict[BlockId, BlockState] = field(default_factory=dict)
    unsettled: dict[BlockId, None] = field(default_factory=dict)
    """Asked for or judged, without an outcome yet: tried again every `retry`."""
    work: dict[BlockId, View] = field(default_factory=dict)
    """Blocks above the final view that hold transactions, or may (K18)."""
    pending: int = 0
    mark: tuple[View, Kind] = (_GENESIS_VIEW, Kind.FINALIZE)
    """The newest own vote asked to be cast (K21)."""
    newest: dict[ValidatorId, SignedVote] = field(default_factory=dict)
    peers: dict[ValidatorId, Status] = field(default_factory=dict)
    status_at: dict[ValidatorId, TimeMs] = field(default_factory=dict)
    heard: dict[ValidatorId, TimeMs] = field(default_factory=dict)
    """When any message of a validator last came (K17)."""
    touched: list[View] = field(default_factory=list)
    """Views in which something changed that K1 or K7 must look at."""
    armed: Armed = Armed.NO
    leader_at: TimeMs = _NEVER
    advance_at: TimeMs = _NEVER
    """When the timers of the current view are due: one that was replaced may still fire."""
    building: Proposing | None = None
    asked: Missing | None = None
    """What was last asked for on behalf of the current view."""
    propose_at: TimeMs | None = None
    clock_at: TimeMs | None = None
    last_block_ms: TimeMs = _NEVER
    path: Path | None = None
    catching_up: bool = False
    catch_up_attempts: int = 0
    executed_count: int = 0
    stuck_at: int | None = None
    """`executed_count` at the last retry, if that found a finalization whose blocks are not all here."""
    started: bool = False
    started_ms: TimeMs = _NEVER
    last_timeout: Timeout | None = None
    silenced: bool = False
    """A vote of this key is known that this replica does not remember: it never votes again (K15)."""
    halted: bool = False
    ended: bool = False
    """The block that ends the epoch is final and was given out (K22): this replica answers, and votes no more."""
    effects: list[Effect] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    """To be journaled with the next effect that syncs, or at the end of the event."""

    def emit(self, effect: Effect) -> None:
        """Ask the node for something; records go ahead of whatever must rest on them."""
        if isinstance(effect, Cast):
            effect = Cast(effect.votes, (*self.records, *effect.records), effect.proposal)
            self.records.clear()
        elif isinstance(effect, Finalize):
            self.flush_records()
        self.effects.append(effect)

    def record(self, *records: Record) -> None:
        """Have records journaled before anything that rests on them."""
        self.records.extend(records)

    def milestone(self, kind: MilestoneKind, view: View, cause: Cause = Cause.NONE) -> None:
        """Tell of a step of a view."""
        self.effects.append(Milestone(kind, view, self.validators.leader(self.epoch, view), cause))

    def flush_records(self) -> None:
        """Put what is to be journaled into the order of effects here."""
        if self.records:
            self.effects.append(Append(tuple(self.records)))
            self.records.clear()

    def at(self, number: View) -> ViewState:
        """Return what is known of a view, from now on if nothing was."""
        found = self.views.get(number)
        if found is None:
            found = self.views[number] = ViewState(number)
        return found

    def block(self, block_id: BlockId, view: View) -> BlockState:
        """Return what is known of a block, from now on if nothing was."""
        found = self.blocks.get(block_id)
        if found is None:
            found = self.blocks[block_id] = BlockState(block_id, view)
        return found

    @property
    def boundary_tip(self) -> BlockFacts | None:
        """The best certified block, where it ends the epoch: it is all that can be proposed (K22)."""
        facts = self.blocks[self.best_block].facts
        return facts if facts is not None and facts.boundary else None

    @property
    def behind(self) -> bool:
        """Whether a finalization is held whose block was not given out yet."""
        return self.final_view > self.final.view and not self.ended

    def views_of(self, block: BlockState) -> tuple[View, ...]:
        """Return the views that rules must look at when a block's standing changes.

        That is its header's, and for the block that ends the epoch every view that certified it (K22).
        """
        if block.facts is None or not block.facts.boundary:
            return (block.view,)
        certified = (number for number, view in self.views.items() if view.block_id() == block.block_id)
        return (block.view, *(number for number in certified if number != block.view))

    def block_at(self, number: View) -> BlockId | None:
        """Return the block that a view at or above the final one certified."""
        if number == self.final.view:
            return self.final.block_id
        view = self.views.get(number)
        return None if view is None else view.block_id()

    def nullified(self, number: View) -> bool:
        """Tell whether a nullification of this view is held."""
        view = self.views.get(number)
        return view is not None and view.certificates[Kind.NULLIFY] is not None

    @property
    def floor_view(self) -> View:
        """Votes and certificates at or below this view are no longer looked at (K19)."""
        return View(self.final_view - self.timing.retention_views)

    def others(self) -> tuple[ValidatorId, ...]:
        """Every validator but this one, starting after it, so that not all ask the same one first."""
        size = self.validators.size
        return tuple(type(self.me)((self.me + step) % size) for step in range(1, size))


@dataclass(frozen=True, slots=True)
class Missing:
    """Certificates that are not here."""

    notarizations: tuple[View, ...]
    nullifications: tuple[View, ...]

    def __bool__(self) -> bool:
        return bool(self.notarizations or self.nullifications)


@dataclass(frozen=True, slots=True)
class Proposing:
    """The block that the leader has asked to be built."""

    view: View
    parent_view: View
    parent: BlockFacts


@dataclass(slots=True)
class Path:
    """The chain from above the last final block up to a finalized one: all headers are here, the first `done` blocks are executed."""

    tip: BlockId
    rising: tuple[BlockFacts, ...]
    done: int = 0
