"""How much work one node may cause here: a token bucket per node, whatever becomes of its links."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from node.link import Bucket

if TYPE_CHECKING:
    from node.link import Link

ASKS_PER_SECOND: Final = 20.0
"""Status messages and requests that one peer may cause work with; an honest one sends one every two seconds and a few after a reconnect."""
ASKS_BURST: Final = 100.0


class Rates:
    """One rate for each node, counted apart."""

    def __init__(self, per_second: float = ASKS_PER_SECOND, burst: float = ASKS_BURST) -> None:
        self._limit = (per_second, burst)
        self._buckets: dict[bytes, Bucket] = {}

    def may(self, link: Link, amount: int = 1) -> bool:
        """Whether this node may have so much now; what is over its rate is dropped by the caller, not punished."""
        bucket = self._buckets.get(link.node_key)
        if bucket is None:
            bucket = self._buckets[link.node_key] = Bucket(*self._limit, asyncio.get_running_loop().time)
        return bucket.try_take(amount)

    def forget(self, link: Link) -> None:
        """Forget what was counted of a node that has gone."""
        self._buckets.pop(link.node_key, None)
