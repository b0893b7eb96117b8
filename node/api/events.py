"""`GET /v1/events`: final transactions as server-sent events, resumable without loss or repeat.

A stream is a cursor `height.index` over the final chain: it reads blocks itself and waits only at the tip, so nothing is queued per client,
and a slow client holds back nobody else. The id of an event is the cursor after it. With `?receipts=ids` an event is a whole block.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import msgspec
from aiohttp import web

from ledger.transactions.bodies import AccountOpen, AccountSet, HoldBody, Issue, Pay, Redeem
from node.api.convert import entry_bodies, receipt_body
from node.api.errors import BadQuery, TooMany
from node.api.routes import POSITION
from node.api.structs import BlockEvent, SweepEvent, TransactionEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.blocks import Receipt
    from ledger.transactions.bodies import Body
    from node.api.routes import Arguments
    from node.api.service import Service
    from node.blocks import FinalBlock

STREAMS_MAX: Final = 256
"""Each holds a socket and at most two chunks of text."""
HEARTBEAT_SECONDS: Final = 10
"""Proxies close what is silent for a minute; a client learns within this time that the node is gone."""
STALL_SECONDS_MAX: Final = 60
"""A client that takes nothing for so long is cut off; it resumes where it was."""
CHUNK_EVENTS: Final = 200
"""Events written at once: about 100 kB."""
CACHED_BLOCKS: Final = 8
"""Newest blocks whose events are kept encoded, shared by all streams."""
BLOCK_END: Final = 999_999_999
"""Index above every transaction of a block: an event for a whole block has it as its id, so that resuming goes on with the next."""
AHEAD_MAX: Final = 1_000_000
"""Blocks that a client may be ahead of this node: more is another chain."""

_encode = msgspec.json.Encoder().encode


class EncodedBlock:
    """A final block as the text of its events, each made once, when first asked for."""

    __slots__ = ("_block", "_whole", "events")

    def __init__(self, block: FinalBlock) -> None:
        self._block = block
        self._whole = b""
        self.events: list[bytes] = [b""] * (len(block.receipts) + bool(block.swept))

    def event(self, index: int) -> bytes:
        """Event of one transaction; after the last, of the sweep."""
        text = self.events[index]
        if not text:
            text = self.events[index] = self._transaction(index) if index < len(self._block.receipts) else self._sweep(index)
        return text

    def _transaction(self, index: int) -> bytes:
        block = self._block
        transaction, receipt = block.transactions[index], block.receipts[index]
        data = TransactionEvent(
            tx_id=transaction.tx_id.hex(),
            height=receipt.height,
            index=index,
            time_ms=block.facts.time_ms,
            type=transaction.type,
            sender=transaction.sender,
            ref=transaction.ref,
            receipt=receipt_body(receipt),
        )
        return b"id: %d.%d\nevent: transaction\ndata: %b\n\n" % (receipt.height, index, _encode(data))

    def _sweep(self, index: int) -> bytes:
        facts = self._block.facts
        data = SweepEvent(facts.height, index, facts.time_ms, entry_bodies(self._block.swept))
        return b"id: %d.%d\nevent: sweep\ndata: %b\n\n" % (facts.height, index, _encode(data))

    def whole(self, first: int) -> bytes:
        """Event of the block from an index on."""
        if first == 0 and self._whole:
            return self._whole
        block = self._block
        receipts = block.receipts[first:]
        data = BlockEvent(
            height=block.facts.height,
            first=first,
            time_ms=block.facts.time_ms,
            ids=tuple(receipt.tx_id.hex() for receipt in receipts),
            codes=tuple(receipt.code for receipt in receipts),
        )
        text = b"id: %d.%d\nevent: block\ndata: %b\n\n" % (block.facts.height, BLOCK_END, _encode(data))
        if first == 0:
            self._whole = text
        return text

    def chosen(self, first: int, account: str, sender: str) -> Iterator[int]:
        """Yield the indices from `first` on that fit the filters; an empty filter fits all."""
        block = self._block
        for index in range(first, len(block.receipts)):
            transaction = block.transactions[index]
            if sender and transaction.sender != sender:
                continue
            if account and not concerns(account, transaction.body, block.receipts[index]):
                continue
            yield index
        swept = any(account in ("", entry.account) for entry in block.swept)
        if swept and first <= len(block.receipts) and not sender:
            yield len(block.receipts)

    @property
    def count(self) -> int:
        """Transactions in the block."""
        return len(self._block.receipts)


class EventCache:
    """The newest encoded blocks, so that a hundred streams cost as much encoding as one."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[int, EncodedBlock] = OrderedDict()

    def block(self, service: Service, height: int) -> EncodedBlock:
        """Return a final block, encoded or ready for it. `height` is at most the tip's."""
        found = self._blocks.get(height)
        if found is None:
            block = service.reads.block(height)
            if block is None:
                raise AssertionError(f"final block {height} cannot be read")
            found = EncodedBlock(block)
            if height + CACHED_BLOCKS > service.height:
                self._blocks[height] = found
                while len(self._blocks) > CACHED_BLOCKS:
                    self._blocks.popitem(last=False)
        return found


def concerns(account: str, body: Body, receipt: Receipt) -> bool:
    """Whether a transaction changed the account, or names it: a refused one changes nothing."""
    if any(entry.account == account for entry in receipt.entries):
        return True
    match body:
        case Pay():
            return any(account in (leg.debit, leg.credit) for leg in body.legs)
        case HoldBody():
            return account in (body.source, body.target)
        case Issue():
            return body.to == account
        case Redeem():
            return body.source == account
        case AccountOpen() | AccountSet():
            return body.id == account
        case _:
            return False


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
        block = service.events.block(service, height)
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
