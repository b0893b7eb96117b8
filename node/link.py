"""One other node as this one reaches it: two sockets, a bounded queue for each, and a rate that a flood exhausts at the flooder's cost.

A link knows bytes and lanes, nothing of what they say. Sending never waits and never fails for the caller: a frame is written at once,
so that a vote leaves with the call that sends it; what a slow peer does not take waits in a queue of its lane, for a writer of its own.
A slow or closing peer costs nobody else a vote (performance.md, structure 9).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from aiohttp import ClientConnectionError, ClientWebSocketResponse, WSCloseCode, WSMsgType, web

from node.wire import BULK_FRAME_MAX, VOTES_FRAME_MAX, Lane, WireError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from consensus.types import ValidatorId

    Socket = web.WebSocketResponse | ClientWebSocketResponse

QUEUE_BYTES_MAX = {Lane.VOTES: 64 * VOTES_FRAME_MAX, Lane.BULK: 16 * BULK_FRAME_MAX}
"""What may wait for one peer: a peer that takes less than is sent loses frames, which repair makes good, and never this node's memory."""
FRAMES_MAX = {Lane.VOTES: 8_192, Lane.BULK: 8_192}
HEARTBEAT_SECONDS = 10.0
"""A lane that was silent for so long is asked whether it is there (a WebSocket ping)."""
ANSWER_SECONDS = 5.0
"""One that does not answer for so long is dead. Asking is on us: aiohttp's own heartbeat sets its clock anew with everything that arrives,
a thirtieth of a validator's CPU."""
CLOSE_SECONDS_MAX = 1.0
"""A peer that does not answer a close is cut off after that."""
FRAMES_PER_SECOND = {Lane.VOTES: 1_000, Lane.BULK: 1_000}
"""A validator in a busy network sends about 500 votes, certificates and headers a second, and fewer bulk frames."""
BYTES_PER_SECOND = {Lane.VOTES: 1_048_576, Lane.BULK: 64 * 1_048_576}
BURST_SECONDS = 2.0
"""What was not used is kept for so long: a peer that comes back after a pause has much to say."""


class Bucket:
    """A token bucket: how long a reader must wait before it may take the next frame."""

    __slots__ = ("_burst", "_clock", "_level", "_rate", "_then")

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._level, self._then = burst, clock()

    def take(self, amount: float) -> float:
        """Take `amount` at once; return the seconds until the level is no longer below zero."""
        now = self._clock()
        self._level = min(self._burst, self._level + (now - self._then) * self._rate) - amount
        self._then = now
        return max(0.0, -self._level / self._rate)

    def try_take(self, amount: float) -> bool:
        """Take `amount` if it is there; False where it is not, and then nothing is taken."""
        now = self._clock()
        level = min(self._burst, self._level + (now - self._then) * self._rate)
        self._then = now
        self._level = level - amount if level >= amount else level
        return level >= amount


async def _go_on(begun: Coroutine[asyncio.Future[None], None, None], awaited: asyncio.Future[None]) -> None:
    """Wait for what a coroutine waits for that was begun outside of a task, and let it go on from there."""
    try:
        while True:
            await asyncio.wait((awaited,))  # `begun` awaits it itself: two cannot
            awaited = begun.send(None)
    except StopIteration:
        return
    finally:
        begun.close()


class LaneSocket:
    """One open WebSocket with its queue of frames to send."""

    def __init__(self, lane: Lane, socket: Socket) -> None:
        clock = asyncio.get_running_loop().time
        self.lane = lane
        self._socket, self._clock = socket, clock
        self._heard = clock()
        """When the peer last sent anything."""
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._behind = False
        """Whether the peer takes less than it is sent: frames wait in the queue until the writer has caught up."""
        self._rest: Awaitable[None] | None = None
        """What the first frame that the socket did not take is waiting for."""
        self._wake = asyncio.Event()
        self._frames = Bucket(FRAMES_PER_SECOND[lane], FRAMES_PER_SECOND[lane] * BURST_SECONDS, clock)
        self._bytes = Bucket(BYTES_PER_SECOND[lane], BYTES_PER_SECOND[lane] * BURST_SECONDS, clock)
        self.throttled = 0
        """Frames that had to wait for the rate."""
        self.lost = 0
        """Frames that found the queue full."""

    def send(self, data: bytes) -> None:
        """Write a frame, or queue it behind those that the peer has not taken yet.

        Where the queue is full the oldest votes go (newer ones stand for more), but the newest bulk (it is asked for again).
        """
        if self._behind:
            self._keep(data)
        else:
            self._write_now(data)

    async def tend(self) -> None:
        """Send what had to wait, and look whether a silent peer is there, until the socket closes."""
        await asyncio.gather(self._write(), self._beat())

    async def _write(self) -> None:
        socket, queue = self._socket, self._queue
        try:
            while not socket.closed:
                await self._wake.wait()
                self._wake.clear()
                if self._rest is not None:
                    rest, self._rest = self._rest, None
                    await rest
                while queue:
                    data = queue.popleft()
                    self._queued -= len(data)
                    await socket.send_bytes(data)
                self._behind = False
        except (ClientConnectionError, ConnectionError, RuntimeError):
            # The peer went away, or the socket is closing (aiohttp says that with a RuntimeError): the reader sees it and ends the link.
            return

    def _write_now(self, data: bytes) -> None:
        """Hand a frame to the socket. It has taken it whole even where it has its sender wait, for the frame after this one."""
        sending = self._socket.send_bytes(data)
        try:
            awaited = sending.send(None)
        except StopIteration:
            return
        except (ClientConnectionError, ConnectionError, RuntimeError):
            return  # as in `_write`: the link is about to end, and what matters is sent again on connect (K13)
        self._behind, self._rest = True, _go_on(sending, awaited)
        self._wake.set()

    def _keep(self, data: bytes) -> None:
        full = self._queued + len(data) > QUEUE_BYTES_MAX[self.lane] or len(self._queue) >= FRAMES_MAX[self.lane]
        if full and self.lane is Lane.BULK:
            self.lost += 1
            return
        while full and self._queue:
            self._queued -= len(self._queue.popleft())
            self.lost += 1
            full = self._queued + len(data) > QUEUE_BYTES_MAX[self.lane]
        self._queue.append(data)
        self._queued += len(data)

    async def frames(self) -> AsyncIterator[bytes]:
        """Yield received frames no faster than the peer's rate; end when the socket closes.

        Raises
        ------
        WireError
            `malformed`: something else than a binary frame.
        """
        while True:
            message = await self._socket.receive()
            self._heard = self._clock()
            if message.type is WSMsgType.BINARY:
                data: bytes = message.data
                yield data
                await self._pace(len(data))
            elif message.type is WSMsgType.PING:
                await self._socket.pong(message.data)
                await self._pace(len(message.data))
            elif message.type is WSMsgType.PONG:
                await self._pace(len(message.data))
            elif message.type in {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED}:
                return
            elif message.type is WSMsgType.ERROR:
                raise WireError("too_long" if self._socket.close_code == WSCloseCode.MESSAGE_TOO_BIG else "malformed", str(message.data))
            else:
                raise WireError("malformed", f"a {message.type.name} message where only binary frames are sent")

    async def _beat(self) -> None:
        """Ask a silent peer whether it is there, and close the lane where nothing comes back."""
        while not self._socket.closed:
            quiet = self._clock() - self._heard
            if quiet < HEARTBEAT_SECONDS:
                await asyncio.sleep(HEARTBEAT_SECONDS - quiet)
            elif not await self._answers():
                await self.close()

    async def _answers(self) -> bool:
        asked = self._clock()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._socket.ping()
        except (TimeoutError, ClientConnectionError, ConnectionError, RuntimeError):
            return False
        await asyncio.sleep(asked + ANSWER_SECONDS - self._clock())
        return self._heard > asked

    async def _pace(self, size: int) -> None:
        wait = max(self._frames.take(1), self._bytes.take(size))
        if wait > 0:
            self.throttled += 1
            await asyncio.sleep(wait)

    async def close(self) -> None:
        """Close the socket; never waits long for the other side."""
        self._wake.set()
        try:
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                await self._socket.close()
        except (TimeoutError, ClientConnectionError, ConnectionError):
            return


class Link:
    """Another node by its key, and whichever of its two lanes are open."""

    def __init__(self, node_key: bytes, name: str, validator: ValidatorId | None) -> None:
        self.node_key, self.name, self.validator = node_key, name, validator
        self.token = b""
        """What the other node gave us in its `Welcome`: authorises our GETs there."""
        self.follows = False
        """Whether it asked to be sent every new final block."""
        self.listed = False
        """Whether the ledger listed its key when the link was made: a node that is behind may call nodes that it does not know yet."""
        self._lanes: dict[Lane, LaneSocket] = {}

    @property
    def connected(self) -> bool:
        """Whether both lanes are open."""
        return len(self._lanes) == len(Lane)

    def open(self, lane: Lane) -> bool:
        """Whether a lane is open."""
        return lane in self._lanes

    @property
    def idle(self) -> bool:
        """Whether no lane is open."""
        return not self._lanes

    def attach(self, socket: LaneSocket) -> LaneSocket | None:
        """Put a new socket in its lane; return the one it replaces (an old one may be half dead)."""
        old = self._lanes.get(socket.lane)
        self._lanes[socket.lane] = socket
        return old

    def detach(self, socket: LaneSocket) -> None:
        """Take a closed socket away, unless it was replaced."""
        if self._lanes.get(socket.lane) is socket:
            del self._lanes[socket.lane]
            self.follows = False

    def send(self, lane: Lane, data: bytes) -> None:
        """Queue a frame; dropped where the lane is closed (what matters is sent again on connect, K13)."""
        socket = self._lanes.get(lane)
        if socket is not None:
            socket.send(data)

    def sockets(self) -> list[LaneSocket]:
        """Return the open lanes."""
        return list(self._lanes.values())
