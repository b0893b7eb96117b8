"""An idle chain: one empty block per heartbeat and nothing else, and the last payment before the silence is final.

`python -m tests.devnet.idle --minutes 10` makes some payments, then none, and counts blocks, transactions, votes on the wire and CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from devnet.bench.scenarios import plans, prepare
from devnet.client import Client
from devnet.load import block_events, presign
from devnet.network import Network, Plan

PORT_BASE = 12_000
PAYMENTS = 20
HEARTBEAT_SECONDS = 5.0
"""Default of the network's parameters."""


@dataclass(frozen=True, slots=True)
class Silence:
    """What happened while nobody asked for anything."""

    seconds: float
    blocks: int
    empty: int
    receipts: int
    """Of the payments before; all of them must be final."""
    gaps: tuple[float, ...]
    """Seconds between two blocks, by their own times."""


async def be_silent(folder: Path, *, minutes: float) -> Silence:
    """Pay, then only watch."""
    async with Network(Plan(data=folder, validators=4, peers=0, port_base=PORT_BASE)) as network:
        accounts = await prepare(network)
        payments = await presign(plans(network, accounts, PAYMENTS, 1))
        url = network.validators[0].api_url
        async with Client(url) as client:
            for _, raw in payments[:-1]:
                await client.submit([raw])
            await client.submit([payments[-1][1]], wait="final")
            receipts = [(await client.transaction(tx_id.hex())).receipt for tx_id, _ in payments]
            began, height = time.perf_counter(), (await client.status()).height
        times: list[int] = []
        empty = 0
        try:
            async with asyncio.timeout(minutes * 60):
                async for event in block_events(url, height):
                    times.append(event.time_ms)
                    empty += not event.ids
        except TimeoutError:
            seconds = time.perf_counter() - began
        gaps = tuple((late - early) / 1_000 for early, late in pairwise(times))
        return Silence(seconds, len(times), empty, sum(receipt is not None for receipt in receipts), gaps)


def main() -> int:
    """Run, print, and fail where it was not silence."""
    parser = argparse.ArgumentParser(prog="python -m tests.devnet.idle", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="som-idle-") as folder:
        silence = asyncio.run(be_silent(Path(folder) / "net", minutes=options.minutes))
    expected = silence.seconds / HEARTBEAT_SECONDS
    sys.stdout.write(
        f"{silence.seconds:.0f} s: {silence.blocks} blocks, {silence.empty} of them empty (one per {HEARTBEAT_SECONDS:g} s would be "
        f"{expected:.0f}); between two {min(silence.gaps, default=0):.2f} to {max(silence.gaps, default=0):.2f} s; "
        f"{silence.receipts} of {PAYMENTS} payments before it final\n"
    )
    good = silence.blocks == silence.empty and silence.receipts == PAYMENTS and abs(silence.blocks - expected) <= 0.1 * expected + 1
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
