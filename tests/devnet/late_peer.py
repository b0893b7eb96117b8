"""A peer that starts late: it catches up over the peer protocol alone, while the network goes on under load.

`python -m tests.devnet.late_peer --blocks 10000` is the long form; `test_late_peer.py` runs a short one.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from devnet.bench.scenarios import plans, prepare
from devnet.client import Client, Refused
from devnet.day import Day
from devnet.load import Load, presign
from devnet.network import Network, Plan
from devnet.output import Output

if TYPE_CHECKING:
    from devnet.processes import NodeProcess

LATE = "peer-0"
POLL_SECONDS = 0.1
PER_BLOCK = 2
"""Payments on their way at any time: a block holds no more, so that as many blocks as possible are made of them."""


async def height_of(node: NodeProcess) -> int:
    """Height of the newest final block; -1 while the node does not answer."""
    try:
        async with Client(node.api_url) as client:
            return (await client.status()).height
    except (aiohttp.ClientError, ConnectionError, TimeoutError, Refused):
        return -1


async def reach(node: NodeProcess, height: int, seconds_max: float) -> float:
    """Wait until the node is final at `height`; return the seconds it took."""
    began = time.perf_counter()
    while await height_of(node) < height:
        if time.perf_counter() - began > seconds_max:
            raise AssertionError(f"{node.name} did not reach height {height} within {seconds_max:.0f} s")
        await asyncio.sleep(POLL_SECONDS)
    return time.perf_counter() - began


async def late_peer(folder: Path, blocks: int) -> tuple[int, float]:
    """Let the network make `blocks` blocks under load, then start the peer; return the blocks it had missed and the seconds it took."""
    async with Network(Plan(data=folder, peers=1, port_base=9200, absent=(LATE,))) as network:
        accounts = await prepare(network)
        peer, first = network.named(LATE), network.validators[0]
        count = (blocks + blocks // 4 + 600) * PER_BLOCK // 2 * 2
        payments = await presign(plans(network, accounts, count, 1))
        load = Load([node.api_url for node in network.validators], payments, window=PER_BLOCK, list_size=1)
        running = asyncio.create_task(load.run(blocks))
        try:
            await reach(first, blocks, blocks + 120)
            missed = await height_of(first)
            await peer.start()
            seconds = await reach(peer, missed, 300)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        async with Client(first.api_url) as client:
            await Day(network, client, Output()).equal_roots()
    return missed, seconds


def main() -> int:
    """Run the long form."""
    parser = argparse.ArgumentParser(prog="python -m tests.devnet.late_peer", description=__doc__)
    parser.add_argument("--blocks", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="som-late-") as folder:
        missed, seconds = asyncio.run(late_peer(Path(folder) / "net", options.blocks))
    sys.stdout.write(
        f"the peer had missed {missed} blocks and caught up in {seconds:.1f} s ({missed / seconds:.0f} blocks/s), equal roots\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
