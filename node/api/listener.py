"""Opens the client listener of a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from node.errors import AddressInUse

if TYPE_CHECKING:
    from node.config import ApiConfig


async def open_listener(runner: web.AppRunner, config: ApiConfig) -> int:
    """Start the runner and open its address; return the port.

    Raises
    ------
    AddressInUse
        The address is taken, or not one of this machine.
    """
    await runner.setup()
    try:
        await web.TCPSite(runner, config.host, config.port).start()
    except OSError as problem:
        raise AddressInUse(
            f"the client listener cannot open {config.host}:{config.port}: {problem.strerror}; stop what holds it or change api.port"
        ) from problem
    port: int = runner.addresses[0][1]
    return port
