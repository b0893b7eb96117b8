"""The hash of the public chains. Lives in bridge/ only (B12): the ledger computes SHA-256 and nothing else."""

from __future__ import annotations

from eth_utils.crypto import keccak as _keccak


def keccak256(data: bytes) -> bytes:
    """Return the 32 bytes of Keccak-256 as Ethereum and Tron use it (not SHA3-256, which pads otherwise)."""
    return bytes(_keccak(data))
