"""The replica: one validator's part in Kurultai, events in, effects out. The only mutable object of this package.

It is a dispatcher: what an event means is in `voting` (votes, certificates), `blocks` (bodies, verdicts, finality), `progress` (views,
proposals) and `upkeep` (timers, repair, restart); what may be voted for is decided by the rules in `rules`, and the memory is `state`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from consensus import blocks, progress, upkeep, voting
from consensus.activity import hear
from consensus.effects import Alarm, AlarmKind
from consensus.events import (
    BodyArrived,
    BuildFailed,
    Built,
    CastDone,
    CastRefused,
    CertificateReceived,
    CertificatesRequested,
    Committed,
    Judged,
    PeerConnected,
    ProposalReceived,
    Started,
    StatusReceived,
    Synced,
    TimerFired,
    VoteReceived,
    WorkChanged,
)
from consensus.idle import awake, rebase_clock
from consensus.memory import newest_vote
from consensus.repair import answer_request
from consensus.report import report, waits_for
from consensus.state import BlockState, Stage, State
from consensus.types import Epoch, Kind, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consensus.effects import Effects, Replayed
    from consensus.events import Event
    from consensus.report import Report
    from consensus.types import (
        BlockFacts,
        Certificate,
        ChainId,
        Height,
        SignedVote,
        Timing,
        ValidatorId,
        ValidatorSet,
        Vote,
    )


class Replica:
    """One validator of one epoch.

    Life: construct on the committed block, `restore` what the journal replays (once, before anything else), `handle(Started)`, then any
    event. After a `Halt` it answers every event with nothing.

    K22: on a committed block that ends its epoch, this is a replica of the next one, with that epoch's `validators`: the block is its
    genesis (view 0), and the first proposal is made in view 1. `committed_certificate` is of the epoch before then and is not looked at.
    When `Finalize` has given out the block that ends this epoch (or `Synced` was fed with it), `ended` is true: the replica answers
    statuses and requests and sends the finalization on every retry, but votes no more; the node replaces it by one of the next epoch.
    """

    def __init__(
        self,
        chain: ChainId,
        validators: ValidatorSet,
        me: ValidatorId,
        timing: Timing,
        committed: BlockFacts,
        committed_certificate: Certificate | None,
    ) -> None:
        if not 0 <= me < validators.size:
            raise ValueError(f"validator {me} is not one of {validators.size}")
        if committed.boundary:
            committed = replace(committed, epoch=Epoch(committed.epoch + 1), view=View(0), boundary=False)
            committed_certificate = None
        certified_view = committed_certificate.subject.view if committed_certificate is not None else committed.view
        final_view = max(committed.view, certified_view)
        self._state = State(
            chain=chain,
            validators=validators,
            me=me,
            timing=timing,
            final=committed,
            finalization=committed_certificate,
            final_view=final_view,
            view=View(final_view + 1),
            best_view=committed.view,
            best_block=committed.block_id,
            committed_height=committed.height,
            epoch=committed.epoch,
            top_view=final_view,
            lowest_view=View(max(0, final_view - timing.retention_views)),
        )
        floor = BlockState(committed.block_id, committed.view, committed, stage=Stage.EXECUTED, certified=True)
        self._state.blocks[committed.block_id] = floor
        if committed_certificate is not None:
            self._state.at(final_view).certificates[Kind.FINALIZE] = committed_certificate

    def restore(self, replayed: Sequence[Replayed]) -> None:
        """Take back what the journal holds of this epoch, in the order it was appended; before `Started` (K13, K15, K22)."""
        upkeep.restore(self._state, replayed)

    def handle(self, event: Event) -> Effects:
        """Take one event; return what the node must do, in this order."""
        state = self._state
        if not state.halted:
            rebase_clock(state, event.now_ms)
            self._take(event)
            progress.advance(state)
            state.flush_records()
        effects = tuple(state.effects)
        state.effects.clear()
        return effects

    def _take(self, event: Event) -> None:
        state = self._state
        match event:
            case VoteReceived(signed):
                voting.take_vote(state, signed)
            case CastDone(signed_votes):
                for own in signed_votes:
                    voting.take_cast(state, own)
            case CertificateReceived(certificate):
                voting.accept(state, certificate)
            case ProposalReceived(proposal):
                progress.take_proposal(state, proposal)
            case Started() | TimerFired() | StatusReceived() | PeerConnected() | CertificatesRequested() | Synced():
                self._take_upkeep(event)
            case _:
                self._take_answer(event)

    def _take_answer(self, event: Judged | Built | BuildFailed | BodyArrived | CastRefused | WorkChanged | Committed) -> None:
        state = self._state
        match event:
            case Judged():
                blocks.take_verdict(state, event)
            case Built():
                progress.take_built(state, event)
            case BuildFailed(view):
                progress.take_build_failure(state, view)
            case BodyArrived():
                blocks.take_body(state, event)
            case CastRefused(votes):
                for vote in votes:
                    name = vote.kind.name.lower()
                    state.emit(Alarm(AlarmKind.REFUSED, f"the signer refused a {name} vote for view {vote.view}: not above its mark"))
            case WorkChanged(pending):
                state.pending = pending
            case Committed(height):
                state.committed_height = max(state.committed_height, height)
            case _:
                assert_never(event)

    def _take_upkeep(self, event: Started | TimerFired | StatusReceived | PeerConnected | CertificatesRequested | Synced) -> None:
        state = self._state
        match event:
            case Started():
                upkeep.start(state)
            case TimerFired():
                upkeep.take_timer(state, event)
            case StatusReceived():
                upkeep.take_status(state, event)
            case PeerConnected(peer):
                upkeep.connect(state, peer)
            case CertificatesRequested(peer, notarizations, nullifications):
                hear(state, peer)
                state.effects.extend(answer_request(state, peer, notarizations, nullifications))
            case Synced():
                upkeep.sync_to(state, event)
            case _:
                assert_never(event)

    @property
    def epoch(self) -> Epoch:
        """The epoch of this set."""
        return self._state.epoch

    @property
    def view(self) -> View:
        """The current view."""
        return self._state.view

    @property
    def final_view(self) -> View:
        """View of the highest finalization held; the block itself may still be on its way."""
        return self._state.final_view

    @property
    def finalization(self) -> Certificate | None:
        """The highest finalization held; None on a chain that is still at genesis."""
        return self._state.finalization

    @property
    def final(self) -> BlockFacts:
        """The last block that was given out with `Finalize` (or `Synced`, or the committed one).

        The block that ended the epoch before stands here as this epoch's genesis: this epoch, view 0, no boundary.
        """
        return self._state.final

    @property
    def committed_height(self) -> Height:
        """The floor: what the node said is in its database (K14)."""
        return self._state.committed_height

    @property
    def ended(self) -> bool:
        """Whether the epoch's last block is final and was given out (K22): a replica of the next epoch takes over."""
        return self._state.ended

    @property
    def halted(self) -> bool:
        """Whether a `Halt` was returned."""
        return self._state.halted

    @property
    def silenced(self) -> bool:
        """Whether this key votes no more, since a vote of it was shown that the journal does not hold (K15)."""
        return self._state.silenced

    @property
    def awake(self) -> bool:
        """Whether there is anything to do (K18)."""
        return awake(self._state)

    def holds(self, subject: Vote) -> bool:
        """Tell whether a certificate of exactly this subject is held: a received one may then be dropped before verifying."""
        return voting.holds(self._state, subject)

    def accepts_vote(self, vote: Vote) -> bool:
        """Tell whether a vote of this epoch and view would be looked at (K19): ask before verifying its signature."""
        return voting.accepts_vote(self._state, vote)

    def accepts_certificate(self, subject: Vote) -> bool:
        """Tell whether a certificate of this subject would be looked at (K19): ask before verifying its signatures."""
        return voting.accepts_certificate(self._state, subject)

    def newest_vote_of(self, validator: ValidatorId) -> SignedVote | None:
        """Return the newest vote held of a validator, also inside certificates, for `Status.newest_vote_of_receiver` (K15)."""
        return newest_vote(self._state, validator)

    @property
    def waits_for(self) -> str:
        """What the current view waits for, one sentence for the status page."""
        return waits_for(self._state)

    def report(self) -> Report:
        """Describe this replica and what it knows of each validator, for operators: costs a few microseconds for each validator."""
        return report(self._state)
