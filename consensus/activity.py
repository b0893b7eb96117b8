"""K17: whom this replica heard of lately, and which leader is not worth waiting for. A local hint: all it decides is own nullify."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consensus.rules import timeout_ms

if TYPE_CHECKING:
    from consensus.state import State
    from consensus.types import ValidatorId

STATUSES_MISSED = 2
"""An honest validator with nothing to say sends a `Status` every `status_ms`: one may be lost, two are silence."""


def hear(state: State, validator: ValidatorId) -> None:
    """Note that a verified message of a validator came."""
    state.heard[validator] = state.now


def silence_ms(state: State) -> int:
    """Say for how long a validator must have been silent to be skipped (K17): advance (3T) and one retry, and never less than two statuses.

    With the default timers advance and retry are 1.75 s, and a healthy validator of an idle chain speaks every 2 s.
    """
    timing = state.timing
    advance = 3 * timeout_ms(timing, state.validators.size, state.view, state.final_view)
    return max(advance, STATUSES_MISSED * timing.status_ms) + timing.retry_ms


def inactive(state: State, leader: ValidatorId) -> bool:
    """Tell whether a leader has been silent while q validators without it, this one among them, were heard (K17).

    It fails open: where fewer are heard, the fault may be on our side of the network, and the timers decide. Who was never heard counts as
    heard at the start.
    """
    since = state.now - silence_ms(state)
    if state.heard.get(leader, state.started_ms) > since:
        return False
    others = sum(1 for validator, at_ms in state.heard.items() if validator not in (leader, state.me) and at_ms > since)
    return others + 1 >= state.validators.quorum
