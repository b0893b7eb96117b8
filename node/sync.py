"""Catching up over ranges of final blocks (K20): for a validator that is far behind, and for a node that does not vote.

Each block is executed and its roots compared before it counts as final here, whoever sent it. A server whose range does not hold is cut
off.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import structlog

from consensus.events import Synced, Verdict
from consensus.types import Height
from node.blocks import BodyMismatch
from node.driver import now_ms
from node.errors import Diverged
from node.ranges import Range, RangeEnd, RangeUnavailable, fetch_range
from node.wire import WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import ClientSession

    from consensus.types import BlockId
    from node.chain import Chain
    from node.finish import Finisher
    from node.flusher import Flusher
    from node.link import Link
    from node.metrics import Metrics
    from node.peers import Peers
    from node.records import StoredBlock
    from node.verify import EpochVerifiers

AGAIN_SECONDS = 2.0
"""After a block without a verdict."""

log = structlog.get_logger("sync")


class NoVerdict(RangeUnavailable):
    """A final block that cannot be judged here now, whoever sends it: the view key of its epoch is missing, say."""


class Sync:
    """One catch-up at a time, from one node at a time."""

    def __init__(  # noqa: PLR0913 - it joins what the node is made of
        self,
        *,
        chain: Chain,
        peers: Peers,
        verifiers: EpochVerifiers,
        flusher: Flusher,
        finisher: Finisher,
        urls: Mapping[bytes, str],
        session: ClientSession,
        metrics: Metrics,
    ) -> None:
        self._chain, self._peers, self._verifiers, self._flusher, self._finisher = chain, peers, verifiers, flusher, finisher
        self._urls, self._session, self._metrics = urls, session, metrics
        self.source: Link | None = None
        """Node that a catch-up is under way from."""
        self._again_at, self._said = 0.0, ""

    @property
    def running(self) -> bool:
        """Whether a catch-up is under way."""
        return self.source is not None

    async def catch_up(self, link: Link, wanted: Callable[[], bool], reached: Callable[[Synced], None]) -> None:
        """Take ranges from one node while `wanted` and it has more; `reached` hears of each end that is in the store.

        A node that has nothing, or goes away, ends it without a word; one that lies is cut off.
        """
        clock = asyncio.get_running_loop().time
        if self.running or clock() < self._again_at:
            return
        self.source = link
        began = self._chain.tip.facts.height
        try:
            while wanted() and await self._take(link):
                if self._flusher.due():
                    await self._finish(reached)
        except RangeEnd:
            pass
        except NoVerdict as problem:
            self._again_at = clock() + AGAIN_SECONDS
            self._puzzled(link, str(problem))
        except RangeUnavailable as problem:
            log.info("catch-up paused", peer=link.name, why=str(problem), height=self._chain.tip.facts.height)
        except WireError as problem:
            self._peers.cut(link, problem)
        finally:
            self.source = None
        if self._chain.tip.facts.height > began:
            await self._finish(reached)
            log.info("caught up", peer=link.name, blocks=self._chain.tip.facts.height - began, height=self._chain.tip.facts.height)

    def _puzzled(self, link: Link, why: str) -> None:
        """Say once why a block cannot be judged here; what is final elsewhere does not change, so that is not tried again at once."""
        if why != self._said:
            self._said = why
            log.warning("a final block cannot be judged here", peer=link.name, why=why, height=self._chain.tip.facts.height)

    async def _finish(self, reached: Callable[[Synced], None]) -> None:
        tip = self._chain.tip
        await self._flusher.flush()
        if tip.certificate is not None:
            reached(Synced(tip.facts, tip.certificate, now_ms()))

    async def _take(self, link: Link) -> bool:
        """Take one range on top of the final chain here; return whether the node may have more."""
        url = self._urls.get(link.node_key)
        if url is None:
            raise RangeUnavailable(f"{link.name} is neither in the configuration nor a validator: its address is unknown")
        base = self._chain.tip.facts
        start = Height(base.height + 1)
        new = Range(start, base.block_id, self._chain.epoch_number, self._verifiers.certificate)
        judged: list[BlockId] = []
        self._metrics.repair_asked("range")
        async with aclosing(fetch_range(self._session, url, link.token, new, start)) as blocks:
            async for block_id, stored in blocks:
                await judge_final(self._chain, block_id, stored)
                judged.append(block_id)
        if new.certificate is None:
            raise AssertionError("a range without a certificate was taken")
        self._metrics.repaired("range", len(judged))
        self._finisher.finalize(judged, new.certificate)
        return bool(judged)


async def judge_final(chain: Chain, block_id: BlockId, stored: StoredBlock) -> None:
    """Execute a block that a certificate makes final.

    Raises
    ------
    WireError
        `range`: the body is not the header's.
    NoVerdict
        Try again later.
    Diverged
        A final block is not what we compute: stop.
    """
    try:
        judgement = await chain.judge(stored)
    except BodyMismatch:
        raise WireError("range", f"the body of block {block_id.hex()[:16]} does not hash to its header") from None
    match judgement.verdict:
        case Verdict.VALID:
            return
        case Verdict.NONE:
            raise NoVerdict(f"no verdict on block {block_id.hex()[:16]}: {judgement.reason}")
        case Verdict.INVALID:
            raise Diverged(
                f"block {judgement.facts.height} is final, and this node finds it invalid ({judgement.reason}): "
                "keep the data folder, compare versions with the other nodes, report it"
            )
