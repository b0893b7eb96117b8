"""Microseconds per touched leaf, in batches of 2,000, at two sizes of a tree: a payment must not cost more the more accounts there are.

A larger tree has fuller buckets, and memory that no cache holds. So how many nodes a batch makes, and what their hashes alone cost, stands
beside the figure, measured on the very nodes that were made: whatever is done about the rest, no tree gets below that. Leaves of a batch
share the nodes above them; so the ratio is told for smaller batches, too, down to a leaf by itself. The sizes take turns, batch by batch,
since a machine that others share is not the same a minute later.
"""

from __future__ import annotations

import gc
import random
import time
from hashlib import sha256
from statistics import median
from typing import TYPE_CHECKING

from devnet.bench.report import Figure
from ledger.tree import Branch, rebuild_tree, update_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.tree import Tree

BATCH = 2_000
SMALLER = (200, 20, 1)
"""Leaves of blocks where less is going on: 20 at 100 payments a second."""
ROUNDS = 25
GROUP = 200
"""Leaves, in smaller batches, that are measured together."""


class Sized:
    """A tree that changes batch by batch, and what that has cost, microseconds of CPU per leaf."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.tree = rebuild_tree((_place(number), _leaf(number)) for number in range(size))
        self.costs: dict[int, list[float]] = {batch: [] for batch in (BATCH, *SMALLER)}
        self.nodes: list[float] = []
        """Made per leaf in a batch of 2,000."""
        self.hashes: list[float] = []
        """SHA-256 of these nodes, without making them."""
        self._draw = random.Random(size)  # noqa: S311

    def touch(self, batch: int, count: int) -> None:
        """Change so many leaves, none twice, in batches of this size."""
        leaves = self._draw.sample(range(self.size), count)
        changes = [{_place(each): _leaf(self._draw.getrandbits(60)) for each in leaves[at : at + batch]} for at in range(0, count, batch)]
        before, now = self.tree, self.tree
        began = time.process_time()
        for each in changes:
            now = update_tree(now, each)
        self.costs[batch].append((time.process_time() - began) * 1e6 / count)
        self.tree = now
        if batch == BATCH:
            made = list(_made(now, before))
            self.nodes.append(len(made) / count)
            self.hashes.append(_hashes_us(made) / count)

    def us(self, batch: int) -> float:
        """Median over the rounds."""
        return median(self.costs[batch])


def _place(number: int) -> bytes:
    return sha256(b"key%d" % number).digest()


def _leaf(number: int) -> bytes:
    return sha256(b"leaf%d" % number).digest()


def _made(tree: Tree, before: Tree) -> Iterator[bytes]:
    """Go through the nodes of a tree that an earlier one has not: what the hash of each is made of."""
    if tree is None or tree is before:
        return
    yield tree.hashed
    if isinstance(tree, Branch):
        others = before.children if isinstance(before, Branch) else (None,) * len(tree.children)
        for child, other in zip(tree.children, others, strict=True):
            yield from _made(child, other)


def _hashes_us(messages: list[bytes]) -> float:
    began = time.process_time()
    for message in messages:
        sha256(message).digest()
    return (time.process_time() - began) * 1e6


def leaf_costs(sizes: tuple[int, int]) -> list[Figure]:
    """Measure both sizes and their ratio."""
    few, many = trees = tuple(Sized(size) for size in sizes)
    gc.freeze()  # as a node does after its start
    for _ in range(ROUNDS):
        for tree in trees:
            tree.touch(BATCH, BATCH)
    for batch in SMALLER:
        for _ in range(ROUNDS):
            for tree in trees:
                tree.touch(batch, GROUP)
    gc.unfreeze()
    details: dict[str, float] = {}
    for tree in trees:
        details[f"us at {tree.size:,} leaves"] = tree.us(BATCH)
        details[f"nodes made per leaf at {tree.size:,}"] = median(tree.nodes)
        details[f"us of SHA-256 alone at {tree.size:,}"] = median(tree.hashes)
        details |= {f"us at {tree.size:,} in batches of {batch}": tree.us(batch) for batch in SMALLER}
    details["ratio of SHA-256 alone"] = median(many.hashes) / median(few.hashes)
    details |= {f"ratio in batches of {batch}": many.us(batch) / few.us(batch) for batch in SMALLER}
    return [Figure(f"touched leaf at {many.size:,} / at {few.size:,}", many.us(BATCH) / few.us(BATCH), "", "<= 1.5", None, details)]
