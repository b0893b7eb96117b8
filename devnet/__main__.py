"""`python -m devnet`: start a network on this machine, show its endpoints, run the demonstration day, stay up until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from devnet.client import Client
from devnet.day import Day, DayFailed
from devnet.network import Network, NotReady, Plan
from devnet.output import Output
from devnet.ports import NoFreePorts
from devnet.processes import NodeFailed
from node.config import ConfigError


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m devnet", description=__doc__)
    parser.add_argument("--validators", type=int, default=4, help="number of validators, 4 to 16 (4)")
    parser.add_argument("--peers", type=int, default=2, help="number of bank peers, 0 to 16 (2)")
    parser.add_argument("--port-base", type=int, default=8800, help="first port; the next free run from here is taken (8800)")
    parser.add_argument("--data", type=Path, default=Path("devnet-data"), help="data folder; an existing network in it is started again")
    parser.add_argument("--exit-after-demo", action="store_true", help="stop after the demonstration day, with exit code 0")
    options = parser.parse_args()
    if not 4 <= options.validators <= 16 or not 0 <= options.peers <= 16:
        parser.error("--validators takes 4 to 16 and --peers 0 to 16")
    if not 1024 <= options.port_base <= 65_000:
        parser.error("--port-base takes 1024 to 65000")
    return options


async def run(options: argparse.Namespace) -> None:
    """Start, show, demonstrate, wait."""
    output = Output()
    stopped = asyncio.Event()
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        """Leave the wait where it is reached, else break off what runs."""
        if stopped.is_set() or task is None:
            return
        stopped.set()
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    async with Network(Plan(options.data, options.validators, options.peers, options.port_base)) as network:
        async with Client(network.validators[0].api_url) as client:
            day = Day(network, client, output)
            await day.first_payment()
            output.endpoints(network.nodes, [await day.status(node.api_url) for node in network.nodes])
            await day.run()
        if not options.exit_after_demo:
            output.line("")
            output.line(f"The devnet stays up; Ctrl-C ends it. Try: .venv/bin/som --config {options.data}/som.toml status")
            await asyncio.Event().wait()


def main() -> int:
    """Run; return the exit code."""
    options = arguments()
    try:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(run(options))
    except (ConfigError, DayFailed, NodeFailed, NoFreePorts, NotReady, OSError) as error:
        sys.stderr.write(f"devnet: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
