"""Writing final blocks to LMDB: everything one flush stands for, in one synced transaction that is atomic with its height.

A flush holds thousands of transactions, so it is written in pieces between which the loop runs; what is written stays readable in memory
until the commit. Keys go in ascending order: neighbours then share a page.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from ledger.canonical import encode
from ledger.parameters import MINUTE_MS
from node.history import entry_pairs
from node.records import encode_certificate
from node.store import Table, height_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ledger.state import Record
    from node.blocklog import BlockLog
    from node.blocks import FinalBlock, Slots
    from node.stages import Stages
    from node.state import FinalState
    from node.store import Batch, Store

PIECE: Final = 500
"""Pairs between two turns of the loop: 1 to 2 ms."""

META_HEIGHT: Final = b"height"
META_SLOTS: Final = b"slots"
"""What opens the slots of the block at the committed height: proofs of state are made without executing it again."""
META_ROOTS: Final = b"roots"
"""Root of every tree at the committed height, `[[tree, root], ...]`: what the trees rebuilt at start are compared with."""


async def write_blocks(store: Store, state: FinalState, log: BlockLog, slots: Slots | None, stages: Stages, *, history: bool) -> int:
    """Write every final block that LMDB lacks; returns the height of the last one.

    Raises
    ------
    StoreError
        The store is full or failed; nothing of this flush was written.
    """
    blocks = log.unflushed()
    roots = encode(sorted(state.roots.items()))
    records, leaves = state.begin_flush()
    batch = store.begin()
    try:
        steps = _steps(batch, log, blocks, records, leaves, history=history)
        done = False
        while not done:
            with stages.stage("lmdb"):
                done = next(steps, None) is None
            await asyncio.sleep(0)
        height = blocks[-1].facts.height
        batch.put(Table.META, [(META_HEIGHT, height_key(height)), (META_ROOTS, roots), (META_SLOTS, encode(slots))])
    except BaseException:
        batch.abort()
        raise
    await store.commit_beside(batch)
    state.end_flush()
    log.flushed(blocks)
    return height


def _steps(
    batch: Batch,
    log: BlockLog,
    blocks: list[FinalBlock],
    records: Mapping[str, Record | None],
    leaves: Mapping[str, bytes | None],
    *,
    history: bool,
) -> Iterator[int]:
    """Write piece by piece; yields after each."""
    for block in blocks:
        yield _write_block(batch, block)
    yield _write_certificates(batch, log, blocks[-1].facts.height)
    yield from _write_leaves(batch, leaves)
    yield from _write_indexes(batch, records)
    yield _write_refs(batch, log, blocks)
    batch.put(Table.ROUTES, log.changes.rows(blocks[-1].facts.height))
    log.places.add(batch, blocks[-1].facts.height, log.names_of(blocks))
    yield len(blocks)
    if history:
        for block in blocks:
            pairs = entry_pairs(block)
            for start in range(0, len(pairs), PIECE):
                batch.put(Table.ENTRIES, pairs[start : start + PIECE])
                yield PIECE


def _write_block(batch: Batch, block: FinalBlock) -> int:
    key = height_key(block.facts.height)
    batch.put(Table.HEADERS, [(key, block.stored.header)])
    batch.put(Table.BODIES, [(key, block.stored.body)])
    batch.put(Table.RECEIPTS, [(key, encode((block.receipts, block.swept)))])
    batch.put(Table.HEIGHTS, [(block.facts.block_id, key)])
    return 1


def _write_certificates(batch: Batch, log: BlockLog, height: int) -> int:
    certificates = log.unflushed_certificates(height)
    batch.put(Table.CERTIFICATES, [(height_key(at), encode_certificate(certificate)) for at, certificate in certificates.items()])
    return len(certificates)


def _write_leaves(batch: Batch, leaves: Mapping[str, bytes | None]) -> Iterator[int]:
    keys = sorted(leaves)
    yield len(keys)
    for start in range(0, len(keys), PIECE):
        piece = keys[start : start + PIECE]
        batch.put(Table.LEAVES, [(key.encode(), value) for key in piece if (value := leaves[key]) is not None])
        batch.delete(Table.LEAVES, [key.encode() for key in piece if leaves[key] is None])
        yield len(piece)


def _write_indexes(batch: Batch, records: Mapping[str, Record | None]) -> Iterator[int]:
    keys = sorted(key for key in records if key[0] == "~")
    for start in range(0, len(keys), PIECE):
        piece = keys[start : start + PIECE]
        batch.put(Table.INDEXES, [(key.encode(), encode(record)) for key in piece if (record := records[key]) is not None])
        batch.delete(Table.INDEXES, [key.encode() for key in piece if records[key] is None])
        yield len(piece)


def _write_refs(batch: Batch, log: BlockLog, blocks: list[FinalBlock]) -> int:
    """Add what is remembered, drop what no longer is (L14)."""
    used = log.used_by_minute(blocks)
    batch.put(Table.REFS, [(height_key(minute) + height_key(height), used[minute, height]) for minute, height in sorted(used)])
    batch.delete_below(Table.REFS, height_key(blocks[-1].facts.time_ms // MINUTE_MS))
    return len(used)
