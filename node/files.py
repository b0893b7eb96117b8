"""The disk as the journal and the signer see it: few operations, each of which either did what it says or stops the node.

Nothing here is retried. After a failed write or fsync nobody knows what the disk holds: the kernel may have dropped the dirty pages, and
then the next fsync says good. The only safe answer is to stop and read everything again (K12).
"""

from __future__ import annotations

import errno
import fcntl
import os
from typing import TYPE_CHECKING, Protocol

from node.fatal import Fatal

if TYPE_CHECKING:
    from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700
FULL = (errno.ENOSPC, errno.EDQUOT)


class StorageFailed(Fatal):
    """An operation on a file or folder failed."""

    exit_code = 21

    def __init__(self, *, operation: str, path: Path, reason: str) -> None:
        super().__init__(f"cannot {operation} {path}: {reason}; the node stops, check the disk and start it again")
        self.operation, self.path, self.reason = operation, path, reason


class DiskFull(StorageFailed):
    """No space is left for a write."""

    exit_code = 22

    def __init__(self, *, operation: str, path: Path) -> None:
        super().__init__(operation=operation, path=path, reason="the disk is full; nothing that was confirmed is lost, free some space")


class FolderInUse(Fatal):
    """Another process holds the lock of this data folder (section 1: a key never runs in two processes)."""

    exit_code = 23

    def __init__(self, *, path: Path) -> None:
        super().__init__(f"{path} is locked by another process: two nodes on one key would sign conflicting votes; stop the other first")
        self.path = path


class File(Protocol):
    """An open file. After a failed operation every further one fails, too."""

    def write_at(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`, or raise `StorageFailed`. Not durable before `sync`."""
        ...

    def write_synced(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`, durable when this returns; whatever was written before is not: that takes `sync`."""
        ...

    def sync(self) -> None:
        """Make everything written durable, the file's length included (fdatasync)."""
        ...

    def close(self) -> None:
        """Close the descriptor; what was not synced may be lost."""
        ...


class Files(Protocol):
    """A file system. Names that were created, renamed or unlinked are durable only after `sync_folder`."""

    def make_folder(self, folder: Path) -> None:
        """Create the folder where it is missing, with its parents, durably."""
        ...

    def names(self, folder: Path) -> list[str]:
        """Names in the folder, sorted; none where the folder is missing."""
        ...

    def exists(self, path: Path) -> bool:
        """Whether the file exists."""
        ...

    def read(self, path: Path) -> bytes:
        """Whole content of a file."""
        ...

    def create(self, path: Path) -> File:
        """Open a file that must not exist yet."""
        ...

    def open(self, path: Path) -> File:
        """Open a file that exists, for writing at given places."""
        ...

    def truncate(self, path: Path, length: int) -> None:
        """Cut a file to `length` bytes, and sync it."""
        ...

    def rename(self, path: Path, target: Path) -> None:
        """Give a file another name in the same folder, replacing what had it."""
        ...

    def unlink(self, path: Path) -> None:
        """Remove a name."""
        ...

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        ...

    def noise(self, size: int) -> bytes:
        """Unpredictable bytes: a peer that writes into our files must not know them."""
        ...


def ignore_seconds(seconds: float) -> None:
    """Take the duration of a sync where nobody asks for it."""
    del seconds


def stop(error: OSError, operation: str, path: Path) -> StorageFailed:
    """Turn the system's error into ours."""
    if error.errno in FULL:
        return DiskFull(operation=operation, path=path)
    return StorageFailed(operation=operation, path=path, reason=os.strerror(error.errno) if error.errno else str(error))


class DiskFile:
    """A file on a real disk."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path, self._descriptor, self._broken = path, descriptor, False

    def write_at(self, offset: int, data: bytes) -> None:
        """Write all of it; a partial write is continued, since the system reports the reason with the rest."""
        self._write(offset, data, 0)

    def write_synced(self, offset: int, data: bytes) -> None:
        """One call of the system for a write and its sync (RWF_DSYNC): an eighth less time than two where several nodes share a disk."""
        self._write(offset, data, os.RWF_DSYNC)

    def sync(self) -> None:
        """Fdatasync: data and whatever metadata is needed to read it back."""
        self._check("sync")
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            self._broken = True
            raise stop(error, "sync", self._path) from error

    def close(self) -> None:
        """Close once; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor, self._broken = -1, True

    def _write(self, offset: int, data: bytes, flags: int) -> None:
        self._check("write")
        rest = memoryview(data)
        try:
            while rest:
                written = os.pwritev(self._descriptor, [rest], offset, flags)
                offset, rest = offset + written, rest[written:]
        except OSError as error:
            self._broken = True
            raise stop(error, "write", self._path) from error

    def _check(self, operation: str) -> None:
        if self._broken:
            raise StorageFailed(operation=operation, path=self._path, reason="an earlier operation on it failed")


class DiskFiles:
    """The real file system."""

    def make_folder(self, folder: Path) -> None:
        """Create parents first, each synced into the folder above it."""
        if folder.is_dir():
            return
        self.make_folder(folder.parent)
        try:
            folder.mkdir(mode=FOLDER_MODE)
        except OSError as error:
            raise stop(error, "create", folder) from error
        self.sync_folder(folder.parent)

    def names(self, folder: Path) -> list[str]:
        """Sorted: the system's own order is that of its hash table."""
        try:
            return sorted(entry.name for entry in folder.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise stop(error, "list", folder) from error

    def exists(self, path: Path) -> bool:
        """Whether it is there and is a file."""
        return path.is_file()

    def read(self, path: Path) -> bytes:
        """Read all of it at once."""
        try:
            return path.read_bytes()
        except OSError as error:
            raise stop(error, "read", path) from error

    def create(self, path: Path) -> DiskFile:
        """Fails where the name is taken: a journal or mark is never overwritten by a second one."""
        return self._open(path, os.O_CREAT | os.O_EXCL, "create")

    def open(self, path: Path) -> DiskFile:
        """Open without changing anything."""
        return self._open(path, 0, "open")

    def truncate(self, path: Path, length: int) -> None:
        """Fsync, not fdatasync: the length is what is changed."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                os.ftruncate(descriptor, length)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise stop(error, "truncate", path) from error

    def rename(self, path: Path, target: Path) -> None:
        """Atomic on every file system that Linux offers for data."""
        try:
            path.replace(target)
        except OSError as error:
            raise stop(error, "rename", path) from error

    def unlink(self, path: Path) -> None:
        """Remove the name."""
        try:
            path.unlink()
        except OSError as error:
            raise stop(error, "unlink", path) from error

    def sync_folder(self, folder: Path) -> None:
        """Fsync of the folder's descriptor."""
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise stop(error, "sync", folder) from error

    def noise(self, size: int) -> bytes:
        """From the system's generator."""
        return os.urandom(size)

    @staticmethod
    def _open(path: Path, flags: int, operation: str) -> DiskFile:
        try:
            return DiskFile(path, os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, FILE_MODE))
        except OSError as error:
            raise stop(error, operation, path) from error


class FolderLock:
    """An exclusive lock on a data folder, held until `release` or the end of the process (flock; section 1)."""

    def __init__(self, folder: Path) -> None:
        """Take the lock at once or raise `FolderInUse`."""
        path = folder / "lock"
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise stop(error, "open", path) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise FolderInUse(path=folder) from error
        except OSError as error:
            os.close(self._descriptor)
            raise stop(error, "lock", path) from error

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
