"""Making a block of our own (M4 to M6, K3, K18): what goes in, in which order, when, and what is never proposed.

Order is not judged by voters: a lying leader can delay or reorder in its own views only. What a builder must not do is to lose a view: a
transaction whose execution meets a fault of ours is set aside with an alarm, so that it costs its sender and not the chain (K8).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from consensus.types import Epoch
from ledger.blocks import Header, header_bytes
from ledger.errors import Unorderable
from ledger.execute import BlockTooLargeError, Execution
from node.blocks import BuiltBlock
from node.faults import FAULTS
from node.judge import CHUNK, Overtaken
from node.records import StoredBlock
from node.viewkeys import ViewKeyMissing

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.execute import BlockResult
    from ledger.transactions.bodies import Transaction
    from node.blocks import BuildRequest
    from node.chain import Chain
    from node.judge import Surroundings
    from node.mempool import Mempool

TRANSACTIONS_MAX: Final = 2_000
"""Cap of a block: a larger one only adds latency."""
PACE_MS: Final = 25
"""A block that is not full comes so long after the last one: many tiny blocks cost a fifth of a node's CPU."""
LIGHT_MAX: Final = 8
"""A parent with at most so many transactions asks for no pause: at a low rate latency counts, not the cost of a block."""
TURNS: Final = 4
"""Turns of the loop before a block is chosen: read from a socket, taken off its frame, verified, in the pool. What came while this node
counted votes is in the block by that, not in the next one: with 20 ms between any two validators, 3.5 of 119 ms to a receipt."""
TURNS_MS: Final = 3
"""And no longer than that: under load a turn is long, and what is left out is with the next leader already."""
FAULTS_MAX: Final = 16
"""Restarts of one build after faults of ours; then the leader passes (K6)."""

log = structlog.get_logger("builder")


@dataclass(frozen=True, slots=True)
class BlockLimits:
    """What the operator may change of a block."""

    transactions_max: int = TRANSACTIONS_MAX
    pace_ms: int = PACE_MS


class Builder:
    """Builds from one pool on one chain."""

    def __init__(
        self, chain: Chain, pool: Mempool, clock: Callable[[], int], limits: BlockLimits, poisoned: Callable[[Transaction, str], None]
    ) -> None:
        self._chain, self._pool, self._clock, self.limits, self._poisoned = chain, pool, clock, limits, poisoned

    async def build(self, request: BuildRequest) -> BuiltBlock | None:
        """Make a block for our view; None: it cannot be made, so the leader passes (K6). The chain keeps its result.

        An empty block is made at once, as is a full one and the first after a quiet time; others are paced.
        """
        transactions_max = max(1, self.limits.transactions_max >> min(request.unfinal_views, 63))
        await self._pace(request, transactions_max)
        await self._let_in(request, transactions_max)
        for _ in range(FAULTS_MAX):
            around = self._around(request)
            if around is None:
                return None
            attempt = _Attempt(self._chain, self._pool, request, around, transactions_max)
            try:
                return await attempt.run()
            except Overtaken:
                return None
            except FAULTS as fault:
                transactions_max = self._after_fault(attempt, fault, transactions_max)
        return None

    def _around(self, request: BuildRequest) -> Surroundings | None:
        """Return what the block is made in; None, with a word in the log, where it cannot be made."""
        try:
            around = self._chain.surroundings(request.parent.block_id, view=request.view, time_ms=max(self._clock(), request.time_ms_min))
        except ViewKeyMissing as missing:
            log.warning("no block", view=request.view, why=str(missing))
            return None
        if around is None:
            log.warning("no block: its parent is not here", view=request.view, parent=request.parent.block_id.hex())
        return around

    async def _pace(self, request: BuildRequest, transactions_max: int) -> None:
        """Wait until the last block is old enough, or the pool fills one."""
        light = self._chain.transactions_in(request.parent.block_id) <= LIGHT_MAX
        until = request.parent.time_ms + self.limits.pace_ms
        while not light and 0 < self._pool.includable(request.parent.block_id) < transactions_max:
            left = until - self._clock()
            if request.empty or left <= 0 or left > self.limits.pace_ms:
                return
            await asyncio.sleep(min(left, 5) / 1_000)

    async def _let_in(self, request: BuildRequest, transactions_max: int) -> None:
        """Give way, for a moment, to what has come and is not in the pool yet, where there is room for it."""
        until = self._clock() + TURNS_MS
        for _ in range(TURNS):
            if request.empty or self._clock() > until or self._pool.count >= transactions_max:
                return
            await asyncio.sleep(0)

    def _after_fault(self, attempt: _Attempt, fault: BaseException, transactions_max: int) -> int:
        """Set the culprit aside where it is known; else try with half as many, until one is left, which is it."""
        culprit = attempt.current
        if culprit is None and len(attempt.taken) == 1:
            culprit = attempt.taken[0]
        if culprit is None:
            return max(1, len(attempt.taken) // 2)
        self._pool.set_aside(culprit)
        self._poisoned(culprit, f"{type(fault).__name__}: {fault}")
        log.error("transaction set aside", tx=culprit.tx_id.hex(), fault=repr(fault))
        return transactions_max


class _Attempt:
    """One execution of a block under way."""

    def __init__(self, chain: Chain, pool: Mempool, request: BuildRequest, around: Surroundings, transactions_max: int) -> None:
        self._chain, self._pool, self._request, self._around = chain, pool, request, around
        self._transactions_max = transactions_max
        self._bytes_max = max(1, around.context.parameters.block_bytes_max >> min(request.unfinal_views, 63))
        self.taken: list[Transaction] = []
        self.current: Transaction | None = None
        """The one that is being executed: what a fault is blamed on."""

    async def run(self) -> BuiltBlock:
        chain, around = self._chain, self._around
        execution = Execution(around.state, around.context, around.view_key, chain.cache.verified)
        if not self._request.empty:
            await self._fill(execution)
        with chain.stages.stage("tree"):
            result = execution.finish()
        return self._keep(result)

    async def _fill(self, execution: Execution) -> None:
        """Take transactions in order until the block is full; one that cannot be ordered here stays in the pool and is judged again."""
        choice = self._pool.choose(self._request.parent.block_id, self._bytes_max)
        size = 0
        more = True
        while more:
            with self._chain.stages.stage("execute"):
                for _ in range(CHUNK):
                    self.current = next(choice, None)
                    if self.current is None or len(self.taken) >= self._transactions_max:
                        more = False
                        break
                    size = self._take(execution, self.current, size)
                self.current = None
                execution.write_up()
            if more:
                await asyncio.sleep(0)
                if not self._around.alive():
                    raise Overtaken("its parent can no longer be final")

    def _take(self, execution: Execution, transaction: Transaction, size: int) -> int:
        """Execute one where it fits, the first in any case: a block holds any one transaction; returns the bytes taken so far."""
        grown = size + len(transaction.raw)
        if self.taken and (grown > self._bytes_max or not execution.fits(transaction)):
            return size
        try:
            execution.apply(transaction)
        except Unorderable as refusal:
            log.debug("not ordered", tx=transaction.tx_id.hex(), code=refusal.code)
            return size
        except BlockTooLargeError as full:
            log.debug("not in this block", tx=transaction.tx_id.hex(), reason=str(full))
            return size
        self.taken.append(transaction)
        return grown

    def _keep(self, result: BlockResult) -> BuiltBlock:
        chain, context, request = self._chain, self._around.context, self._request
        header = Header(
            version=1,
            chain=chain.chain_id,
            epoch=Epoch(context.epoch),
            height=context.height,
            view=context.view,
            parent=request.parent.block_id,
            time_ms=context.time_ms,
            proposer=request.proposer,
            next=result.next,
            body=result.body,
            transactions_root=result.transactions_root,
            participants_root=result.participants_root,
            assets_root=result.assets_root,
            governance_root=result.governance_root,
        )
        stored = StoredBlock(header_bytes(header), result.body_bytes)
        kept = chain.keep(header, stored, tuple(self.taken), result)
        return BuiltBlock(kept.facts, stored, kept.transactions, kept.work)
