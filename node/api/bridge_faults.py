"""What attestors of a route said that does not go together (B9): no rule counts any of it twice, and here people see who it was.

Each attestor makes the very same message of a lock, a height or an event as every honest other. So who has signed two things of one kind
and number has equivocated; who said another thing than a threshold has lied, or is out of its mind. Only what is still kept is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.bridges import SIGNATURES_KEPT, Lock, Release, Signed, lock_key, release_key, signed_key, threshold_of
from node.api.answers import answer
from node.api.bridge_structs import Contradiction, Contradictions
from node.api.bridges import named_route, sightings_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aiohttp import web

    from ledger.bridges import BridgeRoute
    from ledger.state import StateReader
    from node.api.arguments import Arguments
    from node.api.service import Service

LOOKED_AT = 64
"""Newest locks and burns whose votes are looked at."""
SHOWN_MAX = 256


async def list_contradictions(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/bridge/routes/{id}/contradictions`."""
    route = named_route(service, arguments)
    return answer(request, Contradictions(tuple(contradictions_of(service.reads.state, route)[:SHOWN_MAX]), service.height))


def contradictions_of(state: StateReader, route: BridgeRoute) -> list[Contradiction]:
    """Return who contradicts itself or a threshold, by participant, kind and number."""
    threshold = threshold_of(len(route.attestors))
    said: dict[tuple[str, int], dict[str, set[str]]] = {}
    for what, number, by, digest in (*_words(state, route), *_votes(state, route), *_sightings(state, route)):
        said.setdefault((what, number), {}).setdefault(by, set()).add(digest)
    found: list[Contradiction] = []
    for (what, number), each in said.items():
        agreed = _agreed(each, threshold)
        for by, digests in each.items():
            if len(digests) > 1 or (agreed and agreed not in digests):
                found.append(Contradiction(by, what, number, tuple(sorted(digests)), agreed))
    return sorted(found, key=lambda one: (one.participant, one.what, one.number))


def _agreed(said: dict[str, set[str]], threshold: int) -> str:
    """Return what a threshold of attestors said, empty where they did not."""
    digests = sorted({digest for each in said.values() for digest in each})
    return next((digest for digest in digests if sum(1 for each in said.values() if digest in each) >= threshold), "")


def _words(state: StateReader, route: BridgeRoute) -> Iterator[tuple[str, int, str, str]]:
    """Signatures for the other chain; of one epoch a lock, or a height, has one message only."""
    for by in sorted(each.participant for each in route.attestors):
        for slot in range(SIGNATURES_KEPT):
            record = state.get(signed_key(route.id, by, slot))
            if not isinstance(record, Signed):
                break
            word = record.word
            if word.what in ("checkpoint", "mint") and word.epoch == route.epoch:
                yield word.what, word.number, by, word.digest.hex()


def _votes(state: StateReader, route: BridgeRoute) -> Iterator[tuple[str, int, str, str]]:
    """Yield what was said of the newest burns and locks; a vote that was changed is not kept."""
    for nonce in range(max(1, route.burns - LOOKED_AT + 1), route.burns + LOOKED_AT + 1):
        release = state.get(release_key(route.id, nonce))
        if isinstance(release, Release):
            yield from (("burn", nonce, vote.by, vote.digest.hex()) for vote in release.votes)
    for nonce in range(max(1, route.locks - LOOKED_AT + 1), route.locks + 1):
        lock = state.get(lock_key(route.id, nonce))
        if isinstance(lock, Lock):
            yield from (("minted" if vote.kind == "mint" else "expired", nonce, vote.by, vote.digest.hex()) for vote in lock.votes)


def _sightings(state: StateReader, route: BridgeRoute) -> Iterable[tuple[str, int, str, str]]:
    """Return the newest sighting of each; those of one block must be the same."""
    return [
        ("sighting", seen.block, by, f"{seen.block_hash.hex()} {seen.supply} {seen.minted} {seen.burned}")
        for by, seen in sightings_of(state, route)
    ]
