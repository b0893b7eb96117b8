"""Header, receipt and what a block is made of. The header's order of fields is that of consensus.md section 2."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ledger.types import Hash32, TimeMs

U32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
U63 = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""Heights and views: msgspec and SQL both hold 63 bits."""

BLOCK_BYTES_MAX = 1_048_576
BLOCK_SIGNATURES_MAX = 4_000
BLOCK_LEGS_MAX = 10_000
SWEEP_MAX = 500
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

    account: str
    asset: str
    posted: int
    held: int
    leg: int
    """Index of the leg; 0 where the type has none."""


class Receipt(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """The network's answer to one ordered transaction. `public_code` equals `code` until L23 comes."""

    tx_id: Hash32
    height: U63
    index: U32
    code: Annotated[int, Meta(ge=0, le=999)]
    """0 is OK."""
    public_code: Annotated[int, Meta(ge=0, le=999)]
    failed_leg: int | None
    codes: tuple[int, ...]
    """A code per leg in mode `each`; empty elsewhere."""
    entries: tuple[Entry, ...]
