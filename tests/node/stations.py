"""Nodes of the peer network alone: real sockets, a roster of five, receivers that remember."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import ClientWSTimeout, web

from consensus.types import ValidatorId
from ledger.keys import public_key_of
from node.config import PeerConfig, PeerEntry
from node.greeting import Identity, greet_server
from node.peers import Peers, client_session
from node.tasks import Tasks
from node.wire import Lane, WireError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientWebSocketResponse

    from node.link import Link

CHAIN = b"C" * 32
SEEDS = [bytes([number]) * 32 for number in range(1, 6)]
KEYS = [public_key_of(seed) for seed in SEEDS]
SECONDS_MAX = 10.0


class People:
    """A roster: the first four are validators, the fifth is a bank's; nobody else is listed."""

    def validator_of(self, node_key: bytes) -> ValidatorId | None:
        """Index among the first four."""
        return ValidatorId(KEYS.index(node_key)) if node_key in KEYS[:4] else None

    def name_of(self, node_key: bytes) -> str | None:
        """Name by position."""
        return f"node-{KEYS.index(node_key)}" if node_key in KEYS else None


class Ears:
    """A receiver that remembers, and takes `lie` for a lie."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[tuple[str, Lane, bytes]] = asyncio.Queue()
        self.links: asyncio.Queue[Link] = asyncio.Queue()
        self.lost: asyncio.Queue[Link] = asyncio.Queue()

    async def receive(self, link: Link, lane: Lane, data: bytes) -> None:
        """Remember a frame, or raise."""
        if data == b"lie":
            raise WireError("signature", "a lie")
        self.frames.put_nowait((link.name, lane, data))

    def connected(self, link: Link) -> None:
        """Remember a link."""
        self.links.put_nowait(link)

    def disconnected(self, link: Link) -> None:
        """Remember a loss."""
        self.lost.put_nowait(link)


class Station:
    """One node's peer network."""

    def __init__(self, number: int, chain: bytes = CHAIN) -> None:
        self.failures: list[BaseException] = []
        self.tasks = Tasks(self.failures.append)
        self.peers = Peers(Identity(chain, SEEDS[number]), People(), self.tasks)
        self.ears = Ears()
        self.peers.receiver = self.ears
        self.session = client_session()
        self.number = number

    async def listen(self, routes: list[web.RouteDef] | None = None, port: int = 0) -> None:
        """Open the listener."""
        await self.peers.listen(PeerConfig(port=port), routes or [], None)

    def entry(self) -> PeerEntry:
        """How others call this one."""
        return PeerEntry(f"node-{self.number}", f"http://127.0.0.1:{self.peers.port}", KEYS[self.number].hex())

    def call(self, *others: Station) -> None:
        """Call others, where that is on us."""
        self.peers.call([other.entry() for other in others], self.session, None)

    async def link(self) -> Link:
        """Wait for the next link."""
        async with asyncio.timeout(SECONDS_MAX):
            return await self.ears.links.get()

    async def loss(self) -> Link:
        """Wait until a link is lost."""
        async with asyncio.timeout(SECONDS_MAX):
            return await self.ears.lost.get()

    async def frame(self) -> tuple[str, Lane, bytes]:
        """Wait for the next frame."""
        async with asyncio.timeout(SECONDS_MAX):
            return await self.ears.frames.get()

    async def close(self) -> None:
        """Stop everything."""
        await self.peers.close()
        await self.tasks.cancel()
        await self.session.close()


@asynccontextmanager
async def stations(*numbers: int) -> AsyncIterator[list[Station]]:
    """Stations that listen."""
    made = [Station(number) for number in numbers]
    try:
        for station in made:
            await station.listen()
        yield made
    finally:
        for station in made:
            await station.close()
        assert [str(failure) for station in made for failure in station.failures] == []


@asynccontextmanager
async def caller(station: Station, seed: bytes, lane: str = "votes", chain: bytes = CHAIN) -> AsyncIterator[ClientWebSocketResponse]:
    """Call by hand, past the handshake."""
    async with client_session() as session:
        url = f"http://127.0.0.1:{station.peers.port}/peer/v1/stream?lane={lane}"
        async with session.ws_connect(url, timeout=ClientWSTimeout(ws_close=0.2)) as socket:
            await greet_server(socket, Identity(chain, seed), KEYS[station.number])
            yield socket
