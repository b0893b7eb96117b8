"""From changed records to leaves, trees and roots, once per block (section 6)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from ledger.grants import GrantRecord
from ledger.leaves import Leaves
from ledger.participants import KeyOwner
from ledger.placement import tree_of
from ledger.tree import update_tree

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
    nodes: dict[tuple[str, bytes], bytes | None]
    """(tree, path) -> changed node; None: removed."""
    roots: dict[str, bytes]
    """Root of each tree that changed."""


def commit(state: StateReader, changes: Mapping[str, Record | None], *, view_key: bytes, height: int) -> Commitment:
    """Hash every changed record once and carry it to the root of its tree. A record written is a change, also where it is equal."""
    placed = _Placed(state, view_key, height)
    for key, record in changes.items():
        if key[0] != "~":
            placed.place(key, record)
    nodes: dict[tuple[str, bytes], bytes | None] = {}
    roots: dict[str, bytes] = {}
    for tree, leaves in placed.trees.items():
        update = update_tree(partial(state.node, tree), leaves.hashes)
        roots[tree] = update.root
        nodes.update({(tree, path): node for path, node in update.nodes.items()})
        leaves.writes.sort()
    return Commitment(placed.leaves, {tree: leaves.writes for tree, leaves in placed.trees.items()}, nodes, roots)


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

    def node(self, _tree: str, _path: bytes) -> bytes | None:
        """Nothing."""
        return None

    def participants(self) -> Iterator[str]:
        """Nobody."""
        return iter(())
