"""What the node of the tests answers about bridges: the bodies that a real one makes, of the state that the commands have made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.bridges import BridgeRoute, Lock, Release, lock_key, release_key, route_key
from ledger.transactions.bridge_bodies import BridgeOut
from node.api.bridge_faults import contradictions_of
from node.api.bridge_structs import BridgeRoutes, Contradictions
from node.api.bridges import (
    attestation_of,
    context_of,
    found_by_hash,
    lock_body,
    locks_made,
    quote_body,
    release_body,
    route_body,
    routes_of,
    transfers_of,
)
from node.api.structs import ErrorBody

if TYPE_CHECKING:
    from tests.cli.server import Answer, Asked
    from tests.cli.world import World


def bridge_answer(world: World, asked: Asked) -> Answer:
    """Answer a read of `/v1/bridge`."""
    parts = asked.path.removeprefix("/v1/bridge/").split("/")
    state, height = world.state, world.height
    time_ms = world.blocks[-1].header.time_ms if world.blocks else 0
    if parts == ["routes"]:
        return 200, BridgeRoutes(tuple(route_body(state, each, height, time_ms) for each in routes_of(state)), height)
    if parts[0] == "transfers":
        return _transfer(world, bytes.fromhex(parts[1]))
    route = state.get(route_key(parts[1]))
    if not isinstance(route, BridgeRoute):
        return _missing(f"there is no route {parts[1]}")
    match parts[2:]:
        case ["quote"]:
            return 200, quote_body(route, int(asked.query["amount"]), context_of(state, height, time_ms))
        case ["attestation"]:
            found = attestation_of(state, route, asked.query["what"], int(asked.query.get("number", "0")), height)
            return (200, found) if found is not None else _missing(f"no attestor of route {route.id} has signed it")
        case ["locks", nonce]:
            lock = state.get(lock_key(route.id, int(nonce)))
            return (200, lock_body(lock, route, height)) if isinstance(lock, Lock) else _missing("no lock")
        case ["releases", nonce]:
            release = state.get(release_key(route.id, int(nonce)))
            return (200, release_body(release, route, height)) if isinstance(release, Release) else _missing("no burn")
        case _:
            liars = Contradictions(tuple(contradictions_of(state, route)), height)
            return 200, liars if parts[2:] == ["contradictions"] else route_body(state, route, height, time_ms)


def _transfer(world: World, given: bytes) -> Answer:
    found = world.find(given.hex())
    if found is not None:
        block, index = found
        body = block.transactions[index].body
        if isinstance(body, BridgeOut):
            return 200, transfers_of(world.state, locks_made(world.state, body, block.header.height), (), world.height)
    transfers = found_by_hash(world.state, given, world.height)
    return (200, transfers) if transfers.locks or transfers.releases else _missing("no bridge knows this hash")


def _missing(message: str) -> Answer:
    return 404, ErrorBody(404, "NOT_FOUND", message, "")
