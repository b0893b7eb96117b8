"""From what is held to what is done next: finalize votes, entering views, and the work of the current view. Acts on the state.

Everything here is decided from the level of the state, not from the event that raised it: no lost or reordered event can leave it
waiting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consensus.activity import inactive
from consensus.blocks import executed, note_block, want
from consensus.effects import Build, CancelTimer, Cause, FetchCertificates, MilestoneKind, ProposalRecord, SetTimer
from consensus.events import TimerKind
from consensus.idle import keep_time, propose_due, unfinal_views
from consensus.repair import who_has
from consensus.rules import (
    Clock,
    block_fits,
    certified,
    entered_by,
    finalize,
    missing_for,
    missing_to_propose,
    notarize,
    nullify,
    proposal_fault,
    proposed_again,
    time_standing,
)
from consensus.state import Armed, Proposing, Stage, Timeout
from consensus.types import Kind, TimeMs, View, Vote
from consensus.voting import accepts_vote, cast, take_vote

if TYPE_CHECKING:
    from consensus.events import Built
    from consensus.state import Missing, State, ViewState
    from consensus.types import BlockFacts, Certificate, Proposal, ValidatorId

_ENTRIES = {Kind.NOTARIZE: Cause.NOTARIZED, Kind.NULLIFY: Cause.NULLIFIED, Kind.FINALIZE: Cause.FINALIZED}


def advance(state: State) -> None:
    """Follow up what changed: K7 and K1 for every view touched, lowest first, then the work of the current view."""
    if not state.started:
        return
    if state.ended:
        state.touched.clear()
        return
    while state.touched and not state.halted:
        touched = sorted(dict.fromkeys(state.touched))
        state.touched.clear()
        for number in touched:
            settle(state, number)
    if not state.halted and not state.ended:
        act(state)


def settle(state: State, number: View) -> None:
    """Cast finalize for a view (K7) before anything is cast in a later one (K21), then leave it if that is allowed (K1)."""
    view = state.views.get(number)
    if view is None:
        return
    block_id = view.block_id()
    if block_id is not None and number > state.best_view and certified(state, block_id):
        state.best_view, state.best_block = number, block_id
    vote = finalize(state, view)
    if vote is not None:
        cast(state, vote)
    entry = entered_by(state, view)
    if entry is not None:
        enter(state, entry)


def enter(state: State, entry: Certificate) -> None:
    """Enter the view after a certificate's (K1). What was asked for and armed belonged to the view before."""
    state.view = View(entry.subject.view + 1)
    state.entry = entry
    state.entered_ms = state.now
    state.armed = Armed.NO
    state.asked = None
    state.propose_at = None
    state.clock_at = None
    state.milestone(MilestoneKind.ENTERED, state.view, _ENTRIES[entry.subject.kind])
    shrink(state, View(state.view - state.timing.retention_views))


def shrink(state: State, number: View) -> None:
    """Keep of an old view that is still not final only what rules need: certificates and own votes.

    A later finalization covers it, so the votes of others in it are of no more use.
    """
    view = state.views.get(number)
    if view is None:
        return
    view.tallies = [{}, {}, {}, {}]
    view.votes = [{signer: signed for signer, signed in votes.items() if signer == state.me} for votes in view.votes]
    block = None if view.proposal is None else state.blocks.get(view.proposal.facts.block_id)
    if block is not None and not block.certified and not block.needed:
        del state.blocks[block.block_id]
        state.unsettled.pop(block.block_id, None)
        state.work.pop(block.block_id, None)
    view.proposal = None


def act(state: State) -> None:
    """Do what the current view asks for: timers, the leader's work, or a vote."""
    view = state.at(state.view)
    keep_time(state, view)
    if view.own[Kind.NULLIFY] is not None or state.silenced:
        return
    leader = state.validators.leader(state.epoch, state.view)
    if leader in view.votes[Kind.NULLIFY]:
        give_up(state, view, Cause.LEADER_NULLIFIED)
    elif view.own[Kind.NOTARIZE] is not None:
        return
    elif leader == state.me:
        lead(state, view)
    elif view.proposal is not None:
        consider(state, view, view.proposal)
    elif inactive(state, leader):
        give_up(state, view, Cause.INACTIVE)


def give_up(state: State, view: ViewState, cause: Cause) -> None:
    """Nullify the current view if that is still allowed (K6)."""
    vote = nullify(state, view)
    if vote is not None:
        cast(state, vote)
        state.milestone(MilestoneKind.GAVE_UP, view.number, cause)
        state.last_timeout = Timeout(view.number, state.validators.leader(state.epoch, view.number), cause, state.now)


def take_proposal(state: State, proposal: Proposal) -> None:
    """Keep the leader's first proposal of the current and of the next view (K4); its notarize vote counts in any case."""
    vote = proposal.vote.vote
    if not accepts_vote(state, vote) or vote.kind is not Kind.NOTARIZE:
        return
    take_vote(state, proposal.vote)
    wanted = state.blocks.get(proposal.facts.block_id)
    if wanted is not None:
        note_block(state, proposal.facts.block_id, wanted.view, proposal.facts, ())
        want(state, wanted)
    view = state.at(vote.view)
    leader = state.validators.leader(vote.epoch, vote.view)
    first = view.votes[Kind.NOTARIZE].get(leader)
    if proposal.vote.signer != leader or leader == state.me or first is None or first.vote != vote:
        return
    if view.proposal is None and vote.view >= state.view:
        view.proposal = proposal
        state.last_block_ms = state.now
        state.milestone(MilestoneKind.PROPOSED, vote.view)
        if vote.view == state.view:
            state.emit(CancelTimer(TimerKind.LEADER))


def consider(state: State, view: ViewState, proposal: Proposal) -> None:
    """Bring the current view's proposal to a vote (K4, K5): give up on a fault, ask for what is missing, judge it, look at its time.

    The end of the epoch, proposed again, was timed and executed by a quorum when it was first certified: it has to be certified here, too,
    and that is all (K22).
    """
    if proposal_fault(state, proposal) is not None:
        give_up(state, view, Cause.INVALID_PROPOSAL)
        return
    leader = proposal.vote.signer
    missing = missing_for(state, proposal)
    ask(state, (leader,), missing)
    block = state.blocks.get(proposal.facts.block_id)
    if block is None or block.facts is None:
        voters = tuple(signer for signer in view.votes[Kind.NOTARIZE] if signer != leader)
        block = note_block(state, proposal.facts.block_id, view.number, proposal.facts, (leader, *voters, *_rest(state, leader, voters)))
        state.work[block.block_id] = view.number
        keep_time(state, view)
    if not missing.notarizations:
        want(state, block)
    if proposed_again(proposal):
        view.in_time, here = True, block.certified
    else:
        view.in_time = view.in_time or look_at_clock(state, proposal) is Clock.IN_TIME
        here = block.stage is Stage.EXECUTED
    if missing or not view.in_time or not here:
        return
    vote = notarize(state, view, proposal.vote.vote)
    if vote is not None:
        cast(state, vote)


def _rest(state: State, leader: ValidatorId, voters: tuple[ValidatorId, ...]) -> tuple[ValidatorId, ...]:
    return tuple(other for other in state.others() if other != leader and other not in voters)


def look_at_clock(state: State, proposal: Proposal) -> Clock | None:
    """Apply the time rule (section 6); None while the parent is not known. From the future: looked at again when the clock gets there."""
    parent = state.blocks.get(proposal.facts.parent)
    if parent is None or parent.facts is None:
        return None
    standing = time_standing(proposal.facts.time_ms, parent.facts.time_ms, state.now, state.timing)
    if standing is Clock.FUTURE:
        due = TimeMs(proposal.facts.time_ms - state.timing.future_ms_max)
        if state.clock_at != due:
            state.clock_at = due
            state.emit(SetTimer(TimerKind.CLOCK, state.view, due))
    return standing


def ask(state: State, peers: tuple[ValidatorId, ...], missing: Missing) -> None:
    """Ask for exactly the missing certificates of the current view (K19), once until the next retry."""
    if missing and missing != state.asked:
        state.asked = missing
        for peer in peers:
            state.emit(FetchCertificates(peer, missing.notarizations, missing.nullifications))


def lead(state: State, view: ViewState) -> None:
    """Have a block built when it is due (K3, K18); pass if what it must rest on is not here within delta (K6)."""
    if state.building is not None and state.building.view == view.number:
        return
    missing = missing_to_propose(state)
    parent = state.blocks[state.best_block]
    tip = state.boundary_tip
    if tip is not None and not missing:
        propose_again(state, view, tip)
        return
    if missing or parent.stage is not Stage.EXECUTED or parent.facts is None:
        ask(state, who_has(state, missing), missing)
        want(state, parent)
        deadline = TimeMs(state.entered_ms + state.timing.delta_ms)
        if state.now >= deadline:
            give_up(state, view, Cause.EVIDENCE_MISSING)
        else:
            _propose_at(state, deadline)
        return
    due = propose_due(state)
    if state.now < due:
        _propose_at(state, due)
        return
    state.building = Proposing(view.number, state.best_view, parent.facts)
    state.emit(Build(view.number, parent.facts, TimeMs(parent.facts.time_ms + 1), unfinal_views(state)))


def propose_again(state: State, view: ViewState, tip: BlockFacts) -> None:
    """Propose the certified end of the epoch once more, at once, idle or not (K22): as it is, named by the view that last certified it."""
    vote = Vote(Kind.NOTARIZE, state.epoch, view.number, state.best_view, tip.block_id)
    if notarize(state, view, vote) is None:
        return
    view.in_time = True
    cast(state, vote, ProposalRecord(vote, tip), proposing=tip)
    state.emit(CancelTimer(TimerKind.LEADER))


def _propose_at(state: State, due: TimeMs) -> None:
    if state.propose_at != due:
        state.propose_at = due
        state.emit(SetTimer(TimerKind.PROPOSE, state.view, due))


def take_built(state: State, event: Built) -> None:
    """Propose the block that was built: our notarize vote is its signature (K3, K5). On a parent that became stale: pass (K6)."""
    building = state.building
    if building is None or building.view != event.view:
        return
    state.building = None
    facts = event.facts
    if not block_fits(building.parent, facts) or (facts.view, facts.proposer) != (event.view, state.me):
        raise AssertionError(f"the block built for view {event.view} does not follow its parent: {facts}")
    if event.view != state.view:
        return
    view = state.at(event.view)
    if building.parent_view < state.final_view:
        give_up(state, view, Cause.PASSED)
        return
    vote = Vote(Kind.NOTARIZE, state.epoch, event.view, building.parent_view, facts.block_id)
    if notarize(state, view, vote) is None:
        return
    block = note_block(state, facts.block_id, facts.view, facts, (state.me,))
    state.work[block.block_id] = facts.view
    executed(state, block, facts, event.transactions)
    state.last_block_ms = state.now
    view.in_time = True
    cast(state, vote, ProposalRecord(vote, facts), proposing=facts)
    state.emit(CancelTimer(TimerKind.LEADER))


def take_build_failure(state: State, view: View) -> None:
    """Pass: a leader that cannot build gives its view up at once (K6)."""
    if state.building is not None and state.building.view == view:
        state.building = None
        if view == state.view:
            give_up(state, state.at(view), Cause.PASSED)
