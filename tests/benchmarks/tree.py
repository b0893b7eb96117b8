"""`python -m tests.benchmarks.tree`: microseconds per touched leaf in batches of 2,000, from the changed record to the new root.

Two figures at each size: the tree alone (leaf hashes given), and the whole way of a leaf (blind, canonical value, leaf hash, tree).
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
from hashlib import sha256
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from ledger.accounts import Balance
from ledger.commit import EmptyState, commit
from ledger.leaves import leaf_key
from ledger.tree import Branch, rebuild_tree, update_tree

if TYPE_CHECKING:
    from ledger.state import Record
    from ledger.tree import Tree

BATCH = 2_000
TREE = "bank-a"


class State(EmptyState):
    """A state that has one tree only."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def tree(self, name: str) -> Tree:
        """Return the one tree."""
        return self._tree if name == TREE else None


def storage_key(number: int) -> str:
    """Return the storage key of a balance."""
    return f"balance/{TREE}/{number:08}/KGS"


def bytes_of(tree: Tree) -> int:
    """Memory of a tree, bytes."""
    if isinstance(tree, Branch):
        return sum(map(sys.getsizeof, (tree, tree.hashed, tree.children))) + sum(map(bytes_of, tree.children))
    return 0 if tree is None else sum(map(sys.getsizeof, (tree, tree.hashed, tree.keys)))


def measure(leaves: int, rounds: int) -> tuple[float, float, float, float]:
    """Return seconds of a rebuild, MB of the tree, and microseconds per leaf of tree and of everything."""
    places = [leaf_key(storage_key(number)) for number in range(leaves)]
    start = perf_counter()
    tree = rebuild_tree((place, place) for place in places)
    rebuilding = perf_counter() - start
    size = bytes_of(tree)
    gc.freeze()
    choose, alone, whole = random.Random(1), [], []  # noqa: S311
    for turn in range(rounds):
        changes: dict[bytes, bytes | None] = {place: sha256(place + bytes((turn,))).digest() for place in choose.sample(places, BATCH)}
        start = perf_counter()
        tree = update_tree(tree, changes)
        alone.append((perf_counter() - start) / BATCH * 1e6)
        records: dict[str, Record | None] = {storage_key(number): Balance(number, turn) for number in choose.sample(range(leaves), BATCH)}
        start = perf_counter()
        done = commit(State(tree), records, view_key=bytes(32), height=turn)
        whole.append((perf_counter() - start) / BATCH * 1e6)
        tree = done.trees[TREE]
    return rebuilding, size / 1e6, median(alone), median(whole)


def main() -> int:
    """Measure at each size and print, with the ratio of the largest to the smallest."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.tree", description=__doc__)
    parser.add_argument("--leaves", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    found = [measure(leaves, options.rounds) for leaves in options.leaves]
    for leaves, (rebuilding, size, alone, whole) in zip(options.leaves, found, strict=True):
        sys.stdout.write(f"{leaves:9} leaves: rebuilt in {rebuilding:.2f} s, {size:.1f} MB; tree {alone:.2f}, whole leaf {whole:.2f} us\n")
    for name, at in (("tree", 2), ("whole leaf", 3)):
        sys.stdout.write(f"{name}: {options.leaves[-1]} / {options.leaves[0]} leaves = {found[-1][at] / found[0][at]:.2f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
