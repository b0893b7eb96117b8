"""The operator's own list of nodes that this one has nothing to do with: the file `denied` in the data folder.

One node key a line, 64 hex characters; what follows a # is for people. A running node reads the file once a second, so it takes effect
without a restart and without a signal (one that comes before its handler would end the process): a flooding peer is shut out while votes go
on, and a devnet is split. It is the word of one operator about this node's own links, no rule of the network: the ledger still lists the
keys, and whoever denies more than f validators stops itself.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

import structlog

from node.config import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DENIED_FILE: Final = "denied"
DENIED_MAX: Final = 512
"""As many nodes as can be linked at once."""
DENIED_BYTES_MAX: Final = 65_536
"""512 keys with a name of 60 characters each."""
LOOK_SECONDS: Final = 1.0
"""From a change of the file until it takes effect; a look is one read of a small file."""

_KEY = re.compile("[0-9a-f]{64}")

log = structlog.get_logger("denied")


def read_denied(folder: Path) -> bytes:
    """Content of the list in a data folder; empty where there is none.

    Raises
    ------
    ConfigError
        It cannot be read, or is too long.
    """
    path = folder / DENIED_FILE
    try:
        with path.open("rb") as file:
            data = file.read(DENIED_BYTES_MAX + 1)
    except FileNotFoundError:
        return b""
    except OSError as problem:
        raise ConfigError(f"the list of denied nodes {path} cannot be read: {problem.strerror}; correct it or remove it") from problem
    if len(data) > DENIED_BYTES_MAX:
        raise ConfigError(f"the list of denied nodes {path} is longer than {DENIED_BYTES_MAX} bytes; shorten it")
    return data


def parse_denied(data: bytes, path: Path) -> frozenset[bytes]:
    """Node keys, 32 bytes each, of the content of the list at `path`, which only the sentence needs.

    Raises
    ------
    ConfigError
        A line holds anything but a key, or there are more than `DENIED_MAX`: half a list is no list.
    """
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError as problem:
        raise ConfigError(f"the list of denied nodes {path} is not UTF-8 text (byte {problem.start}); correct it") from problem
    keys = set[bytes]()
    for number, line in enumerate(lines, 1):
        word = line.partition("#")[0].strip()
        if not word:
            continue
        if _KEY.fullmatch(word) is None:
            raise ConfigError(f"{path}, line {number}: a node key is 64 characters 0-9, a-f (som status --json shows them); correct it")
        keys.add(bytes.fromhex(word))
    if len(keys) > DENIED_MAX:
        raise ConfigError(f"{path} lists {len(keys)} nodes, at most {DENIED_MAX}; shorten it")
    return frozenset(keys)


class DeniedList:
    """The list of a data folder, as it was last read without a fault."""

    def __init__(self, folder: Path) -> None:
        """Read it; a fault is raised here, since a node that starts has no older list to go on with.

        Raises
        ------
        ConfigError
            The list cannot be used.
        """
        self._folder = folder
        self._seen = read_denied(folder)
        self._said = ""
        self.keys = parse_denied(self._seen, folder / DENIED_FILE)
        """Node keys that are denied."""

    def look(self) -> bool:
        """Read the file again; return whether other keys are denied now. A list that cannot be used leaves the old one in force."""
        try:
            data = read_denied(self._folder)
            keys = self.keys if data == self._seen else parse_denied(data, self._folder / DENIED_FILE)
        except ConfigError as fault:
            self._complain(str(fault))
            return False
        changed = keys != self.keys
        self._seen, self._said, self.keys = data, "", keys
        return changed

    def _complain(self, why: str) -> None:
        """Log a fault of the file once, not every second."""
        if why != self._said:
            log.error("the list of denied nodes is not taken over, the old one stays", why=why)
        self._said = why

    async def watch(self, deny: Callable[[frozenset[bytes]], None]) -> None:
        """Look once a second and tell of each change, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self.look():
                log.warning("other nodes are denied now", nodes=len(self.keys))
                deny(self.keys)
