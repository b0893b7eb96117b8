"""Names that both sides of a route know: the route itself, and the recipient at home that a burn names. PURE."""

from __future__ import annotations

from hashlib import sha256

from bridge.errors import FieldOutOfRange
from bridge.keccak import keccak256

RECIPIENT_BODY_BYTES = 28
RECIPIENT_BYTES = 32
HASH_BYTES = 32
ASSET_BYTES_MAX = 16
"""More than the ledger's longest asset code; the fields around it are of fixed width, so the layout stays unambiguous."""


def route_id(genesis_hash: bytes, chain_id: int, asset: str, index: int) -> bytes:
    """Return keccak("som-route-v1" | genesis hash | chain id u64 | asset | index u32), integers big-endian.

    A contract that is deployed again gets a new index and with it a new vault, so old attestations are worthless.

    Raises
    ------
    FieldOutOfRange
        The hash is not 32 bytes, the chain id is not in [1, 2^64), the index not in [0, 2^32), or the asset is no code.

    Source: bridge.md, section 2.
    """
    if len(genesis_hash) != HASH_BYTES:
        raise FieldOutOfRange(field="genesis_hash", given=f"{len(genesis_hash)} bytes", needed=f"{HASH_BYTES} bytes")
    if not 1 <= chain_id < 1 << 64:
        raise FieldOutOfRange(field="chain_id", given=str(chain_id), needed="1 to 2^64 - 1")
    if not 0 <= index < 1 << 32:
        raise FieldOutOfRange(field="index", given=str(index), needed="0 to 2^32 - 1")
    if not (1 <= len(asset) <= ASSET_BYTES_MAX and asset.isascii()):
        raise FieldOutOfRange(field="asset", given=repr(asset), needed=f"1 to {ASSET_BYTES_MAX} ASCII characters")
    return keccak256(b"som-route-v1" + genesis_hash + chain_id.to_bytes(8, "big") + asset.encode() + index.to_bytes(4, "big"))


def ledger_recipient(account: str) -> bytes:
    """Return the 32 bytes by which a burn names `account`: 28 of a hash that the ledger indexes, 4 that catch typing errors.

    Source: B13. The contract checks the last four bytes, the ledger the first 28.
    """
    body = sha256(b"som/ref/1" + account.encode()).digest()[:RECIPIENT_BODY_BYTES]
    return body + keccak256(body)[: RECIPIENT_BYTES - RECIPIENT_BODY_BYTES]


def is_ledger_recipient(value: bytes) -> bool:
    """Whether the checksum of `value` holds, as the contract checks it before it burns."""
    body = value[:RECIPIENT_BODY_BYTES]
    return len(value) == RECIPIENT_BYTES and any(body) and keccak256(body)[:4] == value[RECIPIENT_BODY_BYTES:]
