"""`/v1/epochs`, `/v1/parameters`: who validates when, what proves it, and what the next boundary brings (K22, K23)."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Final, Literal

from ledger.boundary import StandingOf, next_set
from ledger.dates import read_date, text_of
from ledger.epochs import (
    Epoch,
    Readiness,
    epoch_key,
    epoch_of,
    fewest_validators,
    newcomers,
    plan_of,
    planned_view_key_of,
    quorum_of,
    set_hash,
    validator_key,
    view_key_of,
)
from ledger.parameters import AT_BOUNDARY, DEFAULTS, HOLIDAYS_AHEAD, RANGES, holiday_name, parameter_of
from ledger.state import PLANNED_PARAMETERS_KEY, Overlay, PlannedParameters
from node.api.answers import answer
from node.api.epoch_structs import (
    CopyBody,
    EpochBody,
    NextEpochBody,
    ParameterBody,
    Parameters,
    PlannedSeatBody,
    PlannedValueBody,
    SeatBody,
    ViewKeyBody,
)
from node.api.errors import NotFound
from node.api.publication import open_day_of

if TYPE_CHECKING:
    from aiohttp import web

    from ledger.epochs import EpochPlan, Validator, ViewKey
    from ledger.state import StateReader
    from node.api.arguments import Arguments
    from node.api.service import Service

LATEST: Final = "latest"


async def show_epoch(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/epochs/{number or latest}`."""
    asked = arguments.text("number")
    number = current_epoch(service) if asked == LATEST else int(asked)
    if service.record(epoch_key(number), Epoch) is None:
        raise NotFound(f"epoch {number} has not begun; the current one is {current_epoch(service)}")
    proof = service.reads.epoch_link(number - 1) if number else None
    return answer(request, epoch_body(service.reads.state, number, proof or b"", service.height))


def epoch_body(state: StateReader, number: int, proof: bytes, height: int) -> EpochBody:
    """Epoch that has begun in a state, with what proves it; raises BrokenState where there is none."""
    record = epoch_of(state, number)
    return EpochBody(
        epoch=number,
        base=record.base,
        end=record.end,
        quorum=quorum_of(len(record.validators)),
        validators=tuple(_seat(index, each) for index, each in enumerate(record.validators)),
        set_hash=set_hash(number, record.validators).hex(),
        view_key=_view_key(record.view_key, view_key_of(state, record.view_key)),
        proof=b64encode(proof).decode("ascii"),
        as_of=height,
    )


async def show_next(service: Service, request: web.Request, _: Arguments) -> web.StreamResponse:
    """`GET /v1/epochs/next`: the planned set and view key, and what they wait for."""
    body = next_epoch_body(service.reads.state, current_epoch(service), service.reads.tip.facts.time_ms, service.height)
    return answer(request, body)


def next_epoch_body(state: StateReader, number: int, time_ms: int, height: int) -> NextEpochBody:
    """Say what the end of the epoch `number`, which goes on, brings as things stand in a state."""
    now, plan, planned = epoch_of(state, number), plan_of(state), planned_view_key_of(state)
    in_force = view_key_of(state, now.view_key)
    standing = StandingOf(Overlay(state), time_ms)
    view_key = in_force if planned is None else planned
    chosen = next_set(now, plan, in_force=in_force, planned=planned, fewest=fewest_validators(state), standing=standing)
    seats = () if plan is None else _planned_seats(state, plan, now, view_key, standing)
    return NextEpochBody(
        epoch=now.number + 1,
        at=now.end,
        planned_for=None if plan is None else plan.from_epoch,
        planned_at=0 if plan is None else plan.set_at,
        validators=seats,
        view_key=None if planned is None else _view_key(now.view_key + 1, planned),
        takes_effect=plan is not None and chosen.validators == plan.validators,
        waits_for=_missing(plan, seats, now) if plan is not None else _unsealed(now, planned, standing),
        as_of=height,
    )


async def list_parameters(service: Service, request: web.Request, _: Arguments) -> web.StreamResponse:
    """`GET /v1/parameters`."""
    planned = service.record(PLANNED_PARAMETERS_KEY, PlannedParameters)
    coming = {each.key: PlannedValueBody(each.value, each.at_height) for each in (planned.entries if planned is not None else ())}
    bodies = tuple(
        ParameterBody(
            key, parameter_of(service.reads.state, key), int(getattr(DEFAULTS, key)), low, high, key in AT_BOUNDARY, coming.get(key)
        )
        for key, (low, high) in sorted(RANGES.items())
    )
    return answer(request, Parameters((*bodies, *_holidays(service.reads.state)), service.height))


def _holidays(state: StateReader) -> tuple[ParameterBody, ...]:
    """Return the holidays ahead, each a parameter; there may be one on each of the next 800 days and nowhere else."""
    day = open_day_of(state)
    first = read_date(day.date) + 1 if day is not None else 1
    ahead = [text_of(first + number) for number in range(HOLIDAYS_AHEAD)] if day is not None else []
    names = [name for date in ahead if parameter_of(state, name := holiday_name(date))]
    return tuple(ParameterBody(name, 1, 0, 0, 1, at_boundary=False, planned=None) for name in names)


def current_epoch(service: Service) -> int:
    """Return the number of the epoch that the newest final state is in: a boundary block has begun the next one (K22)."""
    facts = service.reads.tip.facts
    return facts.epoch + 1 if facts.boundary else facts.epoch


def _seat(index: int, validator: Validator) -> SeatBody:
    return SeatBody(index, validator.participant, validator.consensus_key.hex(), validator.node_key.hex(), validator.endpoint)


def _view_key(number: int, view_key: ViewKey) -> ViewKeyBody:
    return ViewKeyBody(number, view_key.hash.hex(), tuple(CopyBody(box.hex(), sealed.hex()) for box, sealed in view_key.copies))


def _planned_seats(state: StateReader, plan: EpochPlan, now: Epoch, view_key: ViewKey, standing: StandingOf) -> tuple[PlannedSeatBody, ...]:
    new = {each.consensus_key for each in newcomers(plan, now)}
    seats = []
    for index, each in enumerate(plan.validators):
        word = state.get(validator_key(each.consensus_key)) if each.consensus_key in new else None
        how: Literal["votes now", "ready", "not ready"] = "votes now"
        if each.consensus_key in new:
            how = "ready" if standing.is_ready(each, view_key) else "not ready"
        seat = PlannedSeatBody(
            index=index,
            participant=each.participant,
            consensus_key=each.consensus_key.hex(),
            node_key=each.node_key.hex(),
            endpoint=each.endpoint,
            standing=how,
            ready_height=word.ready_height if isinstance(word, Readiness) else 0,
            sealed=standing.has_copy(each, view_key),
        )
        seats.append(seat)
    return tuple(seats)


def _missing(plan: EpochPlan, seats: tuple[PlannedSeatBody, ...], now: Epoch) -> tuple[str, ...]:
    """Name what keeps the planned set from taking effect at the next boundary."""
    found = [] if plan.from_epoch <= now.number + 1 else [f"it is planned for epoch {plan.from_epoch}"]
    for seat in seats:
        if seat.standing == "not ready":
            found.append(f"{seat.participant} has not said that the node of {seat.consensus_key} is ready (som validator ready)")
        if not seat.sealed:
            found.append(f"no copy of the view key is sealed to a box key of {seat.participant} (som validator add seals one)")
    return tuple(dict.fromkeys(found))


def _unsealed(now: Epoch, planned: ViewKey | None, standing: StandingOf) -> tuple[str, ...]:
    """Name who has no copy of a view key that is planned for the set as it is."""
    if planned is None:
        return ()
    lacking = dict.fromkeys(each.participant for each in now.validators if not standing.has_copy(each, planned))
    return tuple(f"no copy of the planned view key is sealed to a box key of {name}" for name in lacking)
