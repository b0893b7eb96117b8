"""K8, K9, K11, K14: how blocks become certified, in order, and how finalized ones are given out. Acts on the state.

A block is worked on because it is notarized (or an ancestor of what is), or is the current view's proposal. Parents come first: the node
executes a block on its parent's state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consensus.effects import (
    Alarm,
    AlarmKind,
    BodyRecord,
    CancelTimer,
    CertificateRecord,
    CertifiedRecord,
    FetchBlock,
    Finalize,
    Halt,
    Judge,
    MilestoneKind,
)
from consensus.events import TimerKind, Verdict
from consensus.repair import CATCH_UP_VIEWS, catch_up
from consensus.rules import block_fits
from consensus.state import Path, Stage
from consensus.types import View

if TYPE_CHECKING:
    from consensus.events import BodyArrived, Judged
    from consensus.state import BlockState, State
    from consensus.types import BlockFacts, BlockId, Certificate, ValidatorId

WALK_BLOCKS_MAX = 256
"""How far above the final block a header is followed back to its parents: what is further waits for those below it, or for ranges (K20)."""
RETRY_BLOCKS_MAX = 64
"""Blocks asked for again at one retry."""


def halt(state: State, reason: str, *certificates: Certificate) -> None:
    """Stop for ever: going on by choosing one side of a contradiction is never right.

    Both sides go to the journal, so that a restart stops at the same point.
    """
    if not state.halted:
        state.halted = True
        state.record(*(CertificateRecord(certificate) for certificate in certificates))
        state.flush_records()
        state.emit(Halt(reason, certificates))


def note_block(state: State, block_id: BlockId, view: View, facts: BlockFacts | None, sources: tuple[ValidatorId, ...]) -> BlockState:
    """Keep what is newly known of a block: its header's facts, who has it."""
    block = state.block(block_id, view)
    if facts is not None and block.facts is None:
        block.facts, block.view = facts, facts.view
        if block.stage is Stage.FETCHING:
            block.stage = Stage.IDLE
    if sources:
        block.sources = sources
    return block


def far_behind(state: State) -> bool:
    """Tell whether the final blocks are to be had by ranges only (K20)."""
    return state.behind and state.final_view - state.final.view > CATCH_UP_VIEWS


def want(state: State, block: BlockState) -> None:
    """Bring a block nearer to being certified (K8): fetch what is missing of it, or of its parents first, and have it judged on its parent.

    Also after own nullify (K9): one who then sees the notarization still fetches, validates and may build on it, or a two-against-two split
    would halt the chain.
    """
    if not state.started:
        return
    while block.stage is Stage.IDLE:
        facts = block.facts
        if facts is None:
            if not far_behind(state):
                _fetch(state, block)
            return
        height = facts.height - state.final.height
        if height <= 0 or (height == 1 and facts.parent != state.final.block_id):
            return
        here = state.blocks.get(facts.parent)
        if here is not None and here.stage is Stage.EXECUTED and here.facts is not None:
            _judge(state, block, here.facts, facts)
            return
        if height > WALK_BLOCKS_MAX:
            return
        parent = state.block(facts.parent, View(facts.view - 1))
        parent.needed = parent.needed or block.needed
        parent.sources = parent.sources or block.sources
        if block.needed:
            state.unsettled[block.block_id] = None
        block = parent


def _fetch(state: State, block: BlockState) -> None:
    block.stage = Stage.FETCHING
    state.unsettled[block.block_id] = None
    state.emit(FetchBlock(block.block_id, _whom(state, block)))


def _judge(state: State, block: BlockState, parent: BlockFacts, facts: BlockFacts) -> None:
    if not block_fits(parent, facts):
        condemn(state, block)
        return
    block.stage = Stage.JUDGING
    state.unsettled[block.block_id] = None
    state.emit(Judge(block.block_id, facts, _whom(state, block)))


def _whom(state: State, block: BlockState) -> tuple[ValidatorId, ...]:
    sources = tuple(source for source in block.sources if source != state.me) or state.others()
    turn = block.attempts % len(sources)
    block.attempts += 1
    return sources[turn:] + sources[:turn]


def take_verdict(state: State, event: Judged) -> None:
    """Take the node's verdict (K8). Only `VALID` certifies; only `INVALID` condemns; no verdict is tried again at the next retry."""
    block = state.blocks.get(event.block_id)
    if block is None or block.stage is not Stage.JUDGING or block.facts is None:
        return
    if event.verdict is Verdict.VALID:
        executed(state, block, block.facts, event.transactions)
    elif event.verdict is Verdict.INVALID:
        condemn(state, block)
    else:
        block.stage = Stage.DOUBTED
        state.unsettled[block.block_id] = None
        block.doubts += 1
        if block.doubts > 1:
            _doubt_parent(state, block.facts)
        else:
            state.emit(Alarm(AlarmKind.NO_VERDICT, f"no verdict on block {block.block_id.hex()} of view {block.view}"))


def _doubt_parent(state: State, facts: BlockFacts) -> None:
    """Have the parent judged again too: the node may have lost its post-state."""
    parent = state.blocks.get(facts.parent)
    if parent is not None and parent.stage is Stage.EXECUTED and parent.block_id != state.final.block_id:
        parent.stage = Stage.IDLE
        state.unsettled[parent.block_id] = None


def executed(state: State, block: BlockState, facts: BlockFacts, transactions: int) -> None:
    """Certify a block (K8): its body goes to the journal before any vote that rests on it, and its children can follow."""
    block.stage = Stage.EXECUTED
    state.executed_count += 1
    state.unsettled.pop(block.block_id, None)
    if transactions == 0:
        state.work.pop(block.block_id, None)
    if not block.certified:
        block.certified = True
        state.record(BodyRecord(facts), CertifiedRecord(facts))
        state.milestone(MilestoneKind.CERTIFIED, facts.view)
    state.touched.extend(state.views_of(block))
    commit(state)
    if not facts.boundary:
        want_children(state, facts)


def want_children(state: State, parent: BlockFacts) -> None:
    """Go on with notarized blocks that waited for this parent (K8, K9).

    One that ends the epoch may be certified far above its own view, which names its parent, and only there (K22).
    """
    for number in range(parent.view + 1, min(state.top_view, parent.view + RETRY_BLOCKS_MAX) + 1):
        view = state.views.get(View(number))
        block_id = None if view is None else view.block_id()
        if block_id is None:
            continue
        block = state.block(block_id, View(number))
        if block.facts is None or block.facts.parent == parent.block_id:
            want(state, block)


def condemn(state: State, block: BlockState) -> None:
    """Take a block as invalid for good: nothing built on it gets a vote (K8).

    f + 1 honest validators checked what is notarized, so an invalid one means more than f liars or a computation that differs: alarm; and
    halt if it is final.
    """
    block.stage = Stage.INVALID
    block.certified = False
    state.unsettled.pop(block.block_id, None)
    state.work.pop(block.block_id, None)
    state.touched.extend(state.views_of(block))
    if block.needed:
        state.emit(Alarm(AlarmKind.FALSE_VERDICT, f"block {block.block_id.hex()} of view {block.view} is notarized but breaks a rule here"))
    if block.block_id == state.best_block:
        _fall_back(state)
    commit(state)


def _fall_back(state: State) -> None:
    """Find the highest certified view below one whose block was judged anew and condemned."""
    state.best_view, state.best_block = state.final.view, state.final.block_id
    for number in range(state.top_view, state.final.view, -1):
        block_id = state.block_at(View(number))
        if block_id is not None and block_id in state.blocks and state.blocks[block_id].certified:
            state.best_view, state.best_block = View(number), block_id
            return


def commit(state: State) -> None:
    """Give out the finalized block with all its ancestors above the last final one (K11), once all of them are certified here.

    Halts where the chain does not meet the last final block, or a block on it is invalid here.
    """
    certificate = state.finalization
    if not state.started or state.halted or certificate is None or not state.behind:
        return
    if state.path is None or state.path.tip != certificate.subject.block_id:
        state.path = _trace(state, certificate)
    path = state.path
    if path is None:
        return
    while path.done < len(path.rising):
        block = state.blocks[path.rising[path.done].block_id]
        if block.stage is Stage.INVALID:
            halt(state, f"the final block {block.block_id.hex()} of view {block.view} breaks a rule here", certificate)
            return
        if block.stage is not Stage.EXECUTED:
            block.needed = True
            want(state, block)
            return
        path.done += 1
    state.emit(Finalize(path.rising, certificate))
    state.milestone(MilestoneKind.FINAL, certificate.subject.view)
    move_final(state, path.rising[-1])


def _trace(state: State, certificate: Certificate) -> Path | None:
    """Follow headers from a finalized block down to the last final one; where one is missing, get it and return None.

    One by one if it is near, by ranges if not (K20).
    """
    falling: list[BlockFacts] = []
    block = state.block(certificate.subject.block_id, certificate.subject.view)
    while block.block_id != state.final.block_id:
        facts = block.facts
        if facts is None:
            block.needed = True
            if far_behind(state):
                ask_catch_up(state)
            else:
                want(state, block)
            return None
        if facts.height <= state.final.height:
            halt(state, f"finalized chains fork at height {facts.height}", certificate)
            return None
        falling.append(facts)
        block = state.block(facts.parent, View(facts.view - 1))
        block.sources = block.sources or tuple(signer for signer, _ in certificate.signatures)
    return Path(certificate.subject.block_id, tuple(reversed(falling)))


def ask_catch_up(state: State) -> None:
    """Ask for ranges of final blocks, one question at a time (K20)."""
    if not state.catching_up:
        state.catching_up = True
        state.emit(catch_up(state))
        state.catch_up_attempts += 1


def move_final(state: State, facts: BlockFacts) -> None:
    """Make a block the last final one and forget all that is at or below its view (K14: never back).

    With the block that ends the epoch this replica's part is done (K22): its timers stop, it votes no more. The views above may have
    certified that block again, so `final.view`, its header's, is a position in the chain of views only while the epoch lasts.
    """
    if facts.height <= state.final.height:
        raise AssertionError(f"the final height would move from {state.final.height} to {facts.height}")
    block = state.block(facts.block_id, facts.view)
    block.facts, block.view, block.stage, block.certified = facts, facts.view, Stage.EXECUTED, True
    state.final = facts
    state.blocks = {key: kept for key, kept in state.blocks.items() if kept.view > facts.view or kept is block}
    state.unsettled = {key: None for key in state.unsettled if key in state.blocks}
    state.path = None
    state.catching_up = False
    state.stuck_at = None
    if state.best_view < facts.view or state.best_block not in state.blocks:
        state.best_view, state.best_block = facts.view, facts.block_id
    if facts.boundary:
        state.ended = True
        state.work.clear()
        for kind in (TimerKind.LEADER, TimerKind.ADVANCE, TimerKind.PROPOSE, TimerKind.CLOCK):
            state.emit(CancelTimer(kind))


def retry_blocks(state: State) -> None:
    """Ask again for what was not answered, judge again what had no verdict, and turn to ranges where nothing moved since the last retry.

    So does who is far behind, whatever moves: the chain may grow faster than bodies are had one by one, and then nothing is ever given out.
    What nobody needs now is let go, but as if it were new: it may yet be notarized, after a view of its own has passed, and is then wanted.
    """
    proposal = state.at(state.view).proposal
    current = None if proposal is None else proposal.facts.block_id
    for block_id in list(state.unsettled)[:RETRY_BLOCKS_MAX]:
        block = state.blocks[block_id]
        if block.stage in (Stage.FETCHING, Stage.DOUBTED):
            block.stage = Stage.IDLE
        if block.needed or block_id == current:
            want(state, block)
        else:
            del state.unsettled[block_id]
    state.catching_up = False
    if state.behind:
        if far_behind(state) or state.stuck_at == state.executed_count:
            ask_catch_up(state)
        state.stuck_at = state.executed_count
        commit(state)


def take_body(state: State, event: BodyArrived) -> None:
    """Go on with a block whose header or body came (K8): only for blocks that are wanted, whoever sent them."""
    block = state.blocks.get(event.block_id)
    if block is None or block.stage not in (Stage.IDLE, Stage.FETCHING, Stage.DOUBTED):
        return
    block.stage = Stage.IDLE
    note_block(state, block.block_id, block.view, event.facts, ())
    if block.facts is not None:
        want(state, block)
        commit(state)
