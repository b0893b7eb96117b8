"""Nodes that are asked for snapshots before this one runs: one lane each, opened only for the token that plain GETs need (K20).

No listener is open and no frame is answered meanwhile; what the other side sends on the lane is thrown away.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import ClientError, ClientTimeout, WSMsgType

from node.greeting import greet_server
from node.wire import Lane, WireError

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from aiohttp import ClientResponse, ClientSession, ClientWebSocketResponse

    from node.config import PeerEntry
    from node.greeting import Identity

CONNECT_SECONDS_MAX: Final = 3.0
"""A node that does not answer within that is not asked in this round: at the first start of a network none runs yet."""
READ_SECONDS_MAX: Final = 15.0
"""A server that sends nothing for so long is given up."""
BUSY_SECONDS: Final = 1.0
"""Pause where a server says that it was asked too often."""
BUSY_ROUNDS_MAX: Final = 10

log = structlog.get_logger("snapshot")


class SourceGone(Exception):
    """The server has it no more, or went away: nobody lied, ask another one or later."""


class Source:
    """One node, linked."""

    def __init__(self, session: ClientSession, entry: PeerEntry, token: bytes, tls: ssl.SSLContext | None) -> None:
        self.name, self._url = entry.name, entry.url.rstrip("/")
        self._session, self._token, self._tls = session, token, tls

    async def get(self, path: str, limit: int, query: dict[str, str] | None = None) -> bytes:
        """Body of an answer; at most `limit` bytes are ever held.

        Raises
        ------
        SourceGone
            Not there, not now, or the connection ended.
        WireError
            `snapshot`: the answer is longer than it can be.
        """
        try:
            for _ in range(BUSY_ROUNDS_MAX):
                async with self._session.get(
                    self._url + path,
                    params=query,
                    headers={"Authorization": f"Bearer {self._token.hex()}"},
                    timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS_MAX, sock_read=READ_SECONDS_MAX),
                    ssl=self._tls if self._tls is not None else True,
                ) as response:
                    if response.status == 200:
                        return await _read(response, limit)
                    if response.status != 429:
                        raise SourceGone(f"{self.name} answers {response.status} to {path}")
                await asyncio.sleep(BUSY_SECONDS)
        except (ClientError, OSError, TimeoutError) as problem:
            raise SourceGone(f"{self.name}: {problem or type(problem).__name__}") from problem
        raise SourceGone(f"{self.name} is busy")


@asynccontextmanager
async def open_source(
    session: ClientSession, entry: PeerEntry, identity: Identity, tls: ssl.SSLContext | None
) -> AsyncIterator[Source | None]:
    """Open a lane to a configured node for as long as the context lasts; None where it is not reached, or lets us not in."""
    socket = await _connect(session, entry, tls)
    token = None if socket is None else await _greet(socket, entry, identity)
    if socket is None or token is None:
        yield None
        return
    reader = asyncio.create_task(_read_on(socket), name=f"source {entry.name}")
    try:
        yield Source(session, entry, token, tls)
    finally:
        reader.cancel()
        with suppress(asyncio.CancelledError):
            await reader
        await _hang_up(socket)


async def _connect(session: ClientSession, entry: PeerEntry, tls: ssl.SSLContext | None) -> ClientWebSocketResponse | None:
    lane = Lane.BULK
    try:
        async with asyncio.timeout(CONNECT_SECONDS_MAX):
            return await session.ws_connect(
                f"{entry.url.rstrip('/')}/peer/v1/stream?lane={lane.value}",
                max_msg_size=lane.frame_bytes_max,
                compress=0,
                ssl=tls if tls is not None else True,
            )
    except (ClientError, OSError, TimeoutError) as problem:
        log.info("node not reached", peer=entry.name, why=str(problem) or type(problem).__name__)
        return None


async def _greet(socket: ClientWebSocketResponse, entry: PeerEntry, identity: Identity) -> bytes | None:
    try:
        return await greet_server(socket, identity, bytes.fromhex(entry.node_key))
    except (WireError, ClientError, OSError) as problem:
        log.info("node lets us not in", peer=entry.name, why=str(problem))
        await _hang_up(socket)
        return None


async def _read_on(socket: ClientWebSocketResponse) -> None:
    """Answer pings (the library does while somebody reads); throw away what comes."""
    while (await socket.receive()).type not in {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}:
        pass


async def _hang_up(socket: ClientWebSocketResponse) -> None:
    with suppress(TimeoutError, ClientError, OSError):
        async with asyncio.timeout(1.0):
            await socket.close()


async def _read(response: ClientResponse, limit: int) -> bytes:
    """Read a body whose length is checked before it is kept."""
    if (response.content_length or 0) > limit:
        raise WireError("snapshot", f"an answer of {response.content_length} bytes, at most {limit} are due")
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > limit:
            raise WireError("snapshot", f"an answer of more than {limit} bytes")
        parts.append(part)
    return b"".join(parts)
