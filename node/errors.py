"""Why a node does not start or go on: one class and one exit code each; those of files, journal and signer stand beside their code.

The codes are stable: scripts and supervisors rely on them (table in node/README.md). Refused transactions are in `ledger.errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.fatal import Fatal

if TYPE_CHECKING:
    from pathlib import Path


class StoreError(Fatal):
    """The store cannot be used; `folder` is where it lies."""

    exit_code = 40

    def __init__(self, *, folder: Path, sentence: str) -> None:
        super().__init__(sentence)
        self.folder = folder


class OtherChain(StoreError):
    """The data folder belongs to another genesis document."""

    exit_code = 41

    def __init__(self, *, folder: Path, found: bytes, expected: bytes) -> None:
        super().__init__(
            folder=folder,
            sentence=f"{folder} holds chain {found.hex()[:16]}, but the genesis document is of chain {expected.hex()[:16]}: "
            "set `data` to the right folder or `genesis` to the right document",
        )
        self.found, self.expected = found, expected


class OtherFormat(StoreError):
    """The data folder was written by a newer version of this program, or has blocks that this one would execute to other roots."""

    exit_code = 42

    def __init__(self, *, folder: Path, found: int, supported: int) -> None:
        newer = "run the version that wrote it"
        older = "its chain has roots that this version does not make: run the version that wrote it, or begin a new chain in another folder"
        super().__init__(
            folder=folder,
            sentence=f"{folder} has format {found} and this version reads {supported}; {newer if found > supported else older}",
        )
        self.found, self.supported = found, supported


class StoreCorrupt(StoreError):
    """Truncated, altered, or not the state that its own header names."""

    exit_code = 43

    def __init__(self, *, folder: Path, reason: str) -> None:
        super().__init__(
            folder=folder,
            sentence=f"the store {folder} cannot be trusted: {reason}; move it away (keep journal and mark) and start again, "
            "the node fetches the blocks from its peers",
        )
        self.reason = reason


class StoreFull(StoreError):
    """The device has no room, or the store has reached the size it may have."""

    exit_code = 44

    def __init__(self, *, folder: Path, reason: str) -> None:
        super().__init__(folder=folder, sentence=f"the store {folder} is full: {reason}; nothing that was confirmed is lost")
        self.reason = reason


class StoreFailed(StoreError):
    """The system refused an operation: what is on the disk is unknown, so the node stops and never tries again."""

    exit_code = 45

    def __init__(self, *, folder: Path, reason: str) -> None:
        super().__init__(folder=folder, sentence=f"the store {folder} failed: {reason}; check the disk, then start the node again")
        self.reason = reason


class MoreThanFLiars(Fatal):
    """Two certificates that exclude each other: more validators lie than the network can bear (consensus.md, section 2)."""

    exit_code = 50


class Diverged(Fatal):
    """A final block is not what we compute: non-determinism or a damaged state (K8)."""

    exit_code = 51


class AddressInUse(Fatal):
    """A listener cannot be opened."""

    exit_code = 52


class KeyUnfit(Fatal):
    """A key file, the view key or the linked libsodium is not what it must be."""

    exit_code = 53


class OurFault(Fatal):
    """A programming error was caught at the outermost edge."""

    exit_code = 70
