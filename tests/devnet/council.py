"""The validators of a live network, changed by the commands of README.md, "Change the validators"; each change is looked at (K22, L28)."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from devnet.client import Client
from ledger.keys import public_key_of
from node.api.epoch_structs import EpochBody
from node.api.structs import Validators
from node.config import load_config
from node.keyfiles import box_public_of, read_seed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.devnet.commands import Commands

FOUNDERS = 4
VOTES_SECONDS_MAX = 30.0


class Broken(AssertionError):
    """What the README promises did not happen."""


class Council:
    """The network, and how its validators are changed."""

    def __init__(self, commands: Commands, first: str) -> None:
        self.commands, self.first = commands, first
        self.members = [f"validator-{index}" for index in range(FOUNDERS)]
        self.left: dict[str, int] = {}
        """Who left -> last height of its last epoch."""
        self.bases: list[int] = []
        """Last height of each epoch that has ended."""

    def config(self, name: str) -> Path:
        """Path of a node's configuration."""
        return self.commands.data / name / "node.toml"

    async def epoch(self) -> EpochBody:
        """Return the epoch that the network is in."""
        async with Client(self.first) as client:
            return await client.get("/v1/epochs/latest", EpochBody)

    async def become(self, size: int) -> None:
        """Let newcomers join, or the newest leave, until there are so many.

        Raises
        ------
        Broken
            The set is not as planned after the boundary, one of it does not vote, or who left could read on.
        """
        before = await self.epoch()
        known = len(self.members)
        if size > known:
            await self.grow([f"validator-{known + len(self.left) + index}" for index in range(size - known)])
        else:
            await self.shrink(self.members[size:])
        now = await self.epoch()
        self.bases.append(now.base)
        keys = [consensus_key_of(self.config(name)) for name in self.members]
        if [each.consensus_key for each in now.validators] != keys or now.epoch != before.epoch + 1:
            raise Broken(f"epoch {now.epoch} has not the validators {', '.join(self.members)}: {now.validators}")
        if size < known:
            await self.locked_out(before, now)
        await self.all_vote(now)

    async def grow(self, names: Sequence[str]) -> None:
        """Let newcomers join at the next boundary."""
        som, opener = self.commands.som, str(self.commands.data / self.members[0] / "box.key")
        await self.commands.devnet("add-validator", *names)
        for name in names:
            config = str(self.config(name))
            await som("validator", "add", "operator", "--node-config", config, "--box-key-file", opener, "--wait")
            self.members.append(name)
        for name in names:
            await som("validator", "ready", str(self.config(name)), "--wait")
        await self.turn()

    async def shrink(self, names: Sequence[str]) -> None:
        """Let validators leave at the next boundary."""
        named = [part for name in names for part in ("--node-config", str(self.config(name)))]
        await self.commands.som("validator", "remove", *named, "--wait")
        await self.turn()
        self.members = [name for name in self.members if name not in names]
        base = (await self.epoch()).base
        self.left |= dict.fromkeys(names, base)

    async def turn(self) -> None:
        """End the epoch and wait for the next."""
        await self.commands.som("epoch", "end", "--wait")

    async def locked_out(self, before: EpochBody, now: EpochBody) -> None:
        """See that the view key is a new one, and that nobody who left has a copy or can open one (L28)."""
        boxes = {copy.box_key for copy in now.view_key.copies}
        gone = {box_public_of(read_seed(self.config(name).parent / "box.key")).hex() for name in self.left}
        if now.view_key.hash == before.view_key.hash or not boxes or boxes & gone:
            raise Broken(f"view key {now.view_key.number} has {len(boxes)} copies, {len(boxes & gone)} of them for nodes that left")
        for name in self.left:
            opener = str(self.config(name).parent / "box.key")
            await self.commands.som("epoch", "keys", str(self.commands.data / "taken"), "--box-key-file", opener, code=1)

    async def all_vote(self, now: EpochBody) -> None:
        """Wait until certificates of this epoch have borne the signature of each validator. Raises Broken."""
        until = time.monotonic() + VOTES_SECONDS_MAX
        async with Client(self.first) as client:
            while True:
                found = await client.get("/v1/validators", Validators)
                silent = [each.index for each in found.validators if each.last_signed_height <= now.base]
                if found.epoch == now.epoch and not silent:
                    return
                if time.monotonic() > until:
                    raise Broken(f"validators {silent} of epoch {found.epoch} signed nothing within {VOTES_SECONDS_MAX:.0f} s")
                await asyncio.sleep(0.1)


def consensus_key_of(config: Path) -> str:
    """Return the public consensus key of a node in hex."""
    found = load_config(config)
    return public_key_of(read_seed(Path(found.consensus_key))).hex()
