"""K16 and K18: when timers start, when a leader proposes. A chain with nothing to do makes one empty block every heartbeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consensus.effects import SetTimer
from consensus.events import TimerKind
from consensus.rules import timeout_ms
from consensus.state import Armed
from consensus.types import TimeMs

if TYPE_CHECKING:
    from consensus.state import State, ViewState

IN_FLIGHT_VIEWS = 2
"""A healthy chain builds view v while v - 1 is being finalized: this many views above the final one are no sign of trouble."""


def awake(state: State) -> bool:
    """Tell whether this validator knows of anything to be done (K18).

    Something to include, an unfinal block that holds something, or the end of the epoch to be made final (K22).
    """
    return not state.ended and (state.pending > 0 or bool(state.work) or state.boundary_tip is not None)


def propose_due(state: State) -> TimeMs:
    """Say when the leader of the current view should propose (K18).

    With something to include at once, but no closer to the last block than the block interval. With only an unfinal payment to pursue after
    2 delta, which its finalization usually makes needless. With nothing at all after the heartbeat.
    """
    if state.pending > 0:
        wait = 0
    elif state.work:
        wait = 2 * state.timing.delta_ms
    else:
        wait = state.timing.heartbeat_ms
    return TimeMs(max(state.entered_ms + wait, state.last_block_ms + state.timing.interval_ms_min))


def unfinal_views(state: State) -> int:
    """Count the views since the final one that a leader pays for with half its block budget each (K18)."""
    return max(0, state.view - state.final_view - IN_FLIGHT_VIEWS)


def keep_time(state: State, view: ViewState) -> None:
    """Arm the leader and advance timers of the current view, and re-arm them when the view wakes or falls asleep (K18).

    Waking re-arms once per view, from now, so that no stream of arriving and vanishing work can put a dead leader's view off for ever.
    Falling asleep (the last unfinal payment became final) puts them off only while the leader has not proposed.
    """
    is_awake = awake(state)
    if state.armed is Armed.NO:
        state.armed = Armed.AWAKE if is_awake else Armed.ASLEEP
        arm(state, view, state.now if is_awake else TimeMs(state.entered_ms + state.timing.heartbeat_ms))
    elif state.armed is Armed.ASLEEP and is_awake:
        state.armed = Armed.WOKEN
        arm(state, view, state.now)
    elif state.armed is Armed.AWAKE and not is_awake and view.proposal is None:
        state.armed = Armed.ASLEEP
        arm(state, view, TimeMs(state.entered_ms + state.timing.heartbeat_ms))


def arm(state: State, view: ViewState, start_ms: TimeMs) -> None:
    """Set leader to 2T and advance to 3T after `start_ms` (section 5). A proposal that is here needs no leader timer."""
    timeout = timeout_ms(state.timing, state.validators.size, state.view, state.final_view)
    state.leader_at = TimeMs(start_ms + 2 * timeout)
    state.advance_at = TimeMs(start_ms + 3 * timeout)
    if view.proposal is None:
        state.emit(SetTimer(TimerKind.LEADER, state.view, state.leader_at))
    state.emit(SetTimer(TimerKind.ADVANCE, state.view, state.advance_at))


def rebase_clock(state: State, now: TimeMs) -> None:
    """Take the node's clock. Where it was set back, pull what was reckoned from the old one back too: no wait may outlast a wrong clock."""
    back = state.now - now
    state.now = now
    if back <= 0:
        return
    state.entered_ms = min(state.entered_ms, now)
    state.last_block_ms = min(state.last_block_ms, now)
    state.started_ms = min(state.started_ms, now)
    state.heard = {validator: min(at_ms, now) for validator, at_ms in state.heard.items()}
    state.leader_at = TimeMs(state.leader_at - back)
    state.advance_at = TimeMs(state.advance_at - back)
