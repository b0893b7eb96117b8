"""Authenticated trees: a map from 32-byte keys to 32-byte leaf hashes whose root is a function of the set, however it came about.

A 16-ary trie over the hex digits of the key. A subtree of at most BUCKET_LEAVES_MAX leaves is one bucket, a larger one a branch of sixteen
children; so the shape, and with it the root, follows from the set alone, and insertion, removal and rebuilding agree.

A node is bytes under its path, the hex digits (ASCII) that lead to it:

    bucket   "som/bucket/1" | keys_hash (32) | leaf hashes (32 each, in key order) || keys (32 each, ascending)
    branch   "som/branch/1" | child hashes (16 * 32, zeros where empty)

    keys_hash      = SHA-256("som/keys/1" | keys)
    hash of a node = SHA-256 of its bytes, without what is after the ||
    root           = hash of the node at the empty path; zeros for the empty map

A bucket names its keys by their hash, so a proof of presence shows neither the keys nor (leaves being blinded, L32) the values beside.
The number of leaves below a branch is nowhere: a proof must not tell how many accounts a bank has.
Not here: what a leaf is (`ledger.leaves`), where nodes are kept (the caller reads and stores them), proofs (`ledger.paths`).
"""

from __future__ import annotations

from binascii import hexlify
from bisect import bisect_left
from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Read = Callable[[bytes], bytes | None]
    """Node at a path, None where there is none."""
    Nodes = dict[bytes, bytes | None]
    """Path -> node; None: removed."""

BUCKET_LEAVES_MAX = 32
"""Measured at 10^4 and 10^6 leaves: fewer make many tiny nodes (memory), more make each hash and each proof longer."""
EMPTY = bytes(32)
"""Root of the empty map, and hash of an empty child."""
DEPTH_MAX = 64
"""Hex digits of a key."""

_H = 32
_BUCKET, _BRANCH = b"som/bucket/1", b"som/branch/1"
_KIND = 5
"""Offset of the first byte in which the two tags differ."""
_IS_BRANCH = _BRANCH[_KIND]
_TAG = len(_BRANCH)
_BUCKET_HEAD = _TAG + _H
_DIGITS = b"0123456789abcdef"
_CHILD_AT = {digit: _TAG + index * _H for index, digit in enumerate(_DIGITS)}
"""Digit (ASCII) -> offset of that child's hash in a branch."""


class TreeUpdate(Struct, frozen=True):
    """The new root, and the nodes that differ."""

    root: bytes
    nodes: dict[bytes, bytes | None]


def update_tree(read: Read, changes: Mapping[bytes, bytes | None]) -> TreeUpdate:
    """Apply a batch of leaves: key (32 bytes) -> leaf hash (32 bytes), None to remove.

    Removing what is absent changes nothing. Reads about one node per touched bucket and branch and writes each once, however many leaves
    below it change.
    """
    batch = _Batch(read)
    moves = batch.replace_leaves(changes)
    for path, group in moves.items():
        batch.move_leaves(path, group)
    return TreeUpdate(batch.climb(), batch.nodes)


def root_of(read: Read) -> bytes:
    """Root of a tree as stored."""
    node = read(b"")
    return EMPTY if node is None else node_hash(node)


def rebuild_tree(leaves: Iterable[tuple[bytes, bytes]]) -> TreeUpdate:
    """Make the whole tree of (key, leaf hash) pairs with unique keys, in any order: a start-up's way, equal to updates node for node."""
    nodes: Nodes = {}
    ordered = sorted(leaves)
    if not ordered:
        return TreeUpdate(EMPTY, nodes)
    root = _build([key for key, _ in ordered], [leaf for _, leaf in ordered], b"", nodes)
    return TreeUpdate(root, nodes)


def node_hash(node: bytes) -> bytes:
    """Hash of a node's bytes."""
    return sha256(node if node[_KIND] == _IS_BRANCH else node[: _keys_at(node)]).digest()


def is_branch(node: bytes) -> bool:
    """Whether a node is a branch, else it is a bucket."""
    return node[_KIND] == _IS_BRANCH


def children_of(branch: bytes) -> bytes:
    """Sixteen child hashes of a branch, joined."""
    return branch[_TAG:]


def split_bucket(bucket: bytes) -> tuple[bytes, bytes, bytes]:
    """Return keys_hash, leaf hashes and keys of a bucket, the last two joined."""
    keys = _keys_at(bucket)
    return bucket[_TAG:_BUCKET_HEAD], bucket[_BUCKET_HEAD:keys], bucket[keys:]


class _Batch:
    """One update under way: every changed node, level by level, until the root is told."""

    __slots__ = ("levels", "nodes", "read", "shrunk")

    def __init__(self, read: Read) -> None:
        self.read = read
        self.levels: list[dict[bytes, bytes]] = [{} for _ in range(DEPTH_MAX + 1)]
        """By depth: nodes that changed and whose parents do not know it yet."""
        self.nodes: Nodes = {}
        """Nodes that changed and whose parents know it."""
        self.shrunk: dict[bytes, None] = {}
        """Branches below which a leaf was removed."""

    def replace_leaves(self, changes: Mapping[bytes, bytes | None]) -> dict[bytes, list[tuple[bytes, bytes | None]]]:
        """Put every leaf that its bucket has already in place; return the others by the path of the bucket they belong to."""
        read, changed, depth = self.read, self.levels[0], 0
        moves: dict[bytes, list[tuple[bytes, bytes | None]]] = {}
        for key, leaf in changes.items():
            digits = hexlify(key)
            path = digits[:depth]
            node = changed.get(path) or read(path)
            if node is None or node[_KIND] == _IS_BRANCH:
                depth = _bucket_depth(read, digits, depth)
                path, changed = digits[:depth], self.levels[depth]
                node = changed.get(path) or read(path) or b""
            keys = (len(node) + _BUCKET_HEAD) >> 1
            found = node.find(key, keys)
            if found >= 0 and leaf and not (found - keys) % _H:
                at = found - keys + _BUCKET_HEAD
                changed[path] = node[:at] + leaf + node[at + _H :]
            else:
                moves.setdefault(path, []).append((key, leaf))
        return moves

    def move_leaves(self, path: bytes, group: list[tuple[bytes, bytes | None]]) -> None:
        """Let leaves come and go in one bucket, which may be absent before, and absent or a branch afterwards."""
        old = self.levels[len(path)].pop(path, None) or self.read(path)
        entries = {} if old is None else _entries(old)
        for key, leaf in group:
            if leaf is not None:
                entries[key] = leaf
            elif entries.pop(key, None) is not None and path:
                self.shrunk[path[:-1]] = None
        if entries or old is not None:
            self._put(path, entries)

    def climb(self) -> bytes:
        """Carry the changed hashes to the root, deepest nodes first, and return it."""
        read, nodes, shrunk = self.read, self.nodes, self.shrunk
        for depth in range(DEPTH_MAX, 0, -1):
            level, above = self.levels[depth], self.levels[depth - 1]
            nodes.update(level)
            for path, node in level.items():
                if shrunk and path in shrunk and self._merge(path):
                    continue
                parent, at = path[:-1], _CHILD_AT[path[-1]]
                old = above.get(parent) or read(parent)
                if old is None:
                    raise AssertionError(f"the tree has no branch at {parent!r}")
                hashed = node if node[_KIND] == _IS_BRANCH else node[: (len(node) + _BUCKET_HEAD) >> 1]
                above[parent] = old[:at] + sha256(hashed).digest() + old[at + _H :]
        nodes.update(self.levels[0])
        if b"" in shrunk:
            self._merge(b"")
        return root_of(self._now)

    def _now(self, path: bytes) -> bytes | None:
        return self.nodes[path] if path in self.nodes else self.read(path)

    def _merge(self, path: bytes) -> bool:
        """Make a bucket of a branch that has become small; a branch below it means that it has not."""
        children = [path + _DIGITS[digit : digit + 1] for digit in range(16)]
        entries: dict[bytes, bytes] = {}
        for child in children:
            node = self._now(child)
            if node is not None and node[_KIND] == _IS_BRANCH:
                return False
            entries.update({} if node is None else _entries(node))
        if len(entries) > BUCKET_LEAVES_MAX:
            return False
        self.nodes.update(dict.fromkeys(children))
        self._put(path, entries)
        if path:
            self.shrunk[path[:-1]] = None
        return True

    def _put(self, path: bytes, entries: dict[bytes, bytes]) -> None:
        """Put a subtree of these leaves in place of whatever was at `path`."""
        keys = sorted(entries)
        made = _build(keys, [entries[key] for key in keys], path, self.nodes)
        if path:
            self._tell(path, made)

    def _tell(self, path: bytes, made: bytes) -> None:
        """Write the hash of a node into its parent."""
        level, parent, at = self.levels[len(path) - 1], path[:-1], _CHILD_AT[path[-1]]
        node = level.get(parent) or self.read(parent)
        if node is None:
            raise AssertionError(f"the tree has no branch at {parent!r}")
        level[parent] = node[:at] + made + node[at + _H :]


def _bucket_depth(read: Read, digits: bytes, guess: int) -> int:
    """Length of the path at which the walk along a key ends; leaves lie at nearly one depth, so the last one is a good guess."""
    depth = guess
    node = read(digits[:depth])
    while depth and node is None:
        depth -= 1
        node = read(digits[:depth])
    while node is not None and node[_KIND] == _IS_BRANCH:
        depth += 1
        node = read(digits[:depth])
    return depth


def _keys_at(node: bytes) -> int:
    """Offset of the keys in a bucket."""
    return (len(node) + _BUCKET_HEAD) >> 1


def _entries(node: bytes) -> dict[bytes, bytes]:
    """Key -> leaf hash of a bucket."""
    if is_branch(node):
        raise AssertionError("a branch stands where the tree must have a bucket")
    _, leaves, keys = split_bucket(node)
    return {keys[at : at + _H]: leaves[at : at + _H] for at in range(0, len(keys), _H)}


def _build(keys: list[bytes], leaves: list[bytes], path: bytes, nodes: Nodes) -> bytes:
    """Make the subtree of ascending keys under `path`, put its nodes into `nodes` and return its hash."""
    if not keys:
        nodes[path] = None
        return EMPTY
    if len(keys) <= BUCKET_LEAVES_MAX:
        joined = b"".join(keys)
        node = b"".join((_BUCKET, sha256(b"som/keys/1" + joined).digest(), *leaves, joined))
    else:
        node = b"".join((_BRANCH, *_children(keys, leaves, path, nodes)))
    nodes[path] = node
    return node_hash(node)


def _children(keys: list[bytes], leaves: list[bytes], path: bytes, nodes: Nodes) -> Iterable[bytes]:
    start = 0
    for digit in range(16):
        end = len(keys) if digit == 15 else bisect_left(keys, _lowest_key(path + _DIGITS[digit + 1 : digit + 2]))
        yield _build(keys[start:end], leaves[start:end], path + _DIGITS[digit : digit + 1], nodes) if end > start else EMPTY
        start = end


def _lowest_key(path: bytes) -> bytes:
    return bytes.fromhex(path.decode().ljust(DEPTH_MAX, "0"))
