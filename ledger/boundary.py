"""What the end of a block does to epochs and parameters (K22): planned values that are due, and after the last block of an epoch the next.

A set takes effect whole or not at all. What is not ready waits for the next boundary; the set and the view key in force stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct
from msgspec.structs import replace

from ledger.epochs import (
    NO_EPOCH_BEGINS,
    PLAN_KEY,
    PLANNED_VIEW_KEY,
    Epoch,
    EpochPlan,
    Readiness,
    Validator,
    ViewKey,
    epoch_key,
    epoch_of,
    fewest_validators,
    newcomers,
    plan_of,
    planned_view_key_of,
    set_hash,
    validator_key,
    view_key_key,
    view_key_of,
)
from ledger.parameters import AT_BOUNDARY, parameter_key, parameter_of, parameter_record
from ledger.participants import Participant
from ledger.state import PLANNED_PARAMETERS_KEY, PlannedParameters

if TYPE_CHECKING:
    from ledger.parameters import BlockContext
    from ledger.state import Overlay


class NextSet(Struct, frozen=True):
    """Whose votes the next epoch counts, and which view key blinds it."""

    validators: tuple[Validator, ...]
    view_key: ViewKey


class Standing(Protocol):
    """What the state says of a validator; a protocol, so that the rule of the next set can be read and tested alone."""

    def is_ready(self, validator: Validator, view_key: ViewKey) -> bool:
        """Whether a newcomer said that it is synced and opened this view key, and what it said still holds."""

    def has_copy(self, validator: Validator, view_key: ViewKey) -> bool:
        """Whether this view key is sealed to a box key of the validator's participant."""


def next_set(now: Epoch, plan: EpochPlan | None, *, in_force: ViewKey, planned: ViewKey | None, fewest: int, standing: Standing) -> NextSet:
    """Set and view key of the next epoch, by what is planned and who is ready (K22, L28).

    A planned set takes effect if it is due, large enough, each newcomer is ready, and each validator has a copy of the view key that
    would be in force. Else the current set stays whole; it takes the planned view key if each of its validators has a copy, else it keeps
    the old one.

    Source: consensus/README.md, K22; ledger/README.md, L28.
    """
    view_key = in_force if planned is None else planned
    if (
        plan is not None
        and plan.from_epoch <= now.number + 1
        and len(plan.validators) >= fewest
        and all(standing.is_ready(each, view_key) for each in newcomers(plan, now))
        and _all_have(plan.validators, view_key, standing)
    ):
        return NextSet(plan.validators, view_key)
    if planned is not None and _all_have(now.validators, planned, standing):
        return NextSet(now.validators, planned)
    return NextSet(now.validators, in_force)


def _all_have(validators: tuple[Validator, ...], view_key: ViewKey, standing: Standing) -> bool:
    return all(standing.has_copy(each, view_key) for each in validators)


class StandingOf:
    """Standing of validators in a state, at the time of a block."""

    __slots__ = ("_overlay", "_time_ms")

    def __init__(self, overlay: Overlay, time_ms: int) -> None:
        self._overlay = overlay
        self._time_ms = time_ms

    def is_ready(self, validator: Validator, view_key: ViewKey) -> bool:
        """Whether its word names this view key and its present keys, has not lapsed, and its participant can act."""
        word = self._overlay.get(validator_key(validator.consensus_key))
        participant = self._overlay.get("participant/" + validator.participant)
        if not isinstance(word, Readiness) or not isinstance(participant, Participant):
            return False
        return (
            (word.participant, word.node_key, word.view_key) == (validator.participant, validator.node_key, view_key.hash)
            and (word.valid_until == 0 or self._time_ms < word.valid_until)
            and participant.status == "active"
            and validator.node_key in participant.node_keys
        )

    def has_copy(self, validator: Validator, view_key: ViewKey) -> bool:
        """Whether one of the copies is for a box key that the participant has now."""
        participant = self._overlay.get("participant/" + validator.participant)
        return isinstance(participant, Participant) and any(box_key in participant.box_keys for box_key, _ in view_key.copies)


def end_epoch(overlay: Overlay, context: BlockContext) -> bytes:
    """Write the parameters that are due after a block, and after the last block of an epoch the next epoch.

    Two records are read where there is nothing to do, whatever the block holds.

    Returns
    -------
    bytes
        Hash (32 bytes) of the next epoch's set; zeros where the epoch goes on.

    Raises
    ------
    BrokenState
        The state has no epoch of the block's number.
    """
    now = epoch_of(overlay, context.epoch)
    ends = context.height == now.end
    _apply_planned(overlay, context.height + 1, ends=ends)
    return _begin_next(overlay, context, now) if ends else NO_EPOCH_BEGINS


def _apply_planned(overlay: Overlay, next_height: int, *, ends: bool) -> None:
    """Give parameters the values planned for the next block; those of consensus change with the epoch only (K22)."""
    planned = overlay.get(PLANNED_PARAMETERS_KEY)
    if not isinstance(planned, PlannedParameters):
        return
    waiting = []
    for entry in planned.entries:
        if entry.at_height <= next_height and (ends or entry.key not in AT_BOUNDARY):
            overlay.put(parameter_key(entry.key), parameter_record(entry.key, entry.value))
        else:
            waiting.append(entry)
    if len(waiting) < len(planned.entries):
        overlay.put(PLANNED_PARAMETERS_KEY, PlannedParameters(tuple(waiting)) if waiting else None)


def _begin_next(overlay: Overlay, context: BlockContext, now: Epoch) -> bytes:
    plan, in_force, planned = plan_of(overlay), view_key_of(overlay, now.view_key), planned_view_key_of(overlay)
    standing = StandingOf(overlay, context.time_ms)
    chosen = next_set(now, plan, in_force=in_force, planned=planned, fewest=fewest_validators(overlay), standing=standing)
    view_key = now.view_key
    if planned is not None and chosen.view_key == planned:
        view_key += 1
        overlay.put(view_key_key(view_key), planned)
        overlay.put(PLANNED_VIEW_KEY, None)
    if plan is not None and chosen.validators == plan.validators:
        _replace_validators(overlay, now.validators, plan.validators)
        overlay.put(PLAN_KEY, None)
    number, end = now.number + 1, context.height + parameter_of(overlay, "epoch_length")
    overlay.put(epoch_key(number), Epoch(number, context.height, end, chosen.validators, view_key))
    return set_hash(number, chosen.validators)


def _replace_validators(overlay: Overlay, old: tuple[Validator, ...], new: tuple[Validator, ...]) -> None:
    """Forget who leaves, but for its key in the registry of keys: a key that voted never joins again (K15)."""
    staying = {each.consensus_key for each in new}
    for each in old:
        if each.consensus_key not in staying:
            overlay.put(validator_key(each.consensus_key), None)
    for each in new:
        word = overlay.get(validator_key(each.consensus_key))
        if isinstance(word, Readiness) and word.node_key != each.node_key:
            overlay.put(validator_key(each.consensus_key), replace(word, node_key=each.node_key))
