"""secp256k1 keys for tests: attestors, reserve signers, outsiders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coincurve import PrivateKey
from msgspec import Struct

from bridge.keccak import keccak256

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class Key(Struct, frozen=True):
    """One key with its address."""

    secret: int
    address: bytes

    def sign(self, digest: bytes) -> bytes:
        """Return r, s, v (65 bytes, low s, v 27 or 28)."""
        made = PrivateKey.from_int(self.secret).sign_recoverable(digest, hasher=None)
        return made[:64] + bytes([27 + made[64]])


def key(secret: int) -> Key:
    """Return the key of this number."""
    public = PrivateKey.from_int(secret).public_key.format(compressed=False)
    return Key(secret, keccak256(public[1:])[12:])


def keys(count: int, first: int = 1) -> tuple[Key, ...]:
    """Return that many keys in ascending order of their addresses."""
    return in_order(key(first + at) for at in range(count))


def in_order(some: Iterable[Key]) -> tuple[Key, ...]:
    """Return the keys as the contract wants their signatures."""
    return tuple(sorted(some, key=lambda one: one.address))


def signed(digest: bytes, by: Sequence[Key]) -> bytes:
    """Return the signatures of these keys over the digest, in the order given."""
    return b"".join(one.sign(digest) for one in by)


def with_high_s(signature: bytes) -> bytes:
    """Return the other signature that recovers to the same key; a contract that takes both can be fooled about uniqueness."""
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([27 + 28 - signature[64]])
