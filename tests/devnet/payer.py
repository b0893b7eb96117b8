"""A client that pays at a steady rate and keeps book: what a node took, and when which validator showed it final.

What no node took (it is gone, or its pool is full) is sent to the next one, the same bytes, as a client does (L14).
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devnet.client import Client
from devnet.load import block_events
from tests.devnet.witness import UNREACHABLE, PromiseBroken, Witness

if TYPE_CHECKING:
    from collections.abc import Sequence

AGAIN_SECONDS = 0.05
REPLAY_SECONDS_MAX = 120.0


class Payer:
    """One run at a fixed rate over several nodes in turn."""

    def __init__(self, urls: Sequence[str], rate: int) -> None:
        self.urls, self.rate = tuple(urls), rate
        self.sent_at: dict[str, float] = {}
        """tx_id -> when a node took it."""
        self.resent = 0
        self._posts: set[asyncio.Task[None]] = set()

    async def run(self, payments: Sequence[tuple[bytes, bytes]], stop: asyncio.Event) -> None:
        """Pay until it is told to stop, then wait until every payment has been taken."""
        async with AsyncExitStack() as opened:
            clients = [await opened.enter_async_context(Client(url)) for url in self.urls]
            try:
                await self._pay(clients, payments, stop)
                await asyncio.gather(*self._posts)
            finally:
                for post in self._posts:
                    post.cancel()
                await asyncio.gather(*self._posts, return_exceptions=True)

    async def _pay(self, clients: Sequence[Client], payments: Sequence[tuple[bytes, bytes]], stop: asyncio.Event) -> None:
        began = time.perf_counter()
        for number, (tx_id, raw) in enumerate(payments):
            await asyncio.sleep(max(0.0, began + number / self.rate - time.perf_counter()))
            if stop.is_set():
                return
            turn = number % len(clients)
            post = asyncio.create_task(self._post([*clients[turn:], *clients[:turn]], tx_id.hex(), raw))
            self._posts.add(post)
            post.add_done_callback(self._posts.discard)
        raise AssertionError(f"{len(payments)} payments were not enough")

    async def _post(self, clients: Sequence[Client], tx_id: str, raw: bytes) -> None:
        self.sent_at[tx_id] = time.perf_counter()
        while True:
            for client in clients:
                try:
                    answer = (await client.submit([raw]))[0]
                except UNREACHABLE:
                    self.resent += 1
                    continue
                if answer.status != "refused":
                    return
                self.resent += 1
            await asyncio.sleep(AGAIN_SECONDS)


@dataclass
class Sight:
    """When one node showed which height final."""

    name: str
    heights: list[tuple[int, float]] = field(default_factory=list)

    def pauses(self, since: float = 0.0, until: float = float("inf")) -> list[tuple[float, int]]:
        """Seconds between two blocks that follow each other, and the height of the second, within a time."""
        pairs = zip(self.heights, self.heights[1:], strict=False)
        return [(later - earlier, height) for (_, earlier), (height, later) in pairs if since <= later and earlier <= until]

    def pause_at(self, height: int, around: int) -> float:
        """Longest time between two blocks at most so many heights from one."""
        return max((seconds for seconds, other in self.pauses() if abs(other - height) <= around), default=0.0)


async def watch(url: str, sight: Sight, witness: Witness, latencies_ms: dict[str, float], sent_at: dict[str, float]) -> None:
    """Follow a node's event stream from now on; keep the first receipt of each payment that any node shows."""
    async for event in block_events(url):
        now = time.perf_counter()
        if not sight.heights or event.height > sight.heights[-1][0]:
            sight.heights.append((event.height, now))
        for tx_id, code in zip(event.ids, event.codes, strict=True):
            witness.see(tx_id, event.height, code)
            if tx_id in sent_at and tx_id not in latencies_ms:
                latencies_ms[tx_id] = 1_000 * (now - sent_at[tx_id])


async def receipts_at(url: str, height: int) -> dict[str, tuple[int, int]]:
    """Read (height, code) by tx_id of everything that a node shows final, from its first block to this height.

    Raises
    ------
    PromiseBroken
        It does not show all of it in time.
    """
    found: dict[str, tuple[int, int]] = {}
    try:
        async with asyncio.timeout(REPLAY_SECONDS_MAX):
            async for event in block_events(url, 0):
                if event.height <= height:
                    found.update((tx_id, (event.height, code)) for tx_id, code in zip(event.ids, event.codes, strict=True))
                if event.height >= height:
                    return found
    except TimeoutError:
        raise PromiseBroken(f"{url} did not show its blocks up to {height} within {REPLAY_SECONDS_MAX:.0f} s") from None
    raise PromiseBroken(f"{url} ended its events before height {height}")
