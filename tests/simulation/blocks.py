"""Blocks of the simulator: a header that binds a body and a post-state root, as the ledger's does, with bytes for money.

A body is a count of transactions and some bytes. The root of a block is the hash of its parent's root and its body, so nobody can judge a
block without its parent's state, and a wrong root is found only by executing.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from struct import Struct
from typing import NamedTuple

from consensus.types import BlockFacts, BlockId, ChainId, Epoch, Height, TimeMs, ValidatorId, View
from node.records import StoredBlock
from tests.simulation.epochs import NO_NEXT, epoch_after

CHAIN = ChainId(sha256(b"simulated chain").digest())
GENESIS = BlockFacts(BlockId(CHAIN), BlockId(bytes(32)), Epoch(0), Height(0), View(0), ValidatorId(0), TimeMs(0))
GENESIS_ROOT = sha256(b"genesis").digest()

_HEADER = Struct(">32sIQQIQ32s32s32s")
"""parent, epoch, height, view, proposer, time, hash of the next validator set (zeros on all but an epoch's last block), body hash, root."""


class Opened(NamedTuple):
    """A header that was read."""

    facts: BlockFacts
    next: bytes
    body_hash: bytes
    root: bytes


def id_of(header: bytes) -> BlockId:
    """Return the block id: what consensus signs."""
    return BlockId(sha256(b"som/header/1" + header).digest())


@lru_cache(maxsize=4_096)
def open_header(header: bytes) -> Opened | None:
    """Read a header; None where its size is wrong."""
    if len(header) != _HEADER.size:
        return None
    parent, epoch, height, view, proposer, time_ms, following, body_hash, root = _HEADER.unpack(header)
    facts = BlockFacts(
        id_of(header),
        BlockId(parent),
        Epoch(epoch),
        Height(height),
        View(view),
        ValidatorId(proposer),
        TimeMs(time_ms),
        boundary=following != NO_NEXT,
    )
    return Opened(facts, following, body_hash, root)


def root_after(parent_root: bytes, body: bytes) -> bytes:
    """Execute: the post-state of a body on a state."""
    return sha256(b"root" + parent_root + body).digest()


def hash_of_body(body: bytes) -> bytes:
    """Hash of every byte of a body."""
    return sha256(b"som/body/1" + body).digest()


def matches(block: StoredBlock) -> bool:
    """Tell whether a body is the one its header names."""
    opened = open_header(block.header)
    return opened is not None and opened.body_hash == hash_of_body(block.body)


def transactions_of(body: bytes) -> int:
    """How many transactions a body holds."""
    return body[0] if body else 0


def make_block(
    parent: BlockFacts, view: int, proposer: int, time_ms: int, body: bytes, root: bytes, following: bytes = NO_NEXT
) -> tuple[BlockFacts, StoredBlock]:
    """Make a block; `root` is what its header claims, `following` what it names as the next set. On a boundary it is of the next epoch."""
    epoch = epoch_after(parent)
    header = _HEADER.pack(parent.block_id, epoch, parent.height + 1, view, proposer, time_ms, following, hash_of_body(body), root)
    opened = open_header(header)
    if opened is None:
        raise AssertionError("a header that cannot be read")
    return opened.facts, StoredBlock(header, body)
