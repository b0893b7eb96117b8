"""News of final blocks for everything in this API that waits: event streams and `?wait=final`.

One listener on the chain, however many clients: it wakes streams by one future, requests by the ids they wait for. No block is kept here: a
stream that is behind reads them from the chain at its own pace.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from node.api.backend import Reads
    from node.blocks import FinalBlock


class Finals:
    """Who waits for what."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._next: asyncio.Future[None] | None = None
        self._expected: dict[bytes, list[asyncio.Future[None]]] = {}
        self._end = reads.subscribe(self._on_final)
        self.closed = False
        """Whether the node is stopping: streams end."""

    def close(self) -> None:
        """Wake everybody; nothing comes any more."""
        self.closed = True
        self._end()
        self._wake()
        for futures in self._expected.values():
            for future in futures:
                future.cancel()
        self._expected.clear()

    async def above(self, height: int, seconds: float) -> bool:
        """Wait until a block above `height` is final; False where none was within `seconds`, or the node stops."""
        if self._reads.tip.facts.height > height or self.closed:
            return not self.closed
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        await asyncio.wait((self._next,), timeout=seconds)
        return self._reads.tip.facts.height > height and not self.closed

    def expect(self, tx_ids: Iterable[bytes]) -> dict[bytes, asyncio.Future[None]]:
        """Return a future per id that is set when the transaction becomes final. Give them back with `forget`."""
        loop = asyncio.get_running_loop()
        expected = {}
        for tx_id in tx_ids:
            if tx_id not in expected:
                future: asyncio.Future[None] = loop.create_future()
                expected[tx_id] = future
                self._expected.setdefault(tx_id, []).append(future)
        return expected

    def forget(self, expected: dict[bytes, asyncio.Future[None]]) -> None:
        """Stop waiting for what has not come."""
        for tx_id, future in expected.items():
            futures = self._expected.get(tx_id)
            if futures is not None and future in futures:
                futures.remove(future)
                if not futures:
                    del self._expected[tx_id]

    def _on_final(self, blocks: tuple[FinalBlock, ...]) -> None:
        self._wake()
        if not self._expected:
            return
        for block in blocks:
            for receipt in block.receipts:
                for future in self._expected.pop(receipt.tx_id, ()):
                    if not future.done():
                        future.set_result(None)

    def _wake(self) -> None:
        if self._next is not None and not self._next.done():
            self._next.set_result(None)
        self._next = None
