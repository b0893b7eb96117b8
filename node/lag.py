"""What a validator does where its chain lags behind others', or theirs behind its own.

It holds nothing that holds it: the parts of an ended epoch go at once, without a search for garbage (`tests/node/test_roles.py`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from node.follow import answer_old_epoch

if TYPE_CHECKING:
    from consensus.effects import CatchUp
    from consensus.types import Epoch
    from node.driver import Driver
    from node.link import Link
    from node.parts import Parts
    from node.sync import Sync
    from node.tasks import Tasks

AHEAD_SECONDS = 1.0
"""A node that shows the next epoch has sent us how ours ended, too; where that did not come within this time, we take ranges from it."""


class Lag:
    """Ranges of final blocks, for a core of one epoch (K20), and nodes that show another epoch (K22)."""

    def __init__(self, parts: Parts, epoch: Epoch, sync: Sync, driver: Driver, tasks: Tasks) -> None:
        self._chain, self._peers, self._epoch = parts.chain, parts.peers, epoch
        self._sync, self._driver, self._tasks = sync, driver, tasks
        self._ahead: dict[bytes, float] = {}
        """Node key -> when it first showed the next epoch; loop time."""

    def behind(self, link: Link, epoch: int) -> None:
        """Tell a node that shows an old epoch how that ended."""
        answer_old_epoch(self._chain, link, epoch)

    def ahead(self, link: Link, epoch: int) -> None:
        """Catch up from a node that shows a later epoch, where the finalization that ends ours does not come by itself (K20)."""
        now = asyncio.get_running_loop().time()
        first = self._ahead.setdefault(link.node_key, now)
        if epoch > self._epoch + 1 or now - first > AHEAD_SECONDS:
            self.take_ranges(link)

    def take_ranges(self, link: Link) -> None:
        """Take everything from a node, where no ranges are taken now."""
        if not self._sync.running:
            self._tasks.spawn(self._sync.catch_up(link, lambda: True, self._driver.post), "catch up")

    def catch_up(self, effect: CatchUp) -> None:
        """Take ranges up to what the core asks for, from the validator that it names (K20)."""
        link = self._peers.link_of(effect.peer)
        if link is None or self._sync.running:
            return
        chain, wanted = self._chain, (self._epoch, effect.final_view)
        self._tasks.spawn(self._sync.catch_up(link, lambda: chain.position < wanted, self._driver.post), "catch up")
