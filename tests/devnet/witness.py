"""What clients of a network saw, and what every node must show afterwards: a receipt is a promise.

Used by every run that kills, stops or cuts nodes under load (`chaos`, `endurance`, `ordeals`).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from devnet.client import Client, Refused
from devnet.day import Day
from devnet.load import block_events
from devnet.output import Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devnet.network import Network
    from devnet.processes import NodeProcess

RECOVERY_SECONDS_MAX = 10.0
REPLAY_SECONDS_MAX = 300.0
"""How long reading all receipts of one node again may take."""
UNREACHABLE = (aiohttp.ClientError, TimeoutError, ConnectionError, msgspec.DecodeError, Refused)
"""What a client of a node that is being killed must expect."""


class PromiseBroken(AssertionError):
    """A payment that was seen final is not, the chain stands still, or the nodes differ."""


@dataclass
class Witness:
    """What clients saw."""

    receipts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """(height, code) by tx_id, of every receipt that any node's event stream showed."""
    recoveries: list[float] = field(default_factory=list)
    """Seconds from the end of each fault until a new block was final."""
    height: int = 0
    """Highest height seen final."""

    def see(self, tx_id: str, height: int, code: int) -> None:
        """Record a receipt; two different ones are a fork."""
        known = self.receipts.setdefault(tx_id, (height, code))
        if known != (height, code):
            raise PromiseBroken(f"{tx_id} is final as {known} and as {(height, code)}")
        self.height = max(self.height, height)


async def watch(node: NodeProcess, witness: Witness) -> None:
    """Follow a node's event stream, again and again while it is killed and started."""
    while True:
        try:
            async for event in block_events(node.api_url):
                for tx_id, code in zip(event.ids, event.codes, strict=True):
                    witness.see(tx_id, event.height, code)
        except UNREACHABLE:
            await asyncio.sleep(0.05)


async def feed(nodes: Sequence[NodeProcess], transactions: Sequence[tuple[bytes, bytes]], rate: int) -> None:
    """Send a steady load to whoever answers; what nobody took is sent to the next node, the same bytes."""
    for number, (_, raw) in enumerate(transactions):
        for turn in range(len(nodes)):
            try:
                async with Client(nodes[(number + turn) % len(nodes)].api_url) as client:
                    await client.submit([raw])
                break
            except UNREACHABLE:
                continue
        await asyncio.sleep(1 / rate)


async def recovered(witness: Witness, since: float, before: int, seconds_max: float = RECOVERY_SECONDS_MAX) -> None:
    """Wait until a payment is final in a block above `before`."""
    while witness.height <= before:
        if time.perf_counter() - since > seconds_max:
            raise PromiseBroken(f"no new final payment within {seconds_max} s of the fault's end (height {before})")
        await asyncio.sleep(0.02)
    witness.recoveries.append(time.perf_counter() - since)


async def check_promises(network: Network, witness: Witness) -> None:
    """Every receipt that was seen is on every node, read again from its first block, and all nodes have the same roots.

    Raises
    ------
    PromiseBroken
        One is missing or another.
    """
    async with Client(network.validators[0].api_url) as first:
        await Day(network, first, Output()).equal_roots()
    for node in network.nodes:
        if node.running:
            await _check_node(node, witness)


async def _check_node(node: NodeProcess, witness: Witness) -> None:
    left = dict(witness.receipts)
    try:
        async with asyncio.timeout(REPLAY_SECONDS_MAX):
            async for event in block_events(node.api_url, 0):
                for tx_id, code in zip(event.ids, event.codes, strict=True):
                    promised = left.pop(tx_id, None)
                    if promised not in (None, (event.height, code)):
                        raise PromiseBroken(f"{node.name} shows {(event.height, code)} for {tx_id}, which was final as {promised}")
                if not left:
                    return
    except TimeoutError:
        raise PromiseBroken(f"{node.name} lacks {len(left)} payments that were final, {next(iter(left))} among them") from None
