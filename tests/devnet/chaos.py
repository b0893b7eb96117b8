"""Kill validators under load and hold the network to its promise: what a client saw final stays final.

`python -m tests.devnet.chaos --kills 20 --blackouts 5` is the long form; `test_chaos.py` runs a short one. Under a steady load one
random validator at a time is killed with SIGKILL and started again, then all of them at once; nobody repairs anything by hand. Afterwards
every payment whose receipt was seen must be final with the same receipt on every node, and all nodes show the same roots at one height.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from devnet.bench.scenarios import plans, prepare
from devnet.client import Client, Refused
from devnet.day import Day
from devnet.load import block_events, presign
from devnet.network import Network, Plan
from devnet.output import Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devnet.processes import NodeProcess

RECOVERY_SECONDS_MAX = 10.0
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

    def see(self, tx_id: str, height: int, code: int) -> None:
        """Record a receipt; two different ones are a fork."""
        known = self.receipts.setdefault(tx_id, (height, code))
        if known != (height, code):
            raise PromiseBroken(f"{tx_id} is final as {known} and as {(height, code)}")

    @property
    def height(self) -> int:
        """Highest height seen final."""
        return max((height for height, _ in self.receipts.values()), default=0)


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


async def recovered(witness: Witness, since: float, before: int) -> None:
    """Wait until a block above `before` is final, at most ten seconds."""
    while witness.height <= before:
        if time.perf_counter() - since > RECOVERY_SECONDS_MAX:
            raise PromiseBroken(f"no new final block within {RECOVERY_SECONDS_MAX} s of the restart (height {before})")
        await asyncio.sleep(0.02)
    witness.recoveries.append(time.perf_counter() - since)


async def fault(network: Network, victims: Sequence[NodeProcess], witness: Witness) -> None:
    """Kill, start again, wait until the chain moves and the victims are ready."""
    await asyncio.gather(*(victim.kill() for victim in victims))
    await asyncio.gather(*(victim.start() for victim in victims))
    since = time.perf_counter()
    await recovered(witness, since, witness.height)
    await asyncio.gather(*(network.ready(victim) for victim in victims))


async def check_promises(network: Network, witness: Witness) -> None:
    """Every receipt that was seen is on every node; the roots are equal."""
    async with Client(network.validators[0].api_url) as first:
        await Day(network, first, Output()).equal_roots()
    for node in network.nodes:
        async with Client(node.api_url) as client:
            for tx_id, (height, code) in witness.receipts.items():
                found = await client.transaction(tx_id)
                if found.receipt is None or (found.receipt.height, found.receipt.code) != (height, code):
                    raise PromiseBroken(f"{node.name} shows {found.status} for {tx_id}, which was final at height {height}")


async def chaos(folder: Path, *, kills: int, blackouts: int, seed: int, rate: int = 60) -> Witness:
    """Run the faults on a fresh network; return what was seen.

    Raises
    ------
    PromiseBroken
        As the module says.
    """
    chance = random.Random(seed)  # noqa: S311 -- choice of victims, nothing secret
    witness = Witness()
    async with Network(Plan(data=folder, validators=4, peers=0, port_base=9600)) as network:
        accounts = await prepare(network)
        count = (kills + blackouts) * 6 * rate // 2 * 2
        transactions = await presign(plans(network, accounts, count, 1))
        tasks = [asyncio.create_task(watch(node, witness)) for node in network.validators]
        tasks.append(asyncio.create_task(feed(network.validators, transactions, rate)))
        try:
            await recovered(witness, time.perf_counter(), 0)
            for _ in range(kills):
                await fault(network, [chance.choice(network.validators)], witness)
            for _ in range(blackouts):
                await fault(network, network.validators, witness)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        broken = next((one for one in ended if isinstance(one, PromiseBroken)), None)
        if broken is not None:
            raise broken
        await check_promises(network, witness)
    return witness


def main() -> int:
    """Run the long form."""
    parser = argparse.ArgumentParser(prog="python -m tests.devnet.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--blackouts", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="som-chaos-") as folder:
        witness = asyncio.run(chaos(Path(folder) / "net", kills=options.kills, blackouts=options.blackouts, seed=options.seed))
    sys.stdout.write(
        f"{options.kills} kills, {options.blackouts} blackouts: {len(witness.receipts)} receipts seen, all still final on every node, "
        f"equal roots; slowest recovery {max(witness.recoveries):.1f} s\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
