"""Hashes with a domain tag per use (L4), Ed25519 with one verifier (L5), and the ids made from them."""

from __future__ import annotations

from hashlib import sha256
from hmac import digest as hmac_digest

from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_sign_BYTES, crypto_sign_open, crypto_sign_seed_keypair
from nacl.bindings import crypto_sign as _sign
from nacl.exceptions import BadSignatureError

HASH_BYTES = 32


def tagged(tag: bytes, *parts: bytes) -> bytes:
    """SHA-256 of a domain tag followed by the parts. Parts but the last must be of fixed length or end in 0x00."""
    return sha256(tag + b"".join(parts)).digest()


def keyed(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256."""
    return hmac_digest(key, message, "sha256")


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) is a strict Ed25519 signature of `message` by `public_key` (32 bytes): libsodium's word alone."""
    if len(signature) != crypto_sign_BYTES or len(public_key) != HASH_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, public_key)
    except BadSignatureError:
        return False
    return True


def sign(seed: bytes, message: bytes) -> bytes:
    """Ed25519 signature (64 bytes) of `message` by the 32-byte seed."""
    _, secret = crypto_sign_seed_keypair(seed)
    return _sign(message, secret)[:crypto_sign_BYTES]


def public_key_of(seed: bytes) -> bytes:
    """Public key (32 bytes) of a 32-byte seed."""
    public, _ = crypto_sign_seed_keypair(seed)
    return public


def is_usable_key(public_key: bytes) -> bool:
    """Whether a key may be registered (L5): canonical, on the curve, in the main subgroup, not of small order."""
    return len(public_key) == HASH_BYTES and bool(crypto_core_ed25519_is_valid_point(public_key))
