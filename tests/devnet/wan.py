"""A network as wide as the world: validators on hosts of their own, delay and loss between any two, a partition and its healing.

`python -m tests.devnet.wan --validators 4 --delay-ms 20` measures under a steady load what consensus.md and performance.md promise: from
proposal to final at every validator, and from submission to the receipt at a client beside its node. `--loss 1` and `--partition` then look
for progress only. Real processes, real sockets, real kernel links (`tests.devnet.namespaces`).

The line and the clients would not share the validators' cores, so where that is allowed (root) they go before them, and only they; what
the line really took, one way, is printed with the figures (`tests.devnet.probe`). With a line that waited for a core like everybody else,
20 ms took 20.3, at the ninth decile 21.0, and the same code showed 4 ms more from proposal to final.

`--steps` tells from the validators' own logs how long it takes from proposal to final, and where the time goes (`tests.devnet.steps`);
the lines that it takes cost about half a millisecond of each figure. What the client sees of a block counts from the block's time, before
it is built, to its event in another process: two or three milliseconds more. `--ahead` has everything of this run go before all other work
of the machine: on a busy one the figures are otherwise those of its scheduler. `nice` is not enough where each session has its own share of
the cores (autogroup).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from devnet.bench.scenarios import plans, prepare
from devnet.client import Client
from devnet.day import Day
from devnet.load import block_events, presign
from devnet.network import Network, Plan
from devnet.output import Output
from node.plan import trial_plan, with_ports
from node.provision import provision
from tests.devnet.namespaces import INSIDE, Hosts, Line, NoNamespaces, enter
from tests.devnet.steps import proposal_to_final, table

if TYPE_CHECKING:
    from collections.abc import Sequence

PORT = 8800
WARM_UP_SECONDS = 3.0
LAST_SECONDS_MAX = 20.0
PARTED_SECONDS = 5.0
TRICKLE = 20
"""Payments a second while parted."""
TRICKLE_PAYMENTS = 2_000
HEALED_SECONDS_MAX = 30.0


class Broken(AssertionError):
    """What must hold on this network did not."""


@dataclass
class Measured:
    """What one validator and the client beside it saw."""

    final_ms: list[float] = field(default_factory=list)
    """From a block's time, which its leader set when it began to build, until it was final here."""
    receipt_ms: list[float] = field(default_factory=list)
    """From submission to this node until the receipt came out of its event stream."""
    height: int = 0


class Wan:
    """One network on namespaces."""

    def __init__(self, network: Network, hosts: Hosts) -> None:
        self.network, self.hosts = network, hosts
        self.seen = [Measured() for _ in network.validators]
        self._sent: list[dict[str, float]] = [{} for _ in network.validators]
        self._measuring = False
        self._arrived = asyncio.Event()

    async def watch(self, index: int) -> None:
        """Follow one validator's events for ever."""
        seen, sent = self.seen[index], self._sent[index]
        async for event in block_events(self.network.validators[index].api_url):
            now = time.time()
            seen.height = event.height
            if self._measuring and event.ids:
                seen.final_ms.append(now * 1_000 - event.time_ms)
            for tx_id in event.ids:
                began = sent.pop(tx_id, None)
                if began is not None and self._measuring:
                    seen.receipt_ms.append((now - began) * 1_000)
            self._arrived.set()

    async def load(self, transactions: Sequence[tuple[bytes, bytes]], rate: int) -> None:
        """Submit at a steady rate, each validator's client in turn; return when the last is final at the node it was given to."""
        clients = [Client(node.api_url) for node in self.network.validators]
        for client in clients:
            await client.__aenter__()
        posts: set[asyncio.Task[object]] = set()
        try:
            began = time.perf_counter()
            for number, (tx_id, raw) in enumerate(transactions):
                await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
                self._measuring = time.perf_counter() - began > WARM_UP_SECONDS
                place = number % len(clients)
                self._sent[place][tx_id.hex()] = time.time()
                post = asyncio.create_task(clients[place].submit([raw]))
                posts.add(post)
                post.add_done_callback(posts.discard)
            async with asyncio.timeout(LAST_SECONDS_MAX):
                while any(self._sent):
                    self._arrived.clear()
                    await self._arrived.wait()
        finally:
            for client in clients:
                await client.__aexit__(None, None, None)

    async def trickle(self, transactions: Sequence[tuple[bytes, bytes]]) -> None:
        """Give every validator a payment now and then, so that there is always something to do; whoever is cut off keeps what it got."""
        async with AsyncExitStack() as opened:
            clients = [await opened.enter_async_context(Client(node.api_url)) for node in self.network.validators]
            for number, (_, raw) in enumerate(transactions):
                await clients[number % len(clients)].submit([raw])
                await asyncio.sleep(1 / TRICKLE)

    async def rise(self, nodes: Sequence[int], heights: int, seconds: float) -> float:
        """Wait until these validators have so many more final blocks; return how long it took."""
        goal = max(self.seen[index].height for index in nodes) + heights
        began = time.perf_counter()
        try:
            async with asyncio.timeout(seconds):
                while any(self.seen[index].height < goal for index in nodes):
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            heights_now = [seen.height for seen in self.seen]
            raise Broken(f"validators {list(nodes)} did not reach height {goal} within {seconds} s: {heights_now}") from None
        return time.perf_counter() - began

    async def partition(self) -> dict[str, float]:
        """Two halves (nobody goes on), then one against the rest (the rest goes on), then healed."""
        everybody = list(range(len(self.seen)))
        half, found = everybody[: len(everybody) // 2], {}
        self.hosts.part(half)
        await asyncio.sleep(1.0)  # what was on its way when the links were cut arrives
        before = max(seen.height for seen in self.seen)
        await asyncio.sleep(PARTED_SECONDS)
        if max(seen.height for seen in self.seen) > before + 1:
            raise Broken("a half without a quorum went on")
        self.hosts.part([])
        found["healed after halves, s"] = await self.rise(everybody, 3, HEALED_SECONDS_MAX)
        self.hosts.part(everybody[-1:])
        found["the rest goes on, s"] = await self.rise(everybody[:-1], 3, HEALED_SECONDS_MAX)
        await asyncio.sleep(PARTED_SECONDS)
        self.hosts.part([])
        found["the one is back, s"] = await self.rise(everybody, 3, HEALED_SECONDS_MAX)
        return found


def make(folder: Path, hosts: Hosts, log_level: str) -> Network:
    """Provision a network, move its configurations to the hosts' addresses, and enter each node into its own."""
    plan = with_ports(trial_plan(hosts.count, 0), PORT)
    done = provision(folder, plan)
    for index, path in enumerate(done.configs.values()):
        text = path.read_text()
        for other, node in enumerate(plan.nodes):
            text = text.replace(node.endpoint, f"http://{hosts.wan_address(other)}:{node.peer_port}")
        text = text.replace('[api]\nhost = "127.0.0.1"', f'[api]\npublic = true\nhost = "{hosts.api_address(index)}"')
        text = f'log_level = "{log_level}"\n' + text
        path.write_text(text.replace('[peer]\nhost = "127.0.0.1"', f'[peer]\nhost = "{hosts.wan_address(index)}"'))
    network = Network(Plan(data=folder, validators=hosts.count, peers=0))
    for index, process in enumerate(network.validators):
        process.prefix = hosts.prefix(index)
    return network


async def run(folder: Path, options: argparse.Namespace) -> dict[str, object]:
    """Run everything that was asked for; return the figures."""
    figures: dict[str, object] = {}
    with Hosts(options.validators, Line(options.delay_ms, options.loss)) as hosts:
        async with make(folder, hosts, "debug" if options.steps else "info") as network:
            accounts = await prepare(network)
            count = options.seconds * options.rate // 2 * 2
            payments = await presign(plans(network, accounts, count + TRICKLE_PAYMENTS * options.partition, 1))
            wan = Wan(network, hosts)
            with suppress(PermissionError):  # only root may
                go_ahead(os.SCHED_RESET_ON_FORK)
            watchers = [asyncio.create_task(wan.watch(index)) for index in range(options.validators)]
            try:
                with hosts.probed() as taken:
                    await wan.load(payments[:count], options.rate)
                figures |= _figures(wan) | {"what the line took, ms": taken}
                if options.steps:
                    logs = [node.log for node in network.validators]
                    figures["proposal to final p50, ms, by each validator's own log"] = proposal_to_final(logs)
                    figures["steps, beyond the delay"] = table(logs, options.delay_ms)
                if options.partition:
                    watchers.append(asyncio.create_task(wan.trickle(payments[count:])))
                    figures |= await wan.partition()
            finally:
                for watcher in watchers:
                    watcher.cancel()
                await asyncio.gather(*watchers, return_exceptions=True)
            async with Client(network.validators[0].api_url) as client:
                await Day(network, client, Output()).equal_roots()
    return figures


def _figures(wan: Wan) -> dict[str, object]:
    final = [statistics.quantiles(seen.final_ms, n=100) for seen in wan.seen]
    receipts = statistics.quantiles([each for seen in wan.seen for each in seen.receipt_ms], n=100)
    return {
        "block time to its event at the client p50, ms, at each validator": [round(cuts[49], 1) for cuts in final],
        "block time to its event at the client p90, ms, at each validator": [round(cuts[89], 1) for cuts in final],
        "receipt p50, ms": round(receipts[49], 1),
        "receipt p99, ms": round(receipts[98], 1),
        "payments": sum(len(seen.receipt_ms) for seen in wan.seen),
    }


def goals(delay_ms: int) -> dict[str, float]:
    """Return the goals of performance.md for a delay, ms."""
    return {
        "proposal to final": 3 * delay_ms + (15 if delay_ms < 100 else 30),
        "receipt p50": 5 * delay_ms + 20,
        "receipt p99": 7 * delay_ms + 50,
    }


def go_ahead(flags: int = 0) -> None:
    """Have this process, and all it starts (or, by `SCHED_RESET_ON_FORK`, nothing of it), run before everything else here (SCHED_RR).

    Raises
    ------
    PermissionError
        Only root may.
    """
    os.sched_setscheduler(0, os.SCHED_RR | flags, os.sched_param(1))


def main(arguments: Sequence[str] | None = None) -> int:
    """Enter a namespace where that was not done yet; run; print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m tests.devnet.wan", description=__doc__)
    parser.add_argument("--validators", type=int, default=4)
    parser.add_argument("--delay-ms", type=int, default=20)
    parser.add_argument("--loss", type=int, default=0, help="per cent of packets")
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--partition", action="store_true")
    parser.add_argument("--steps", action="store_true", help="show where the time of a block goes")
    parser.add_argument("--ahead", action="store_true", help="go before everything else on the machine (root)")
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = parser.parse_args(given)
    if INSIDE not in os.environ:
        try:
            return enter("tests.devnet.wan", given)
        except NoNamespaces as problem:
            sys.stderr.write(f"no network namespaces: {problem}\n")
            return 77
    if options.ahead:
        go_ahead()
    with tempfile.TemporaryDirectory(prefix="som-wan-") as folder:
        figures = asyncio.run(run(Path(folder) / "net", options))
    sys.stdout.write(json.dumps(figures | {"goals, ms": goals(options.delay_ms)}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
