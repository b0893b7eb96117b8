"""LMDB as the node uses it: tables, one long-lived reader, and write transactions that are atomic with the height they stand for.

What is in the tables means nothing here (`node.chain` knows); what this file owes is: one process, one format, one chain, every commit
synced (never MDB_NOSYNC), and one sentence for whatever goes wrong.

There is one reader for everything, renewed after each commit: one that lives on keeps old pages from being reused and doubles the cost of
writing. LMDB's own lock file is off (the folder's lock keeps other processes out). Without it a reader of the last commit is safe beside a
writer, since pages freed by that commit are not reused before the next one, and no reader begins while a commit runs in its thread.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

import lmdb

from node.errors import OtherChain, OtherFormat, StoreCorrupt, StoreError, StoreFailed, StoreFull
from node.files import FILE_MODE, DiskFiles, FolderLock
from node.pin import Pin, PinLost
from node.tables import ADDED, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

__all__ = ["FORMAT_VERSION", "MAP_BYTES", "Batch", "Store", "Table", "height_key"]

FORMAT_VERSION = 3
"""Of the tables, their values, and the trees made of them. Any other is refused: 1 lacks the senders of references, 2 is of a chain whose
trees had another shape, so that no block of it can be executed here."""
META_BEGAN = b"began"
"""In `Table.META`: height of the snapshot that the store began with; there are no blocks at or below it. Absent: it began at genesis."""
MAP_BYTES = 2**36
"""Address space reserved by default; the file grows only as far as it is used."""
_HEIGHT_BYTES = 8


class Store:
    """An open LMDB environment. Made by `open`; every method raises a `StoreError` when the store fails."""

    def __init__(self, folder: Path, environment: lmdb.Environment, lock: FolderLock) -> None:
        self.folder = folder
        self._environment, self._lock = environment, lock
        self._handles: dict[Table, lmdb._Database] = {}
        self._reader: lmdb.Transaction[bytes] | None = None
        self._executor = ThreadPoolExecutor(1, "store")
        self.held = False
        """Whether commits that can wait should: a pinned reader is at work."""
        self._pin: Pin | None = None
        self._committing = False

    @classmethod
    def open(cls, folder: Path, chain: bytes, map_bytes: int = MAP_BYTES) -> Self:
        """Open or create the store of a chain.

        Raises
        ------
        FolderInUse
            Another process has it open.
        OtherChain, OtherFormat, StoreCorrupt, StoreFull, StoreFailed
            As their names say.
        """
        DiskFiles().make_folder(folder)
        lock = FolderLock(folder)
        try:
            store = cls(folder, _environment(folder, map_bytes), lock)
        except BaseException:
            lock.release()
            raise
        try:
            store._prepare(chain)
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Release everything; a second call does nothing."""
        self._executor.shutdown()
        if self._pin is not None:
            self._pin.end()
        self._renew()
        self._environment.close()
        self._lock.release()

    @property
    def height(self) -> int | None:
        """Committed height; None in a new store."""
        value = self.get(Table.META, b"height")
        return None if value is None else int.from_bytes(value, "big")

    @property
    def began(self) -> int:
        """Height of the snapshot that it began with; 0: it has every block from 1 on."""
        return int.from_bytes(self.get(Table.META, META_BEGAN) or b"", "big")

    @property
    def bytes_used(self) -> int:
        """Size of the file."""
        return (self.folder / "data.mdb").stat().st_size

    # --- reading -------------------------------------------------------------------------------------------------------

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Value at a key as of the last commit; None where absent."""
        try:
            return self._open_reader().get(key, db=self._handles[table])
        except lmdb.Error as error:
            raise self._told(error) from error

    def range(self, table: Table, start: bytes, end: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """Pairs with start <= key < end, ascending, at most `limit`."""
        found: list[tuple[bytes, bytes]] = []
        try:
            with self._open_reader().cursor(self._handles[table]) as cursor:
                more = cursor.set_range(start)
                while more and len(found) < limit and cursor.key() < end:
                    found.append(cursor.item())
                    more = cursor.next()
        except lmdb.Error as error:
            raise self._told(error) from error
        return found

    def last_before(self, table: Table, start: bytes, end: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """Pairs with start <= key < end, descending, at most `limit`."""
        found: list[tuple[bytes, bytes]] = []
        try:
            with self._open_reader().cursor(self._handles[table]) as cursor:
                more = cursor.prev() if cursor.set_range(end) else cursor.last()
                while more and len(found) < limit and cursor.key() >= start:
                    found.append(cursor.item())
                    more = cursor.prev()
        except lmdb.Error as error:
            raise self._told(error) from error
        return found

    def items(self, table: Table) -> Iterator[tuple[bytes, bytes]]:
        """Every pair of a table, ascending: for loading at start, while nothing is written."""
        try:
            with self._open_reader().cursor(self._handles[table]) as cursor:
                yield from cursor
        except lmdb.Error as error:
            raise self._told(error) from error

    def keys(self, table: Table) -> list[bytes]:
        """Every key of a table, ascending, without reading values: at start."""
        try:
            with self._open_reader().cursor(self._handles[table]) as cursor:
                return list(cursor.iternext(keys=True, values=False)) if cursor.first() else []
        except lmdb.Error as error:
            raise self._told(error) from error

    # --- writing -------------------------------------------------------------------------------------------------------

    def begin(self) -> Batch:
        """Begin a write transaction; there is one at a time, and nothing of it is seen before its commit."""
        if self._pin is not None and self._pin.commits:
            self._pin.end()  # this transaction may reuse pages that the pin still reads
        try:
            return Batch(self, self._environment.begin(write=True), self._handles)
        except lmdb.Error as error:
            raise self._told(error) from error

    def commit(self, batch: Batch) -> None:
        """Commit and sync, then move the reader to the new state."""
        self._finish(batch.transaction.commit)

    async def commit_beside(self, batch: Batch) -> None:
        """As `commit`, with writing and syncing in a thread: LMDB releases the interpreter while it waits for the disk.

        A cancelled caller waits for the disk all the same: half a commit would leave the reader in the wrong place.
        """
        self._committing = True
        future = self._executor.submit(batch.transaction.commit)
        try:
            await asyncio.shield(asyncio.wrap_future(future))
        except (asyncio.CancelledError, lmdb.Error):
            self._finish(future.result)
            raise
        self._finish(future.result)

    def pin(self) -> Pin:
        """Return a reader that stays at the last commit: whole until a second commit after it begins. There is one at a time.

        Raises
        ------
        PinLost
            A commit runs in its thread right now: no reader begins beside it.
        """
        if self._committing:
            raise PinLost
        if self._pin is not None:
            self._pin.end()
        try:
            self._pin = Pin(self._environment.begin(), self._handles, self._told)
        except lmdb.Error as error:
            raise self._told(error) from error
        return self._pin

    def told(self, error: lmdb.Error) -> StoreError:
        """Turn the binding's error into ours (for `Batch`)."""
        return self._told(error)

    # --- inside ----------------------------------------------------------------------------------------------------------

    def _finish(self, commit: Callable[[], None]) -> None:
        try:
            commit()
        except lmdb.Error as error:
            raise self._told(error) from error
        finally:
            self._committing = False
        if self._pin is not None:
            self._pin.commits += 1
        self._renew()

    def _renew(self) -> None:
        if self._reader is not None:
            self._reader.abort()
            self._reader = None

    def _open_reader(self) -> lmdb.Transaction[bytes]:
        if self._reader is None:
            self._reader = self._environment.begin()
        return self._reader

    def _prepare(self, chain: bytes) -> None:
        try:
            with self._environment.begin() as transaction:
                empty = transaction.stat()["entries"] == 0
            self._handles = self._create(chain) if empty else self._existing()
        except lmdb.Error as error:
            raise self._told(error) from error
        found = self.get(Table.META, b"chain") or b""
        if found != chain:
            raise OtherChain(folder=self.folder, found=found, expected=chain)

    def _create(self, chain: bytes) -> dict[Table, lmdb._Database]:
        """All tables and whose they are, in one transaction: a crash leaves an empty file."""
        with self._environment.begin(write=True) as transaction:
            handles = {table: self._environment.open_db(table.value, txn=transaction, create=True) for table in Table}
            meta = handles[Table.META]
            transaction.put(b"format", str(FORMAT_VERSION).encode(), db=meta)
            transaction.put(b"chain", chain, db=meta)
            transaction.put(b"lmdb", ".".join(map(str, lmdb.version())).encode(), db=meta)
        return handles

    def _existing(self) -> dict[Table, lmdb._Database]:
        """Open the tables, after the format: a newer one may have others."""
        self._handles = {Table.META: self._environment.open_db(Table.META.value, create=False)}
        self._check_format()
        self._renew()  # a reader does not know tables that were opened after it began
        return {table: self._environment.open_db(table.value, create=table in ADDED) for table in Table}

    def _check_format(self) -> None:
        found = self.get(Table.META, b"format")
        if found is None or not found.isdigit():
            raise StoreCorrupt(folder=self.folder, reason="it does not say which format it has")
        if int(found) != FORMAT_VERSION:
            raise OtherFormat(folder=self.folder, found=int(found), supported=FORMAT_VERSION)

    def _told(self, error: lmdb.Error) -> StoreError:
        match error:
            case lmdb.MapFullError():
                return StoreFull(folder=self.folder, reason="it has reached its limit: raise map_bytes under [limits] and start again")
            case lmdb.DiskError():
                return StoreFull(folder=self.folder, reason="no space is left on the device: free some and start again")
            case lmdb.CorruptedError() | lmdb.PageNotFoundError() | lmdb.InvalidError() | lmdb.VersionMismatchError() | lmdb.PanicError():
                return StoreCorrupt(folder=self.folder, reason=str(error))
            case lmdb.NotFoundError():
                return StoreCorrupt(folder=self.folder, reason="one of its tables is missing")
        return StoreFailed(folder=self.folder, reason=str(error))


class Batch:
    """An open write transaction. Commit it with the store; `abort` leaves nothing behind."""

    __slots__ = ("_handles", "_store", "transaction")

    def __init__(self, store: Store, transaction: lmdb.Transaction[bytes], handles: dict[Table, lmdb._Database]) -> None:
        self._store, self.transaction, self._handles = store, transaction, handles

    def put(self, table: Table, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """Write pairs; ascending keys are cheaper."""
        try:
            with self.transaction.cursor(self._handles[table]) as cursor:
                cursor.putmulti(pairs)
        except lmdb.Error as error:
            raise self._store.told(error) from error

    def delete(self, table: Table, keys: Sequence[bytes]) -> None:
        """Remove keys; absent ones are no error."""
        try:
            for key in keys:
                self.transaction.delete(key, db=self._handles[table])
        except lmdb.Error as error:
            raise self._store.told(error) from error

    def delete_below(self, table: Table, end: bytes) -> None:
        """Remove every key below `end`."""
        try:
            with self.transaction.cursor(self._handles[table]) as cursor:
                while cursor.first() and cursor.key() < end:
                    cursor.delete()
        except lmdb.Error as error:
            raise self._store.told(error) from error

    def abort(self) -> None:
        """Forget everything; a second call does nothing."""
        self.transaction.abort()


def height_key(height: int) -> bytes:
    """Key of a height: eight bytes, big-endian."""
    return height.to_bytes(_HEIGHT_BYTES, "big")


def _environment(folder: Path, map_bytes: int) -> lmdb.Environment:
    """Open LMDB; pages that the meta page counts but a truncated file lacks are read as zeros (an error), not as a signal."""
    path = folder / "data.mdb"
    try:
        environment = lmdb.open(
            str(folder), map_size=map_bytes, max_dbs=len(Table), lock=False, readahead=False, mode=FILE_MODE, max_spare_txns=1
        )
        needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
        if path.stat().st_size < needed:
            os.truncate(path, needed)
    except (lmdb.InvalidError, lmdb.VersionMismatchError, lmdb.CorruptedError) as error:
        raise StoreCorrupt(folder=folder, reason=f"data.mdb is not what LMDB wrote ({error})") from error
    except (lmdb.Error, OSError) as error:
        raise StoreFailed(folder=folder, reason=str(error)) from error
    return environment
