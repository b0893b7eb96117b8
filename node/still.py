"""A disk that is looked at and never changed: what starts a node can be tried on it, and nothing is done.

For `som doctor`: the start-up rules of K15 (`node.memory.recall`) give their own verdict on journal and mark of a node that does not run,
without cutting a tail or making a file. Whoever reads this way must not promise anything on what was read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.files import DiskFiles

if TYPE_CHECKING:
    from pathlib import Path

    from node.files import File


class StillFile:
    """A file that takes everything and keeps nothing."""

    def write_at(self, offset: int, data: bytes) -> None:
        """Write nothing."""

    def write_synced(self, offset: int, data: bytes) -> None:
        """Write nothing."""

    def sync(self) -> None:
        """Nothing was written."""

    def close(self) -> None:
        """Nothing is open."""


class StillFiles:
    """`Files` that read as `DiskFiles` do; every change is left out."""

    def __init__(self) -> None:
        disk = DiskFiles()
        self.names, self.exists, self.read, self.noise = disk.names, disk.exists, disk.read, disk.noise

    def make_folder(self, folder: Path) -> None:
        """Make none."""

    def create(self, path: Path) -> File:
        """Make none."""
        del path
        return StillFile()

    def open(self, path: Path) -> File:
        """Open nothing: whoever wants to read, reads."""
        del path
        return StillFile()

    def truncate(self, path: Path, length: int) -> None:
        """Cut nothing."""

    def rename(self, path: Path, target: Path) -> None:
        """Leave the name."""

    def unlink(self, path: Path) -> None:
        """Leave it."""

    def sync_folder(self, folder: Path) -> None:
        """Nothing was changed."""
