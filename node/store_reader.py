"""Reading the store of a node that may be running, from another process: for backups, and before a start.

LMDB's lock file is off, so the writer knows no reader. Each read here is a transaction of a fraction of a millisecond, and what it found
counts only if no more than one commit happened meanwhile: pages of the last two commits are never reused, so it was whole. Rows of final
blocks never change; what does is not read this way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import lmdb

from ledger.epochs import Epoch as EpochRecord
from ledger.epochs import epoch_key
from ledger.errors import Malformed
from ledger.leaves import record_of
from node.epochchain import EpochLink, decode_link
from node.epochlinks import epoch_number_key
from node.errors import StoreCorrupt, StoreFailed
from node.records import decode_certificate
from node.store import META_BEGAN, Table, height_key
from node.wire import WireError, header_of, wire_certificate

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.blocks import Header

ATTEMPTS_MAX: Final = 100
"""Two commits within one read are next to impossible; a hundred times in a row, something else is wrong."""


class StoreReader:
    """A store opened for reading."""

    def __init__(self, folder: Path, map_bytes: int) -> None:
        self._folder = folder
        try:
            self._environment = lmdb.open(
                str(folder), map_size=map_bytes, max_dbs=len(Table), lock=False, readonly=True, readahead=False, create=False
            )
            self._handles = {table: self._environment.open_db(table.value, create=False) for table in Table}
        except lmdb.Error as error:
            raise StoreFailed(folder=folder, reason=str(error)) from error

    def close(self) -> None:
        """Release the store."""
        self._environment.close()

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Value at a key as of a recent commit; None where absent. Raises StoreFailed."""
        try:
            for _ in range(ATTEMPTS_MAX):
                with self._environment.begin() as transaction:
                    found: bytes | None = transaction.get(key, db=self._handles[table])
                    if self._environment.info()["last_txnid"] - transaction.id() <= 1:
                        return found
        except lmdb.Error as error:
            raise StoreFailed(folder=self._folder, reason=str(error)) from error
        raise StoreFailed(folder=self._folder, reason="it is written faster than it can be read")

    @property
    def began(self) -> int:
        """Height of the snapshot that the store began with; 0: it has every block."""
        return int.from_bytes(self.get(Table.META, META_BEGAN) or b"", "big")

    def header(self, height: int) -> Header:
        """Header of a final block. Raises StoreCorrupt."""
        data = self._needed(Table.HEADERS, height_key(height), f"header {height}")
        try:
            return header_of(data)[1]
        except WireError as error:
            raise StoreCorrupt(folder=self._folder, reason=f"header {height} cannot be read ({error})") from error

    def links_below(self, height: int) -> list[EpochLink]:
        """How every epoch before that of the block at a height ended. Raises StoreCorrupt."""
        return [self._link(epoch) for epoch in range(self.header(height).epoch)]

    def _link(self, epoch: int) -> EpochLink:
        kept = self.get(Table.EPOCHS, epoch_number_key(epoch))
        if kept is not None:
            return decode_link(kept, epoch)
        key = height_key(self._epoch(epoch).end)
        header = self._needed(Table.HEADERS, key, f"the last header of epoch {epoch}")
        data = self._needed(Table.CERTIFICATES, key, f"the last certificate of epoch {epoch}")
        try:
            certificate = decode_certificate(data)
        except ValueError as error:
            raise StoreCorrupt(folder=self._folder, reason=f"the last certificate of epoch {epoch} cannot be read ({error})") from error
        return EpochLink(header, wire_certificate(certificate), self._epoch(epoch + 1).validators)

    def _epoch(self, number: int) -> EpochRecord:
        key = epoch_key(number)
        value = self._needed(Table.LEAVES, key.encode(), key)
        try:
            record = record_of(key, value)
        except Malformed as error:
            raise StoreCorrupt(folder=self._folder, reason=f"{key} cannot be read ({error})") from error
        if not isinstance(record, EpochRecord):
            raise StoreCorrupt(folder=self._folder, reason=f"{key} is no epoch")
        return record

    def _needed(self, table: Table, key: bytes, what: str) -> bytes:
        value = self.get(table, key)
        if value is None:
            raise StoreCorrupt(folder=self._folder, reason=f"{what} is missing")
        return value
