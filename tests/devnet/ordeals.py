"""Six ordeals of a live network under load, each healed by itself within 30 seconds: nobody repairs anything.

`python -m tests.devnet.ordeals [NAME ...] [--pause-seconds 300]`:
- `paused`: two of four validators stopped with SIGSTOP for five minutes, then continued;
- `killed`: all four killed with SIGKILL at once;
- `wiped`: all four killed at a moment when the newest block is notarized and finalize votes are out, and three of them lose their state
  (the store), not their journals;
- `late`: all four killed, and one of them loses its state: it judges what its journal holds while the others go on, and must not stay late;
- `clock`: one validator's clock an hour ahead, and set right after half a minute;
- `image`: one validator's data folder put back to an old copy, journal and mark with it: it notices that it forgot votes, votes no more,
  follows, and says what to do; `som recover` then makes a new key (K15).
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
from devnet.client import Client
from devnet.load import presign
from devnet.network import Network, Plan
from node.api.diagnosis_structs import ConsensusBody, EvidencePage
from node.files import DiskFiles
from node.journal import Journal
from node.records import replay
from node.signer import MarkBehind
from tests.devnet.commands import run
from tests.devnet.late_peer import reach
from tests.devnet.skewed import write_offset
from tests.devnet.witness import UNREACHABLE, PromiseBroken, Witness, check_promises, feed, recovered, watch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from devnet.processes import NodeProcess

PORT_BASE = 11_800
HEALED_SECONDS_MAX = 30.0
RATE = 40
CLOCK_AHEAD_MS = 3_600_000
CLOCK_WRONG_SECONDS = 30.0
IMAGE_BLOCKS = 30
BLOCKS_SECONDS_MAX = 120.0
LATE_SECONDS = 20.0
"""So long under load makes hundreds of blocks: seconds of work for who has to judge them again."""
UNDER_WAY = 2
"""Blocks whose certificates may still come to bear a vote that was cast before the kill."""
TRIES_MAX = 1_000
LOOK_SECONDS = 0.037
"""Between two looks, which stop all four nodes: out of step with their views."""


class Ordeal:
    """A network under load, and what its clients saw."""

    def __init__(self, network: Network, witness: Witness, pause_seconds: float) -> None:
        self.network, self.witness, self.pause_seconds = network, witness, pause_seconds

    async def healed(self, since: float) -> float:
        """Wait until payments are final again and every validator is ready; return the seconds since the fault's end."""
        before = self.witness.height
        await recovered(self.witness, since, before, HEALED_SECONDS_MAX)
        await asyncio.gather(*(self.network.ready(node) for node in self.network.validators))
        took = time.perf_counter() - since
        if took > HEALED_SECONDS_MAX:
            raise PromiseBroken(f"some validator was ready only {took:.1f} s after the fault's end")
        return took

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
            for node in self.network.validators:
                node.pause()
            hit = await asyncio.to_thread(hangs, self.network.validators)
            if hit:
                await self._kill_all()
                break
            for node in self.network.validators:
                node.go_on()
            await asyncio.sleep(LOOK_SECONDS)
        else:
            raise PromiseBroken(f"none of {TRIES_MAX} looks hit the moment between notarization and finalization")
        for victim in self.network.validators[:3]:
            shutil.rmtree(data_of(victim) / "store")
        return await self._start_all()

    async def late(self) -> float:
        """One has far to go, and the others do not wait for it."""
        await asyncio.sleep(LATE_SECONDS)
        await self._kill_all()
        shutil.rmtree(data_of(self.network.validators[2]) / "store")
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

    async def image(self) -> float:
        """One comes back with an old image of its disk, and must not vote: what it signed since, it does not know."""
        victim, seat = self.network.validators[3], 3
        folder, copy = data_of(victim), data_of(victim).with_name("image")
        await victim.stop()
        shutil.copytree(folder, copy)
        await victim.start()
        await self.network.ready(victim)
        await self._blocks(victim, IMAGE_BLOCKS)
        await victim.kill()
        shutil.rmtree(folder)
        copy.rename(folder)
        signed = await self._signed(seat)
        since = time.perf_counter()
        await victim.start()
        await self._noticed(victim, since)
        took = time.perf_counter() - since
        await self._blocks(victim, IMAGE_BLOCKS)
        if await self._signed(seat) > signed + UNDER_WAY or await self._evidence():
            raise PromiseBroken(f"{victim.name} voted on with a forgotten past: last at {await self._signed(seat)}, it was {signed}")
        await victim.stop()
        await victim.start()
        code = await asyncio.wait_for(victim.wait(), HEALED_SECONDS_MAX)
        if code != MarkBehind.exit_code:
            raise PromiseBroken(f"{victim.name} ended with {code} where its journal shows the forgotten vote")
        await run("recover", "--config", str(victim.config))
        await victim.start()
        await self._blocks(victim, IMAGE_BLOCKS)
        return took

    async def _noticed(self, victim: NodeProcess, since: float) -> None:
        """Wait until a node tells everywhere that its key must not vote any more."""
        async with Client(victim.api_url) as client:
            while time.perf_counter() - since < HEALED_SECONDS_MAX:
                try:
                    silenced = (await client.get("/v1/consensus", ConsensusBody)).silenced
                except UNREACHABLE:
                    silenced = ""
                if silenced:
                    break
                await asyncio.sleep(0.05)
            said = (silenced, await client.text("/readyz"), await asyncio.to_thread(victim.log.read_text))
        if not all("som recover" in each for each in said):
            raise PromiseBroken(f"{victim.name} does not say everywhere that it forgot votes: {said[0]!r}, {said[1]!r}")

    async def _blocks(self, node: NodeProcess, count: int) -> None:
        """Wait until a node has so many more final blocks than the network has now."""
        async with Client(self.network.validators[0].api_url) as client:
            await reach(node, (await client.status()).height + count, BLOCKS_SECONDS_MAX)

    async def _signed(self, seat: int) -> int:
        """Newest height whose certificate, at any other validator, bears the signature of this one."""
        found = []
        for node in self.network.validators[:3]:
            async with Client(node.api_url) as client:
                found.append((await client.validators()).validators[seat].last_signed_height)
        return max(found)

    async def _evidence(self) -> int:
        """Count the double votes that the others have seen."""
        found = 0
        for node in self.network.validators[:3]:
            async with Client(node.api_url) as client:
                found += (await client.get("/v1/evidence", EvidencePage)).count
        return found

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
        with tempfile.TemporaryDirectory(prefix="som-journal-") as copy:  # opening cuts what is torn: not under a node that will go on
            shutil.copytree(data_of(node) / "journal", copy, dirs_exist_ok=True)
            journal, entries = Journal.open(DiskFiles(), Path(copy), None)
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
            "late": ordeal.late,
            "clock": ordeal.clock,
            "image": ordeal.image,
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
    names = ("killed", "wiped", "late", "clock", "image", "paused")
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
