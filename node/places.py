"""Where final transactions are: an index by any 32-byte name (tx_id, ref_id) that is written in order, not at random.

A B-tree entry under a random hash costs a page write of its own, three times the price of everything else that a payment writes. So each
flush writes one *run* instead: its names' first ten bytes with their places, sorted. When there are RUNS_MAX of them they are merged, some
slices of the key space per flush, into a run that is cut by the first byte of the name. A search looks into each run; it may find a place
that only shares the first ten bytes, so the caller compares.

    key of a flush's run    0x00 | height u64                value    entries
    key of a merged slice   0x01 | height u64 | first byte   value    entries
    entry                   name[:10] | height u40 | index u24
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from node.store import Table, height_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from node.store import Batch, Store

RUNS_MAX: Final = 64
"""Runs of single flushes: a search costs a few microseconds in each."""
SLICES_PER_FLUSH: Final = 8
"""Of 256; a merge is done after 32 flushes, long before the next is due."""
_PREFIX: Final = 10
_ENTRY: Final = 18
_FLUSH, _MERGED = b"\x00", b"\x01"
_SLICES: Final = 256

Place = tuple[int, int]
"""Height and index."""


class Entries:
    """Sorted entries in one value, searched without cutting it up."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def __len__(self) -> int:
        return len(self._value) // _ENTRY

    def __getitem__(self, position: int) -> bytes:
        """First bytes of the name at a position."""
        return self._value[position * _ENTRY : position * _ENTRY + _PREFIX]

    def places(self, prefix: bytes) -> list[Place]:
        """Places of every name that begins so."""
        found: list[Place] = []
        position = bisect_left(self, prefix)
        while position < len(self) and self[position] == prefix:
            at = position * _ENTRY + _PREFIX
            found.append((int.from_bytes(self._value[at : at + 5], "big"), int.from_bytes(self._value[at + 5 : at + 8], "big")))
            position += 1
        return found

    def slice(self, first: int) -> list[bytes]:
        """Entries whose name begins with this byte."""
        start = bisect_left(self, bytes((first,))) * _ENTRY
        end = len(self._value) if first == _SLICES - 1 else bisect_left(self, bytes((first + 1,))) * _ENTRY
        return [self._value[at : at + _ENTRY] for at in range(start, end, _ENTRY)]


class Places:
    """The index over a store. Names of blocks that are not flushed yet are the caller's."""

    def __init__(self, store: Store) -> None:
        self._store = store
        keys = store.keys(Table.PLACES)
        self._flushes = [key for key in keys if key[:1] == _FLUSH]
        self._merged = sorted({key[1:9] for key in keys if key[:1] == _MERGED})
        self._merging: list[bytes] = []
        self._done = 0
        self._resume(keys)

    def find(self, name: bytes) -> list[Place]:
        """Places under which the name may be, newest first, each once."""
        prefix = name[:_PREFIX]
        found: set[Place] = set()
        for key in self._flushes:
            found.update(self._search(key, prefix))
        for run in self._merged:
            found.update(self._search(_MERGED + run + prefix[:1], prefix))
        return sorted(found, reverse=True)

    def add(self, batch: Batch, height: int, names: Iterable[tuple[bytes, int, int]]) -> None:
        """Write a flush's names, (name, height, index) each, under the height of its last block; merges a slice where one is due."""
        entries = sorted(name[:_PREFIX] + (place << 24 | index).to_bytes(8, "big") for name, place, index in names)
        self._merge_some(batch)
        if entries:
            key = _FLUSH + height_key(height)
            batch.put(Table.PLACES, [(key, b"".join(entries))])
            self._flushes.append(key)

    def _search(self, key: bytes, prefix: bytes) -> list[Place]:
        value = self._store.get(Table.PLACES, key)
        return [] if value is None else Entries(value).places(prefix)

    def _merge_some(self, batch: Batch) -> None:
        """Go on with the merge under way, or begin one. Both forms are searched while it lasts."""
        if not self._merging:
            if len(self._flushes) < RUNS_MAX:
                return
            self._merging, self._done = self._flushes[:RUNS_MAX], 0
            self._merged.append(self._merging[-1][1:])
        run = self._merging[-1][1:]
        values = [Entries(value) for key in self._merging if (value := self._store.get(Table.PLACES, key)) is not None]
        pairs = [(_MERGED + run + bytes((first,)), _slice(values, first)) for first in range(self._done, self._done + SLICES_PER_FLUSH)]
        batch.put(Table.PLACES, pairs)
        self._done += SLICES_PER_FLUSH
        if self._done >= _SLICES:
            batch.delete(Table.PLACES, self._merging)
            self._flushes = self._flushes[len(self._merging) :]
            self._merging = []

    def _resume(self, keys: Sequence[bytes]) -> None:
        """Find a merge that was under way when the node stopped: its first runs are still there."""
        if not self._merged:
            return
        run = self._merged[-1]
        if _FLUSH + run in self._flushes:
            self._merging = self._flushes[: self._flushes.index(_FLUSH + run) + 1]
            self._done = sum(1 for key in keys if key[:9] == _MERGED + run)


def _slice(values: Sequence[Entries], first: int) -> bytes:
    return b"".join(sorted(entry for value in values for entry in value.slice(first)))
