"""A validator whose store is lost, and a peer that never had one: both begin at a snapshot while the network goes on under load (K20).

`python -m tests.devnet.snapshot --accounts 100000` prints how long it takes; `test_snapshot.py` runs a short form.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from devnet.bench.scenarios import plans, prepare
from devnet.client import Client
from devnet.day import Day
from devnet.load import Load, presign
from devnet.network import Network, Plan
from devnet.output import Output
from devnet.ports import free_run
from node.config import load_config
from node.plan import AccountPlan, trial_plan, with_ports
from node.provision import provision
from node.snapshot_files import FOLDER, WANTED, lines_in
from tests.devnet.late_peer import height_of, reach

if TYPE_CHECKING:
    from devnet.processes import NodeProcess

WIPED = "validator-3"
LATE = "peer-0"
POLL_SECONDS = 0.1
WAIT_SECONDS_MAX = 120.0
SYNC = "\n[sync]\nsnapshot_blocks = 20\nsnapshot_every = 0\n"
"""Near is far enough; snapshots are made when this script asks."""


@dataclass(frozen=True)
class Synced:
    """What was measured."""

    accounts: int
    snapshot_bytes: int
    made_seconds: float
    """From asking a validator under load to its snapshot."""
    validator_seconds: float
    """From the start of the validator without a store to the height that the network had then."""
    peer_seconds: float


def make(folder: Path, accounts: int, port_base: int) -> None:
    """Provision a network with so many accounts, open from genesis on."""
    plan = trial_plan(4, 1)
    more = tuple(AccountPlan(f"bank-{'ab'[number % 2]}/w{number:06}", "wallet") for number in range(accounts - len(plan.accounts)))
    plan = msgspec.structs.replace(plan, accounts=plan.accounts + more)
    made = provision(folder, with_ports(plan, free_run(port_base, 2 * len(plan.nodes))))
    for path in made.configs.values():
        path.write_text(path.read_text() + SYNC)


async def ask(node: NodeProcess) -> int:
    """Ask a running node for a snapshot; return its bytes."""
    folder = load_config(node.config).data_folder / FOLDER
    await asyncio.to_thread(_touch, folder)
    until = time.monotonic() + WAIT_SECONDS_MAX
    while await asyncio.to_thread((folder / WANTED).exists):
        if time.monotonic() > until:
            raise AssertionError(f"{node.name} made no snapshot within {WAIT_SECONDS_MAX:.0f} s")
        await asyncio.sleep(POLL_SECONDS)
    return lines_in(folder)[0].bytes


def _touch(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / WANTED).touch()


async def synced(network: Network, name: str, first: NodeProcess) -> float:
    """Start a node without a store; return the seconds until it has what the network had when it started."""
    node = network.named(name)
    data = load_config(node.config).data_folder
    for part in ("store", FOLDER):
        await asyncio.to_thread(shutil.rmtree, data / part, ignore_errors=True)
    goal = await height_of(first)
    began = time.perf_counter()
    await node.start()
    await reach(node, goal, WAIT_SECONDS_MAX)
    seconds = time.perf_counter() - began
    if "snapshot taken" not in await asyncio.to_thread(node.log.read_text):
        raise AssertionError(f"{name} did not begin at a snapshot; see {node.log}")
    return seconds


async def measure(folder: Path, accounts: int, port_base: int = 11_200, rate_seconds: float = 600.0) -> Synced:
    """Run the network under load, lose a validator's store, start a peer that never ran; compare all roots at the end."""
    make(folder, accounts, port_base)
    async with Network(Plan(data=folder, peers=1, absent=(LATE,))) as network:
        desks = await prepare(network)
        first = network.validators[0]
        payments = await presign(plans(network, desks, 40_000, 1))
        load = Load([node.api_url for node in network.validators[:3]], payments, window=20, list_size=5)
        running = asyncio.create_task(load.run(rate_seconds))
        try:
            await reach(first, 60, WAIT_SECONDS_MAX)
            began = time.perf_counter()
            size = await ask(first)
            made = time.perf_counter() - began
            await network.named(WIPED).stop()
            validator = await synced(network, WIPED, first)
            peer = await synced(network, LATE, first)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        async with Client(first.api_url) as client:
            await Day(network, client, Output()).equal_roots()
    return Synced(accounts, size, made, validator, peer)


def main() -> int:
    """Run it and print the times."""
    parser = argparse.ArgumentParser(prog="python -m tests.devnet.snapshot", description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--port-base", type=int, default=11_200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="som-snapshot-") as folder:
        found = asyncio.run(measure(Path(folder) / "net", options.accounts, options.port_base))
    sys.stdout.write(
        f"{found.accounts} accounts, a snapshot of {found.snapshot_bytes / 2**20:.1f} MiB made under load in {found.made_seconds:.1f} s; "
        f"a validator without its store had caught up after {found.validator_seconds:.1f} s, a new peer after {found.peer_seconds:.1f} s; "
        "equal roots\n"
    )
    return 0 if max(found.validator_seconds, found.peer_seconds) <= 60 else 1


if __name__ == "__main__":
    raise SystemExit(main())
