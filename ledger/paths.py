"""Paths through an authenticated tree (`ledger.tree`): why a leaf is there, or why it cannot be.

A path is the fifteen other children of each branch on the way, from the root down, and what is at its end. For a leaf that is present: the
hash of the keys of its bucket and the leaf hashes before and after its own. For one that is absent: all keys and leaf hashes of the bucket
where it would be, both empty where there is no bucket.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from ledger.tree import BUCKET_LEAVES_MAX, DEPTH_MAX, EMPTY, Branch, child_hashes, digits_of, keys_hash, leaf_hashes

if TYPE_CHECKING:
    from ledger.tree import Bucket, Tree

_H = 32
_Siblings = Annotated[bytes, Meta(min_length=15 * _H, max_length=15 * _H)]
_Hashes = Annotated[bytes, Meta(max_length=BUCKET_LEAVES_MAX * _H)]


class LeafPath(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Way from a leaf, or from where it would be, to the root."""

    branches: Annotated[tuple[_Siblings, ...], Meta(max_length=DEPTH_MAX)]
    """Of each branch from the root down: its child hashes without the one on the way."""
    keys: _Hashes
    """Present: keys_hash of the bucket. Absent: its keys, ascending, 32 bytes each."""
    before: _Hashes
    """Present: leaf hashes before this one. Absent: all leaf hashes of the bucket."""
    after: _Hashes
    """Present: leaf hashes after this one. Absent: empty."""


def path_of(tree: Tree, place: bytes) -> LeafPath:
    """Return the path of a leaf by its place (32 bytes), present or absent."""
    node, digits = tree, iter(digits_of(place))
    branches: list[bytes] = []
    while isinstance(node, Branch):
        digit = next(digits)
        hashes, at = child_hashes(node), digit * _H
        branches.append(hashes[:at] + hashes[at + _H :])
        node = node.children[digit]
    return LeafPath(tuple(branches), b"", b"", b"") if node is None else _end_in_bucket(tuple(branches), node, place)


def root_if_present(place: bytes, leaf: bytes, path: LeafPath) -> bytes | None:
    """Root of the tree in which `leaf` (hash) is at `place`; None where the path is not one of a leaf that is present."""
    if len(path.keys) != _H or len(path.before) % _H or len(path.after) % _H:
        return None
    end = sha256(b"som/bucket/1" + path.keys + path.before + leaf + path.after).digest()
    return _climb(place, end, path)


def root_if_absent(place: bytes, path: LeafPath) -> bytes | None:
    """Root of the tree in which nothing is at `place`; None where the path does not show that."""
    keys = [path.keys[at : at + _H] for at in range(0, len(path.keys), _H)]
    if len(path.keys) % _H or len(path.before) != len(path.keys) or path.after:
        return None
    if place in keys or any(low >= high for low, high in pairwise(keys)):
        return None
    if not keys:
        return _climb(place, EMPTY, path)
    named = sha256(b"som/keys/1" + path.keys).digest()
    return _climb(place, sha256(b"som/bucket/1" + named + path.before).digest(), path)


def _climb(place: bytes, end: bytes, path: LeafPath) -> bytes:
    here = end
    digits = place.hex()
    for depth in range(len(path.branches) - 1, -1, -1):
        siblings, at = path.branches[depth], int(digits[depth], 16) * _H
        here = sha256(b"som/branch/1" + siblings[:at] + here + siblings[at:]).digest()
    return here


def _end_in_bucket(branches: tuple[bytes, ...], bucket: Bucket, place: bytes) -> LeafPath:
    keys, leaves = bucket.keys, leaf_hashes(bucket)
    for at in range(0, len(keys), _H):
        if keys[at : at + _H] == place:
            return LeafPath(branches, keys_hash(bucket), leaves[:at], leaves[at + _H :])
    return LeafPath(branches, keys, leaves, b"")
