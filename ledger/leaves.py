"""Leaves: from a record under its storage key to the bytes and the hash that stand for it in a tree (section 6).

In the tree of a participant a value is `[blind, record]`: the blind (L32) keeps a proof from showing anything about its neighbours, whose
hashes it must contain. In the two public trees, "A" (assets) and "G" (governance), it is `[record]`, but for an asset that is published
once a day: it is blinded too, and what it was is a public leaf of its own when the business date is over.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from types import GenericAlias
from typing import Annotated, cast

from msgspec import Meta

from ledger.canonical import decode, encode
from ledger.closings import is_published_daily
from ledger.errors import Malformed
from ledger.keys import keyed
from ledger.placement import ASSETS, GOVERNANCE
from ledger.state import KINDS, Record

PUBLIC_TREES = (ASSETS, GOVERNANCE)
"""No participant is called so: handles are lower case."""
BLIND_BYTES = 16
STORAGE_KEY_MAX = 128
"""Characters; the longest is `keyset/ACCOUNT/NAME`."""
LEAF_BYTES_MAX = 65_536
"""A proof or view that carries a longer value is refused."""

_Blind = Annotated[bytes, Meta(min_length=BLIND_BYTES, max_length=BLIND_BYTES)]
_PUBLIC = {kind: cast("type[tuple[Record]]", GenericAlias(tuple, (record,))) for kind, record in KINDS.items()}
_BLINDED = {kind: cast("type[tuple[bytes, Record]]", GenericAlias(tuple, (_Blind, record))) for kind, record in KINDS.items()}
_PAIR = 0x92
"""First byte of `[blind, record]`."""


@lru_cache(maxsize=65_536)
def leaf_key(key: str) -> bytes:
    """Place (32 bytes) of a storage key `kind/id` in its tree. Cached: a busy ledger touches mostly the same leaves."""
    return sha256(b"som/key/1" + key.encode().replace(b"/", b"\x00", 1)).digest()


def leaf_hash(place: bytes, value: bytes) -> bytes:
    """Hash of a leaf from its place (`leaf_key`) and its canonical value."""
    return sha256(b"som/leaf/1" + place + value).digest()


@lru_cache(maxsize=4_096)
def participant_secret(view_key: bytes, participant: str) -> bytes:
    """`secret_p` (32 bytes), from which a participant derives its blinds and salts, and nobody else's; that of "A": full view only."""
    return keyed(view_key, participant.encode())


class Leaves:
    """Makes the values and hashes of the leaves of one tree in one block: each record once, however often it changed."""

    __slots__ = ("_before", "_height", "_secret", "hashes", "writes")

    def __init__(self, tree: str, *, view_key: bytes, height: int) -> None:
        self._secret = b"som/blind/1" + participant_secret(view_key, tree)
        """What blinds begin with."""
        self._before = b"" if tree in PUBLIC_TREES else self._secret
        """The same where every leaf is blinded; empty in a public tree."""
        self._height = height.to_bytes(8, "big")
        self.hashes: dict[bytes, bytes | None] = {}
        """Place -> hash of the leaf; None: removed."""
        self.writes: list[tuple[str, bytes | None]] = []
        """Storage key and canonical value; None: removed."""

    def put(self, key: str, record: Record) -> bytes:
        """Write a leaf and return its value; the blind (L32) is SHA-256("som/blind/1" | secret_p | place | height)[:16]."""
        place = leaf_key(key)
        before = self._before or (self._secret if is_published_daily(record) else b"")
        blind = sha256(before + place + self._height).digest()[:BLIND_BYTES] if before else None
        value = encode((blind, record) if blind else (record,))
        self.writes.append((key, value))
        self.hashes[place] = sha256(b"som/leaf/1" + place + value).digest()
        return value

    def remove(self, key: str) -> None:
        """Remove a leaf."""
        self.writes.append((key, None))
        self.hashes[leaf_key(key)] = None


def is_blinded(value: bytes) -> bool:
    """Whether a leaf's value is one of a participant's tree, or of an asset that is published once a day."""
    return value[:1] == bytes((_PAIR,))


def has_form_of(tree: str, value: bytes, record: Record) -> bool:
    """Whether a leaf's value is blinded as its tree and record want it."""
    return is_blinded(value) == (tree not in PUBLIC_TREES or is_published_daily(record))


def record_of(key: str, value: bytes) -> Record:
    """Record that a leaf's value holds.

    Raises
    ------
    Malformed
        The value is not that of a record under this key.
    """
    kind = key if key in KINDS else key.partition("/")[0]
    if kind not in KINDS:
        raise Malformed(reason=f"no record is kept under {key!r}")
    if is_blinded(value):
        return decode(value, _BLINDED[kind])[1]
    return decode(value, _PUBLIC[kind])[0]
