"""Ranges of final blocks: what a server may answer, and that one altered byte anywhere is refused (K20)."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
import pytest
from aiohttp import ClientSession, web

from consensus.certificates import assemble
from consensus.signing import signing_bytes
from consensus.types import BlockId, Certificate, ChainId, Epoch, Height, Kind, SignedVote, ValidatorId, ValidatorSet, View, Vote
from ledger.blocks import Header
from ledger.canonical import encode
from ledger.keys import public_key_of, sign
from node.metrics import Metrics
from node.ranges import RANGE_MAX, Range, RangeUnavailable, fetch_range
from node.verify import VoteVerifier
from node.wire import WireError, header_of, wire_certificate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from node.records import StoredBlock

CHAIN = ChainId(b"C" * 32)
SEEDS = [bytes([number]) * 32 for number in range(1, 5)]
VALIDATORS = ValidatorSet(tuple(public_key_of(seed) for seed in SEEDS))
HASH = bytes(32)


def header_bytes(height: int, parent: bytes) -> bytes:
    return encode(Header(1, CHAIN, 0, height, height, parent, 1_000 + height, 0, HASH, HASH, HASH, HASH, HASH, HASH))


def chain(length: int) -> list[tuple[BlockId, bytes]]:
    """Headers that follow each other from the genesis on, with their ids."""
    parent, made = bytes(CHAIN), []
    for height in range(1, length + 1):
        data = header_bytes(height, parent)
        block_id, _ = header_of(data)
        made.append((block_id, data))
        parent = block_id
    return made


def certificate(block_id: bytes, view: int, kind: Kind = Kind.FINALIZE) -> Certificate:
    vote = Vote(kind, Epoch(0), View(view), View(view - 1), BlockId(block_id))
    message = signing_bytes(CHAIN, vote)
    return assemble([SignedVote(vote, ValidatorId(index), sign(SEEDS[index], message)) for index in range(3)], VALIDATORS)


BLOCKS = chain(5)
FINAL = encode(wire_certificate(certificate(BLOCKS[-1][0], 5)))


def new_range(start: int = 1, parent: bytes = CHAIN) -> Range:
    return Range(Height(start), BlockId(parent), 0, VoteVerifier(CHAIN, VALIDATORS, Metrics()).certificate)


def answer(records: list[bytes]) -> bytes:
    return b"".join(len(record).to_bytes(4, "big") + record for record in records)


def good_records() -> list[bytes]:
    return [FINAL, *(data for _, data in reversed(BLOCKS)), *(b"body" + bytes([number]) for number in range(5))]


@asynccontextmanager
async def server(body: bytes, status: int = 200) -> AsyncIterator[tuple[ClientSession, str]]:
    """Answer every GET with the same bytes."""

    async def blocks(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status)

    app = web.Application()
    app.add_routes([web.get("/peer/v1/blocks", blocks)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with ClientSession() as session:
            yield session, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def fetch(body: bytes, status: int = 200, start: int = 1, parent: bytes = CHAIN) -> list[tuple[BlockId, StoredBlock]]:
    new = new_range(start, parent)
    async with server(body, status) as (session, url), aclosing(fetch_range(session, url, b"t" * 32, new, Height(start))) as blocks:
        return [block async for block in blocks]


async def test_a_good_range_yields_its_blocks_first_block_first() -> None:
    """Goal: certificate, headers backwards, bodies forwards. Method: five blocks; then from the third on, as resuming does."""
    blocks = await fetch(answer(good_records()))
    assert [block_id for block_id, _ in blocks] == [block_id for block_id, _ in BLOCKS]
    assert [stored.body for _, stored in blocks] == [b"body" + bytes([number]) for number in range(5)]
    later = [FINAL, *(data for _, data in reversed(BLOCKS[2:])), b"a", b"b", b"c"]
    assert len(await fetch(answer(later), start=3, parent=BLOCKS[1][0])) == 3


async def test_any_altered_byte_of_certificate_or_headers_is_refused() -> None:
    """Goal: refuse a range with one altered byte. Method: flip each byte of the proof in turn."""
    records = good_records()[:6]
    for place, record in enumerate(records):
        for at in range(len(record)):
            altered = [*records]
            altered[place] = record[:at] + bytes([record[at] ^ 1]) + record[at + 1 :]
            new = new_range()
            with pytest.raises(WireError):
                feed(new, altered)


def feed(new: Range, records: list[bytes]) -> None:
    new.take_certificate(records[0])
    for record in records[1:]:
        new.take_header(record)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda records: [encode(wire_certificate(certificate(BLOCKS[-1][0], 5, Kind.NOTARIZE))), *records[1:]], "not a finalization"),
        (lambda records: [encode(wire_certificate(certificate(b"x" * 32, 5))), *records[1:]], "names"),
        (lambda records: [records[0], records[2], *records[1:]], "names"),
        (lambda records: [records[0], *records[2:]], "names"),
    ],
    ids=["notarization", "other block", "order", "left out"],
)
def test_what_is_not_the_final_chain_is_refused(change: Callable[[list[bytes]], list[bytes]], why: str) -> None:
    """Goal: garbage costs one check. Method: one wrong thing at a time."""
    with pytest.raises(WireError, match=why):
        feed(new_range(), change(good_records()[:6]))


def test_a_fork_below_our_tip_is_refused() -> None:
    """Goal: what is final stays. Method: a certified chain that does not stand on our tip."""
    with pytest.raises(WireError, match="not on top"):
        feed(new_range(1, b"other" + bytes(27)), good_records()[:6])


def test_heights_that_were_not_asked_for_are_refused() -> None:
    """Goal: a server cannot send a chain without end. Method: a block below the start, and one far above."""
    with pytest.raises(WireError, match="not asked"):
        feed(new_range(9), good_records()[:2])
    far = header_bytes(1 + RANGE_MAX + 4_096, CHAIN)
    block_id, _ = header_of(far)
    with pytest.raises(WireError, match="not asked"):
        feed(new_range(), [encode(wire_certificate(certificate(block_id, 5))), far])


def test_k22_a_range_of_another_epoch_is_a_lie() -> None:
    """Goal: an answer never crosses the end of an epoch. Method: a certificate of another epoch, and headers of a later one under ours."""
    new = Range(Height(1), BlockId(CHAIN), 1, lambda _: True)
    with pytest.raises(WireError, match="not a finalization"):
        new.take_certificate(FINAL)
    block_id, header = header_of(BLOCKS[-1][1])
    later = encode(msgspec.structs.replace(header, epoch=1))
    crossing = new_range()
    crossing.take_certificate(encode(wire_certificate(certificate(header_of(later)[0], 5))))
    with pytest.raises(WireError, match="of epoch 1"):
        crossing.take_header(later)
    assert block_id != header_of(later)[0]


async def test_a_record_beyond_its_limit_is_refused_before_it_is_read() -> None:
    """Goal: length before allocation. Method: a length of 4 GiB for the certificate."""
    with pytest.raises(WireError, match="at most"):
        await fetch(b"\xff\xff\xff\xff" + bytes(100))


@pytest.mark.parametrize("status", [404, 401, 500])
async def test_a_server_that_has_nothing_is_no_liar(status: int) -> None:
    """Goal: ask another one. Method: any answer but 200."""
    with pytest.raises(RangeUnavailable):
        await fetch(b"", status)


async def test_an_answer_that_ends_early_is_resumed_elsewhere() -> None:
    """Goal: a dying server is no liar. Method: every length of a good answer."""
    whole = answer(good_records())
    for length in range(0, len(whole), 97):
        with pytest.raises(RangeUnavailable):
            await fetch(whole[:length])


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    """Goal: no other error. Method: a port where nobody listens."""
    async with ClientSession() as session:
        with pytest.raises(RangeUnavailable):
            async with asyncio.timeout(10):
                await anext(fetch_range(session, "http://127.0.0.1:1", b"t" * 32, new_range(), Height(1)))
