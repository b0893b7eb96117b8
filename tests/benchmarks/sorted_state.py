"""A state in memory whose index keys are kept in order, so a scan costs what it costs a node: for large states in tests and figures."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from ledger.indexes import derive_indexes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ledger.state import Record, UsedRef
    from ledger.tree import Tree


class SortedState:
    """Reader under an overlay; indexes follow from the records."""

    def __init__(self, records: Mapping[str, Record]) -> None:
        hashed = {key: record for key, record in records.items() if key[0] != "~"}
        self.records: dict[str, Record] = {**hashed, **derive_indexes(hashed.items())}
        self.refs: dict[bytes, UsedRef] = {}
        self._indexes = sorted(key for key in self.records if key[0] == "~")

    def get(self, key: str) -> Record | None:
        """Record at a storage key."""
        return self.records.get(key)

    def scan(self, start: str, end: str, limit: int) -> list[str]:
        """Index keys of a range."""
        first = bisect_left(self._indexes, start)
        return self._indexes[first : min(first + limit, bisect_left(self._indexes, end))]

    def used_ref(self, ref_id: bytes) -> UsedRef | None:
        """Whether a reference was used."""
        return self.refs.get(ref_id)

    def tree(self, name: str) -> Tree:
        """No trees here."""
        raise AssertionError(f"no tree is read: {name}")

    def participants(self) -> Iterator[str]:
        """Ids of all participants."""
        return iter(sorted(key[12:] for key in self.records if key.startswith("participant/")))

    def take(self, changes: Mapping[str, Record | None]) -> None:
        """Move on by a block's changes."""
        for key, record in changes.items():
            known = key in self.records
            if record is None:
                if self.records.pop(key, None) is not None and key[0] == "~":
                    del self._indexes[bisect_left(self._indexes, key)]
                continue
            self.records[key] = record
            if key[0] == "~" and not known:
                insort(self._indexes, key)
