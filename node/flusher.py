"""When final blocks go to LMDB: every few thousand transactions, or once the chain has been quiet for a moment, never twice at once.

The threshold is staggered by validator, so that the nodes do not all pause at the same block; what is not flushed is replayed from the
journal.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from consensus.events import Committed
from consensus.types import Height
from node.driver import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from consensus.types import BlockFacts
    from node.chain import Chain
    from node.metrics import Metrics

QUIET_SECONDS = 1.0
"""Without a new final block for so long, what is there is flushed."""
HELD_FACTOR = 8
"""Times the usual number of transactions that wait at most while a snapshot is read: then the snapshot is given up, not memory."""
AGE_ROUNDS_MAX = 5
"""So many seconds at a low rate without a pause, and it is flushed, too: a restart has less to replay."""


class Flusher:
    """Flushes one chain."""

    def __init__(self, chain: Chain, metrics: Metrics, transactions: int, committed: Callable[[Committed, BlockFacts], None]) -> None:
        self._chain, self._metrics, self._transactions, self._committed = chain, metrics, transactions, committed
        self._lock = asyncio.Lock()

    def due(self) -> bool:
        """Whether enough transactions wait; while a snapshot is read, many more (K20)."""
        return self._chain.unflushed >= self._transactions * (HELD_FACTOR if self._chain.store.held else 1)

    @property
    def running(self) -> bool:
        """Whether a flush is under way."""
        return self._lock.locked()

    async def flush(self) -> None:
        """Write everything final; tell the core and let the journal go."""
        async with self._lock:
            facts = self._chain.tip.facts
            if facts.height <= self._chain.committed_height:
                return
            clock = asyncio.get_running_loop().time
            began = clock()
            height = await self._chain.flush()
            self._metrics.flush.observe(clock() - began)
            if height < facts.height:
                raise AssertionError(f"a flush of height {facts.height} reached {height} only")
            self._committed(Committed(Height(facts.height), now_ms()), facts)

    async def run(self) -> None:
        """Flush by time until cancelled; by number, whoever finalizes asks."""
        seen, rounds = -1, 0
        while True:
            await asyncio.sleep(QUIET_SECONDS)
            height = self._chain.tip.facts.height
            rounds += 1
            quiet = (height == seen or rounds >= AGE_ROUNDS_MAX) and not self._chain.store.held
            if quiet or self.due():
                await self.flush()
                rounds = 0
            seen = height


def stagger(transactions: int, index: int, size: int) -> int:
    """Return the threshold of validator `index` of `size`: they spread over one to two times `transactions` * 2 / 3."""
    return max(1, transactions * 2 * (size + index) // (3 * size))
