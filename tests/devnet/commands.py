"""The command line as a user has it: `som` and `som devnet` as processes of their own, read as JSON."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import msgspec

from devnet.processes import die_with_parent

if TYPE_CHECKING:
    from pathlib import Path

COMMAND_SECONDS_MAX = 180.0


class CommandFailed(AssertionError):
    """A command ended with another exit code than it should."""


class Commands:
    """Commands to one devnet, under the profile that it wrote."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.profile = data / "som.toml"

    async def som(self, *arguments: str, code: int = 0) -> bytes:
        """Run a command under the profile; return what it printed.

        Raises
        ------
        CommandFailed
            Its exit code is another one.
        """
        return await run("--config", str(self.profile), *arguments, code=code)

    async def told(self, *arguments: str) -> dict[str, object]:
        """Run a command that tells something; return it."""
        return msgspec.json.decode(await self.som(*arguments, "--json"), type=dict[str, object])

    async def devnet(self, verb: str, *arguments: str) -> bytes:
        """Give an order to the devnet."""
        return await run("devnet", verb, "--data", str(self.data), *arguments)

    async def up(self, log: Path, *arguments: str) -> asyncio.subprocess.Process:
        """Start the devnet and wait until it takes orders; whoever ends this process ends it."""
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "cli", "devnet", "up", "--no-demo", "--data", str(self.data), *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=die_with_parent,
            )
        async with asyncio.timeout(COMMAND_SECONDS_MAX):
            while "stays up" not in (said := await asyncio.to_thread(log.read_text)):
                if process.returncode is not None:
                    raise CommandFailed(f"som devnet up ended with {process.returncode}: {said[-600:]}")
                await asyncio.sleep(0.05)
        return process


async def run(*arguments: str, code: int = 0) -> bytes:
    """Run `som` with these arguments; return its standard output. Raises CommandFailed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=die_with_parent,
    )
    async with asyncio.timeout(COMMAND_SECONDS_MAX):
        out, err = await process.communicate()
    if process.returncode != code:
        raise CommandFailed(f"som {' '.join(arguments)} ended with {process.returncode}, not {code}: {(out + err).decode()[-900:]}")
    return out
