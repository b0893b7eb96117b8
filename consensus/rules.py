"""The rules that decide votes and views: one function for each, guards first, none of them changes anything.

Numbers are those of README.md. Why finalized blocks never fork: K5 gives one notarization per view, since quorums meet in an honest
validator; K6 and K7 exclude a finalization and a nullification of one view; so, by K4, no chain of views can skip a finalized one. From
one view of such a chain to the next stands a child of the block before, or, at an epoch's end, that block again (K22).
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from consensus.state import Missing, Stage
from consensus.types import Kind, TimeMs, View, Vote

if TYPE_CHECKING:
    from consensus.state import State, ViewState
    from consensus.types import BlockFacts, BlockId, Certificate, Proposal, Timing

CERTIFICATES_MAX = 64
"""Certificates in one request, one answer and one bundle (K19): about 20 kB at n = 4, 100 kB at n = 31."""
BACKOFF_STEPS_MAX = 20
"""(3/2)^20 is 3,325: no sensible timer needs more, and the integers stay small (K16)."""


class Clock(IntEnum):
    """What the time rule says of a proposal."""

    IN_TIME = 1
    FUTURE = 2
    PAST = 3


def entered_by(state: State, view: ViewState) -> Certificate | None:
    """Return what lets us enter the view after this one (K1), forward only.

    A finalization or nullification does at once: the view is over for everyone. A notarization only with a certified block, for whoever
    enters on it may have to propose on it.
    """
    if view.number < state.view:
        return None
    notarization = view.certificates[Kind.NOTARIZE]
    if notarization is not None and not certified(state, notarization.subject.block_id):
        notarization = None
    return view.certificates[Kind.FINALIZE] or view.certificates[Kind.NULLIFY] or notarization


def certified(state: State, block_id: BlockId) -> bool:
    """Tell whether a block's body is durable here and fully validated (K8)."""
    block = state.blocks.get(block_id)
    return block is not None and block.certified


def missing_nullifications(state: State, above: View, below: View) -> tuple[View, ...]:
    """List views strictly between two that have no nullification here, the newest first, at most CERTIFICATES_MAX (K3, K4)."""
    missing: list[View] = []
    for number in range(below - 1, above, -1):
        if not state.nullified(View(number)):
            missing.append(View(number))
            if len(missing) == CERTIFICATES_MAX:
                break
    return tuple(missing)


def missing_to_propose(state: State) -> Missing:
    """List what the leader lacks to propose on its highest certified view (K3): a nullification for every view since.

    Without them a chain could skip a finalized view.
    """
    return Missing((), missing_nullifications(state, state.best_view, state.view))


def block_fits(parent: BlockFacts, child: BlockFacts) -> bool:
    """Tell whether a header can follow its parent: linked, one higher, in a later view, later in time (K4, section 6).

    Nothing follows the block that ends an epoch, in its own epoch (K22): to the next epoch it is genesis, and no boundary there.
    """
    return (
        not parent.boundary
        and child.parent == parent.block_id
        and child.height == parent.height + 1
        and child.view > parent.view
        and child.time_ms > parent.time_ms
        and child.epoch == parent.epoch
    )


def proposed_again(proposal: Proposal) -> bool:
    """Tell whether a block of an earlier view is proposed: only the one that ends the epoch may be (K22)."""
    return proposal.facts.view != proposal.vote.vote.view


def proposal_fault(state: State, proposal: Proposal) -> str | None:
    """Say why a proposal can never become valid (K4), or None. What is merely not here yet is no fault.

    The leader signed the vote and the header hashes to its block id, so every fault is the leader's.
    """
    vote, facts = proposal.vote.vote, proposal.facts
    if proposed_again(proposal):
        return _fault_of_old_block(state, proposal)
    if (facts.block_id, facts.epoch, facts.view, facts.proposer) != (vote.block_id, vote.epoch, vote.view, proposal.vote.signer):
        return "the header does not fit the vote"
    if vote.parent_view < state.final_view:
        return f"the parent is in view {vote.parent_view}, below the final view {state.final_view}"
    certified_parent = state.block_at(vote.parent_view)
    if certified_parent is not None and certified_parent != facts.parent:
        return "the parent is not the block that its view certified"
    parent = state.blocks.get(facts.parent)
    if parent is not None and parent.facts is not None:
        if parent.facts.view != vote.parent_view:
            return "the parent is of another view"
        if not block_fits(parent.facts, facts):
            return "height or time do not follow the parent's"
    block = state.blocks.get(facts.block_id)
    if block is not None and block.stage is Stage.INVALID:
        return "the body breaks a rule"
    return None


def _fault_of_old_block(state: State, proposal: Proposal) -> str | None:
    """Say why a block of an earlier view can never be valid here (K22).

    It is if it ends the epoch, and the view named as the parent's is one that certified it; nothing of it is executed or timed anew.
    """
    vote, facts = proposal.vote.vote, proposal.facts
    proposer = state.validators.leader(facts.epoch, facts.view)
    if (facts.block_id, facts.epoch, facts.proposer) != (vote.block_id, vote.epoch, proposer):
        return "the header does not fit the vote"
    if not facts.boundary or facts.view > vote.parent_view:
        return "only the block that ends the epoch is proposed again, after the view that certified it"
    if vote.parent_view < state.final_view:
        return f"it was certified in view {vote.parent_view}, below the final view {state.final_view}"
    if state.block_at(vote.parent_view) not in (None, facts.block_id):
        return "it is not the block that the view named certified"
    block = state.blocks.get(facts.block_id)
    return "the body breaks a rule" if block is not None and block.stage is Stage.INVALID else None


def missing_for(state: State, proposal: Proposal) -> Missing:
    """List the certificates that a proposal rests on and that are not here (K4): pending, not invalid.

    The view named as the parent's certified the parent, or, at an epoch's end, the proposed block itself (K22).
    """
    vote = proposal.vote.vote
    parent_here = state.block_at(vote.parent_view) is not None
    return Missing(
        () if parent_here else (vote.parent_view,),
        missing_nullifications(state, vote.parent_view, vote.view),
    )


def time_standing(time_ms: TimeMs, parent_ms: TimeMs, now: TimeMs, timing: Timing) -> Clock:
    """Judge a proposal's time by our clock, once, before notarizing (section 6).

    `parent.time < time <= max(now + 500 ms, parent.time + 1)` and `time >= now - 10 s`. The alternative `parent.time + 1` lets the chain
    crawl on when its time ran ahead of the world.
    """
    if time_ms > max(now + timing.future_ms_max, parent_ms + 1):
        return Clock.FUTURE
    if time_ms < now - timing.past_ms_max:
        return Clock.PAST
    return Clock.IN_TIME


def follows_end(state: State, subject: Vote) -> bool:
    """Tell whether a quorum went on from the final end of the epoch to another block: a lemma that only more than f liars break (K22)."""
    return state.ended and subject.kind is not Kind.NULLIFY and subject.view > state.final_view and subject.block_id != state.final.block_id


def votes_go_up(state: State, vote: Vote) -> bool:
    """Tell whether a vote is above every own vote so far: by view; within a view notarize, then nullify *or* finalize (K21).

    The signer holds to the same order with one mark, so what this refuses could never be signed.
    """
    return (vote.view, vote.kind) > state.mark and state.mark != (vote.view, Kind.NULLIFY)


def may_vote(state: State) -> bool:
    """Tell whether this key votes at all: not once it is known to have lost memory (K15), nor when its epoch is over (K22)."""
    return not state.silenced and not state.ended


def notarize(state: State, view: ViewState, vote: Vote) -> Vote | None:
    """Vote for a valid proposal (K5): once per view, ever, only in the current view, not after own nullify.

    One honest vote per view is what makes notarizations unique, so the vote counts as cast from the moment it is asked for.
    """
    if not may_vote(state):
        return None
    if view.number != state.view or view.own[Kind.NOTARIZE] is not None or view.own[Kind.NULLIFY] is not None:
        return None
    return vote if votes_go_up(state, vote) else None


def nullify(state: State, view: ViewState) -> Vote | None:
    """Give the current view up (K6). Never after own finalize: safety needs K6 and K7 to exclude each other. Allowed after notarize."""
    if not may_vote(state):
        return None
    if view.number != state.view or view.own[Kind.NULLIFY] is not None or view.own[Kind.FINALIZE] is not None:
        return None
    vote = Vote.nullify(state.epoch, view.number)
    return vote if votes_go_up(state, vote) else None


def finalize(state: State, view: ViewState) -> Vote | None:
    """Vote to finalize a notarized, certified block (K7): once per view, not after own nullify, above the final view.

    Having notarized it is not required. K21 withholds it after a vote in a later view.
    """
    notarization = view.certificates[Kind.NOTARIZE]
    if not may_vote(state) or notarization is None or not certified(state, notarization.subject.block_id):
        return None
    if view.number <= state.final_view or view.own[Kind.FINALIZE] is not None or view.own[Kind.NULLIFY] is not None:
        return None
    subject = notarization.subject
    vote = Vote(Kind.FINALIZE, subject.epoch, subject.view, subject.parent_view, subject.block_id)
    return vote if votes_go_up(state, vote) else None


def timeout_ms(timing: Timing, validators: int, view: View, final_view: View) -> int:
    """Compute T of a view (K16): T0 up to n views past the final one, then half as much again for each, up to the maximum.

    It follows from what the replica holds, so a restart changes nothing.
    """
    steps = min(BACKOFF_STEPS_MAX, max(0, view - final_view - validators))
    grown: int = timing.delta_ms * 3**steps // 2**steps
    return min(timing.timeout_ms_max, grown)


def skips_final(state: State, notarized: Vote) -> bool:
    """Tell whether a notarization leaves out the final view: no more than f liars cannot bring that about, so the replica halts.

    It holds for a block that is proposed again as for a new one: whoever voted held a nullification for every view between (K22).
    """
    return notarized.view > state.final_view > notarized.parent_view
