"""A small network of real nodes in one event loop, over real sockets and real disks: validators, peers, and keys to pay with."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from devnet.client import Client
from devnet.ports import STEP, free_run
from devnet.wallet import Wallet
from node.config import load_config
from node.keystore import Cost
from node.main import Node
from node.plan import trial_plan, with_ports
from node.prepare import prepare
from node.provision import provision

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from node.api.structs import Submitted
    from node.chain import Chain
    from node.config import Config
    from node.prepare import Prepared
    from node.provision import Provisioned

CHEAP = Cost(memory_kib=8_192, iterations=1, lanes=1)
"""Of the keystore, which is not under test here."""
SECONDS_MAX = 30.0
"""Every wait of a test ends after that, as a failure."""


class Running:
    """One node that runs in this loop."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.node = Node(prepared)
        self._started = asyncio.Event()
        self.task = asyncio.create_task(self._run(), name=prepared.config.name)

    async def _run(self) -> None:
        try:
            await self.node.run(lambda _: self._started.set())
        finally:
            self.prepared.close()

    async def started(self) -> None:
        """Wait until both listeners are open; raises what stopped the node before."""
        waiting = asyncio.create_task(self._started.wait())
        await asyncio.wait([waiting, self.task], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self.task.done():
            await self.task

    @property
    def chain(self) -> Chain:
        """Its chain."""
        return self.prepared.chain

    async def stop(self) -> None:
        """Stop in order."""
        self.node.stop()
        await self.task


class LocalNetwork:
    """Nodes by name. Ports are probed once and then fixed."""

    def __init__(self, folder: Path, validators: int, peers: int, params: Mapping[str, int] | None = None) -> None:
        # Workers of one run have neighbouring process ids: each gets a hundred of its own, as a port that is free now is opened later.
        base = free_run(20_000 + os.getpid() % 120 * STEP, 2 * (validators + peers))
        plan = msgspec.structs.replace(with_ports(trial_plan(validators, peers), base), params=dict(params or {}))
        self.made: Provisioned = provision(folder, plan, cost=CHEAP)
        self.configs: dict[str, Config] = {name: self._config(path) for name, path in self.made.configs.items()}
        self.running: dict[str, Running] = {}
        seeds = {owner: seeds[0] for owner, seeds in self.made.secrets.keysets.items()}
        self.wallet = Wallet(self.made.chain, seeds)

    @staticmethod
    def _config(path: Path) -> Config:
        config = load_config(path)
        return msgspec.structs.replace(config, limits=msgspec.structs.replace(config.limits, map_bytes=2**28))

    @property
    def validators(self) -> list[str]:
        """Names of the validators."""
        return [name for name, config in self.configs.items() if config.role == "validator"]

    async def start(self, *names: str) -> None:
        """Start some nodes, and wait for their listeners."""
        for name in names:
            self.running[name] = Running(prepare(self.configs[name]))
        for name in names:
            await self.running[name].started()

    async def stop(self, *names: str) -> None:
        """Stop some nodes in order."""
        await asyncio.gather(*(self.running.pop(name).stop() for name in names))

    def client(self, name: str) -> Client:
        """Client of one node's API."""
        return Client(f"http://127.0.0.1:{self.configs[name].api.port}")

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is true of nodes in this loop, looking after each of their final blocks and every 20 ms."""
        async with asyncio.timeout(SECONDS_MAX):
            while not true():
                for running in self.running.values():
                    if running.task.done():
                        await running.task
                await asyncio.sleep(0.02)

    async def same_tip(self, *names: str) -> int:
        """Wait until these nodes have the same newest final block; return its height."""
        chains = [self.running[name].chain for name in names]
        await self.until(lambda: len({chain.tip.facts.block_id for chain in chains}) == 1)
        return chains[0].tip.facts.height


@asynccontextmanager
async def network(
    folder: Path, *, validators: int = 4, peers: int = 0, params: Mapping[str, int] | None = None
) -> AsyncIterator[LocalNetwork]:
    """Make a network; whatever runs at the end is stopped. Nothing is started."""
    made = LocalNetwork(folder, validators, peers, params)
    try:
        yield made
    finally:
        await made.stop(*made.running)


def codes(answers: tuple[Submitted, ...]) -> list[int]:
    """Codes of the receipts of an answer."""
    return [-1 if each.receipt is None else each.receipt.code for each in answers]
