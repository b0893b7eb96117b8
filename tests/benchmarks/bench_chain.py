"""What one node spends on a payment, stage by stage, in one process: `python -m tests.benchmarks.bench_chain`.

A follower's work: decode, verify, admit (gossip), judge a leader's blocks, make them final, flush them to LMDB with real syncs. A leader's
own building is measured beside it. Not measured: consensus, sockets, journal. CPU of this process, microseconds per payment; `verify` is
the floor.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING

from node.builder import BlockLimits
from node.records import StoredBlock
from node.transactions import TransactionCache
from tests.node.chain_world import World, certificate_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.transactions.bodies import Transaction


class Stages:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def stage(self, name: str) -> Timer:
        """Clock of a stage."""
        return Timer(self.seconds, name)


class Timer:
    """Adds CPU time to a stage."""

    def __init__(self, seconds: dict[str, float], name: str) -> None:
        self._seconds, self._name = seconds, name

    def __enter__(self) -> None:
        self._began = process_time()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._name] = self._seconds.get(self._name, 0.0) + process_time() - self._began


def batches(transactions: list[Transaction], size: int) -> Iterator[list[Transaction]]:
    """Cut into blocks."""
    for start in range(0, len(transactions), size):
        yield transactions[start : start + size]


async def run(payments: int, accounts: int, block: int, flush_every: int, *, profile: bool) -> dict[str, float]:
    """Measure; returns CPU seconds by stage."""
    with tempfile.TemporaryDirectory() as folder:
        leader, follower = World(Path(folder) / "leader", accounts=accounts), World(Path(folder) / "follower", accounts=accounts)
        await prepare(leader, follower, accounts)
        signed = [
            leader.pay(f"bank-{'ab'[number % 2]}/x{number % accounts}", f"bank-{'ba'[number % 2]}/x{number * 7 % accounts}", 1)
            for number in range(payments)
        ]
        leader.chain.cache = TransactionCache()
        for world in (leader, follower):
            world.chain.cache.forget([])
        stages = Stages()
        follower.chain.stages = stages
        leader.builder = leader.new_builder(BlockLimits(pace_ms=0))
        profiler = cProfile.Profile()
        wall = perf_counter()
        unflushed = 0
        for batch in batches(signed, block):
            with Timer(stages.seconds, "leader: admit"):
                leader.admit(*batch)
            with Timer(stages.seconds, "leader: build"):
                built = await leader.build()
            with Timer(stages.seconds, "leader: final"):
                leader.finalize(built)
            if profile:
                profiler.enable()
            await follow(follower, batch, StoredBlock(built.stored.header, built.stored.body), stages)
            unflushed += len(batch)
            if unflushed >= flush_every:
                with Timer(stages.seconds, "flush, all of it"):
                    await follower.chain.flush()
                unflushed = 0
            profiler.disable()
            await leader.chain.flush()
        stages.seconds["wall"] = perf_counter() - wall
        if profile:
            pstats.Stats(profiler).sort_stats("tottime").print_stats(45)
        leader.close()
        follower.close()
        return stages.seconds


async def prepare(leader: World, follower: World, accounts: int) -> None:
    """Give every account money, on both chains."""
    funded = [leader.issue(f"{bank}/x{number}", 10**6) for bank in ("bank-a", "bank-b") for number in range(accounts)]
    for batch in batches(funded, 1_000):
        leader.admit(*batch)
        built = await leader.build()
        leader.finalize(built)
        judgement = await follower.chain.judge(built.stored)
        if judgement.reason:
            raise AssertionError(judgement.reason)
        follower.chain.finalize([built.facts.block_id], certificate_of(built.facts.view, built.facts.block_id))
    await leader.chain.flush()
    await follower.chain.flush()


async def follow(world: World, batch: list[Transaction], block: StoredBlock, stages: Stages) -> None:
    """Do what a node does that does not lead: gossip first, then the proposal."""
    cache = world.chain.cache
    with Timer(stages.seconds, "gossip: decode"):
        fresh = [cache.decode(each.raw) for each in batch]
    with Timer(stages.seconds, "gossip: verify"):
        for each in fresh:
            cache.verified(each)
    with Timer(stages.seconds, "gossip: admit"):
        world.admit(*fresh)
    with Timer(stages.seconds, "judge, all of it"):
        judgement = await world.chain.judge(block)
    with Timer(stages.seconds, "final"):
        world.chain.finalize([judgement.block_id], certificate_of(judgement.facts.view, judgement.block_id))


def main() -> None:
    """Print microseconds per payment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=20_000)
    parser.add_argument("--accounts", type=int, default=1_000)
    parser.add_argument("--block", type=int, default=1_000)
    parser.add_argument("--flush", type=int, default=6_000)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    seconds = asyncio.run(run(arguments.payments, arguments.accounts, arguments.block, arguments.flush, profile=arguments.profile))
    for name, spent in seconds.items():
        print(f"{name:20} {spent / arguments.payments * 1e6:8.2f} us")  # noqa: T201 - its output is what it is for


if __name__ == "__main__":
    main()
