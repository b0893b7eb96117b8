"""`up`: start a network on this machine, show its endpoints, run the demonstration day, stay up until Ctrl-C or `down`."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from devnet.client import Client
from devnet.control import Control
from devnet.day import Day
from devnet.network import Network, Plan
from devnet.output import Output

if TYPE_CHECKING:
    import argparse

    from devnet.bridge_day import BridgeDay

NO_ANVIL = (
    "No bridge: this machine has no anvil. With Node.js run `npm ci --ignore-scripts` in bridge/contracts, or name one with SOM_ANVIL."
)


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
    async with Control(network, stop) as control, network, AsyncExitStack() as opened:
        control.busy = "the demonstration day goes on, and it needs every node: wait until it is over (or start with --no-demo)"
        async with Client(network.validators[0].api_url) as client:
            day = Day(network, client, output)
            await day.first_payment()
            output.endpoints(network.nodes, [await day.status(node.api_url) for node in network.nodes])
            scenes = await _bridge(options, day, control, opened) if options.bridge else None
            if not options.no_demo:
                await day.run(*([scenes.run] if scenes else []))
            elif scenes:
                await scenes.bridges.establish(day)
        if not options.exit_after_demo:
            control.busy = ""
            output.line("")
            output.line(f"The devnet stays up; Ctrl-C ends it. Try: .venv/bin/som --config {options.data}/som.toml status")
            await asyncio.Event().wait()


async def _bridge(options: argparse.Namespace, day: Day, control: Control, opened: AsyncExitStack) -> BridgeDay | None:
    """Start public chains; None where this machine has nothing to run them with, which is said."""
    # The libraries of public chains would slow the start of every devnet without a bridge.
    from devnet.abroad import find_anvil  # noqa: PLC0415
    from devnet.bridge_day import BridgeDay  # noqa: PLC0415
    from devnet.bridges import Bridges  # noqa: PLC0415

    program = find_anvil()
    if program is None:
        day.output.line(NO_ANVIL)
        return None
    bridges = await opened.enter_async_context(Bridges(day.network, program, options.port_base))
    control.beside = bridges
    return BridgeDay(bridges)
