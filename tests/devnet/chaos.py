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
from pathlib import Path
from typing import TYPE_CHECKING

from devnet.bench.scenarios import plans, prepare
from devnet.load import presign
from devnet.network import Network, Plan
from tests.devnet.witness import PromiseBroken, Witness, check_promises, feed, recovered, watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devnet.processes import NodeProcess


async def fault(network: Network, victims: Sequence[NodeProcess], witness: Witness) -> None:
    """Kill, start again, wait until the chain moves and the victims are ready."""
    await asyncio.gather(*(victim.kill() for victim in victims))
    await asyncio.gather(*(victim.start() for victim in victims))
    since = time.perf_counter()
    await recovered(witness, since, witness.height)
    await asyncio.gather(*(network.ready(victim) for victim in victims))


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
