"""Payments at a steady rate to the nodes in turn, whether or not earlier ones are final: what people wait for, rather than what fits.

Signed as they are due, by this process alone: at more than some thousands a second its own CPU would be the figure (`devnet.load` then).
"""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import AsyncExitStack
from itertools import islice
from typing import TYPE_CHECKING

import aiohttp
from msgspec import Struct

from devnet.client import Client, Refused
from devnet.control import Refusal
from devnet.load import LIST_TRANSACTIONS, block_events
from ledger.transactions.bodies import Issue, Leg, Pay

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from devnet.network import Network
    from devnet.wallet import Signed

ASSET = "KGS"
DESKS = ("bank-a/main", "bank-b/main")
LAST_SECONDS_MAX = 10
"""How long the last payments may take to become final."""


class Report(Struct, frozen=True):
    """What became of the payments. Times are from submission to the receipt in the event stream; 0 where nothing became final."""

    sent: int
    final: int
    refused: int
    """By a node, or by the network with a receipt."""
    unknown: int
    """Neither final nor refused when the wait was over."""
    p50_ms: float
    p99_ms: float


class Paced:
    """One run at a fixed rate."""

    def __init__(self, urls: Sequence[str], rate: int) -> None:
        self.urls, self.rate = tuple(urls), rate
        self.sent = self.refused = 0
        self.latencies_ms: list[float] = []
        self._sent_at: dict[str, float] = {}
        self._moved = asyncio.Event()

    async def run(self, payments: Iterable[Signed]) -> Report:
        """Send them all, wait for the last.

        Raises
        ------
        aiohttp.ClientError, Refused
            The node whose events are followed broke off.
        """
        async with AsyncExitStack() as opened:
            clients = [await opened.enter_async_context(Client(url)) for url in self.urls]
            following = asyncio.create_task(self._follow((await clients[0].status()).height))
            posts: set[asyncio.Task[None]] = set()
            try:
                await self._send(iter(payments), clients, posts, following)
                await self._settle(following)
            finally:
                for task in (following, *posts):
                    task.cancel()
                await asyncio.gather(following, *posts, return_exceptions=True)
        return self._report()

    async def _send(
        self, payments: Iterator[Signed], clients: Sequence[Client], posts: set[asyncio.Task[None]], following: asyncio.Task[None]
    ) -> None:
        began = time.perf_counter()
        while not following.done():
            ahead = began + self.sent / self.rate - time.perf_counter()
            if ahead > 0:
                await asyncio.sleep(ahead)
                continue
            batch = list(islice(payments, min(LIST_TRANSACTIONS, 1 + int(-ahead * self.rate))))
            if not batch:
                return
            self.sent += len(batch)
            post = asyncio.create_task(self._post(clients[len(posts) % len(clients)], batch))
            posts.add(post)
            await asyncio.sleep(0)

    async def _post(self, client: Client, batch: Sequence[Signed]) -> None:
        now = time.perf_counter()
        self._sent_at.update((one.tx_id.hex(), now) for one in batch)
        try:
            answers = await client.submit([one.raw for one in batch])
        except Refused:
            for one in batch:
                self._forget(one.tx_id.hex())
            return
        except (aiohttp.ClientError, TimeoutError):
            return  # the node is gone, and may have passed them on: they become final, or stay unknown
        for one, answer in zip(batch, answers, strict=True):
            if answer.status == "refused":
                self._forget(one.tx_id.hex())

    def _forget(self, tx_id: str) -> None:
        if self._sent_at.pop(tx_id, None) is not None:
            self.refused += 1
            self._moved.set()

    async def _follow(self, above: int) -> None:
        async for event in block_events(self.urls[0], above):
            now = time.perf_counter()
            for tx_id, code in zip(event.ids, event.codes, strict=True):
                sent = self._sent_at.pop(tx_id, None)
                if sent is not None and code:
                    self.refused += 1
                elif sent is not None:
                    self.latencies_ms.append((now - sent) * 1_000)
            self._moved.set()

    async def _settle(self, following: asyncio.Task[None]) -> None:
        deadline = time.perf_counter() + LAST_SECONDS_MAX
        while self._sent_at and not following.done() and time.perf_counter() < deadline:
            self._moved.clear()
            moved = asyncio.create_task(self._moved.wait())
            await asyncio.wait((moved, following), timeout=deadline - time.perf_counter(), return_when=asyncio.FIRST_COMPLETED)
            moved.cancel()
        if following.done():
            following.result()

    def _report(self) -> Report:
        latencies = self.latencies_ms
        cuts = statistics.quantiles(latencies, n=100) if len(latencies) > 1 else [*latencies, *latencies] or [0.0]
        return Report(self.sent, len(latencies), self.refused, len(self._sent_at), statistics.median(cuts), cuts[-1])


async def pay_steadily(network: Network, urls: Sequence[str], *, seconds: int, rate: int) -> Report:
    """Let two banks pay each other a tyiyn at a time, out of money issued before where they have too little.

    Raises
    ------
    Refusal
        They got no money, or a node broke off.
    """
    count = seconds * rate
    try:
        async with Client(urls[0]) as client:
            for desk in DESKS:
                await _fund(network, client, desk, count)
        return await Paced(urls, rate).run(_payments(network, count))
    except (aiohttp.ClientError, TimeoutError, Refused) as error:
        raise Refusal(f"the load ended early, a node broke off ({error or type(error).__name__}): som devnet status") from error


async def _fund(network: Network, client: Client, desk: str, needed: int) -> None:
    balances = (await client.account(desk)).balances
    if any(balance.asset == ASSET and int(balance.available) >= needed for balance in balances):
        return
    issue = network.wallet.sign("operator", Issue(ASSET, desk, needed, "load", None), *network.issue_keysets)
    answer = (await client.submit([issue.raw], wait="final"))[0]
    if answer.receipt is None or answer.receipt.code != 0:
        raise Refusal(f"{desk} got no money for the load ({answer.status} {answer.name}): does a quorum of validators run?")


def _payments(network: Network, count: int) -> Iterator[Signed]:
    for number in range(count):
        debit, credit = DESKS if number % 2 else DESKS[::-1]
        body = Pay((Leg(debit, credit, ASSET, 1, 0, ""),), mode="atomic", purpose="", uetr=None, memo="", travel=None, return_of=None)
        yield network.wallet.sign(debit.partition("/")[0], body)
