"""`up`: start a network on this machine, show its endpoints, run the demonstration day, stay up until Ctrl-C or `down`."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from devnet.client import Client
from devnet.control import Control
from devnet.day import Day
from devnet.network import Network, Plan
from devnet.output import Output

if TYPE_CHECKING:
    import argparse


async def run(options: argparse.Namespace) -> None:
    """Start, show, demonstrate, wait for the end and take orders meanwhile (`devnet.control`)."""
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
    network = Network(Plan(options.data, options.validators, options.peers, options.port_base))
    async with Control(network, stop) as control, network:
        control.busy = "the demonstration day goes on, and it needs every node: wait until it is over (or start with --no-demo)"
        async with Client(network.validators[0].api_url) as client:
            day = Day(network, client, output)
            await day.first_payment()
            output.endpoints(network.nodes, [await day.status(node.api_url) for node in network.nodes])
            if not options.no_demo:
                await day.run()
        if not options.exit_after_demo:
            control.busy = ""
            output.line("")
            output.line(f"The devnet stays up; Ctrl-C ends it. Try: .venv/bin/som --config {options.data}/som.toml status")
            await asyncio.Event().wait()
