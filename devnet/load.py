"""Load: sign beforehand on all cores, submit in lists, read finality from the event stream of one node.

The generator shares the machine with the nodes, so its own CPU is part of every figure and reported beside it (performance.md, "Rules").
"""

from __future__ import annotations

import asyncio
import secrets
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from devnet.client import Client, Refused
from ledger.codec import encode_transaction, make_envelope, sign_envelope, tx_id_of
from ledger.transactions.bodies import Leg, Pay
from node.api.encoded import BLOCK_END
from node.api.structs import BlockEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

VALID_MS = 3_000_000
"""50 minutes: within the default lifetime of an hour."""
LIST_TRANSACTIONS = 250
BACKOFF_SECONDS = 0.02
EVENT_BYTES_MAX = 2**22


@dataclass(frozen=True, slots=True)
class Plan:
    """What one signing process makes: payments of `legs` legs from the accounts of one bank, round robin."""

    chain: bytes
    bank: str
    seed: bytes
    debits: tuple[str, ...]
    credits: tuple[str, ...]
    asset: str
    count: int
    legs: int = 1


def sign_payments(plan: Plan) -> list[tuple[bytes, bytes]]:
    """Return (tx_id, whole transaction) of every payment of a plan."""
    prefix = secrets.token_hex(6)
    valid_until = time.time_ns() // 1_000_000 + VALID_MS
    salts = secrets.token_bytes(16 * plan.count)
    made = []
    for number in range(plan.count):
        debit = plan.debits[number % len(plan.debits)]
        legs = tuple(
            Leg(debit, plan.credits[(number * plan.legs + leg) % len(plan.credits)], plan.asset, 1, 0, "") for leg in range(plan.legs)
        )
        envelope = make_envelope(
            chain=plan.chain,
            sender=plan.bank,
            ref=f"{prefix}{number}",
            valid_until=valid_until,
            salt=salts[16 * number : 16 * number + 16],
            body=Pay(legs=legs, mode="atomic", purpose="", uetr=None, memo="", travel=None, return_of=None),
        )
        signature = sign_envelope(envelope, owner=plan.bank, keyset="ops", seed=plan.seed)
        made.append((tx_id_of(envelope), encode_transaction(envelope, [signature])))
    return made


async def presign(plans: Sequence[Plan]) -> list[tuple[bytes, bytes]]:
    """Sign all plans, one process each, and mix them evenly."""
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool:
        parts = await asyncio.gather(*(loop.run_in_executor(pool, sign_payments, plan) for plan in plans))
    mixed: list[tuple[bytes, bytes]] = []
    for group in zip(*parts, strict=True):
        mixed.extend(group)
    return mixed


async def block_events(url: str, above: int | None = None) -> AsyncIterator[BlockEvent]:
    """Follow the compact event stream of a node: one event per final block with ids and codes, above a height or from now on."""
    after = "" if above is None else f"&after={above}.{BLOCK_END}"
    timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
    async with (
        aiohttp.ClientSession(timeout=timeout, read_bufsize=EVENT_BYTES_MAX) as session,
        session.get(f"{url}/v1/events?receipts=ids{after}", headers={"Accept": "text/event-stream"}) as answer,
    ):
        if answer.status != 200:
            raise Refused(status=answer.status, text=await answer.text())
        async for line in answer.content:
            if line.startswith(b"data:"):
                yield msgspec.json.decode(line[5:], type=BlockEvent)


@dataclass
class Progress:
    """What a running load has seen."""

    submitted: int = 0
    final: int = 0
    refused: int = 0
    busy: int = 0
    """Answers 429."""
    latencies_ms: list[float] = field(default_factory=list)
    sent_at: dict[str, float] = field(default_factory=dict)
    """Submission time by tx_id (hex), while not final."""


class Load:
    """Closed loop: at most `window` transactions submitted and not final, in lists, round robin over the nodes."""

    def __init__(self, urls: Sequence[str], transactions: Sequence[tuple[bytes, bytes]], *, window: int, list_size: int) -> None:
        self.urls, self.transactions = tuple(urls), transactions
        self.window, self.list_size = window, list_size
        self.progress = Progress()
        self._next = 0
        self._moved = asyncio.Event()
        """Something became final."""
        self._room = asyncio.Event()
        """The same, for who waits to send: a generator that asked again and again would take the cores from the nodes."""
        self._stop = False

    async def run(self, seconds: float) -> float:
        """Run for so many seconds or until everything is sent and final; return the seconds it took."""
        following = asyncio.create_task(self._follow(), name="follow")
        senders = [asyncio.create_task(self._send(url), name=f"send {url}") for url in self.urls]
        began = time.perf_counter()
        try:
            while time.perf_counter() - began < seconds and not self._done():
                self._moved.clear()
                tasks = [following, *(sender for sender in senders if not sender.done())]
                waiting = asyncio.create_task(self._moved.wait())
                done, _ = await asyncio.wait([*tasks, waiting], timeout=0.25, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                for task in done:
                    if task is not waiting:
                        task.result()
            return time.perf_counter() - began
        finally:
            self._stop = True
            for task in (following, *senders):
                task.cancel()
            await asyncio.gather(following, *senders, return_exceptions=True)

    def _done(self) -> bool:
        return self._next >= len(self.transactions) and not self.progress.sent_at

    async def _follow(self) -> None:
        progress = self.progress
        async for event in block_events(self.urls[0]):
            now = time.perf_counter()
            for tx_id, code in zip(event.ids, event.codes, strict=True):
                sent = progress.sent_at.pop(tx_id, None)
                if sent is not None:
                    progress.final += 1
                    progress.refused += code != 0
                    progress.latencies_ms.append((now - sent) * 1000)
            self._moved.set()
            self._room.set()

    async def _send(self, url: str) -> None:
        progress = self.progress
        async with Client(url) as client:
            while not self._stop and self._next < len(self.transactions):
                if len(progress.sent_at) + self.list_size > self.window:
                    self._room.clear()
                    await self._room.wait()
                    continue
                batch = self.transactions[self._next : self._next + self.list_size]
                self._next += len(batch)
                now = time.perf_counter()
                progress.sent_at.update((tx_id.hex(), now) for tx_id, _ in batch)
                await self._submit(client, batch)

    async def _submit(self, client: Client, batch: Sequence[tuple[bytes, bytes]]) -> None:
        """Send one list; what a full pool refused is sent again, the same bytes (L14)."""
        progress = self.progress
        rest = list(batch)
        while rest and not self._stop:
            try:
                answers = await client.submit([raw for _, raw in rest])
            except Refused as refusal:
                if refusal.status != 429:
                    raise
                progress.busy += 1
                await asyncio.sleep(BACKOFF_SECONDS)
                continue
            progress.submitted += len(rest)
            again = [one for one, answer in zip(rest, answers, strict=True) if answer.status == "refused"]
            progress.submitted -= len(again)
            progress.busy += bool(again)
            rest = again
            if rest:
                await asyncio.sleep(BACKOFF_SECONDS)
