"""Cuts between nodes of a devnet: each side's list of denied nodes (`node.denied`) names the other side, and is read while the nodes run.

Not here: the order itself (`devnet.control`). Cuts add up until they are healed, and outlive the devnet, since the lists are files.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from devnet.client import Client, Refused
from ledger.keys import public_key_of
from node.config import load_config
from node.denied import DENIED_FILE, parse_denied, read_denied
from node.keyfiles import read_seed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from devnet.processes import NodeProcess

TAKEN_SECONDS_MAX = 10
"""A node looks at its list every second."""
POLL_SECONDS = 0.05

Lists = dict[bytes, frozenset[bytes]]
"""Node key -> keys that this node denies."""


class NotTaken(Exception):
    """A running node did not take its list over."""

    def __init__(self, *, node: NodeProcess) -> None:
        super().__init__(f"{node.name} has not taken its list of denied nodes over after {TAKEN_SECONDS_MAX} s: see {node.log}")


def with_cut(lists: Mapping[bytes, frozenset[bytes]], one: Collection[bytes], other: Collection[bytes]) -> Lists:
    """Return the lists with every node of one group cut off from every node of another one, on both sides."""
    found = dict(lists)
    for here, there in ((one, other), (other, one)):
        for key in here:
            found[key] = found[key].union(there)
    return found


def without_cuts(lists: Mapping[bytes, frozenset[bytes]], healed: Collection[bytes]) -> Lists:
    """Return the lists without any cut of these nodes, on both sides; keys of nodes that are not of this network stay."""
    return {
        key: frozenset(each for each in denied if each not in lists or (each not in healed and key not in healed))
        for key, denied in lists.items()
    }


class Cuts:
    """The lists of all nodes of a network, as their files are now."""

    def __init__(self, nodes: Iterable[NodeProcess]) -> None:
        """Read them.

        Raises
        ------
        ConfigError
            A configuration, a key or a list cannot be read.
        """
        self._nodes: dict[bytes, NodeProcess] = {}
        self._folders: dict[bytes, Path] = {}
        self._lists: Lists = {}
        for node in nodes:
            config = load_config(node.config)
            key = public_key_of(read_seed(Path(config.node_key)))
            self._nodes[key], self._folders[key] = node, config.data_folder
            self._lists[key] = parse_denied(read_denied(config.data_folder), config.data_folder / DENIED_FILE)

    def of(self, name: str) -> tuple[str, ...]:
        """Names of the nodes of this network that a node denies, in order."""
        denied = self._lists[self._key(name)]
        return tuple(node.name for key, node in self._nodes.items() if key in denied)

    async def cut(self, one: Iterable[str], other: Iterable[str]) -> None:
        """Cut two groups off from each other, and wait until every running node has taken it over.

        Raises
        ------
        NotTaken
            One did not in time; the lists stay.
        """
        await self._replace(with_cut(self._lists, [self._key(name) for name in one], [self._key(name) for name in other]))

    async def heal(self, names: Iterable[str]) -> None:
        """End every cut of these nodes, and wait as `cut`; raises as `cut`."""
        await self._replace(without_cuts(self._lists, [self._key(name) for name in names]))

    def _key(self, name: str) -> bytes:
        return next(key for key, node in self._nodes.items() if node.name == name)

    async def _replace(self, lists: Lists) -> None:
        changed = [key for key, denied in lists.items() if denied != self._lists[key]]
        self._lists = lists
        for key in changed:
            self._write(key)
        await asyncio.gather(*(_taken(self._nodes[key], len(lists[key])) for key in changed if self._nodes[key].state == "running"))

    def _write(self, key: bytes) -> None:
        """Replace one list at once, so that no node reads half of it."""
        path, denied = self._folders[key] / DENIED_FILE, self._lists[key]
        if not denied:
            path.unlink(missing_ok=True)
            return
        names = {each: node.name for each, node in self._nodes.items()}
        hidden = path.with_suffix(".new")
        hidden.write_text("".join(f"{each.hex()} # {names.get(each, 'not of this devnet')}\n" for each in sorted(denied)))
        hidden.replace(path)


async def _taken(node: NodeProcess, count: int) -> None:
    """Wait until a running node says that it denies so many nodes."""
    deadline = time.monotonic() + TAKEN_SECONDS_MAX
    async with Client(node.api_url) as client:
        while node.state == "running" and time.monotonic() < deadline:
            try:
                if (await client.status()).peers_denied == count:
                    return
            except (aiohttp.ClientError, Refused):
                node.check()
            await asyncio.sleep(POLL_SECONDS)
    if node.state == "running":
        raise NotTaken(node=node)
