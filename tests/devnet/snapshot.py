"""A validator whose disk was wiped, and a peer that never ran: both begin at a snapshot while the network goes on under load (K15, K20).

The validator comes back as cli/README.md says: `som recover` makes new keys, `som validator add --replaces` gives them its place, and it
votes again after the next boundary. `python -m tests.devnet.snapshot --accounts 100000` prints how long it takes; `test_snapshot.py` runs
a short form.
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
from devnet.load import presign
from devnet.network import Network, Plan
from devnet.output import Output
from devnet.ports import free_run
from node.config import load_config
from node.plan import AccountPlan, trial_plan, with_ports
from node.provision import provision
from node.snapshot_files import FOLDER, WANTED, lines_in
from tests.devnet.commands import Commands, run
from tests.devnet.council import Council, consensus_key_of
from tests.devnet.late_peer import height_of, reach
from tests.devnet.payer import Payer

if TYPE_CHECKING:
    from devnet.processes import NodeProcess

VALIDATORS = 4
WIPED = "validator-3"
LATE = "peer-0"
POLL_SECONDS = 0.1
WAIT_SECONDS_MAX = 120.0
PAYMENTS = 40_000
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
    """From the start of the validator with an empty disk to the height that the network had then."""
    votes_seconds: float
    """From the wiped disk, by all commands, until certificates bear the signature of its new key."""
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


async def synced(node: NodeProcess, first: NodeProcess) -> float:
    """Start a node without a store; return the seconds until it has what the network had when it started."""
    goal = await height_of(first)
    began = time.perf_counter()
    await node.start()
    await reach(node, goal, WAIT_SECONDS_MAX)
    seconds = time.perf_counter() - began
    if "snapshot taken" not in await asyncio.to_thread(node.log.read_text):
        raise AssertionError(f"{node.name} did not begin at a snapshot; see {node.log}")
    return seconds


def wipe(node: NodeProcess) -> None:
    """Remove all that a node has on its disk but the configuration, which its operator wrote."""
    config = load_config(node.config)
    shutil.rmtree(config.data)
    for key in (config.consensus_key, config.node_key, config.box_key):
        Path(key).unlink()


async def wiped(commands: Commands, node: NodeProcess, first: NodeProcess) -> tuple[float, float]:
    """Lose a validator's disk and bring it back by the manual; return the seconds until it had caught up, and until it voted again."""
    som, lost = commands.som, consensus_key_of(node.config)
    config, opener = str(node.config), str(first.config.parent / "box.key")
    await node.kill()
    await asyncio.to_thread(wipe, node)
    began = time.perf_counter()
    await run("recover", "--config", config)
    await som("epoch", "keys", str(load_config(node.config).data_folder / "view_keys"), "--box-key-file", opener)
    await som("validator", "add", "operator", "--node-config", config, "--replaces", lost, "--box-key-file", opener, "--wait")
    caught_up = await synced(node, first)
    await som("validator", "ready", config, "--wait")
    await som("epoch", "end", "--wait")
    council = Council(commands, first.api_url)
    await council.all_vote(now := await council.epoch())
    keys = [each.consensus_key for each in now.validators]
    if consensus_key_of(node.config) not in keys or lost in keys or len(keys) != VALIDATORS:
        raise AssertionError(f"{node.name} has not its place back with the new key: {keys}")
    return caught_up, time.perf_counter() - began


async def measure(folder: Path, accounts: int, port_base: int = 11_200, rate: int = 40) -> Synced:
    """Run the network under load, wipe a validator's disk, start a peer that never ran; compare all roots at the end."""
    make(folder, accounts, port_base)
    async with Network(Plan(data=folder, peers=1, absent=(LATE,))) as network:
        desks = await prepare(network)
        first, victim = network.validators[0], network.named(WIPED)
        payments = await presign(plans(network, desks, PAYMENTS, 1))
        payer, stop = Payer([node.api_url for node in network.validators[:3]], rate), asyncio.Event()
        running = asyncio.create_task(payer.run(payments, stop))
        try:
            await reach(first, 60, WAIT_SECONDS_MAX)
            began = time.perf_counter()
            size = await ask(first)
            made = time.perf_counter() - began
            validator, votes = await wiped(Commands(folder), victim, first)
            peer = await synced(network.named(LATE), first)
            stop.set()
            await running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        async with Client(first.api_url) as client:
            await Day(network, client, Output()).equal_roots()
    return Synced(accounts, size, made, validator, votes, peer)


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
        f"a validator with a wiped disk had caught up {found.validator_seconds:.1f} s after its start and voted with its new key "
        f"{found.votes_seconds:.1f} s after the wipe; a new peer had caught up after {found.peer_seconds:.1f} s; equal roots\n"
    )
    return 0 if max(found.validator_seconds, found.peer_seconds) <= 60 else 1


if __name__ == "__main__":
    raise SystemExit(main())
