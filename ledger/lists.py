"""Merkle lists: a root over hashes in order that binds their number, so nothing can be left out at the end or read as an inner node.

root = SHA-256("som/list/1" | count u64 | top). The top is the one hash left after pairing level by level with
SHA-256("som/pair/1" | left | right); one left over at the end of a level moves up unchanged; zeros for the empty list.
A path is the other half of each pair on the way from an element to the top, lowest first; a level at which it moves up has none.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LIST_LENGTH_MAX = 2**32 - 1
PATH_MAX = 32
"""Pairs on the way to the top of the longest list."""


def list_root(hashes: Sequence[bytes]) -> bytes:
    """Root of a list of 32-byte hashes."""
    level = list(hashes)
    while len(level) > 1:
        level = _above(level)
    return _bind(len(hashes), level[0] if level else bytes(32))


def list_path(hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Path of the element at `index`, 0 <= index < length."""
    path: list[bytes] = []
    level = list(hashes)
    while len(level) > 1:
        other = index ^ 1
        if other < len(level):
            path.append(level[other])
        level, index = _above(level), index >> 1
    return tuple(path)


def root_by_path(element: bytes, *, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """Root that an element and its path lead to; None where the path cannot be that of this index and count."""
    if not 0 <= index < count <= LIST_LENGTH_MAX:
        return None
    here, rest, left = element, count, list(reversed(path))
    while rest > 1:
        if index ^ 1 < rest:
            if not left:
                return None
            other = left.pop()
            here = _pair(other, here) if index & 1 else _pair(here, other)
        index, rest = index >> 1, (rest + 1) >> 1
    return None if left else _bind(count, here)


def _above(level: list[bytes]) -> list[bytes]:
    above = [sha256(b"som/pair/1" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
    if len(level) & 1:
        above.append(level[-1])
    return above


def _pair(left: bytes, right: bytes) -> bytes:
    return sha256(b"som/pair/1" + left + right).digest()


def _bind(count: int, top: bytes) -> bytes:
    return sha256(b"som/list/1" + count.to_bytes(8, "big") + top).digest()
