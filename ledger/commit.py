"""From changed records to leaves, trees and roots, once per block (section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ledger.grants import GrantRecord
from ledger.leaves import Leaves
from ledger.participants import KeyOwner
from ledger.placement import tree_of
from ledger.tree import Tree, root_of, update_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ledger.state import Record, StateReader, UsedRef

_MOVING = (GrantRecord, KeyOwner)
"""Records whose tree may change while their key stays."""


class Commitment(Struct, frozen=True):
    """What a block's changes come to."""

    leaves: dict[str, bytes | None]
    """Storage key -> canonical value as hashed; None: removed. Index keys are no leaves."""
    writes: dict[str, list[tuple[str, bytes | None]]]
    """Tree -> its changed leaves, by storage key, ascending."""
    trees: dict[str, Tree]
    """Each tree that changed, by name."""
    roots: dict[str, bytes]
    """Their roots."""


def commit(state: StateReader, changes: Mapping[str, Record | None], *, view_key: bytes, height: int) -> Commitment:
    """Hash every changed record once and carry it to the root of its tree. A record written is a change, also where it is equal."""
    placed = _Placed(state, view_key, height)
    for key, record in changes.items():
        if key[0] != "~":
            placed.place(key, record)
    trees: dict[str, Tree] = {}
    for name, leaves in placed.trees.items():
        trees[name] = update_tree(state.tree(name), leaves.hashes)
        leaves.writes.sort()
    writes = {name: leaves.writes for name, leaves in placed.trees.items()}
    return Commitment(placed.leaves, writes, trees, {name: root_of(tree) for name, tree in trees.items()})


class _Placed:
    """Changed leaves, sorted into their trees."""

    __slots__ = ("_height", "_state", "_view_key", "leaves", "trees")

    def __init__(self, state: StateReader, view_key: bytes, height: int) -> None:
        self._state = state
        self._view_key = view_key
        self._height = height
        self.leaves: dict[str, bytes | None] = {}
        self.trees: dict[str, Leaves] = {}

    def place(self, key: str, record: Record | None) -> None:
        """Take one change. What came and went within the block was never in a tree."""
        if record is None:
            old = self._state.get(key)
            if old is not None:
                self._remove(tree_of(key, old), key)
            return
        tree = tree_of(key, record)
        if isinstance(record, _MOVING):
            self._leave_old_tree(tree, key)
        leaves = self.trees.get(tree) or self._new(tree)
        self.leaves[key] = leaves.put(key, record)

    def _leave_old_tree(self, tree: str, key: str) -> None:
        """Remove a record from where it was: a grant lives where its scope says, a key where its owner does, and both may change."""
        old = self._state.get(key)
        if old is not None and tree_of(key, old) != tree:
            self._remove(tree_of(key, old), key)

    def _remove(self, tree: str, key: str) -> None:
        self.leaves[key] = None
        (self.trees.get(tree) or self._new(tree)).remove(key)

    def _new(self, tree: str) -> Leaves:
        leaves = self.trees[tree] = Leaves(tree, view_key=self._view_key, height=self._height)
        return leaves


class EmptyState:
    """The state before genesis: a reader of nothing."""

    def get(self, _key: str) -> Record | None:
        """Nothing."""
        return None

    def scan(self, _start: str, _end: str, _limit: int) -> list[str]:
        """Nothing."""
        return []

    def used_ref(self, _ref_id: bytes) -> UsedRef | None:
        """Nothing."""
        return None

    def tree(self, _name: str) -> Tree:
        """Nothing."""
        return None

    def participants(self) -> Iterator[str]:
        """Nobody."""
        return iter(())
