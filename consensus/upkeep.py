"""Timers, statuses, restart: what keeps a replica going when messages, peers or its own process were lost. Acts on the state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consensus.activity import hear
from consensus.blocks import commit, move_final, note_block, retry_blocks, want
from consensus.effects import (
    BodyRecord,
    Cause,
    CertificateRecord,
    CertifiedRecord,
    Halt,
    MilestoneKind,
    ProposalRecord,
    SendCertificates,
    SendStatus,
    SetTimer,
    VoteRecord,
)
from consensus.events import TimerKind
from consensus.memory import check_memory, check_restored
from consensus.progress import advance, give_up
from consensus.repair import bundle_for, fetch_from, own_status, resend_on_retry, resend_own
from consensus.state import Stage
from consensus.types import Kind, TimeMs, View
from consensus.voting import accept, remember_cast, take_cast, unsigned_proposal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consensus.effects import Replayed
    from consensus.events import StatusReceived, Synced, TimerFired
    from consensus.state import State
    from consensus.types import BlockFacts, ValidatorId


def restore(state: State, replayed: Sequence[Replayed]) -> None:
    """Take back what the journal holds of this epoch (K13, K15, K22): bodies, certificates, own votes into the own tally.

    Asks for nothing yet.
    """
    for record in replayed:
        if isinstance(record, VoteRecord):
            if record.signed.vote.epoch == state.epoch and record.signed.signer == state.me:
                _restore_vote(state, record)
        elif isinstance(record, CertificateRecord):
            accept(state, record.certificate)
        elif isinstance(record, ProposalRecord):
            if record.vote.epoch == state.epoch and record.vote.view > state.floor_view:
                state.at(record.vote.view).proposal = unsigned_proposal(record.vote, state.me, record.facts)
        else:
            _restore_block(state, record)
    state.effects = [effect for effect in state.effects if isinstance(effect, Halt)]
    state.records.clear()


def _restore_vote(state: State, record: VoteRecord) -> None:
    vote = record.signed.vote
    if vote.view > state.floor_view:
        remember_cast(state, vote)
        take_cast(state, record.signed)
    else:
        state.mark = max(state.mark, (vote.view, vote.kind))


def _restore_block(state: State, record: BodyRecord | CertifiedRecord) -> None:
    """Know a block's header again, and that it was certified: enough to vote; before anything is built on it, it is executed anew."""
    facts = record.facts
    if facts.height > state.final.height and facts.epoch == state.epoch:
        block = note_block(state, facts.block_id, facts.view, facts, ())
        if isinstance(record, CertifiedRecord):
            block.certified = True


def start(state: State) -> None:
    """Begin after replay (K13): every view with a certificate is looked at again, blocks are judged again, own votes are sent again."""
    state.started = True
    state.started_ms = state.entered_ms = state.now
    check_restored(state)
    state.milestone(MilestoneKind.ENTERED, state.view)
    state.touched = [number for number in sorted(state.views) if number >= state.final_view]
    for number in sorted(state.views):
        view = state.views[number]
        block_id = view.block_id()
        if block_id is not None and number > state.final.view and block_id in state.blocks:
            want(state, state.blocks[block_id])
    commit(state)
    advance(state)
    for effect in resend_own(state, None):
        state.emit(effect)
    state.emit(SendStatus(own_status(state), None))
    state.emit(SetTimer(TimerKind.STATUS, state.view, TimeMs(state.now + state.timing.status_ms)))
    state.emit(SetTimer(TimerKind.RETRY, state.view, TimeMs(state.now + state.timing.retry_ms)))


def connect(state: State, peer: ValidatorId) -> None:
    """Give a validator that came back what K13 lists, and our status."""
    hear(state, peer)
    for effect in resend_own(state, peer):
        state.emit(effect)
    state.emit(SendStatus(own_status(state), peer))


def take_status(state: State, event: StatusReceived) -> None:
    """Answer a status by what its sender lacks, and ask for what we lack (K19). It may show that we lost memory (K15)."""
    status = event.status
    if status.epoch != state.epoch or event.peer == state.me or not 0 <= event.peer < state.validators.size:
        return
    hear(state, event.peer)
    if status.newest_vote_of_receiver is not None:
        check_memory(state, status.newest_vote_of_receiver)
    state.peers[event.peer], state.status_at[event.peer] = status, state.now
    bundle = bundle_for(state, status)
    if bundle:
        state.emit(SendCertificates(bundle, event.peer))
    for effect in fetch_from(state, event.peer, status):
        state.emit(effect)


def take_timer(state: State, event: TimerFired) -> None:
    """Act on a timer; one that was set for another view, or replaced by a later one, means nothing."""
    kind = event.kind
    if kind is TimerKind.RETRY:
        retry(state)
    elif kind is TimerKind.STATUS:
        state.emit(SendStatus(own_status(state), None))
        state.emit(SetTimer(TimerKind.STATUS, state.view, TimeMs(state.now + state.timing.status_ms)))
    elif event.view != state.view or state.ended:
        return
    elif kind is TimerKind.PROPOSE:
        state.propose_at = None
    elif kind is TimerKind.CLOCK:
        state.clock_at = None
    else:
        _time_out(state, kind)


def _time_out(state: State, kind: TimerKind) -> None:
    """Nullify on the leader's silence or a view without progress (K6)."""
    view = state.at(state.view)
    due = state.leader_at if kind is TimerKind.LEADER else state.advance_at
    if kind is TimerKind.LEADER and view.proposal is not None:
        return
    if state.now < due:
        state.emit(SetTimer(kind, state.view, due))
        return
    give_up(state, view, Cause.LEADER_SILENT if kind is TimerKind.LEADER else Cause.NO_PROGRESS)


def retry(state: State) -> None:
    """Every `retry`: send again, ask again, judge again (section 5). After own nullify also what let us in here, and bundles (K19).

    When the epoch is over, its finalization is all that a validator still in it needs (K22).
    """
    state.emit(SetTimer(TimerKind.RETRY, state.view, TimeMs(state.now + state.timing.retry_ms)))
    if state.ended:
        if state.finalization is not None:
            state.emit(SendCertificates((state.finalization,), None))
        return
    for effect in resend_on_retry(state):
        state.emit(effect)
    if state.at(state.view).own[Kind.NULLIFY] is not None:
        if state.entry is not None:
            state.emit(SendCertificates((state.entry,), None))
        for peer in state.others():
            bundle = bundle_for(state, state.peers[peer]) if peer in state.peers else ()
            if bundle:
                state.emit(SendCertificates(bundle, peer))
    state.asked = None
    retry_blocks(state)


def sync_to(state: State, event: Synced) -> None:
    """Move the floor up to a final block that catch-up reached (K20); blocks above it are judged again on the node's new state."""
    facts = event.facts
    if facts.epoch != state.epoch:
        return
    if facts.height > state.final.height:
        for block in state.blocks.values():
            if block.stage is Stage.EXECUTED:
                block.stage = Stage.IDLE
        move_final(state, facts)
        state.touched.append(View(facts.view))
    accept(state, event.certificate)
    state.catching_up = False
    _want_above(state, facts)
    commit(state)


def _want_above(state: State, facts: BlockFacts) -> None:
    for number in sorted(state.views):
        block_id = state.views[number].block_id()
        if block_id is not None and number > facts.view and block_id in state.blocks:
            want(state, state.blocks[block_id])
