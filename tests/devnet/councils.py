"""Change the validators of a live network by commands, under payments: 4, 5, 7 and 4 again. Nothing pauses, nothing is lost (K22, L28).

`python -m tests.devnet.councils` does what README.md, "Change the validators", says, with the real `som` as processes of its own, while
payments go in at a steady rate and the event streams of four validators are followed. It prints the longest time between two final blocks
and what became of every payment at every validator, and lets an outsider check a proof of the last epoch from the genesis document on.
`test_councils.py` runs a short form.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from devnet.bench.scenarios import plans, prepare
from devnet.client import Client
from devnet.load import presign
from devnet.network import Network, Plan
from node.api.structs import BlockBody
from tests.devnet.commands import Commands
from tests.devnet.council import FOUNDERS, Broken, Council
from tests.devnet.outsider import audit
from tests.devnet.payer import Payer, Sight, receipts_at, watch
from tests.devnet.witness import PromiseBroken, Witness

if TYPE_CHECKING:
    from collections.abc import Sequence

PORT_BASE = 14_200
SIZES = (4, 5, 7, 4)
RATE = 60
PAUSE_SECONDS_MAX = 2.0
LAST_SECONDS_MAX = 30.0
PAYMENTS_MAX = 30_000
STALL_LOOK_SECONDS = 0.02
AROUND = 20
"""Blocks near a boundary."""
ACCOUNT = "bank-b/desk-00"


@dataclass
class Found:
    """What was seen."""

    sizes: tuple[int, ...]
    sent: int = 0
    final: int = 0
    resent: int = 0
    seconds: float = 0.0
    pauses: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Validator -> longest time between two blocks in its event stream in seconds, and the height of the second."""
    stall: float = 0.0
    """Longest time for which this process, which has little to do, was not run though it wanted to: what the machine itself adds."""
    boundaries: dict[int, float] = field(default_factory=dict)
    """Height of an epoch's last block -> longest time between two blocks near it, at any validator."""
    latencies_ms: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """p50, p99 and longest, from submission to the first receipt in an event stream."""
    epoch: int = 0
    height: int = 0
    outsider: str = ""

    @property
    def lost(self) -> int:
        """Payments that a node took and that are not final with effect at every validator."""
        return self.sent - self.final

    @property
    def pause(self) -> float:
        """Longest time between two final blocks at any validator that was followed."""
        return max(seconds for seconds, _ in self.pauses.values())

    @property
    def text(self) -> str:
        """For people."""
        p50, p99, longest = self.latencies_ms
        return "\n".join(
            (
                f"{' -> '.join(map(str, self.sizes))} validators under payments in {self.seconds:.0f} s, now epoch {self.epoch}",
                f"payments: {self.sent} taken, {self.final} final at every validator, {self.lost} lost ({self.resent} sent again)",
                f"finality: p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {longest:.0f} ms",
                f"longest time between two final blocks: {self.pause:.2f} s ("
                + ", ".join(f"{name} {seconds:.2f} before {height}" for name, (seconds, height) in self.pauses.items())
                + f"); this process itself was kept waiting for up to {self.stall:.2f} s",
                "near the boundaries: " + ", ".join(f"{seconds:.2f} s at {height}" for height, seconds in self.boundaries.items()),
                f"equal roots at height {self.height}; proof of epoch {self.epoch}, from the genesis document on: {self.outsider}",
                "",
            )
        )


async def councils(folder: Path, sizes: Sequence[int] = SIZES, *, rate: int = RATE, port_base: int = PORT_BASE) -> Found:
    """Start a devnet with the first size and change it to the others, one after the other, under payments.

    Raises
    ------
    Broken, PromiseBroken, CommandFailed
        As the module says.
    """
    commands = Commands(folder / "net")
    peers, sized = ("--peers", "1"), ("--validators", str(sizes[0]))
    process = await commands.up(folder / "devnet.log", *sized, *peers, "--port-base", str(port_base))
    try:
        return await under_payments(commands, folder, sizes, rate)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def under_payments(commands: Commands, folder: Path, sizes: Sequence[int], rate: int) -> Found:
    """Change a running devnet, and hold it to its promises."""
    found, witness = Found(tuple(sizes)), Witness()
    network = Network(Plan(commands.data))
    urls = [node.api_url for node in network.validators]
    signed = await presign(plans(network, await prepare(network), PAYMENTS_MAX, 1))
    council, payer, latencies_ms = Council(commands, urls[0]), Payer(urls, rate), dict[str, float]()
    sights = [Sight(node.name) for node in network.validators]
    watchers = [
        asyncio.create_task(watch(url, sight, witness, latencies_ms, payer.sent_at)) for url, sight in zip(urls, sights, strict=True)
    ]
    stop, began = asyncio.Event(), time.perf_counter()
    paying = asyncio.create_task(payer.run(signed, stop))
    watchers.append(asyncio.create_task(stalls(found)))
    try:
        for size in sizes[1:]:
            await council.become(size)
            progress(f"{size} validators vote {time.perf_counter() - began:.0f} s after the first payment")
        found.seconds = time.perf_counter() - began
        stop.set()
        await paying
        until = time.perf_counter()
        await all_seen(payer, witness)
        found.pauses = {sight.name: max(sight.pauses(began, until)) for sight in sights}
        found.boundaries = {base: max(sight.pause_at(base, AROUND) for sight in sights) for base in council.bases}
    finally:
        paying.cancel()
        for watcher in watchers:
            watcher.cancel()
        ended = await asyncio.gather(paying, *watchers, return_exceptions=True)
    for fault in ended:
        if isinstance(fault, Exception):
            raise fault
    cuts = statistics.quantiles(latencies_ms.values(), n=100)
    found.latencies_ms = (cuts[49], cuts[98], max(latencies_ms.values()))
    found.sent, found.resent = len(payer.sent_at), payer.resent
    await check(commands, council, payer, found)
    outside = folder / "outsider"
    await asyncio.to_thread(outside.mkdir)
    proven, found.outsider = await audit(network, urls[0], ACCOUNT, outside)
    found.epoch = proven.epoch
    if proven.epoch != len(council.bases) or proven.height <= council.bases[-1]:
        raise Broken(f"the proof is of epoch {proven.epoch}, height {proven.height}; the last epoch began after {council.bases}")
    return found


async def stalls(found: Found) -> None:
    """Note how late this process is woken."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(STALL_LOOK_SECONDS)
        found.stall = max(found.stall, time.perf_counter() - before - STALL_LOOK_SECONDS)


def progress(line: str) -> None:
    """Say how far the run is, to whoever waits for it."""
    sys.stderr.write(line + "\n")


async def all_seen(payer: Payer, witness: Witness) -> None:
    """Wait until each payment was seen final, as long as the last ones may take."""
    until = time.perf_counter() + LAST_SECONDS_MAX
    while any(tx_id not in witness.receipts for tx_id in payer.sent_at):
        if time.perf_counter() > until:
            return
        await asyncio.sleep(0.1)


async def check(commands: Commands, council: Council, payer: Payer, found: Found) -> None:
    """Compare what each validator says of the whole chain, and what those say who left of theirs; count what is final everywhere."""
    nodes = {node.name: node for node in Network(Plan(commands.data)).nodes}
    async with Client(council.first) as client:
        tip = (await client.status()).height
    books = {name: await receipts_at(nodes[name].api_url, tip) for name in (*council.members, "peer-0")}
    first = books[council.members[0]]
    for name, book in books.items():
        if book != first:
            raise PromiseBroken(f"{name} and {council.members[0]} show different receipts up to height {tip}")
    found.final = sum(first.get(tx_id, (0, 1))[1] == 0 for tx_id in payer.sent_at)
    for name, base in council.left.items():
        if await receipts_at(nodes[name].api_url, base) != {tx_id: seen for tx_id, seen in first.items() if seen[0] <= base}:
            raise PromiseBroken(f"{name}, which left after height {base}, shows other receipts up to there")
    blocks = {(await block(nodes[name].api_url, tip)).block_id for name in books}
    if len(blocks) != 1:
        raise PromiseBroken(f"there are {len(blocks)} blocks of height {tip}")
    found.height = tip


async def block(url: str, height: int) -> BlockBody:
    """Ask a node for a block: its id binds all roots."""
    async with Client(url) as client:
        return await client.get(f"/v1/blocks/{height}", BlockBody)


def main() -> int:
    """Run it and print what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.devnet.councils", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help=f"numbers of validators, the first at least {FOUNDERS}")
    parser.add_argument("--rate", type=int, default=RATE, help="payments a second")
    parser.add_argument("--port-base", type=int, default=PORT_BASE)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="som-councils-") as folder:
        found = asyncio.run(councils(Path(folder), options.sizes, rate=options.rate, port_base=options.port_base))
    sys.stdout.write(found.text)
    return 0 if found.lost == 0 and found.pause <= PAUSE_SECONDS_MAX else 1


if __name__ == "__main__":
    raise SystemExit(main())
