"""A disk in memory that records what was written and not yet synced, and can lose power: the `Files` protocol of node/files.py.

At a power loss every unsynced write is dropped, kept, torn at some byte, or replaced by zeros up to its end (a file's length can reach
the disk before its data), each on its own; names whose folder was not synced are kept up to some point in their order. SIGKILL alone
proves nothing: it keeps the page cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

Choose = Callable[[int], int]
"""Picks a number from 0 up to, not including, its argument: a generator, or an enumeration."""


class Stale(Exception):
    """A file opened before the power loss was used after it: a fault of the harness."""


@dataclass(slots=True)
class Write:
    """One unsynced write, with what it replaced."""

    offset: int
    data: bytes
    before: bytes
    length_before: int


@dataclass(slots=True)
class Inode:
    """A file's content as the process sees it, and the writes that no sync covered yet."""

    content: bytearray = field(default_factory=bytearray)
    unsynced: list[Write] = field(default_factory=list)

    def write(self, offset: int, data: bytes) -> None:
        """Write as a file system does: a hole before `offset` reads as zeros."""
        if len(self.content) < offset:
            self.content.extend(bytes(offset - len(self.content)))
        self.content[offset : offset + len(data)] = data

    def lose_power(self, choose: Choose) -> None:
        """Undo every unsynced write, then let each reach the disk in part, or not."""
        writes, self.unsynced = self.unsynced, []
        for write in reversed(writes):
            self.content[write.offset : write.offset + len(write.data)] = write.before
            del self.content[write.length_before :]
        for write in writes:
            match choose(4):
                case 1:
                    self.write(write.offset, write.data)
                case 2:
                    self.write(write.offset, write.data[: choose(len(write.data) + 1)])
                case 3 if write.length_before < write.offset + len(write.data):
                    self.write(write.offset, bytes(len(write.data)))
                case _:
                    pass


class MemoryFile:
    """An open file of a `MemoryFiles`."""

    def __init__(self, files: MemoryFiles, inode: Inode) -> None:
        self._files, self._inode, self._life = files, inode, files.life

    def write_at(self, offset: int, data: bytes) -> None:
        """Seen at once, durable after `sync`."""
        self._step("write")
        inode = self._inode
        inode.unsynced.append(Write(offset, data, bytes(inode.content[offset : offset + len(data)]), len(inode.content)))
        inode.write(offset, data)

    def write_synced(self, offset: int, data: bytes) -> None:
        """Write, then sync: power may be lost in between, as inside of the one call of the system."""
        self.write_at(offset, data)
        self._step("sync")
        self._inode.unsynced.pop()

    def sync(self) -> None:
        """Everything written is durable."""
        self._step("sync")
        self._inode.unsynced.clear()

    def close(self) -> None:
        """Nothing is buffered here."""

    def _step(self, operation: str) -> None:
        if self._life != self._files.life:
            raise Stale(operation)
        self._files.step(operation)


class MemoryFiles:
    """A file system in memory. `step` is called before each operation: a harness loses power there, or fails the operation."""

    def __init__(self, step: Callable[[str], None] | None = None) -> None:
        self.step: Callable[[str], None] = step or (lambda _: None)
        self.life = 0
        self._names: dict[Path, Inode] = {}
        self._unsynced: list[tuple[Path, tuple[tuple[Path, Inode | None], ...]]] = []
        """Folder, and what each name of one change meant before it; in order."""
        self._noise = 0

    def lose_power(self, choose: Choose) -> None:
        """Forget what was not durable, as `choose` says; every open file is stale from now."""
        self.life += 1
        kept = choose(len(self._unsynced) + 1) if self._unsynced else 0
        for _, changed in reversed(self._unsynced[kept:]):
            for path, before in changed:
                if before is None:
                    self._names.pop(path, None)
                else:
                    self._names[path] = before
        self._unsynced.clear()
        for inode in self._names.values():
            inode.lose_power(choose)

    def make_folder(self, folder: Path) -> None:
        """Folders exist where files are."""

    def names(self, folder: Path) -> list[str]:
        """Sorted names of the files in the folder."""
        return sorted(path.name for path in self._names if path.parent == folder)

    def exists(self, path: Path) -> bool:
        """Whether the name means a file."""
        return path in self._names

    def read(self, path: Path) -> bytes:
        """Return what the process sees."""
        return bytes(self._names[path].content)

    def create(self, path: Path) -> MemoryFile:
        """Make a new file; the name is not durable yet."""
        self.step("create")
        if path in self._names:
            raise FileExistsError(path)
        self._unsynced.append((path.parent, ((path, None),)))
        inode = self._names[path] = Inode()
        return MemoryFile(self, inode)

    def open(self, path: Path) -> MemoryFile:
        """Open what is there."""
        return MemoryFile(self, self._names[path])

    def truncate(self, path: Path, length: int) -> None:
        """Cut, durably."""
        self.step("truncate")
        inode = self._names[path]
        del inode.content[length:]
        inode.unsynced.clear()

    def rename(self, path: Path, target: Path) -> None:
        """Both names change or none."""
        self.step("rename")
        inode = self._names[path]
        self._unsynced.append((path.parent, ((path, inode), (target, self._names.get(target)))))
        del self._names[path]
        self._names[target] = inode

    def unlink(self, path: Path) -> None:
        """Remove the name."""
        self.step("unlink")
        self._unsynced.append((path.parent, ((path, self._names[path]),)))
        del self._names[path]

    def sync_folder(self, folder: Path) -> None:
        """Names in the folder are durable."""
        self.step("sync folder")
        self._unsynced = [change for change in self._unsynced if change[0] != folder]

    def noise(self, size: int) -> bytes:
        """Differs from call to call; nobody attacks a test."""
        self._noise += 1
        return (self._noise * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "big")[:size]

    def damage(self, path: Path, change: Callable[[bytearray], None]) -> None:
        """Alter a file behind the process's back, durably: what a failing disk does."""
        change(self._names[path].content)

    def remove(self, path: Path) -> None:
        """Remove a file behind the process's back, durably."""
        del self._names[path]

    def paths(self) -> list[Path]:
        """Every file, sorted."""
        return sorted(self._names)
