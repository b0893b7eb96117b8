"""Plain GETs of snapshots and of the epoch chain on the peer listener (K20, K23), for the holder of an open link's token.

/peer/v1/snapshots                      what there is (JSON)
/peer/v1/snapshots/HEIGHT/manifest      bytes of the manifest
/peer/v1/snapshots/HEIGHT/INDEX         bytes of a chunk; a Range asks for a part of it
/peer/v1/epochs?from=N                  `length u32 | link` for each epoch from N on that has ended, at most 64
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from node.epochchain import LINKS_MAX, encode_link
from node.epochlinks import links_from
from node.files import DiskFiles
from node.link import Bucket
from node.snapshot_files import MANIFEST, chunk_name
from node.snapshot_keeper import SnapshotKeeper

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from node.chain import Chain
    from node.link import Link
    from node.parts import Parts

RATE = (64.0, 128.0)
"""Requests per second and burst for one node: 64 MiB a second of chunks, more than a node takes over."""
EPOCH_MAX = 2**32 - 1


def offer_snapshots(parts: Parts, flush: Callable[[], Awaitable[None]]) -> list[web.RouteDef]:
    """Make snapshots of a running node from now on, and return the routes that serve them. `flush` writes everything final."""
    config = parts.config
    keeper = SnapshotKeeper(parts.chain, DiskFiles(), config.data_folder, config.sync.snapshot_every, flush)
    parts.tasks.spawn(keeper.run(), "snapshots")
    return SnapshotServer(parts.chain, keeper, parts.peers.caller_of).routes()


class SnapshotServer:
    """The routes over one node's snapshots and chain."""

    def __init__(self, chain: Chain, keeper: SnapshotKeeper, caller_of: Callable[[web.Request], Link | None]) -> None:
        self._chain, self._keeper, self._caller_of = chain, keeper, caller_of
        self._rates: dict[bytes, Bucket] = {}

    def routes(self) -> list[web.RouteDef]:
        """Return what the listener adds."""
        return [
            web.get("/peer/v1/snapshots", self.list),
            web.get("/peer/v1/snapshots/{height:[0-9]{1,19}}/manifest", self.manifest),
            web.get("/peer/v1/snapshots/{height:[0-9]{1,19}}/{index:[0-9]{1,5}}", self.chunk),
            web.get("/peer/v1/epochs", self.epochs),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Say which snapshots there are."""
        refused = self._refuse(request)
        if refused is not None:
            return refused
        return web.Response(body=msgspec.json.encode(self._keeper.offer()), content_type="application/json")

    async def manifest(self, request: web.Request) -> web.StreamResponse:
        """Send a manifest."""
        return self._file(request, MANIFEST)

    async def chunk(self, request: web.Request) -> web.StreamResponse:
        """Send a chunk."""
        return self._file(request, chunk_name(int(request.match_info["index"])))

    async def epochs(self, request: web.Request) -> web.StreamResponse:
        """Send how the epochs ended."""
        refused = self._refuse(request)
        if refused is not None:
            return refused
        first = request.query.get("from", "0")
        if not first.isdecimal() or int(first) > EPOCH_MAX:
            return web.Response(status=400, text=f"from must be a whole number, at most {EPOCH_MAX}\n")
        links = [encode_link(link) for link in links_from(self._chain, int(first), LINKS_MAX)]
        return web.Response(body=b"".join(len(link).to_bytes(4, "big") + link for link in links))

    def _file(self, request: web.Request, name: str) -> web.StreamResponse:
        refused = self._refuse(request)
        if refused is not None:
            return refused
        height = int(request.match_info["height"])
        line = self._keeper.offers(height)
        if line is None or (name != MANIFEST and int(name) >= line.chunks):
            return web.Response(status=404, text=f"there is no such snapshot at height {height} here any more; ask for the list again\n")
        return web.FileResponse(self._keeper.folder / str(height) / name)

    def _refuse(self, request: web.Request) -> web.Response | None:
        """Why the caller gets nothing; None where it does."""
        link = self._caller_of(request)
        if link is None:
            return web.Response(status=401, text="open a stream first: its Welcome holds the token for this request\n")
        clock = asyncio.get_running_loop().time
        rate = self._rates.get(link.node_key) or self._rates.setdefault(link.node_key, Bucket(*RATE, clock))
        if not rate.try_take(1):
            return web.Response(status=429, text="too many requests at once; ask again in a second\n")
        return None
