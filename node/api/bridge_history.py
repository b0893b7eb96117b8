"""`/v1/bridge`, for attestors and relayers: heights at which a route changed, sets of attestors, locks by nonce."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from ledger.bridges import Lock, Rotation, lock_key, rotation_key, threshold_of
from ledger.placement import ASSETS
from node.api.answers import answer
from node.api.bridge_structs import AttestorBody, Locks, RotationBody, RouteChange, RouteChanges
from node.api.bridges import lock_body, named_route
from node.api.errors import NotFound

if TYPE_CHECKING:
    from aiohttp import web

    from node.api.arguments import Arguments
    from node.api.service import Service

CHANGES_MAX = 32
"""Changes of one answer: a proof is some kilobytes, with the headers up to its certificate more."""
LOCKS_MAX = 256


async def list_changes(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/bridge/routes/{id}/changes`: heights that attestors sign for, proven; above the last one of a page comes the next."""
    route, after, count = named_route(service, arguments), arguments.number("after", 0), arguments.number("count", CHANGES_MAX)
    found = service.route_changes(route.id, after, count)
    changes = tuple(RouteChange(height, b64encode(proof).decode("ascii")) for height, proof in found)
    return answer(request, RouteChanges(changes, service.height))


async def show_rotation(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/bridge/routes/{id}/rotations/{epoch}`: every set there ever was, so any contract can catch up."""
    route, epoch = named_route(service, arguments), arguments.number("epoch", 0)
    key = rotation_key(route.id, epoch)
    record = service.record(key, Rotation)
    if record is None:
        raise NotFound(f"route {route.id} has no epoch {epoch}; its newest is {route.epoch}")
    proof = service.prove(ASSETS, [key]) if arguments.text("proof") == "1" else b""
    attestors = tuple(AttestorBody(each.participant, each.address.hex()) for each in record.attestors)
    threshold = threshold_of(len(attestors))
    text = b64encode(proof).decode("ascii")
    return answer(request, RotationBody(route.id, epoch, attestors, threshold, record.immediate, record.height, service.height, text))


async def list_locks(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/bridge/routes/{id}/locks`: by nonce."""
    route, after, count = named_route(service, arguments), arguments.number("after", 0), arguments.number("count", LOCKS_MAX)
    found = (service.record(lock_key(route.id, nonce), Lock) for nonce in range(after + 1, min(after + count, route.locks) + 1))
    return answer(request, Locks(tuple(lock_body(each, route, service.height) for each in found if each is not None), service.height))
