"""`GET /v1/events`: final transactions as server-sent events, resumable without loss or repeat.

A stream is a cursor `height.index` over the final chain: it reads blocks itself and waits only at the tip, so nothing is queued per client,
and a slow client holds back nobody else. The id of an event is the cursor after it. With `?receipts=ids` an event is a whole block.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from node.api.arguments import POSITION
from node.api.errors import BadQuery, TooMany

if TYPE_CHECKING:
    from node.api.arguments import Arguments
    from node.api.encoded import EncodedBlock
    from node.api.service import Service

STREAMS_MAX: Final = 256
"""Each holds a socket and at most two chunks of text."""
HEARTBEAT_SECONDS: Final = 10
"""Proxies close what is silent for a minute; a client learns within this time that the node is gone."""
STALL_SECONDS_MAX: Final = 60
"""A client that takes nothing for so long is cut off; it resumes where it was."""
CHUNK_EVENTS: Final = 200
"""Events written at once: about 100 kB."""
AHEAD_MAX: Final = 1_000_000
"""Blocks that a client may be ahead of this node: more is another chain."""


async def stream(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/events`."""
    if service.streams >= STREAMS_MAX:
        raise TooMany(f"{STREAMS_MAX} event streams are open, this node serves no more", retry_after_s=HEARTBEAT_SECONDS)
    if arguments.has("receipts") and (arguments.has("account") or arguments.has("from")):
        raise BadQuery("`receipts=ids` gives whole blocks: leave out `account` and `from`")
    height, index = _start(service, request, arguments)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    service.streams += 1
    service.metrics.event_clients.set(service.streams)
    try:
        await response.prepare(request)
        await _run(service, response, arguments, height, index)
    except ConnectionError:
        response.force_close()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()  # a graceful close would wait for the client to take the rest
    finally:
        service.streams -= 1
        service.metrics.event_clients.set(service.streams)
    return response


async def _run(service: Service, response: web.StreamResponse, arguments: Arguments, height: int, index: int) -> None:
    """Write what is final above (height, index), for ever; ends when the client goes or the node stops."""
    account, sender, whole = arguments.text("account"), arguments.text("from"), arguments.has("receipts")
    await _write(response, b": som events\n\n")
    while not service.finals.closed:
        if height > service.height:
            if not await service.finals.above(height - 1, HEARTBEAT_SECONDS) and not service.finals.closed:
                await _write(response, b": heartbeat\n\n")
            continue
        block = service.events.block(height)
        if whole:
            if index < block.count or index == 0:
                await _write(response, block.whole(index))
        else:
            await _write_chosen(response, block, list(block.chosen(index, account, sender)))
        height, index = height + 1, 0
        await asyncio.sleep(0)


async def _write_chosen(response: web.StreamResponse, block: EncodedBlock, chosen: list[int]) -> None:
    for start in range(0, len(chosen), CHUNK_EVENTS):
        await _write(response, b"".join(block.event(index) for index in chosen[start : start + CHUNK_EVENTS]))
        await asyncio.sleep(0)


async def _write(response: web.StreamResponse, text: bytes) -> None:
    """Write and wait until the socket's buffer has room: at most 64 kB and this chunk wait for a slow client."""
    async with asyncio.timeout(STALL_SECONDS_MAX):
        await response.write(text)


def _start(service: Service, request: web.Request, arguments: Arguments) -> tuple[int, int]:
    """Height and index of the first event to send: after `Last-Event-ID`, after `after`, or what comes from now on.

    A position above the tip is taken: a client that changes nodes may be ahead of this one, and waits.
    """
    text = request.headers.get("Last-Event-ID", "") or arguments.text("after")
    if not text:
        return service.height + 1, 0
    POSITION.check("Last-Event-ID", text)
    height, index = (int(part) for part in text.split("."))
    if height > service.height + AHEAD_MAX:
        raise BadQuery(f"height {height} is far above this chain, whose newest final block is {service.height}")
    return max(height, 1), index + 1 if height else 0
