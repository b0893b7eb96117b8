"""`GET /v1/events`: order, filters, resuming without loss or repeat, bounds per client, an end when the node stops."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import aiohttp
import msgspec
import pytest

from ledger.blocks import Entry
from ledger.transactions.bodies import AccountOpen, Void
from node.api import events
from node.api.encoded import concerns
from node.api.structs import BlockEvent, ErrorBody, SweepEvent, TransactionEvent
from tests.node.api_world import World, client_of, payment, receipt_of, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECONDS_MAX = 10
"""No test waits so long unless it fails."""


class Event(NamedTuple):
    """One server-sent event."""

    id: str
    kind: str
    data: bytes

    @property
    def transaction(self) -> TransactionEvent:
        """Data of an event of one transaction."""
        return msgspec.json.decode(self.data, type=TransactionEvent)

    @property
    def block(self) -> BlockEvent:
        """Data of an event of one block."""
        return msgspec.json.decode(self.data, type=BlockEvent)


class Stream:
    """A client of the event stream."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def lines(self) -> list[bytes]:
        """Return the lines up to the next empty one; nothing at the end of the stream."""
        found: list[bytes] = []
        async with asyncio.timeout(SECONDS_MAX):
            while line := (await self.response.content.readline()).rstrip(b"\n"):
                found.append(line)
        return found

    async def take(self, count: int) -> list[Event]:
        """Return the next events, comments left out."""
        found: list[Event] = []
        while len(found) < count:
            fields = dict(line.split(b": ", 1) for line in await self.lines() if not line.startswith(b":"))
            if fields:
                found.append(Event(fields[b"id"].decode(), fields[b"event"].decode(), fields[b"data"]))
        return found


@asynccontextmanager
async def stream(session: aiohttp.ClientSession, query: str = "", last: str = "") -> AsyncIterator[Stream]:
    """Open a stream and read its first comment: from then on nothing is missed."""
    headers = {"Last-Event-ID": last} if last else {}
    async with session.get(f"/v1/events{query}", headers=headers) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        opened = Stream(response)
        assert await opened.lines() == [b": som events"]
        yield opened


async def text_of(session: aiohttp.ClientSession, path: str) -> str:
    """Return the text at a path."""
    async with session.get(path) as response:
        return await response.text()


@pytest.fixture
def world() -> World:
    """Blocks of two, none, three and one payments; the second of the third block was refused."""
    world = World()
    world.reads.add(payment(0), payment(1, sender="bank-b"))
    world.reads.add()
    world.reads.add(payment(2), payment(3, debit="bank-c/x"), payment(4), codes={1: 150})
    world.reads.add(payment(5))
    return world


async def test_new_client_gets_what_becomes_final_from_now_on(world: World) -> None:
    """Goal: live by default, one event per transaction. Method: open, then make two blocks."""
    async with client_of(world.backend) as session, stream(session) as opened:
        world.reads.add(payment(6), payment(7))
        world.reads.add(payment(8))
        found = await opened.take(3)
    assert [event.id for event in found] == ["5.0", "5.1", "6.0"]
    first = found[0].transaction
    assert (first.sender, first.ref, first.type, first.receipt.code) == ("bank-a", "ref-6", "pay", 0)
    assert [(entry.account, entry.posted) for entry in first.receipt.entries] == [("bank-a/main", "-7"), ("bank-b/main", "7")]


@pytest.mark.parametrize("taken", range(7))
async def test_resuming_anywhere_loses_and_repeats_nothing(world: World, taken: int) -> None:
    """Goal: `Last-Event-ID` is exact. Method: cut after each number of events, resume, compare with the whole."""
    async with client_of(world.backend) as session:
        async with stream(session, "?after=0.0") as opened:
            before = await opened.take(taken)
        last = before[-1].id if before else "0.0"
        async with stream(session, last=last) as opened:
            after = await opened.take(6 - taken)
            world.reads.add(payment(9))
            after += await opened.take(1)
    assert [event.id for event in before + after] == ["1.0", "1.1", "3.0", "3.1", "3.2", "4.0", "5.0"]


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("0.0", [(1, 0, 2), (2, 0, 0), (3, 0, 3), (4, 0, 1)]),
        ("1.0", [(1, 1, 1), (2, 0, 0), (3, 0, 3), (4, 0, 1)]),
        ("1.1", [(2, 0, 0), (3, 0, 3), (4, 0, 1)]),
        ("1.999999999", [(2, 0, 0), (3, 0, 3), (4, 0, 1)]),
        ("3.2", [(4, 0, 1)]),
    ],
)
async def test_block_events_resume_also_within_a_block(world: World, last: str, expected: list[tuple[int, int, int]]) -> None:
    """Goal: ids of either mode resume the other. Method: positions within, at the end of and between blocks."""
    async with client_of(world.backend) as session, stream(session, "?receipts=ids", last) as opened:
        found = [event.block for event in await opened.take(len(expected))]
        world.reads.add()
        tail = await opened.take(1)
    assert [(block.height, block.first, len(block.ids)) for block in found] == expected
    assert tail[0].id == "5.999999999"
    codes = {tx_id: code for block in found for tx_id, code in zip(block.ids, block.codes, strict=True)}
    if expected[0][0] < 3:
        assert codes[payment(3).tx_id.hex()] == 150


async def test_filters_by_account_and_sender(world: World) -> None:
    """Goal: only what concerns the client, refused payments of its account included. Method: each filter over the same chain."""
    async with client_of(world.backend) as session:
        async with stream(session, "?after=0.0&from=bank-b") as opened:
            assert [event.id for event in await opened.take(1)] == ["1.1"]
        async with stream(session, "?after=0.0&account=bank-c/x") as opened:
            assert [event.id for event in await opened.take(1)] == ["3.1"]
        async with stream(session, "?after=0.0&account=bank-a/main&from=bank-a") as opened:
            assert [event.id for event in await opened.take(4)] == ["1.0", "3.0", "3.2", "4.0"]


def test_concerns_reads_the_accounts_that_a_body_names() -> None:
    """Goal: a refused opening is seen by who asked for the account. Method: bodies of several types, no entries."""
    receipt = receipt_of(payment(0), 1, 0, 150)
    assert concerns("bank-a/x", AccountOpen("bank-a/x", "wallet", b"", None, ()), receipt)
    assert not concerns("bank-a/y", AccountOpen("bank-a/x", "wallet", b"", None, ()), receipt)
    assert not concerns("bank-a/x", Void(bytes(32)), receipt)


async def test_lapsed_hold_is_an_event_of_its_own(world: World) -> None:
    """Goal: value given back by a sweep is not lost on clients (L19). Method: a block that swept; filters; resuming after it."""
    world.reads.add(payment(6), swept=(Entry("bank-c/x", "KGS", 0, -5, 0),))
    async with client_of(world.backend) as session:
        async with stream(session, last="4.0") as opened:
            found = await opened.take(2)
        async with stream(session, "?account=bank-c/x", last="4.0") as opened:
            assert [event.id for event in await opened.take(1)] == ["5.1"]
        async with stream(session, last="5.1") as opened:
            world.reads.add(payment(7))
            assert [event.id for event in await opened.take(1)] == ["6.0"]
    sweep = msgspec.json.decode(found[1].data, type=SweepEvent)
    assert (found[1].id, found[1].kind, sweep.entries[0].held) == ("5.1", "sweep", "-5")


async def test_client_ahead_of_this_node_waits(world: World) -> None:
    """Goal: changing to a node that is behind loses and repeats nothing. Method: resume at a height that is not final here yet."""
    async with client_of(world.backend) as session, stream(session, last="5.0") as opened:
        world.reads.add(payment(6), payment(7))
        assert [event.id for event in await opened.take(1)] == ["5.1"]


async def test_silence_is_broken_by_heartbeats(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: a client can tell a quiet chain from a dead node. Method: a short heartbeat, no block."""
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.01)
    async with client_of(world.backend) as session, stream(session) as opened:
        assert await opened.lines() == [b": heartbeat"]
        world.reads.add(payment(6))
        assert [event.id for event in await opened.take(1)] == ["5.0"]


async def test_number_of_streams_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: 429 with Retry-After beyond the limit, and room again when one goes. Method: a limit of one."""
    monkeypatch.setattr(events, "STREAMS_MAX", 1)
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.01)
    async with client_of(world.backend) as session:
        async with stream(session), session.get("/v1/events") as refused:
            error = msgspec.json.decode(await refused.read(), type=ErrorBody)
            assert (refused.status, refused.headers["Retry-After"], error.name) == (429, "0.01", "TOO_MANY")
        async with asyncio.timeout(SECONDS_MAX):
            while True:
                async with session.get("/v1/events") as response:
                    if response.status == 200:
                        break


async def test_client_that_takes_nothing_is_cut_off_and_others_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: a slow client costs a bounded buffer, and nobody else anything. Method: one never reads 12,000 events, another reads on."""
    monkeypatch.setattr(events, "STALL_SECONDS_MAX", 0.05)
    for height in range(6):
        world.reads.add(*(payment(2_000 * height + number) for number in range(2_000)))
    async with serving(world.backend) as url:
        host, port = url.removeprefix("http://").split(":")
        client = socket.create_connection((host, int(port)))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        reader, writer = await asyncio.open_connection(sock=client, limit=1)
        writer.write(b"GET /v1/events?after=0.0 HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readexactly(1)
        async with aiohttp.ClientSession(url) as session, stream(session) as opened:
            world.reads.add(payment(50_000))
            assert [event.transaction.ref for event in await opened.take(1)] == ["ref-50000"]
            async with asyncio.timeout(SECONDS_MAX):
                while "som_event_clients 1.0" not in await text_of(session, "/metrics"):
                    continue
        writer.transport.abort()


async def test_streams_end_when_the_node_stops(world: World) -> None:
    """Goal: a stop is not held up by streams. Method: stop with one open; it ends cleanly."""
    async with aiohttp.ClientSession() as session:
        async with asyncio.timeout(SECONDS_MAX), serving(world.backend) as url:
            response = await session.get(f"{url}/v1/events")
            opened = Stream(response)
            assert await opened.lines() == [b": som events"]
        assert await opened.lines() == []
        response.release()
