"""Ordeals of a live bridge: four validators, an anvil, attestors and a relayer as processes, money going both ways.

`python -m tests.devnet.bridge_ordeals kills [--times 50] [--seed 5]`: SIGKILL of one process after another, at any moment; twice in fifty
it is the relayer, which stays dead until locks have passed their deadline, so refunds race mints. In the end each lock was minted once or
refunded, each burn released once.
`... watched`: one of two providers of an attestor lies, then the chain stands still: what stops, what is said, and that all goes on.
`... faulty`: one attestor of four is silent, then slow, then signs two things and votes for what never was: transfers complete.
`... stranger`: a fresh clone, without any node, is given a proof of reserve, whole and with every field altered in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.devnet.bridge_clone import stranger
from tests.devnet.bridge_faulty import faulty
from tests.devnet.bridge_flow import Books, Flow, check_processes, until
from tests.devnet.bridge_net import PARTICIPANTS, BridgeNet, BridgePlan
from tests.devnet.bridge_watch import watched

if TYPE_CHECKING:
    from tests.devnet.bridge_net import BridgeProcess

PORT_BASE = 19_800
TIMES = 50
SEED = 5
TTL_SECONDS = 120
"""Of a lock: short, so that some are refunded while nobody carries them."""
DEAD_EVERY = 25
"""Every so manieth kill is the relayer's, and it stays dead for longer than a lock lives."""
STARTED_SECONDS_MAX = 300
STARTING_EVERY = 5
MOST = 3
BETWEEN_SECONDS_MAX = 2.5
EVERYBODY = (*PARTICIPANTS, "relayer")


async def kills(folder: Path, port_base: int, times: int, seed: int) -> str:
    """Kill processes at random moments while money flows; return what happened in a sentence.

    Raises
    ------
    BridgeFailed
        A process says that something broke, or an amount was lost or doubled.
    """
    draw = random.Random(seed)  # noqa: S311 - a seed that replays
    async with BridgeNet(folder, port_base, BridgePlan(ttl_ms=TTL_SECONDS * 1_000)) as net:
        net.go_on(1)
        books, flow = Books(net), Flow(net, draw)
        await books.open()
        await asyncio.gather(*(net.processes[name].start() for name in EVERYBODY))
        await until(net, "everybody is at work", partial(all_up, net), STARTED_SECONDS_MAX)
        flowing = asyncio.create_task(flow.run())
        try:
            await until(net, "the first lock is minted", flow.has_arrived)
            began = time.monotonic()
            await killed(net, draw, times, flowing)
        finally:
            flow.end()
            await flowing
        took = time.monotonic() - began
        last = await until(net, "every lock is minted or refunded, every burn released", books.settled, 3 * TTL_SECONDS)
        check_processes(net, EVERYBODY)
        found = await books.close(flow.money)
    return f"{times} kills in {took:.0f} s, settled {last:.1f} s after the last: {found}"


async def killed(net: BridgeNet, draw: random.Random, times: int, flowing: asyncio.Task[None]) -> None:
    """Kill one process after another, each at a moment of its own, and start it again."""
    for round_ in range(1, times + 1):
        dead = round_ % DEAD_EVERY == DEAD_EVERY // 2
        victim = net.processes["relayer"] if dead else await drawn(net, draw, round_)
        await asyncio.sleep(draw.random() * BETWEEN_SECONDS_MAX)
        await victim.kill()
        if dead:
            await asyncio.sleep(draw.uniform(1.1, 1.3) * TTL_SECONDS)
        await victim.start()
        if flowing.done():
            await flowing  # raises what ended it


async def all_up(net: BridgeNet) -> bool:
    """Whether every process is at work."""
    return all(net.processes[name].is_up for name in EVERYBODY)


async def drawn(net: BridgeNet, draw: random.Random, round_: int) -> BridgeProcess:
    """Draw a process that is at work, while most are; every fifth time any, though it may only be starting."""
    if round_ % STARTING_EVERY == 0:
        return net.processes[draw.choice(EVERYBODY)]
    found: list[BridgeProcess] = []

    async def some() -> bool:
        found[:] = [net.processes[name] for name in EVERYBODY if net.processes[name].is_up]
        return len(found) >= MOST

    await until(net, "most processes are at work", some)
    return draw.choice(found)


def main() -> int:
    """Run one ordeal."""
    parser = argparse.ArgumentParser(prog="python -m tests.devnet.bridge_ordeals", description=__doc__)
    parser.add_argument("name", choices=("kills", "watched", "faulty", "stranger"))
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="som-bridge-") as name:
        folder = Path(name)
        ordeals = {
            "kills": lambda: kills(folder, PORT_BASE, options.times, options.seed),
            "watched": lambda: watched(folder, PORT_BASE),
            "faulty": lambda: faulty(folder, PORT_BASE),
            "stranger": lambda: stranger(folder, PORT_BASE),
        }
        said = asyncio.run(ordeals[options.name]())
    sys.stdout.write(said + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
