"""A reader of the store that stays at one commit, for what is read in pieces while the node goes on: snapshots (K20)."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import lmdb

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from node.errors import StoreError
    from node.tables import Table


class PinLost(Exception):
    """A pinned reader is no more, or cannot begin: pages that it would read may be written over. Begin again later; nothing is wrong."""


class Pin:
    """A reader of one commit, for what is read in pieces while the node goes on (K20). Made by `Store.pin`.

    Without LMDB's lock file the writer does not know its readers. It never reuses pages that the last two commits have freed, so a reader
    of one commit is whole as long as no more than one other commit has begun after it; the store ends the pin before that.
    """

    __slots__ = ("_handles", "_told", "_transaction", "commits")

    def __init__(
        self, transaction: lmdb.Transaction[bytes], handles: Mapping[Table, lmdb._Database], told: Callable[[lmdb.Error], StoreError]
    ) -> None:
        self._handles, self._told = handles, told
        self._transaction: lmdb.Transaction[bytes] | None = transaction
        self.commits = 0
        """Commits of the store since this reader began."""

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Value at a key; None where absent. Raises PinLost."""
        try:
            return self._open().get(key, db=self._handles[table])
        except lmdb.Error as error:
            raise self._told(error) from error

    def after(self, table: Table, last: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """Pairs with key > last, ascending, at most `limit`; all of them from the start where `last` is empty. Raises PinLost."""
        try:
            with self._open().cursor(self._handles[table]) as cursor:
                if not (cursor.set_range(last) if last else cursor.first()):
                    return []
                if cursor.key() == last and not cursor.next():
                    return []
                return list(islice(cursor.iternext(), limit))
        except lmdb.Error as error:
            raise self._told(error) from error

    def end(self) -> None:
        """Let the pages go; a second call does nothing."""
        if self._transaction is not None:
            self._transaction.abort()
            self._transaction = None

    def _open(self) -> lmdb.Transaction[bytes]:
        if self._transaction is None:
            raise PinLost
        return self._transaction
