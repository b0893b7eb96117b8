"""Microseconds per touched leaf, in batches of 2,000, at two sizes of a tree: a payment must not cost more the more accounts there are.

A larger tree has longer paths and fuller buckets. So how many nodes a batch changes, and what their hashes alone cost, stands beside the
figure, measured on the very nodes that changed: whatever is done about the rest, no tree gets below that. Leaves of a batch share the
nodes above them, and the fewer leaves there are, the more; so the ratio is told for smaller batches, too, down to a leaf by itself.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from hashlib import sha256

from devnet.bench.report import Figure
from ledger.tree import is_branch, rebuild_tree, split_bucket, update_tree

BATCH = 2_000
SMALLER = (200, 20, 1)
"""Leaves of blocks where less is going on: 20 at 100 payments a second."""
ROUNDS = 7
GROUP = 200
"""Leaves, in smaller batches, that are measured together."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one touched leaf, medians over the rounds."""

    update_us: float
    nodes: float
    """How many nodes change."""
    hashes_us: float
    """SHA-256 of these nodes, without looking for them or writing them."""


def _leaf(number: int) -> tuple[bytes, bytes]:
    return sha256(b"key%d" % number).digest(), sha256(b"leaf%d" % number).digest()


def _cost(nodes: dict[bytes, bytes | None], size: int) -> Cost:
    """Touch leaves of a tree, each at most once, and measure."""
    keys = [_leaf(number)[0] for number in range(0, size, max(1, size // (BATCH * ROUNDS)))]
    costs = []
    for turn in range(ROUNDS):
        changes = {key: sha256(b"%d" % turn + key).digest() for key in keys[turn::ROUNDS][:BATCH]}
        began = time.process_time()
        update = update_tree(nodes.get, changes)
        updated = time.process_time()
        nodes.update(update.nodes)
        hashed = _hashes_us([_hashed_part(node) for node in update.nodes.values() if node is not None])
        costs.append(((updated - began) * 1e6 / len(changes), len(update.nodes) / len(changes), hashed / len(changes)))
    return Cost(*(statistics.median(each) for each in zip(*costs, strict=True)))


def _hashed_part(node: bytes) -> bytes:
    """Bytes of a node that its hash is made of."""
    return node if is_branch(node) else node[: len(node) - len(split_bucket(node)[2])]


def _hashes_us(messages: list[bytes]) -> float:
    began = time.process_time()
    for message in messages:
        sha256(message).digest()
    return (time.process_time() - began) * 1e6


def _smaller_us(nodes: dict[bytes, bytes | None], size: int, batch: int) -> float:
    """Microseconds per leaf in smaller batches, median over the rounds. The tree stays as it is."""
    keys = [_leaf(number)[0] for number in range(0, size, max(1, size // (GROUP * ROUNDS)))]
    costs = []
    for turn in range(ROUNDS):
        mine = keys[turn::ROUNDS][:GROUP]
        batches = [dict.fromkeys(mine[start : start + batch], bytes((turn,)) * 32) for start in range(0, len(mine), batch)]
        began = time.process_time()
        for changes in batches:
            update_tree(nodes.get, changes)
        costs.append((time.process_time() - began) * 1e6 / len(mine))
    return statistics.median(costs)


def leaf_costs(sizes: tuple[int, int]) -> list[Figure]:
    """Measure both sizes and their ratio."""
    costs: list[Cost] = []
    smaller: list[dict[int, float]] = []
    details: dict[str, float] = {}
    for size in sizes:
        nodes: dict[bytes, bytes | None] = dict(rebuild_tree(_leaf(number) for number in range(size)).nodes)
        cost = _cost(nodes, size)
        costs.append(cost)
        smaller.append({batch: _smaller_us(nodes, size, batch) for batch in SMALLER})
        details[f"us at {size:,} leaves"] = cost.update_us
        details[f"nodes changed per leaf at {size:,}"] = cost.nodes
        details[f"us of SHA-256 alone at {size:,}"] = cost.hashes_us
        details |= {f"us at {size:,} in batches of {batch}": us for batch, us in smaller[-1].items()}
    few, many = costs
    details["ratio of SHA-256 alone"] = many.hashes_us / few.hashes_us
    details |= {f"ratio in batches of {batch}": smaller[1][batch] / smaller[0][batch] for batch in SMALLER}
    return [Figure(f"touched leaf at {sizes[1]:,} / at {sizes[0]:,}", many.update_us / few.update_us, "", "<= 1.5", None, details)]
