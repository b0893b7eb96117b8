"""Four ordeals of a live network under load, each healed by itself within 30 seconds: nobody repairs anything.

`python -m tests.devnet.ordeals [NAME ...] [--pause-seconds 300]`:
- `paused`: two of four validators stopped with SIGSTOP for five minutes, then continued;
- `killed`: all four killed with SIGKILL at once;
- `wiped`: all four killed at a moment when the newest block is notarized and finalize votes are out, and three of them lose their state
  (the store), not their journals;
- `clock`: one validator's clock an hour ahead, and set right after half a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from consensus.effects import CertificateRecord, VoteRecord
from consensus.types import Kind
from devnet.bench.scenarios import plans, prepare
from devnet.load import presign
from devnet.network import Network, Plan
from node.files import DiskFiles
from node.journal import Journal
from node.records import replay
from tests.devnet.skewed import write_offset
from tests.devnet.witness import PromiseBroken, Witness, check_promises, feed, recovered, watch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from devnet.processes import NodeProcess

PORT_BASE = 11_800
HEALED_SECONDS_MAX = 30.0
RATE = 40
CLOCK_AHEAD_MS = 3_600_000
CLOCK_WRONG_SECONDS = 30.0
TRIES_MAX = 60
"""Kills until one hits the moment between notarization and finalization; under load about every fifth does."""


class Ordeal:
    """A network under load, and what its clients saw."""

    def __init__(self, network: Network, witness: Witness, pause_seconds: float) -> None:
        self.network, self.witness, self.pause_seconds = network, witness, pause_seconds

    async def healed(self, since: float) -> float:
        """Wait until payments are final again and every validator is ready; return the seconds since the fault's end."""
        before = self.witness.height
        await recovered(self.witness, since, before, HEALED_SECONDS_MAX)
        await asyncio.gather(*(self.network.ready(node) for node in self.network.validators))
        return time.perf_counter() - since

    async def paused(self) -> float:
        """Two of four say nothing for five minutes; the chain stands, for two are no quorum."""
        victims = self.network.validators[1:3]
        for victim in victims:
            victim.pause()
        await asyncio.sleep(self.pause_seconds)
        for victim in victims:
            victim.go_on()
        return await self.healed(time.perf_counter())

    async def killed(self) -> float:
        """All at once."""
        await self._kill_all()
        return await self._start_all()

    async def wiped(self) -> float:
        """Three lose their state when a block is notarized and not yet final."""
        for _ in range(TRIES_MAX):
            await self._kill_all()
            if hangs(self.network.validators):
                break
            await self._start_all()
            await asyncio.sleep(0.5)
        else:
            raise PromiseBroken(f"no kill of {TRIES_MAX} hit the moment between notarization and finalization")
        for victim in self.network.validators[:3]:
            shutil.rmtree(data_of(victim) / "store")
        return await self._start_all()

    async def clock(self) -> float:
        """One validator's time is an hour ahead from its start on, then it is set right."""
        victim = self.network.validators[2]
        offset = data_of(victim).parent / "clock-offset"
        write_offset(offset, CLOCK_AHEAD_MS)
        await victim.kill()
        victim.prefix = (sys.executable, "-m", "tests.devnet.skewed", str(offset))
        await victim.start()
        await asyncio.sleep(CLOCK_WRONG_SECONDS)
        before = self.witness.height
        await recovered(self.witness, time.perf_counter(), before, HEALED_SECONDS_MAX)
        write_offset(offset, 0)
        return await self.healed(time.perf_counter())

    async def _kill_all(self) -> None:
        await asyncio.gather(*(node.kill() for node in self.network.validators))

    async def _start_all(self) -> float:
        await asyncio.gather(*(node.start() for node in self.network.validators))
        return await self.healed(time.perf_counter())


def data_of(node: NodeProcess) -> Path:
    """Return a node's data folder."""
    return node.config.parent / "data"


def hangs(nodes: tuple[NodeProcess, ...]) -> bool:
    """Whether the journals of these stopped nodes show a view with finalize votes cast and its finalization nowhere."""
    voted, final = 0, 0
    for node in nodes:
        journal, entries = Journal.open(DiskFiles(), data_of(node) / "journal", None)
        journal.close()
        for record in replay(entries)[0]:
            if isinstance(record, VoteRecord) and record.signed.vote.kind is Kind.FINALIZE:
                voted = max(voted, record.signed.vote.view)
            elif isinstance(record, CertificateRecord) and record.certificate.subject.kind is Kind.FINALIZE:
                final = max(final, record.certificate.subject.view)
    return voted > final


async def undergo(folder: Path, name: str, pause_seconds: float) -> float:
    """Run one ordeal on a fresh network; return the seconds until it was healed.

    Raises
    ------
    PromiseBroken
        It did not heal in time, or a promise was broken.
    """
    witness = Witness()
    async with Network(Plan(data=folder, validators=4, peers=0, port_base=PORT_BASE)) as network:
        accounts = await prepare(network)
        count = int(RATE * (pause_seconds + 240)) // 2 * 2
        transactions = await presign(plans(network, accounts, count, 1))
        tasks = [asyncio.create_task(watch(node, witness)) for node in network.validators]
        tasks.append(asyncio.create_task(feed(network.validators, transactions, RATE)))
        ordeal = Ordeal(network, witness, pause_seconds)
        acts: dict[str, Callable[[], Awaitable[float]]] = {
            "paused": ordeal.paused,
            "killed": ordeal.killed,
            "wiped": ordeal.wiped,
            "clock": ordeal.clock,
        }
        try:
            await recovered(witness, time.perf_counter(), 0)
            took = await acts[name]()
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        broken = next((one for one in ended if isinstance(one, PromiseBroken)), None)
        if broken is not None:
            raise broken
        await check_promises(network, witness)
    return took


def main() -> int:
    """Run the ordeals that were named, or all."""
    names = ("killed", "wiped", "clock", "paused")
    parser = argparse.ArgumentParser(prog="python -m tests.devnet.ordeals", description=__doc__)
    parser.add_argument("names", nargs="*", default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--pause-seconds", type=float, default=300.0)
    options = parser.parse_args()
    for name in options.names:
        with tempfile.TemporaryDirectory(prefix="som-ordeal-") as folder:
            took = asyncio.run(undergo(Path(folder) / "net", name, options.pause_seconds))
        sys.stdout.write(f"{name}: healed {took:.1f} s after its end, every receipt kept, equal roots\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
