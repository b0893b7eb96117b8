"""A node that does not vote: it follows the final chain of one validator at a time, and believes none of them.

It asks one validator for every new final block, checks certificate, body and roots itself, takes ranges where it misses something, and
changes to another validator where this one falls behind what others claim, closes, or lies.

A node with a consensus key follows, too, as long as the current set does not have the key, or what it promised is of a later epoch than
the chain here (K15). Others may know it as a validator meanwhile and talk to it as to one: that is no lie.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from consensus.types import BlockId, Kind
from node.driver import now_ms
from node.later import epoch_of_frame, may_be_later
from node.ranges import RangeUnavailable
from node.rates import Rates
from node.records import StoredBlock
from node.sync import judge_final
from node.wire import (
    BlockRequest,
    BlockResponse,
    Certificates,
    FinalBlock,
    Follow,
    Lane,
    PeerStatus,
    StatusFrame,
    Transactions,
    WireError,
    core_certificate,
    decode_frame,
    encode_frame,
    header_of,
    wire_certificate,
)

if TYPE_CHECKING:
    from node.chain import Chain
    from node.finish import Finisher
    from node.gossip import Gossip
    from node.later import Later
    from node.link import Link
    from node.metrics import Metrics
    from node.peers import Peers
    from node.sync import Sync
    from node.verify import EpochVerifiers
    from node.wire import Frame

BLOCKS_MAX = 256
"""Pushed blocks that wait to be executed; what comes beyond is fetched as a range."""
LINKS_MAX = 64
"""Blocks without a certificate of their own before the one that has it."""
LOOK_SECONDS = 0.5
STALE_SECONDS = 3.0
"""The source is changed where another validator claims more and nothing came for so long."""

log = structlog.get_logger("follow")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a validator said of itself last; a claim is not a fact."""

    height: int
    """Final, or committed where it takes this node for a validator."""
    time_ms: int
    """Its clock."""
    heard_at_ms: int
    """Ours."""


class Follower:
    """Receiver of frames in a node that does not vote."""

    def __init__(  # noqa: PLR0913 - it joins what the node is made of
        self,
        *,
        chain: Chain,
        peers: Peers,
        verifiers: EpochVerifiers,
        sync: Sync,
        finisher: Finisher,
        gossip: Gossip,
        metrics: Metrics,
        later: Later | None,
    ) -> None:
        """Take what the node is made of; `later` keeps frames for when this node votes, and is None where it never does."""
        self._chain, self._peers, self._verifiers, self._sync = chain, peers, verifiers, sync
        self._finisher, self._gossip, self._metrics, self._later = finisher, gossip, metrics, later
        self._asks = Rates()
        self._source: Link | None = None
        self.claims: dict[bytes, Claim] = {}
        """Node key -> what that validator claims; only of those that are connected."""
        self._queue: asyncio.Queue[tuple[Link, FinalBlock]] = asyncio.Queue(BLOCKS_MAX)
        self._pending: list[tuple[BlockId, StoredBlock]] = []
        self._moved = 0.0
        self._look = asyncio.Event()

    @property
    def behind(self) -> int:
        """How many heights the validators claim above this node's own; a claim is not a fact."""
        return max(0, max((claim.height for claim in self.claims.values()), default=0) - self._chain.tip.facts.height)

    @property
    def source(self) -> str:
        """Name of the validator that is followed; empty: none."""
        return "" if self._source is None else self._source.name

    def connected(self, link: Link) -> None:
        """Say how far we are, a validator answers by its own status; hand over to it what waits here (M1)."""
        link.send(Lane.VOTES, encode_frame(PeerStatus(self._chain.tip.facts.height, now_ms())))
        if link.validator is not None:
            self._gossip.hand_over(link)
        if self._source is None:
            self._look.set()

    def disconnected(self, link: Link) -> None:
        """Look for another source at once where this was ours."""
        self.claims.pop(link.node_key, None)
        self._asks.forget(link)
        if link is self._source:
            self._source = None
            self._look.set()

    async def receive(self, link: Link, lane: Lane, data: bytes) -> None:
        """Take one frame; raises WireError where no honest node sends it to a follower."""
        frame = decode_frame(lane, data)
        match frame:
            case PeerStatus(final_height, time_ms):
                self._metrics.received("status")
                if link.validator is not None:
                    self.claims[link.node_key] = Claim(final_height, time_ms, now_ms())
            case FinalBlock() if link.validator is not None or self._later is not None:
                self._metrics.received("body")
                if link is self._source and not self._queue.full():
                    self._queue.put_nowait((link, frame))
            case _ if self._later is not None:
                self._as_validator(self._later, link, lane, data, frame)
            case _:
                self._metrics.dropped("membership")
                raise WireError("membership", f"{type(frame).__name__} was sent to a node that does not vote")

    def _as_validator(self, later: Later, link: Link, lane: Lane, data: bytes, frame: Frame) -> None:
        """Take what others send to a validator: it is one to them, or was, or is about to be."""
        match frame:
            case Transactions(transactions):
                self._gossip.arrived(link, transactions)
            case Follow(wanted):
                link.follows = wanted == 1
            case StatusFrame() | BlockRequest():
                if self._asks.may(link):
                    self._answer(link, frame)
                else:
                    self._metrics.dropped("rate")
            case _:
                epoch = epoch_of_frame(frame)
                if may_be_later(frame) or (epoch is not None and epoch >= self._chain.epoch_number):
                    later.keep(link, lane, data)
                else:
                    self._metrics.dropped("epoch")

    def _answer(self, link: Link, frame: StatusFrame | BlockRequest) -> None:
        if isinstance(frame, StatusFrame):
            if link.validator is not None:
                self.claims[link.node_key] = Claim(frame.committed_height, frame.time_ms, now_ms())
            answer_old_epoch(self._chain, link, frame.epoch)
            return
        stored = self._chain.bytes_of(BlockId(frame.block_id))
        header, body = (b"", b"") if stored is None else (stored.header, stored.body)
        link.send(Lane.BULK, encode_frame(BlockResponse(frame.block_id, header, body)))

    # --- whom to follow -----------------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Keep a source, for as long as the node runs."""
        clock = asyncio.get_running_loop().time
        height = -1
        while True:
            if self._chain.tip.facts.height != height:
                height, self._moved = self._chain.tip.facts.height, clock()
            source = self._source
            gone = source is None or source.validator is None or self._peers.link_by_key(source.node_key) is not source
            stale = self.behind > 0 and clock() - self._moved > STALE_SECONDS and not self._sync.running
            if gone or stale:
                await self._change(clock())
            await self._pause()

    async def _pause(self) -> None:
        """Wait until it is time to look again, or something happened."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._look.wait()
        except TimeoutError:
            return
        self._look.clear()

    async def _change(self, now: float) -> None:
        old, self._source = self._source, None
        if old is not None:
            old.send(Lane.BULK, encode_frame(Follow(0)))
        others = [link for link in self._peers.links() if link.validator is not None and link is not old] or [
            link for link in self._peers.links() if link.validator is not None
        ]
        if not others:
            return
        source = random.choice(others)  # noqa: S311 - spreads the load over validators, protects nothing
        self._source, self._moved = source, now
        self._pending.clear()
        log.info("following", peer=source.name, height=self._chain.tip.facts.height)
        source.send(Lane.BULK, encode_frame(Follow(1)))
        await self._take_ranges(source)

    async def _take_ranges(self, link: Link) -> None:
        await self._sync.catch_up(link, lambda: True, lambda _: None)

    # --- pushed blocks ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Execute pushed blocks until cancelled."""
        while True:
            link, frame = await self._queue.get()
            try:
                await self._take(link, frame)
            except WireError as problem:
                self._pending.clear()
                self._peers.cut(link, problem)
            except RangeUnavailable as problem:
                self._pending.clear()
                log.info("a pushed block waits", peer=link.name, why=str(problem))

    async def _take(self, link: Link, frame: FinalBlock) -> None:
        block_id, header = header_of(frame.header)
        tip = self._chain.tip.facts
        if header.height <= tip.height:
            return
        above = self._pending[-1][0] if self._pending else tip.block_id
        if header.parent != above or len(self._pending) >= LINKS_MAX:
            self._pending.clear()
            if link is self._source:
                await self._take_ranges(link)
            return
        self._pending.append((block_id, StoredBlock(frame.header, frame.body)))
        if frame.certificate is None:
            return
        certificate = core_certificate(frame.certificate)
        if (
            certificate.subject.kind is not Kind.FINALIZE
            or certificate.subject.block_id != block_id
            or not self._verifiers.certificate(certificate)
        ):
            raise WireError("signature", "a pushed block whose certificate is not its finalization")
        pending, self._pending = self._pending, []
        for each, stored in pending:
            await judge_final(self._chain, each, stored)
        self._finisher.finalize([each for each, _ in pending], certificate)


def answer_old_epoch(chain: Chain, link: Link, epoch: int) -> None:
    """Send whoever shows an old epoch the finalization of the block that ended it: its own set signed it, so it can go on (K22)."""
    certificate = chain.boundary_finality(epoch)
    if certificate is not None:
        link.send(Lane.VOTES, encode_frame(Certificates((wire_certificate(certificate),))))
