"""Microseconds per touched leaf, in batches of 2,000, at two sizes of a tree: a payment must not cost more the more accounts there are."""

from __future__ import annotations

import statistics
import time
from hashlib import sha256

from devnet.bench.report import Figure
from ledger.tree import rebuild_tree, update_tree

BATCH = 2_000
ROUNDS = 7


def _leaf(number: int) -> tuple[bytes, bytes]:
    return sha256(b"key%d" % number).digest(), sha256(b"leaf%d" % number).digest()


def _cost_us(size: int) -> float:
    """Median microseconds per touched leaf in a tree of `size` leaves."""
    nodes: dict[bytes, bytes | None] = dict(rebuild_tree(_leaf(number) for number in range(size)).nodes)
    keys = [_leaf(number)[0] for number in range(0, size, max(1, size // (BATCH * ROUNDS)))]
    costs = []
    for turn in range(ROUNDS):
        batch = {key: sha256(b"%d" % turn + key).digest() for key in keys[turn::ROUNDS][:BATCH]}
        began = time.process_time()
        update = update_tree(nodes.get, batch)
        costs.append((time.process_time() - began) * 1e6 / len(batch))
        nodes.update(update.nodes)
    return statistics.median(costs)


def leaf_costs(sizes: tuple[int, int]) -> list[Figure]:
    """Measure both sizes and their ratio."""
    small, large = (_cost_us(size) for size in sizes)
    details = {f"us at {sizes[0]:,} leaves": small, f"us at {sizes[1]:,} leaves": large}
    return [Figure(f"touched leaf at {sizes[1]:,} / at {sizes[0]:,}", large / small, "", "<= 1.5", None, details)]
