"""Whether there is anything to do (K18): what a block could take now, or a sweep that is due; the core hears of it when that changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from consensus.events import WorkChanged
from node.driver import now_ms

if TYPE_CHECKING:
    from consensus.types import BlockFacts
    from node.chain import Chain
    from node.driver import Driver
    from node.mempool import Mempool

LOOK_SECONDS = 1.0
"""How late a due sweep may be noticed."""


class Work:
    """Watches pool and due list for the core."""

    def __init__(self, chain: Chain, pool: Mempool, driver: Driver) -> None:
        self._chain, self._pool, self._driver = chain, pool, driver
        self._newest = chain.tip.facts
        self._some = False

    def built_on(self, facts: BlockFacts) -> None:
        """Remember the newest block known to be valid: what it holds need not be included again."""
        if (facts.epoch, facts.view) > (self._newest.epoch, self._newest.view):
            self._newest = facts

    def grown(self) -> None:
        """Look after something came into the pool: where there was something to do, there still is."""
        if not self._some:
            self.look()

    def look(self) -> None:
        """Tell the core where it changed."""
        pending = self._pending()
        if (pending > 0) != self._some:
            self._some = pending > 0
            self._driver.post(WorkChanged(pending, now_ms()))

    async def run(self) -> None:
        """Look at once, for what waited through the end of an epoch, and then once a second: a sweep becomes due by time alone."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def _pending(self) -> int:
        waiting = self._pool.includable(self._newest.block_id)
        return waiting or len(self._chain.state.scan("~due/", f"~due/{now_ms():015}/", 1))
