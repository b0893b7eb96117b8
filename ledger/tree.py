"""Authenticated trees: a map from 32-byte keys to 32-byte leaf hashes whose root is a function of the set, however it came about.

A 16-ary trie over the hex digits of the key. The first BRANCHES_MIN levels are branches of sixteen children wherever there is a leaf below;
under them a subtree of at most BUCKET_LEAVES_MAX leaves is one bucket, a larger one a branch again. So the shape, and with it the root,
follows from the set alone, and insertion, removal and rebuilding agree; and a leaf costs nearly the same however many others there are.

    keys_hash   = SHA-256("som/keys/1" | keys, ascending)
    bucket hash = SHA-256("som/bucket/1" | keys_hash | leaf hashes, in the order of the keys)
    branch hash = SHA-256("som/branch/1" | sixteen child hashes, zeros where there is no leaf)
    root        = hash of the topmost branch; zeros for the empty map

A bucket names its keys by their hash, so a proof of presence shows neither the keys nor (leaves being blinded, L32) the values beside.
The number of leaves below a branch is nowhere: a proof must not tell how many accounts a bank has, but for what zeros beside the way tell.
A tree is a value: an update makes another one, which shares every node that it did not touch. So the states of several unfinal blocks lie
beside each other at the price of what differs.
Not here: what a leaf is (`ledger.leaves`), where leaves are stored (trees are rebuilt from them), proofs (`ledger.paths`).
"""

from __future__ import annotations

from binascii import hexlify
from bisect import bisect_left
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

BUCKET_LEAVES_MAX = 32
"""Measured at 10^4 and 10^6 leaves: fewer make many tiny nodes (memory), more make each hash and each proof longer."""
BRANCHES_MIN = 4
"""Levels of branches above every bucket: a tree with room for 65,536 buckets from its first leaf on."""
EMPTY = bytes(32)
"""Root of the empty map, and hash of an empty child."""
DEPTH_MAX = 64
"""Hex digits of a key."""

_H = 32
_BUCKET, _BRANCH = b"som/bucket/1", b"som/branch/1"
_TAG = len(_BRANCH)
_BUCKET_HEAD = _TAG + _H
_NUMBERS = bytes.maketrans(b"0123456789abcdef", bytes(range(16)))


class Branch(Struct, frozen=True, gc=False):
    """Sixteen children, by the next digit of the keys below them."""

    hashed: bytes
    """What the hash of the branch is made of: its tag and the hashes of its children."""
    children: tuple[Tree, ...]


class Bucket(Struct, frozen=True, gc=False):
    """At most BUCKET_LEAVES_MAX leaves."""

    hashed: bytes
    """What the hash of the bucket is made of: its tag, the hash of its keys, and its leaf hashes in the order of the keys."""
    keys: bytes
    """32 bytes each, ascending, joined."""


Tree = Branch | Bucket | None
"""Topmost node of a tree or of a part of one; None where there is no leaf."""


def update_tree(tree: Tree, changes: Mapping[bytes, bytes | None]) -> Tree:
    """Return the tree after a batch of leaves: key (32 bytes) -> leaf hash (32 bytes), None to remove.

    Removing what is absent changes nothing. Each touched bucket and branch is made and hashed once, however many leaves below it change.
    """
    batch = _Batch(changes)
    return batch.below(tree, 0, 0, len(batch.keys))


def rebuild_tree(leaves: Iterable[tuple[bytes, bytes]]) -> Tree:
    """Make the whole tree of (key, leaf hash) pairs with unique keys, in any order: a start-up's way, equal to updates node for node."""
    ordered = sorted(leaves)
    return _build([key for key, _ in ordered], [leaf for _, leaf in ordered], "")


def root_of(tree: Tree) -> bytes:
    """Root of a tree; of a part of one, its hash."""
    return EMPTY if tree is None else sha256(tree.hashed).digest()


def child_hashes(branch: Branch) -> bytes:
    """Sixteen hashes of a branch's children, joined."""
    return branch.hashed[_TAG:]


def keys_hash(bucket: Bucket) -> bytes:
    """Hash of a bucket's keys."""
    return bucket.hashed[_TAG:_BUCKET_HEAD]


def leaf_hashes(bucket: Bucket) -> bytes:
    """Leaf hashes of a bucket in the order of its keys, joined."""
    return bucket.hashed[_BUCKET_HEAD:]


def digits_of(key: bytes) -> bytes:
    """Hex digits of a key, each a byte from 0 to 15."""
    return hexlify(key).translate(_NUMBERS)


class _Batch:
    """Changes in the order of their keys: those below a node are neighbours, from `start` to before `end`."""

    __slots__ = ("digits", "keys", "leaves", "removes")

    def __init__(self, changes: Mapping[bytes, bytes | None]) -> None:
        self.keys = sorted(changes)
        self.digits = [digits_of(key) for key in self.keys]
        self.leaves = [changes[key] for key in self.keys]
        self.removes = None in self.leaves

    def below(self, node: Tree, depth: int, start: int, end: int) -> Tree:
        """Return what a node at `depth` becomes; the same object where nothing changes."""
        if isinstance(node, Branch):
            return self._branch(node, depth, start, end)
        return self._bucket(node, depth, start, end)

    def _branch(self, branch: Branch, depth: int, start: int, end: int) -> Tree:
        digits, hashed, children = self.digits, branch.hashed, list(branch.children)
        while start < end:
            digit = digits[start][depth]
            after = start + 1
            while after < end and digits[after][depth] == digit:
                after += 1
            old = children[digit]
            new = self._branch(old, depth + 1, start, after) if isinstance(old, Branch) else self._bucket(old, depth + 1, start, after)
            if new is not old:
                children[digit] = new
                at = _TAG + digit * _H
                hashed = hashed[:at] + root_of(new) + hashed[at + _H :]
            start = after
        if hashed is branch.hashed:
            return branch
        if self.removes and _is_small(children, depth):
            return _join(children)
        return Branch(hashed, tuple(children))

    def _bucket(self, bucket: Bucket | None, depth: int, start: int, end: int) -> Tree:
        """Replace leaves that the bucket has; the first that comes or goes leaves the rest to `_refill`."""
        if bucket is None:
            return self._refill(None, depth, start, end)
        hashed, keys = bucket.hashed, bucket.keys
        for index in range(start, end):
            found, leaf = keys.find(self.keys[index]), self.leaves[index]
            if found < 0 or leaf is None or found % _H:
                return self._refill(bucket if index == start else Bucket(hashed, keys), depth, index, end)
            at = _BUCKET_HEAD + found
            hashed = hashed[:at] + leaf + hashed[at + _H :]
        return Bucket(hashed, keys)

    def _refill(self, bucket: Bucket | None, depth: int, start: int, end: int) -> Tree:
        """Let leaves come and go in a bucket, which may be absent before, and absent or a branch afterwards."""
        entries = {} if bucket is None else _entries(bucket)
        same = True
        for key, leaf in zip(self.keys[start:end], self.leaves[start:end], strict=True):
            if leaf is not None:
                entries[key] = leaf
                same = False
            elif entries.pop(key, None) is not None:
                same = False
        if same:
            return bucket
        keys = sorted(entries)
        return _build(keys, [entries[key] for key in keys], self.keys[start].hex()[:depth])


def _entries(bucket: Bucket) -> dict[bytes, bytes]:
    """Key -> leaf hash of a bucket."""
    keys, leaves = bucket.keys, leaf_hashes(bucket)
    return {keys[at : at + _H]: leaves[at : at + _H] for at in range(0, len(keys), _H)}


def _is_small(children: list[Tree], depth: int) -> bool:
    """Whether what a branch has left is a bucket by now, or nothing; a branch below it means that it is not."""
    leaves = 0
    for child in children:
        if isinstance(child, Branch):
            return False
        leaves += 0 if child is None else len(child.keys) // _H
    return not leaves or (depth >= BRANCHES_MIN and leaves <= BUCKET_LEAVES_MAX)


def _join(children: list[Tree]) -> Tree:
    """Make one bucket of buckets beside each other, nothing of none."""
    entries: dict[bytes, bytes] = {}
    for child in children:
        if isinstance(child, Bucket):
            entries |= _entries(child)
    return _fill(list(entries), list(entries.values())) if entries else None


def _fill(keys: list[bytes], leaves: list[bytes]) -> Bucket:
    """Make a bucket of ascending keys."""
    joined = b"".join(keys)
    return Bucket(b"".join((_BUCKET, sha256(b"som/keys/1" + joined).digest(), *leaves)), joined)


def _build(keys: list[bytes], leaves: list[bytes], path: str) -> Tree:
    """Make the subtree of ascending keys that all begin with the hex digits of `path`."""
    if not keys:
        return None
    if len(path) >= BRANCHES_MIN and len(keys) <= BUCKET_LEAVES_MAX:
        return _fill(keys, leaves)
    children = tuple(_children(keys, leaves, path))
    return Branch(b"".join((_BRANCH, *map(root_of, children))), children)


def _children(keys: list[bytes], leaves: list[bytes], path: str) -> Iterator[Tree]:
    start = 0
    for digit, after in pairwise("0123456789abcdefg"):
        end = len(keys) if digit == "f" else bisect_left(keys, bytes.fromhex((path + after).ljust(DEPTH_MAX, "0")))
        yield _build(keys[start:end], leaves[start:end], path + digit)
        start = end
