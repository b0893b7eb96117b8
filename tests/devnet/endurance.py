"""A long run under load with a validator killed every so often, and nobody who repairs: no loss, no fork, memory and files flat.

`python -m tests.devnet.endurance --minutes 30 --every 20` kills one random validator with SIGKILL every 20 s and starts it again at once.
It prints a line a minute, and at the end what grew: the most memory that a validator held, and the bytes of their journals. It ends with 1
where that is not flat: in the second half a larger journal, or more memory than performance.md allows (5 %, and 200 bytes per reference
that is remembered, L14). Files that a validator maps, its store above all, grow with the chain; they are told beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from devnet.bench.scenarios import plans, prepare
from devnet.client import Client
from devnet.load import presign
from devnet.network import Network, Plan
from tests.devnet.growth import Growth
from tests.devnet.witness import UNREACHABLE, PromiseBroken, Witness, check_promises, feed, recovered, watch

PORT_BASE = 12_200


async def endure(folder: Path, *, minutes: float, every: float, rate: int, seed: int) -> tuple[Witness, Growth, int]:
    """Run; return what was seen, what grew, and how often a validator was killed.

    Raises
    ------
    PromiseBroken
        A receipt was lost or contradicted, or the chain stood still.
    """
    chance = random.Random(seed)  # noqa: S311 -- choice of victims, nothing secret
    witness, growth, kills = Witness(), Growth(), 0
    async with Network(Plan(data=folder, validators=4, peers=0, port_base=PORT_BASE)) as network:
        accounts = await prepare(network)
        transactions = await presign(plans(network, accounts, int(minutes * 60 * rate) // 2 * 2, 1))
        tasks = [asyncio.create_task(watch(node, witness)) for node in network.validators]
        tasks.append(asyncio.create_task(feed(network.validators, transactions, rate)))
        try:
            await recovered(witness, time.perf_counter(), 0)
            end = time.perf_counter() + minutes * 60
            while time.perf_counter() < end:
                await asyncio.sleep(every)
                victim = chance.choice(network.validators)
                await victim.kill()
                await victim.start()
                kills += 1
                await recovered(witness, time.perf_counter(), witness.height)
                await network.ready(victim)
                growth.measure(network, len(witness.receipts))
                if kills % max(1, int(60 / every)) == 0:
                    await _say(network, witness, growth, kills)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        broken = next((one for one in ended if isinstance(one, PromiseBroken)), None)
        if broken is not None:
            raise broken
        await check_promises(network, witness)
    return witness, growth, kills


async def _say(network: Network, witness: Witness, growth: Growth, kills: int) -> None:
    epoch = "?"
    try:
        async with Client(network.validators[0].api_url) as client:
            epoch = str((await client.validators()).epoch)
    except UNREACHABLE:
        epoch = "? (it was just killed)"
    sys.stdout.write(
        f"{kills} kills, height {witness.height}, epoch {epoch}, {len(witness.receipts)} receipts, "
        f"{growth.newest()}, "
        f"slowest recovery {max(witness.recoveries):.1f} s\n"
    )
    sys.stdout.flush()


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.devnet.endurance", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--every", type=float, default=20, help="seconds between kills")
    parser.add_argument("--rate", type=int, default=100, help="payments a second")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="som-endurance-") as folder:
        run = endure(Path(folder) / "net", minutes=options.minutes, every=options.every, rate=options.rate, seed=options.seed)
        witness, growth, kills = asyncio.run(run)
    sys.stdout.write(
        f"{kills} kills in {options.minutes:g} minutes: {len(witness.receipts)} receipts seen, all still final on every node, equal roots; "
        f"slowest recovery {max(witness.recoveries):.1f} s\n{growth.told()}\n"
    )
    return 0 if growth.flat else 1


if __name__ == "__main__":
    raise SystemExit(main())
