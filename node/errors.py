"""Why a node stops, or does not start: one class and one exit code per reason, one sentence that says what to do.

The codes are stable: scripts and supervisors rely on them (table in node/README.md). 0 is a graceful stop; 1 to 3 belong to the command line.
A refused transaction is not here: that is `ledger.errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path


class NodeError(Exception):
    """The node cannot start or go on safely; it stops with `exit_code` and never repairs by guessing."""

    exit_code: ClassVar[int] = 10


class OtherChain(NodeError):
    """The data folder belongs to another genesis document."""

    exit_code = 12

    def __init__(self, *, folder: Path, found: bytes, expected: bytes) -> None:
        super().__init__(
            f"{folder} holds chain {found.hex()[:16]}, the genesis document is of chain {expected.hex()[:16]}; "
            "point `data` to another folder or `genesis` to the right document"
        )
        self.folder, self.found, self.expected = folder, found, expected


class NewerFormat(NodeError):
    """The data folder was written by a newer version of this program."""

    exit_code = 13

    def __init__(self, *, folder: Path, found: int, supported: int) -> None:
        super().__init__(f"{folder} has format {found}, this version reads up to {supported}; run the newer version that wrote it")
        self.folder, self.found, self.supported = folder, found, supported


class StoreCorrupt(NodeError):
    """The store does not hold what it must: truncated, altered, or not the state that its header names."""

    exit_code = 14

    def __init__(self, *, folder: Path, reason: str) -> None:
        super().__init__(
            f"the store in {folder} cannot be trusted: {reason}; move it away and start again: it is rebuilt from the other nodes"
        )
        self.folder, self.reason = folder, reason


class JournalCorrupt(NodeError):
    """The journal has a bad record that had been synced: votes may be missing."""

    exit_code = 15


class DiskFull(NodeError):
    """No room on the device, or the store reached the size it may have."""

    exit_code = 16

    def __init__(self, *, folder: Path, reason: str) -> None:
        super().__init__(f"cannot write to {folder}: {reason}")
        self.folder, self.reason = folder, reason


class FolderLocked(NodeError):
    """Another process uses the data folder: one key must never run twice."""

    exit_code = 17

    def __init__(self, *, folder: Path) -> None:
        super().__init__(f"{folder} is used by another process; stop that node first")
        self.folder = folder


class DiskFailed(NodeError):
    """A write or a sync failed: what is on the disk is unknown, so the node stops and never tries again."""

    exit_code = 18

    def __init__(self, *, folder: Path, reason: str) -> None:
        super().__init__(f"the disk under {folder} failed: {reason}; check the device, then start the node again")
        self.folder, self.reason = folder, reason


class MarkRefused(NodeError):
    """The signer's mark is missing, behind the journal, or there is neither journal nor mark (K15)."""

    exit_code = 19


class MoreThanFLiars(NodeError):
    """Two certificates that exclude each other: more validators lie than the network can bear (section 2 of consensus.md)."""

    exit_code = 20


class Diverged(NodeError):
    """A final block has other roots than ours, or is invalid to us: non-determinism or a damaged state (K8)."""

    exit_code = 21


class AddressInUse(NodeError):
    """A listener cannot be opened."""

    exit_code = 22


class KeyUnfit(NodeError):
    """A key file, the view key or the linked libsodium is not what it must be."""

    exit_code = 23


class OurFault(NodeError):
    """A programming error was caught at the outermost edge."""

    exit_code = 70
