"""What a replica tells an operator: whom it waits for and since when, and what it last heard of each validator. Reads the state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from consensus.memory import newest_vote
from consensus.types import Kind, ValidatorId

if TYPE_CHECKING:
    from consensus.state import State, Timeout
    from consensus.types import Epoch, Height, TimeMs, View


@dataclass(frozen=True, slots=True)
class HeardStatus:
    """The last `Status` of a validator."""

    view: View
    final_view: View
    height: Height
    time_ms: TimeMs
    """Its clock when it was sent."""
    heard_at_ms: TimeMs
    """Our clock when it came."""


@dataclass(frozen=True, slots=True)
class ValidatorReport:
    """One validator, as seen from here. Nothing of it is proof of anything: messages may be late or lost."""

    validator: ValidatorId
    newest_vote: tuple[Kind, View] | None
    """The newest vote held of it in this epoch."""
    voted: tuple[Kind, ...]
    """Its votes in our current view."""
    status: HeardStatus | None
    """None: never heard, or it is this one."""
    heard_at_ms: TimeMs | None
    """When any message of it last came; None: never since the start, or it is this one."""
    lag: int | None
    """By how many views it is behind ours, 0 where it is level or ahead; None: nothing of it was heard."""


@dataclass(frozen=True, slots=True)
class Report:
    """One replica, at the time of the last event."""

    epoch: Epoch
    view: View
    final_view: View
    committed_height: Height
    leader: ValidatorId
    """Of the current view."""
    waits_for: str
    """One sentence."""
    waiting_since_ms: TimeMs
    """When the current view was entered."""
    last_timeout: Timeout | None
    silenced: bool
    """Whether this key votes no more (K15)."""
    validators: tuple[ValidatorReport, ...]
    """By index, this one among them."""


def report(state: State) -> Report:
    """Describe the state for people and for the watchdog."""
    return Report(
        epoch=state.epoch,
        view=state.view,
        final_view=state.final_view,
        committed_height=state.committed_height,
        leader=state.validators.leader(state.epoch, state.view),
        waits_for=waits_for(state),
        waiting_since_ms=state.entered_ms,
        last_timeout=state.last_timeout,
        silenced=state.silenced,
        validators=tuple(_of(state, ValidatorId(index)) for index in range(state.validators.size)),
    )


def _of(state: State, validator: ValidatorId) -> ValidatorReport:
    newest = newest_vote(state, validator)
    status, status_at = state.peers.get(validator), state.status_at.get(validator)
    heard = None
    if status is not None and status_at is not None:
        heard = HeardStatus(status.view, status.final_view, status.committed_height, status.time_ms, status_at)
    reached = [state.view] if validator == state.me else []
    if newest is not None:
        reached.append(newest.vote.view)
    if status is not None:
        reached.append(status.view)
    current = state.views.get(state.view)
    return ValidatorReport(
        validator=validator,
        newest_vote=None if newest is None else (newest.vote.kind, newest.vote.view),
        voted=() if current is None else tuple(kind for kind in Kind if validator in current.votes[kind]),
        status=heard,
        heard_at_ms=state.heard.get(validator),
        lag=max(0, state.view - max(reached)) if reached else None,
    )


def waits_for(state: State) -> str:
    """Say what the current view waits for, one sentence."""
    quorum = state.validators.quorum
    view = state.views.get(state.view)
    leader = state.validators.leader(state.epoch, state.view)
    if state.halted:
        return "nothing: halted, a contradiction was proven"
    if state.ended:
        return f"the epoch after {state.epoch}: its last block is final"
    if state.behind:
        return f"the final block of view {state.final_view} and its ancestors"
    if view is not None and view.own[Kind.NULLIFY] is not None:
        return f"a quorum to give view {state.view} up ({len(view.votes[Kind.NULLIFY])} of {quorum})"
    if view is None or view.proposal is None:
        return "our own proposal to be due" if leader == state.me else f"the proposal of validator {leader} for view {state.view}"
    if view.own[Kind.NOTARIZE] is None and not state.silenced:
        return f"the proposal for view {state.view} to be judged"
    return f"a quorum for the block of view {state.view} ({len(view.votes[Kind.NOTARIZE])} of {quorum})"
