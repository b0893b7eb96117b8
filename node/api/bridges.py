"""`/v1/bridge`: routes, what attestors signed, and where a transfer is; by the ledger's own arithmetic (bridge.md, section 7)."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.bridge_errors import BridgeCap
from ledger.bridge_limits import quote_lock, vault_total
from ledger.bridges import (
    SIGNATURES_KEPT,
    BridgeRoute,
    Lock,
    Release,
    Rotation,
    Signed,
    foreign_index,
    lock_index,
    lock_key,
    release_key,
    rotation_key,
    route_key,
    signed_key,
    threshold_of,
)
from ledger.grant_rules import grants_of
from ledger.names import servicer_of
from ledger.parameters import BlockContext, load_parameters
from ledger.placement import ASSETS
from ledger.reserves import Observation, observation_key
from ledger.restraints import active_orders
from ledger.state import Overlay
from ledger.transactions.bridge_bodies import BridgeOut
from node.api.answers import answer
from node.api.bridge_structs import (
    AttestorBody,
    BridgeAttestation,
    BridgeRouteBody,
    BridgeRoutes,
    LockBody,
    QuoteBody,
    ReleaseBody,
    RouteLimitsBody,
    SightingBody,
    SignatureBody,
    Transfers,
)
from node.api.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import web

    from ledger.bridges import Attestor, Word
    from ledger.orders import Order
    from ledger.state import StateReader
    from node.api.arguments import Arguments
    from node.api.service import Service

ROUTES_MAX = 256
FOUND_MAX = 64
"""Records that one hash may lead to: a transaction there can burn several times."""
LOCKING = ("active", "paused_in")
"""Statuses in which a route takes locks."""
WRONG_KIND, PAUSED = 124, 131
WORDS = ("checkpoint", "mint", "rotate", "reserve")
UNKNOWN_CHAIN = bytes(32)
"""What is asked here does not depend on the chain."""


async def list_routes(service: Service, request: web.Request, _: Arguments) -> web.StreamResponse:
    """`GET /v1/bridge/routes`: all of them; there are tens, not thousands."""
    state, time_ms = service.reads.state, service.reads.tip.facts.time_ms
    bodies = (route_body(state, each, service.height, time_ms) for each in routes_of(state))
    return answer(request, BridgeRoutes(tuple(bodies), service.height))


async def show_route(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/bridge/routes/{id}`."""
    route = named_route(service, arguments)
    proof = service.prove(ASSETS, [route_key(route.id)]) if arguments.text("proof") == "1" else b""
    body = route_body(service.reads.state, route, service.height, service.reads.tip.facts.time_ms, proof)
    return answer(request, body)


async def show_attestation(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/bridge/routes/{id}/attestation`: of one thing, or of the newest that enough attestors have signed."""
    route = named_route(service, arguments)
    what, number = arguments.text("what", "checkpoint"), arguments.number("number", 0)
    found = attestation_of(service.reads.state, route, what, number, service.height)
    if found is None:
        which = f"{what} {number}" if number else f"any {what}"
        raise NotFound(f"no attestor of route {route.id} has signed {which} lately; an attestor signs again on request")
    return answer(request, found)


async def show_quote(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/bridge/routes/{id}/quote?amount=`: limits and pauses are shown before they bite (B7)."""
    route, amount = named_route(service, arguments), arguments.number("amount", 1)
    context = context_of(service.reads.state, service.height, service.reads.tip.facts.time_ms)
    quote = quote_body(route, amount, context)
    order = pause_of(service.reads.state, route, context.time_ms)
    if not quote.code and order is not None:
        reason = f"route {route.id} is paused by order {order.id} of {order.by}"
        quote = QuoteBody(str(amount), PAUSED, reason, 0, 0, context.height)
    return answer(request, quote)


async def show_lock(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/bridge/routes/{id}/locks/{nonce}`."""
    route, nonce = named_route(service, arguments), arguments.number("nonce", 0)
    lock = service.record(lock_key(route.id, nonce), Lock)
    if lock is None:
        raise NotFound(f"route {route.id} has no lock {nonce}; its last one is {route.locks}")
    proof = service.prove(servicer_of(lock.vault), [lock_key(route.id, nonce)]) if arguments.text("proof") == "1" else b""
    return answer(request, replace(lock_body(lock, route, service.height), proof=b64encode(proof).decode("ascii")))


async def show_release(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/bridge/routes/{id}/releases/{nonce}`."""
    route, nonce = named_route(service, arguments), arguments.number("nonce", 0)
    release = service.record(release_key(route.id, nonce), Release)
    if release is None:
        raise NotFound(f"no attestor has told of burn {nonce} on route {route.id}; the last one observed is {route.burns}")
    return answer(request, release_body(release, route, service.height))


async def find_transfers(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/bridge/transfers/{hash}`: by a hash of either side alone."""
    given = bytes.fromhex(arguments.text("hash"))
    final = service.reads.transaction(given)
    body = None if final is None else final.transaction.body
    if final is not None and isinstance(body, BridgeOut):
        found = transfers_of(service.reads.state, locks_made(service.reads.state, body, final.receipt.height), (), service.height)
    else:
        found = found_by_hash(service.reads.state, given, service.height)
    if not found.locks and not found.releases:
        raise NotFound("no bridge knows this hash: neither a transaction here, nor a lock's id, nor a transaction of the other chain")
    return answer(request, found)


def routes_of(state: StateReader) -> list[BridgeRoute]:
    """All routes, by id."""
    names = sorted(index.rpartition("/")[2] for index in state.scan("~routes/", "~routes/~", ROUTES_MAX))
    found = (state.get(route_key(name)) for name in names)
    return [route for route in found if isinstance(route, BridgeRoute)]


def route_body(state: StateReader, route: BridgeRoute, as_of: int, time_ms: int, proof: bytes = b"") -> BridgeRouteBody:
    """Route as clients see it at a block time."""
    terms, limits = route.terms, route.terms.limits
    context = context_of(state, as_of, time_ms)
    return BridgeRouteBody(
        id=route.id,
        asset=terms.asset,
        decimals=terms.decimals,
        kind=terms.kind,
        mode=terms.mode,
        status=route.status,
        reason=route.reason,
        chain_id=terms.chain_id,
        route_id=terms.route_id.hex(),
        bridge=terms.bridge.hex(),
        token=terms.token.hex(),
        finality=terms.finality.tag,
        providers=terms.finality.providers,
        observe_step=terms.observe_step,
        lock_ttl_ms=terms.lock_ttl_ms,
        epoch=route.epoch,
        threshold=threshold_of(len(route.attestors)),
        attestors=tuple(AttestorBody(each.participant, each.address.hex()) for each in route.attestors),
        limits=RouteLimitsBody(
            min=str(limits.min),
            per_lock=str(limits.per_lock),
            bucket=str(limits.bucket),
            bucket_ms=limits.bucket_ms,
            day_out=str(limits.day_out),
            day_in=str(limits.day_in),
            outstanding=str(limits.outstanding),
            big_amount=str(limits.big_amount),
            big_delay_ms=limits.big_delay_ms,
        ),
        opening=str(terms.opening),
        locked=str(route.locked),
        refunded=str(route.refunded),
        released=str(route.released),
        burned=str(route.burned),
        minted=str(route.minted),
        vault=str(vault_total(route)),
        in_flight=str(route.locked - route.refunded - route.minted),
        parked=str(route.burned - route.released),
        headroom=str(headroom_of(route, context)),
        locks=route.locks,
        burns=route.burns,
        seen=_seen(state, route),
        as_of=as_of,
        proof=b64encode(proof).decode("ascii"),
    )


def pause_of(state: StateReader, route: BridgeRoute, time_ms: int) -> Order | None:
    """Return an order that pauses a route; None: nothing does."""
    found = (each.order for each in active_orders(Overlay(state), "bridge", route.id, time_ms))
    return next((each for each in found if each.mode == "pause"), None)


def headroom_of(route: BridgeRoute, context: BlockContext) -> int:
    """Minor units that one lock may have at most now; 0: none passes."""
    limits = route.terms.limits
    low, high = limits.min - 1, min(limits.per_lock, limits.day_out, limits.bucket)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if quote_body(route, middle, context).code == 0 else (low, middle - 1)
    return low if low >= limits.min else 0


def quote_body(route: BridgeRoute, amount: int, context: BlockContext) -> QuoteBody:
    """Say what a lock of an amount would meet, as far as the route goes."""
    if route.terms.mode != "enforced":
        return QuoteBody(str(amount), WRONG_KIND, f"route {route.id} is only observed: it takes no locks", 0, 0, context.height)
    if route.status not in LOCKING:
        return QuoteBody(str(amount), PAUSED, f"route {route.id} is {route.status}", 0, 0, context.height)
    try:
        quote = quote_lock(route, amount, context)
    except BridgeCap as refusal:
        return QuoteBody(str(amount), refusal.code, str(refusal), 0, 0, context.height)
    return QuoteBody(str(amount), 0, "", quote.sign_from_ms, quote.deadline, context.height)


def attestation_of(state: StateReader, route: BridgeRoute, what: str, number: int, as_of: int) -> BridgeAttestation | None:
    """Return what attestors signed of one kind, by digest: of a number, or the newest; the one with most signatures, then the newest."""
    if what == "rotate":
        return _rotation(state, route, number or route.epoch, as_of)
    groups: dict[tuple[int, int, bytes], dict[str, Word]] = {}
    speakers = {each.participant for epoch in (route.epoch, route.epoch - 1) for each in _set(state, route, epoch)}
    if what == "reserve":
        speakers = {record.grant.to for record in grants_of(Overlay(state), "attest.bridge")}
    for by in sorted(speakers):
        for slot in range(SIGNATURES_KEPT):
            record = state.get(signed_key(route.id, by, slot))
            if not isinstance(record, Signed):
                break
            word = record.word
            if word.what == what and number in (0, word.number):
                groups.setdefault((word.epoch, word.number, word.digest), {})[by] = word
    if not groups:
        return None

    def worth(key: tuple[int, int, bytes]) -> tuple[bool, int, int, int]:
        count = len(groups[key])
        return count >= threshold_of(len(_set(state, route, key[0]))), key[1], key[0], count

    epoch, signed, digest = best = max(groups, key=worth)
    addresses = {each.participant: each.address for each in _set(state, route, epoch)}
    signatures = [(addresses.get(by, b""), by, word.signature) for by, word in groups[best].items()]
    needed = 0 if what == "reserve" else threshold_of(len(addresses))
    return BridgeAttestation(route.id, what, epoch, signed, digest.hex(), _signatures(signatures), needed, as_of)


def locks_made(state: StateReader, body: BridgeOut, height: int) -> list[Lock]:
    """Locks that a bridge.out of a block has made: the heights of locks rise with their nonces."""
    route = state.get(route_key(body.route))
    low, high = 1, (route.locks if isinstance(route, BridgeRoute) else 0) + 1
    while low < high:
        middle = (low + high) // 2
        lock = state.get(lock_key(body.route, middle))
        low, high = (middle + 1, high) if isinstance(lock, Lock) and lock.height < height else (low, middle)
    found: list[Lock] = []
    while len(found) < FOUND_MAX and isinstance(lock := state.get(lock_key(body.route, low)), Lock) and lock.height == height:
        if (lock.sender, lock.amount, lock.recipient) == (body.source, body.amount, body.recipient):
            found.append(lock)
        low += 1
    return found


def found_by_hash(state: StateReader, given: bytes, as_of: int) -> Transfers:
    """Find locks and releases by a lock's id, or by a transaction of the other chain."""
    locks: list[Lock] = []
    releases: list[Release] = []
    for start, kind in ((lock_index(given), "lock"), (foreign_index(given), "")):
        for index in state.scan(start, start + "~", FOUND_MAX):
            record = state.get(f"{kind}/{index.removeprefix(start)}" if kind else index.removeprefix(start))
            if isinstance(record, Lock):
                locks.append(record)
            elif isinstance(record, Release):
                releases.append(record)
    return transfers_of(state, locks, releases, as_of)


def transfers_of(state: StateReader, locks: Iterable[Lock], releases: Iterable[Release], as_of: int) -> Transfers:
    """Return the bodies of locks and releases, each with its route's asset."""
    routes = {route.id: route for route in routes_of(state)}
    return Transfers(
        tuple(lock_body(each, routes[each.route], as_of) for each in locks),
        tuple(release_body(each, routes[each.route], as_of) for each in releases),
        as_of,
    )


def lock_body(lock: Lock, route: BridgeRoute, as_of: int) -> LockBody:
    """Lock as clients see it."""
    return LockBody(
        route=lock.route,
        nonce=lock.nonce,
        lock_id=lock.lock_id.hex(),
        sender=lock.sender,
        recipient=lock.recipient.hex(),
        asset=route.terms.asset,
        amount=str(lock.amount),
        cumulative=str(lock.cumulative),
        height=lock.height,
        sign_from=lock.sign_from_ms,
        deadline=lock.deadline,
        refund_to=lock.refund_to,
        state=lock.state,
        votes=tuple(f"{vote.by} {vote.kind}" for vote in lock.votes),
        foreign_tx=lock.foreign_tx.hex(),
        as_of=as_of,
    )


def release_body(release: Release, route: BridgeRoute, as_of: int) -> ReleaseBody:
    """Release as clients see it."""
    burn = release.burn
    return ReleaseBody(
        route=release.route,
        nonce=release.nonce,
        state=release.state,
        asset=route.terms.asset,
        amount="" if burn is None else str(burn.amount),
        cumulative="" if burn is None else str(burn.cumulative),
        sender="" if burn is None else burn.sender.hex(),
        recipient="" if burn is None else burn.recipient.hex(),
        block=0 if burn is None else burn.block,
        tx_hash="" if burn is None else burn.tx_hash.hex(),
        not_before=release.not_before_ms,
        account=release.account,
        votes=tuple(f"{vote.by} {vote.digest.hex()}" for vote in release.votes),
        as_of=as_of,
    )


def context_of(state: StateReader, height: int, time_ms: int) -> BlockContext:
    """Context of the newest block, for what depends on its time and the parameters alone."""
    return BlockContext(UNKNOWN_CHAIN, 0, height, 0, time_ms, load_parameters(state))


def named_route(service: Service, arguments: Arguments) -> BridgeRoute:
    """Route that a request names; raises `NotFound`."""
    name = arguments.text("id")
    route = service.record(route_key(name), BridgeRoute)
    if route is None:
        raise NotFound(f"there is no route {name}; GET /v1/bridge/routes lists them")
    return route


def _set(state: StateReader, route: BridgeRoute, epoch: int) -> tuple[Attestor, ...]:
    """Attestors of an epoch; none of one that there was not."""
    record = state.get(rotation_key(route.id, epoch))
    return record.attestors if isinstance(record, Rotation) else ()


def _rotation(state: StateReader, route: BridgeRoute, epoch: int, as_of: int) -> BridgeAttestation | None:
    record = state.get(rotation_key(route.id, epoch))
    if not isinstance(record, Rotation) or not record.signatures:
        return None
    before = _set(state, route, epoch - 1)
    addresses = {each.participant: each.address for each in before}
    signatures = [(addresses.get(by, b""), by, signature) for by, signature in record.signatures]
    return BridgeAttestation(route.id, "rotate", epoch - 1, epoch, "", _signatures(signatures), threshold_of(len(before)), as_of)


def _signatures(found: list[tuple[bytes, str, bytes]]) -> tuple[SignatureBody, ...]:
    return tuple(SignatureBody(by, address.hex(), signature.hex()) for address, by, signature in sorted(found))


def sightings_of(state: StateReader, route: BridgeRoute) -> list[tuple[str, Observation]]:
    """Newest word of each attestor on what it saw there, by participant."""
    found = []
    for each in route.attestors:
        record = state.get(observation_key(route.terms.asset, route.id, each.participant))
        if isinstance(record, Observation):
            found.append((each.participant, record))
    return found


def _seen(state: StateReader, route: BridgeRoute) -> tuple[SightingBody, ...]:
    return tuple(
        SightingBody(by, str(seen.supply), str(seen.minted), str(seen.burned), seen.block, seen.block_hash.hex(), seen.as_of)
        for by, seen in sightings_of(state, route)
    )
