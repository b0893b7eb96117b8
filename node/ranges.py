"""Ranges of final blocks over a plain GET (K20): the server's answer, and the check that believes none of it.

`GET /peer/v1/blocks?from=HEIGHT&count=N` answers with records, each `length u32 | bytes`: the finalization of the last block, then the
headers from that block back to `from`, then the bodies from `from` on. So a range that is not final, or not on top of what the caller
has, costs one check of a certificate and a hash per header, and one altered byte anywhere is found before the block that it is in counts.
To resume, ask from the next height.

An answer never crosses the end of an epoch, so its certificate is by the set of the epoch that its first block is in, which the caller
knows; the last block of an epoch has a finalization of its own, for none stands on it in its epoch (K22).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import structlog
from aiohttp import ClientError, ClientTimeout, web

from consensus.types import Kind
from ledger.blocks import BLOCK_BYTES_MAX
from node.link import Bucket
from node.records import StoredBlock
from node.wire import HEADER_BYTES_MAX, WireCertificate, WireError, core_certificate, header_of, wire_certificate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from aiohttp import ClientSession, StreamReader

    from consensus.types import BlockId, Certificate, Height
    from ledger.blocks import Header
    from node.blocks import Finality
    from node.chain import Chain
    from node.link import Link

RANGE_MAX = 64
"""Blocks in one answer: a few MiB under load, and as many unfinal overlays while it is executed."""
RATE = (20.0, 40.0)
"""Ranges per second and burst for one node: a thousand blocks a second is more than anybody executes."""
LINKS_MAX = 4_096
"""Headers above the last block asked for, up to the one that has a certificate (K23)."""
CERTIFICATE_BYTES_MAX = 32_768
BODY_BYTES_MAX = BLOCK_BYTES_MAX + 8
READ_SECONDS_MAX = 10.0
"""A server that sends nothing for so long is given up."""

log = structlog.get_logger("ranges")

_CERTIFICATE = msgspec.msgpack.Decoder(WireCertificate)


class RangeUnavailable(Exception):
    """The server has no such range, or went away: nobody lied, ask another one or later."""


class RangeEnd(RangeUnavailable):
    """The server has nothing above what we have: the usual end of catching up."""


# --- the server's side ------------------------------------------------------------------------------------------------


def serve_blocks(chain: Chain, caller_of: Callable[[web.Request], Link | None]) -> web.RouteDef:
    """Return the route; `caller_of` tells which linked node a request's token belongs to."""
    rates: dict[bytes, Bucket] = {}

    async def blocks(request: web.Request) -> web.StreamResponse:
        link = caller_of(request)
        if link is None:
            return web.Response(status=401, text="open a stream first: its Welcome holds the token for this request\n")
        rate = rates.get(link.node_key) or rates.setdefault(link.node_key, Bucket(*RATE, asyncio.get_running_loop().time))
        if not rate.try_take(1):
            return web.Response(status=429, text="too many ranges at once; ask again in a second\n")
        try:
            start, count = int(request.query["from"]), int(request.query.get("count", RANGE_MAX))
        except (KeyError, ValueError):
            return web.Response(status=400, text="from and count must be whole numbers\n")
        if start < 1 or not 1 <= count <= RANGE_MAX:
            return web.Response(status=400, text=f"from must be at least 1, count 1 to {RANGE_MAX}\n")
        first = chain.log.facts(start)
        if first is None or start <= chain.store.began:
            return web.Response(status=404, text=_missing(chain, start))
        end = min(start + count - 1, chain.tip.facts.height, chain.epochs.record(first.epoch).end)
        finality = chain.finality(end)
        if finality is None:
            return web.Response(status=404, text=f"no final block at height {start} here yet\n")
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            await _write_range(response, chain, start, finality)
        except ConnectionError as problem:
            log.debug("a range was not taken to its end", peer=link.name, why=str(problem))
        return response

    return web.get("/peer/v1/blocks", blocks)


async def _write_range(response: web.StreamResponse, chain: Chain, start: int, finality: Finality) -> None:
    """Write the certificate, the headers from its block back, and the bodies; raises ConnectionError where the caller has gone."""
    await response.write(_record(msgspec.msgpack.encode(wire_certificate(finality.certificate))))
    end = chain.log.height_of(finality.certificate.subject.block_id)
    if end is None:
        raise AssertionError("the block of a finalization is not here")
    for height in range(end, start - 1, -1):
        await response.write(_record(_block(chain, height).header))
    for height in range(start, end + 1):
        await response.write(_record(_block(chain, height).body))
    await response.write_eof()


def _missing(chain: Chain, height: int) -> str:
    if height <= chain.store.began:
        return f"height {height} is before this node's snapshot at height {chain.store.began}: ask a node that has every block\n"
    return f"no final block at height {height} here\n"


def _block(chain: Chain, height: int) -> StoredBlock:
    found = chain.final_bytes(height)
    if found is None:
        raise AssertionError(f"the final block at height {height} is not here")
    return found


def _record(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


# --- the caller's side ------------------------------------------------------------------------------------------------


class Range:
    """A range as its records arrive; each step believes only what the step before has proved.

    Raises
    ------
    WireError
        `range`: what came is not the final chain on top of `parent`: the server lies.
    """

    def __init__(self, start: Height, parent: BlockId, epoch: int, check: Callable[[Certificate], bool]) -> None:
        self._start, self._parent, self._epoch, self._check = start, parent, epoch, check
        self._ids: list[BlockId] = []
        self._headers: list[bytes] = []
        self._wanted: bytes = b""
        self._height = -1
        self.certificate: Certificate | None = None

    def take_certificate(self, data: bytes) -> None:
        """First the finalization of the last block."""
        try:
            certificate = core_certificate(_CERTIFICATE.decode(data))
        except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError) as problem:
            raise WireError("range", f"the certificate cannot be read: {problem}") from None
        if certificate.subject.kind is not Kind.FINALIZE or certificate.subject.epoch != self._epoch or not self._check(certificate):
            raise WireError("range", "the certificate is not a finalization by this chain's validators")
        self.certificate = certificate
        self._wanted = certificate.subject.block_id

    def take_header(self, data: bytes) -> bool:
        """Take the header that the one before names, last block first; return whether there are more to come."""
        block_id, header = header_of(data)
        if block_id != self._wanted:
            raise WireError("range", "a header is not the one that the block above it, or the certificate, names")
        if header.epoch != self._epoch:
            raise WireError("range", f"a header is of epoch {header.epoch}, the blocks asked for begin in epoch {self._epoch}")
        self._check_height(header)
        self._height, self._wanted = header.height, header.parent
        self._ids.append(block_id)
        self._headers.append(data)
        if header.height > self._start:
            return True
        if header.parent != self._parent:
            raise WireError("range", f"the block at height {header.height} is not on top of the final chain here")
        self._ids.reverse()
        self._headers.reverse()
        return False

    def _check_height(self, header: Header) -> None:
        first = self._height < 0
        if not (self._start <= header.height < self._start + RANGE_MAX + LINKS_MAX if first else header.height == self._height - 1):
            raise WireError("range", f"a header has height {header.height}, which was not asked for")

    @property
    def blocks(self) -> list[tuple[BlockId, bytes]]:
        """Id and header of each block, first block first, once all headers are there."""
        return list(zip(self._ids, self._headers, strict=True))


async def fetch_range(
    session: ClientSession, url: str, token: bytes, new: Range, start: Height
) -> AsyncGenerator[tuple[BlockId, StoredBlock], None]:
    """Ask a node for the blocks from `start` on; yield each with its body, which is not checked yet, once `new` has proved all headers.

    Raises
    ------
    RangeUnavailable
        Not there, not now, or the connection ended.
    WireError
        The server lies.
    """
    try:
        async with session.get(
            f"{url.rstrip('/')}/peer/v1/blocks",
            params={"from": str(start), "count": str(RANGE_MAX)},
            headers={"Authorization": f"Bearer {token.hex()}"},
            timeout=ClientTimeout(total=None, sock_connect=5.0, sock_read=READ_SECONDS_MAX),
        ) as response:
            if response.status == 404:
                raise RangeEnd(f"{url} has no more")
            if response.status != 200:
                raise RangeUnavailable(f"{url} answers {response.status}")
            new.take_certificate(await _read(response.content, CERTIFICATE_BYTES_MAX))
            while new.take_header(await _read(response.content, HEADER_BYTES_MAX)):
                pass
            for block_id, header in new.blocks:
                yield block_id, StoredBlock(header, await _read(response.content, BODY_BYTES_MAX))
    except (ClientError, OSError, TimeoutError) as problem:
        raise RangeUnavailable(f"{url}: {problem or type(problem).__name__}") from problem


async def _read(content: StreamReader, limit: int) -> bytes:
    """Read one record; its length is checked before anything of it is kept."""
    try:
        length = int.from_bytes(await content.readexactly(4), "big")
        if length > limit:
            raise WireError("range", f"a record of {length} bytes, at most {limit} are due")
        return await content.readexactly(length)
    except EOFError as problem:
        raise RangeUnavailable("the answer ends early") from problem
