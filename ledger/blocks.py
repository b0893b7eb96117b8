"""Header, receipt and what a block is made of. The header's order of fields is that of consensus.md section 2."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Raw, Struct

from ledger.canonical import decode, decode_loose, encode
from ledger.errors import Malformed
from ledger.keys import keyed
from ledger.types import AccountText, AmountSigned, AssetText, Hash32, TimeMs

if TYPE_CHECKING:
    from collections.abc import Iterable

U32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
U63 = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""Heights and views: msgspec and SQL both hold 63 bits."""

Code = Annotated[int, Meta(ge=0, le=999)]
"""0 is OK; the refusals are in `ledger.errors`."""

BLOCK_BYTES_MAX = 1_048_576
BLOCK_SIGNATURES_MAX = 4_000
BLOCK_LEGS_MAX = 10_000
SWEEP_MAX = 500
HEADER_BYTES_MAX = 512
"""A header has at most 311: eight hashes of 34 and six integers."""
LEGS_MAX = 1_000
SIGNATURES_MAX = 32
TX_BYTES_MAX = 262_144


class Header(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a block id binds: block_id = SHA-256("som/header/1" | canonical bytes). Roots are post-state."""

    version: Literal[1]
    chain: Hash32
    epoch: U32
    height: U63
    view: U63
    parent: Hash32
    time_ms: TimeMs
    proposer: U32
    next: Hash32
    """Hash of the next epoch's validator set on a boundary block, zeros elsewhere."""
    body: Hash32
    transactions_root: Hash32
    participants_root: Hash32
    assets_root: Hash32
    governance_root: Hash32


class Entry(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """One change of one balance: posted and held deltas in minor units, and the leg that caused it."""

    account: AccountText
    asset: AssetText
    posted: AmountSigned
    held: AmountSigned
    leg: U32
    """Index of the leg; 0 where the type has none."""


class Receipt(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """The network's answer to one ordered transaction. `public_code`, and `codes`, are what everybody may see of it (L23)."""

    tx_id: Hash32
    height: U63
    index: U32
    code: Code
    """0 is OK."""
    public_code: Code
    failed_leg: U32 | None
    codes: tuple[Code, ...]
    """A code per leg in mode `each`; empty elsewhere."""
    entries: tuple[Entry, ...]


_Body = Annotated[tuple[Raw, ...], Meta(max_length=BLOCK_SIGNATURES_MAX)]
"""Every transaction has a signature."""


def header_bytes(header: Header) -> bytes:
    """Canonical bytes of a header: what travels and what is hashed."""
    return encode(header)


def decode_header(data: bytes) -> Header:
    """Header of its bytes.

    Raises
    ------
    Malformed
        Longer than HEADER_BYTES_MAX, not a header, or not canonical.
    """
    if len(data) > HEADER_BYTES_MAX:
        raise Malformed(reason=f"a header has at most {HEADER_BYTES_MAX} bytes")
    return decode(data, Header)


def block_id_of(header: bytes) -> bytes:
    """Id (32 bytes) of the block with this header (canonical bytes)."""
    return sha256(b"som/header/1" + header).digest()


def view_bytes(epoch: int, view: int) -> bytes:
    """Return what per-block secrets are derived from: epoch u32 | view u64, big-endian."""
    return epoch.to_bytes(4, "big") + view.to_bytes(8, "big")


def encode_body(transactions: Iterable[bytes]) -> bytes:
    """Body of whole transactions (canonical bytes each): one array, each nested as it is."""
    return encode([Raw(raw) for raw in transactions])


def body_hash(body: bytes, *, view_key: bytes, epoch: int, view: int) -> bytes:
    """Hash (32 bytes) that the header carries: over every byte of the body, blinded so that nobody without the view key can guess it."""
    return sha256(b"som/body/1" + keyed(view_key, view_bytes(epoch, view)) + body).digest()


def split_body(body: bytes) -> tuple[bytes, ...]:
    """Whole transactions of a body, each still to be decoded.

    Raises
    ------
    Malformed
        Longer than BLOCK_BYTES_MAX, not an array, or its own head is not canonical.
    """
    if len(body) > BLOCK_BYTES_MAX:
        raise Malformed(reason=f"a body has at most {BLOCK_BYTES_MAX} bytes")
    raws = decode_loose(body, _Body)
    if encode(raws) != body:
        raise Malformed(reason="the body is not canonical MessagePack")
    return tuple(bytes(raw) for raw in raws)
