"""How the ledger sees state: a reader below, and one overlay per block with an undo log per transaction above it.

Storage keys are text: `kind/id` as in section 6 of the specification (`balance/bank-a/x/KGS`, `hold/<hex>`, `grant/ID`, `key/<hex>`); a total is
`total/PARTICIPANT/ASSET`. Keys that begin with `~` are derived indexes: never hashed, rebuilt from the records:
`~due/<until, 15 digits>/<kind/id>` (what lapses when), `~held/ACCOUNT/<hold hex>`, `~grants/PERMISSION/ID`, `~accounts/PARTICIPANT/LOCAL`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from ledger.accounts import Account, Balance, Total
from ledger.assets import Asset
from ledger.grants import GrantRecord
from ledger.holds import Hold
from ledger.participants import KeyOwner, Keyset, Participant

if TYPE_CHECKING:
    from collections.abc import Iterator


class Refs(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """`refs/FROM/MINUTE`: an append-only list of used references, by the minute of `valid_until` (L14)."""

    count: int
    running: bytes
    """32 bytes: SHA-256("som/refs/1" | previous | ref_id | tx_id | height u64), from zeros."""


class Governed(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Governance records without a noun file of their own: `validator/ID`, `epoch/N`, `param/KEY`, `viewkey/N` (canonical bytes)."""

    value: bytes


class Mark(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The (empty) value of an index key."""


Record = Account | Asset | Balance | GrantRecord | Governed | Hold | KeyOwner | Keyset | Mark | Participant | Refs | Total

KINDS: dict[str, type[Record]] = {
    "account": Account,
    "balance": Balance,
    "total": Total,
    "hold": Hold,
    "grant": GrantRecord,
    "asset": Asset,
    "participant": Participant,
    "keyset": Keyset,
    "key": KeyOwner,
    "validator": Governed,
    "epoch": Governed,
    "param": Governed,
    "viewkey": Governed,
    "refs": Refs,
}
"""Kind of a storage key (the part before the first slash) -> its record."""


class UsedRef(Struct, frozen=True, array_like=True, gc=False):
    """A reference that a transaction has used and that is still remembered (L14)."""

    tx_id: bytes
    minute: int


class StateReader(Protocol):
    """State after some block: what execution may read. Implemented over memory and LMDB by the node, by a dict in tests."""

    def get(self, key: str) -> Record | None:
        """Record at a storage key; None where absent."""

    def scan(self, start: str, end: str, limit: int) -> list[str]:
        """Index keys with start <= key < end, ascending, at most `limit`."""

    def used_ref(self, ref_id: bytes) -> UsedRef | None:
        """Whether (from, ref) is remembered."""

    def node(self, tree: str, path: bytes) -> bytes | None:
        """Node of an authenticated tree (see `ledger.tree`); None where absent."""

    def participants(self) -> Iterator[str]:
        """Ids of all participants, ascending."""


class Overlay:
    """Writes on top of a reader: one dict per block, with an undo log so that a refused transaction changes nothing."""

    __slots__ = ("_undo", "base", "changes")

    def __init__(self, base: StateReader) -> None:
        self.base = base
        self.changes: dict[str, Record | None] = {}
        """Everything written since `base`, indexes included; None: removed."""
        self._undo: list[tuple[str, bool, Record | None]] = []

    def get(self, key: str) -> Record | None:
        """Record at a storage key as of now."""
        changes = self.changes
        if key in changes:
            return changes[key]
        return self.base.get(key)

    def put(self, key: str, record: Record | None) -> None:
        """Write a record; None removes it."""
        changes = self.changes
        self._undo.append((key, key in changes, changes.get(key)))
        changes[key] = record

    def scan(self, start: str, end: str, limit: int) -> list[str]:
        """Index keys of base and overlay together, ascending."""
        mine = {key: record for key, record in self.changes.items() if start <= key < end}
        if not mine:
            return self.base.scan(start, end, limit)
        below = [key for key in self.base.scan(start, end, limit + len(mine)) if key not in mine]
        return sorted(below + [key for key, record in mine.items() if record is not None])[:limit]

    def mark(self) -> int:
        """Return a point to roll back to."""
        return len(self._undo)

    def touched(self, mark: int) -> list[str]:
        """Return the keys written since a mark, in order of first write."""
        return list(dict.fromkeys(key for key, _, _ in self._undo[mark:]))

    def before(self, mark: int, key: str) -> Record | None:
        """Return the record at `key` as it was at a mark."""
        for undone, known, record in self._undo[mark:]:
            if undone == key:
                return record if known else self.base.get(key)
        return self.get(key)

    def rollback(self, mark: int) -> None:
        """Undo every write since a mark."""
        while len(self._undo) > mark:
            key, known, record = self._undo.pop()
            if known:
                self.changes[key] = record
            else:
                del self.changes[key]

    def forget_undo(self) -> None:
        """Drop the undo log: what was written so far stays."""
        self._undo.clear()
