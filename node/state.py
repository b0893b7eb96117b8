"""State for execution: the newest final state over memory and LMDB, and the state after an unfinal block on top of it.

A record is looked for in what is final but not in LMDB, in a bounded cache, then in LMDB. The cache has two generations: when the young one
is full it becomes the old one, and what is read again moves up; so it forgets what was not used lately, at the price of one dict lookup.
Trees are all in memory: they are small beside the records, and each block needs them at every level. Being values that share what they have
in common (`ledger.tree`), those of unfinal blocks lie beside the final ones at the price of what differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.msgpack import Decoder

from ledger.canonical import encode
from ledger.errors import Malformed
from ledger.leaves import record_of
from ledger.parameters import load_parameters, parameter_key
from ledger.state import Count, Mark, UsedRef
from node.errors import StoreCorrupt
from node.refs import RememberedRefs
from node.store import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ledger.parameters import Parameters
    from ledger.state import Record
    from ledger.tree import Tree
    from node.store import Store

CACHE_RECORDS: Final = 200_000
"""Records per generation: about 60 MB each when full of balances, so that hot accounts never touch LMDB."""

LISTED_MAX: Final = 1_024
"""Leaves that one read lists: an account has at most 256 assets and as many holds."""

PARAMETERS: Final = parameter_key("")
"""What the storage key of every parameter begins with."""

_MARK: Final = Mark()
_MARKED: Final = encode(_MARK)
_COUNT: Final = Decoder(Count)


def index_of(value: bytes | None) -> Record | None:
    """Record in a stored index: a mark, or a derived number."""
    if value is None or value == _MARKED:
        return None if value is None else _MARK
    return _COUNT.decode(value)


class FinalState:
    """The newest final state: a StateReader that only finality changes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._merged: dict[str, Record | None] = {}
        self._flushing: dict[str, Record | None] = {}
        self._young: dict[str, Record | None] = {}
        self._old: dict[str, Record | None] = {}
        self._index: dict[str, Record | None] = {}
        """Those of merged and flushing that are index keys."""
        self._leaves: dict[str, bytes | None] = {}
        self._flushing_leaves: dict[str, bytes | None] = {}
        self.trees: dict[str, Tree] = {}
        """Every tree as of the newest final block, by name."""
        self.roots: dict[str, bytes] = {}
        """Their roots."""
        self.refs = RememberedRefs()
        self._participants: list[str] = []
        self._parameters: Parameters | None = None
        """As of the newest final block; None: to be read."""

    # --- StateReader ---------------------------------------------------------------------------------------------------

    def get(self, key: str) -> Record | None:
        """Record at a storage key; None where absent."""
        merged = self._merged
        if key in merged:
            return merged[key]
        flushing = self._flushing
        if key in flushing:
            return flushing[key]
        young = self._young
        if key in young:
            return young[key]
        old = self._old
        if key in old:
            record = old[key]
        elif key[0] == "~":
            record = index_of(self._store.get(Table.INDEXES, key.encode()))
        else:
            record = self._load(key)
        young[key] = record
        if len(young) >= CACHE_RECORDS:
            self._old, self._young = young, {}
        return record

    def scan(self, start: str, end: str, limit: int) -> list[str]:
        """Index keys with start <= key < end, ascending, at most `limit`."""
        fresh = {key: record for key, record in self._index.items() if start <= key < end}
        stored = self._store.range(Table.INDEXES, start.encode(), end.encode(), limit + len(fresh))
        keys = [name for key, _ in stored if (name := key.decode()) not in fresh]
        if fresh:
            keys = sorted(keys + [key for key, record in fresh.items() if record is not None])
        return keys[:limit]

    def used_ref(self, ref_id: bytes) -> UsedRef | None:
        """Whether (from, ref) is remembered."""
        return self.refs.find(ref_id)

    def tree(self, name: str) -> Tree:
        """Tree of a participant, of "A" or of "G"."""
        return self.trees.get(name)

    def participants(self) -> Iterator[str]:
        """Ids of all participants, ascending."""
        return iter(self._participants)

    @property
    def participant_count(self) -> int:
        """How many participants there are."""
        return len(self._participants)

    # --- for the node --------------------------------------------------------------------------------------------------

    @property
    def parameters(self) -> Parameters:
        """Parameters, read again only after a block changed one: every block begins with them, and they are 40 records."""
        if self._parameters is None:
            self._parameters = load_parameters(self)
        return self._parameters

    def leaf(self, key: str) -> bytes | None:
        """Value of a leaf as hashed, its blind included; None where absent."""
        for layer in (self._leaves, self._flushing_leaves):
            if key in layer:
                return layer[key]
        return self._store.get(Table.LEAVES, key.encode())

    def leaf_keys(self, prefix: str) -> list[str]:
        """Storage keys of leaves that begin so, ascending: for reads that list what a participant has, not for execution."""
        stored = self._store.range(Table.LEAVES, prefix.encode(), prefix.encode() + b"\xff", LISTED_MAX)
        found = {key.decode() for key, _ in stored}
        for layer in (self._flushing_leaves, self._leaves):
            for key, value in layer.items():
                if key.startswith(prefix):
                    (found.discard if value is None else found.add)(key)
        return sorted(found)

    def apply(self, layer: Layer, time_ms: int) -> None:
        """Take over what a block that became final has changed."""
        self._merged.update(layer.changes)
        self._index.update(layer.index)
        self._leaves.update(layer.leaves)
        self.trees.update(layer.trees)
        self.roots.update(layer.roots)
        self.refs.add(layer.used_refs)
        self.refs.drop_before(time_ms)
        self._participants = layer.with_participants(self._participants)
        if layer.sets_parameters:
            self._parameters = None

    def load_participants(self, ids: Iterable[str]) -> None:
        """Set the participants at start."""
        self._participants = sorted(ids)

    def begin_flush(self) -> tuple[Mapping[str, Record | None], Mapping[str, bytes | None]]:
        """Return records and leaves to be written; they stay readable until `end_flush`."""
        if self._flushing or self._flushing_leaves:
            raise AssertionError("a flush is under way")
        self._flushing, self._merged = self._merged, {}
        self._flushing_leaves, self._leaves = self._leaves, {}
        return self._flushing, self._flushing_leaves

    def end_flush(self) -> None:
        """LMDB has what `begin_flush` gave: from now on the cache answers for it."""
        self._young.update(self._flushing)
        self._flushing, self._flushing_leaves = {}, {}
        self._index = {key: record for key, record in self._merged.items() if key[0] == "~"}
        if len(self._young) >= CACHE_RECORDS:
            self._old, self._young = self._young, {}

    def _load(self, key: str) -> Record | None:
        value = self._store.get(Table.LEAVES, key.encode())
        if value is None:
            return None
        try:
            return record_of(key, value)
        except Malformed as error:
            raise StoreCorrupt(folder=self._store.folder, reason=f"the leaf {key} cannot be read ({error})") from error


class Layer:
    """What one block changes, shared by the block's state, its descendants' states and, once final, the final state."""

    __slots__ = ("changes", "index", "leaves", "new_participants", "roots", "sets_parameters", "trees", "used_refs")

    def __init__(
        self,
        changes: Mapping[str, Record | None],
        leaves: Mapping[str, bytes | None],
        trees: Mapping[str, Tree],
        roots: Mapping[str, bytes],
        used_refs: Mapping[bytes, UsedRef],
    ) -> None:
        self.changes, self.leaves, self.trees, self.roots, self.used_refs = changes, leaves, trees, roots, used_refs
        self.index = {key: record for key, record in changes.items() if key[0] == "~"}
        self.new_participants = tuple(key[len("participant/") :] for key in changes if key.startswith("participant/"))
        self.sets_parameters = any(key.startswith(PARAMETERS) for key in changes)

    def with_participants(self, ids: list[str]) -> list[str]:
        """Add participants that are new here; none is ever removed."""
        new = [name for name in self.new_participants if name not in ids]
        return sorted(ids + new) if new else ids


class UnfinalState:
    """The state after an unfinal block: the layers of the unfinal chain, newest first, over the final state.

    Layers of blocks that become final meanwhile hide nothing but themselves: the final state then has the same records.
    """

    __slots__ = ("_base", "_layers")

    def __init__(self, layers: Sequence[Layer], base: FinalState) -> None:
        self._layers, self._base = tuple(layers), base

    @property
    def parameters(self) -> Parameters:
        """Parameters as of this block."""
        return load_parameters(self) if any(layer.sets_parameters for layer in self._layers) else self._base.parameters

    def get(self, key: str) -> Record | None:
        """Record at a storage key; None where absent."""
        for layer in self._layers:
            if key in layer.changes:
                return layer.changes[key]
        return self._base.get(key)

    def scan(self, start: str, end: str, limit: int) -> list[str]:
        """Index keys with start <= key < end, ascending, at most `limit`."""
        fresh: dict[str, Record | None] = {}
        for layer in reversed(self._layers):
            fresh.update((key, record) for key, record in layer.index.items() if start <= key < end)
        if not fresh:
            return self._base.scan(start, end, limit)
        keys = [key for key in self._base.scan(start, end, limit + len(fresh)) if key not in fresh]
        return sorted(keys + [key for key, record in fresh.items() if record is not None])[:limit]

    def used_ref(self, ref_id: bytes) -> UsedRef | None:
        """Whether (from, ref) is remembered."""
        for layer in self._layers:
            used = layer.used_refs.get(ref_id)
            if used is not None:
                return used
        return self._base.used_ref(ref_id)

    def tree(self, name: str) -> Tree:
        """Tree of a participant, of "A" or of "G"."""
        for layer in self._layers:
            if name in layer.trees:
                return layer.trees[name]
        return self._base.tree(name)

    def participants(self) -> Iterator[str]:
        """Ids of all participants, ascending."""
        ids = list(self._base.participants())
        for layer in self._layers:
            ids = layer.with_participants(ids)
        return iter(ids)
