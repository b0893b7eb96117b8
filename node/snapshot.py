"""State snapshots (K20): what one is made of. Bytes only; making, serving, fetching, checking and taking over are in `node.snapshot_*`.

A snapshot is a manifest and numbered chunks. The manifest has the header and finalization of one final block, what opens the slots of its
participants_root, and length and hash of every chunk. The chunks hold, in the order of their keys, every leaf of every tree with its value
as hashed, then every remembered reference with its sender, by minute and height. Nothing in it is believed: a chunk must have the hash that
the manifest says, and the manifest counts once the roots recomputed from all of it are those of the header.

    manifest    ["som/snapshot/1", header, certificate, [[participant, salt, journal_root], ...], [[kind, bytes, SHA-256], ...]]
    chunk       [[key, value], ...]    kind 1: storage key of a leaf, value as hashed    kind 2: as `Table.REFS` holds them
"""

from __future__ import annotations

from enum import IntEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from ledger.canonical import HOSTILE
from ledger.leaves import LEAF_BYTES_MAX, STORAGE_KEY_MAX
from ledger.types import Hash32, Text16
from node.wire import WireCertificate, WireError

if TYPE_CHECKING:
    from collections.abc import Sequence

CHUNK_BYTES: Final = 1_048_576
"""A chunk ends with the pair that reaches this: about 7,000 leaves, a millisecond to hash, and what a cut connection costs."""
CHUNK_BYTES_MAX: Final = 4 * CHUNK_BYTES
"""Beyond the pair that ends it: the references of one full block are the longest value."""
CHUNKS_MAX: Final = 65_536
"""64 GiB, hundreds of millions of leaves."""
MANIFEST_BYTES_MAX: Final = 4 * 1_048_576
"""CHUNKS_MAX chunks at 40 bytes, 1,024 participants at 90."""
PAIRS_MAX: Final = 262_144
"""In one chunk: a pair has more than 16 bytes."""
FORMAT: Final = "som/snapshot/1"
SNAPSHOTS_MAX: Final = 16
"""In one list."""


class ChunkKind(IntEnum):
    """What a chunk holds. The numbers travel."""

    LEAVES = 1
    REFS = 2


class ChunkInfo(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A chunk as the manifest names it."""

    kind: Literal[1, 2]
    size: Annotated[int, Meta(ge=1, le=CHUNK_BYTES_MAX)]
    """Bytes."""
    hash: Hash32
    """SHA-256 of them."""


class Opening(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What opens a participant's slot beside the root of its tree."""

    participant: Text16
    salt: Hash32
    journal_root: Hash32


class Manifest(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a snapshot is made of."""

    format: Literal["som/snapshot/1"]
    header: Annotated[bytes, Meta(max_length=512)]
    certificate: WireCertificate
    """Finalization of that very block."""
    openings: Annotated[tuple[Opening, ...], Meta(max_length=1_024)]
    """By participant, ascending."""
    chunks: Annotated[tuple[ChunkInfo, ...], Meta(min_length=1, max_length=CHUNKS_MAX)]
    """Those with leaves first."""

    @property
    def size(self) -> int:
        """Bytes of all chunks."""
        return sum(chunk.size for chunk in self.chunks)


class SnapshotLine(Struct, frozen=True, forbid_unknown_fields=True):
    """One snapshot in the list that a node offers."""

    height: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    block_id: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    bytes: Annotated[int, Meta(ge=1)]
    chunks: Annotated[int, Meta(ge=1, le=CHUNKS_MAX)]
    manifest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    """SHA-256 of the manifest's bytes."""


class SnapshotList(Struct, frozen=True, forbid_unknown_fields=True):
    """What a node offers (JSON), and how far it is itself: a claim, not a fact."""

    height: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    """Of its newest final block."""
    snapshots: Annotated[tuple[SnapshotLine, ...], Meta(max_length=SNAPSHOTS_MAX)]
    """Newest first."""


Pairs = Annotated[
    tuple[tuple[Annotated[bytes, Meta(max_length=STORAGE_KEY_MAX)], Annotated[bytes, Meta(max_length=CHUNK_BYTES_MAX)]], ...],
    Meta(min_length=1, max_length=PAIRS_MAX),
]
VALUE_BYTES_MAX: Final = {ChunkKind.LEAVES: LEAF_BYTES_MAX, ChunkKind.REFS: CHUNK_BYTES_MAX}

_MANIFEST = msgspec.msgpack.Decoder(Manifest)
_PAIRS: msgspec.msgpack.Decoder[tuple[tuple[bytes, bytes], ...]] = msgspec.msgpack.Decoder(Pairs)
_LIST = msgspec.json.Decoder(SnapshotList)


def encode_manifest(manifest: Manifest) -> bytes:
    """Bytes of a manifest."""
    return msgspec.msgpack.encode(manifest)


def decode_manifest(data: bytes) -> Manifest:
    """Undo `encode_manifest`.

    Raises
    ------
    WireError
        `snapshot`: longer than `MANIFEST_BYTES_MAX`, or not a manifest.
    """
    if len(data) > MANIFEST_BYTES_MAX:
        raise WireError("snapshot", f"a manifest of {len(data)} bytes, at most {MANIFEST_BYTES_MAX}")
    try:
        return _MANIFEST.decode(data)
    except HOSTILE as problem:
        raise WireError("snapshot", f"the manifest cannot be read: {problem}") from None


def encode_chunk(pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Bytes of a chunk."""
    return msgspec.msgpack.encode(pairs)


def decode_chunk(data: bytes, info: ChunkInfo) -> tuple[tuple[bytes, bytes], ...]:
    """Pairs of a chunk, which must be the one that the manifest names; what they say is not checked here.

    Raises
    ------
    WireError
        `snapshot`: other bytes, or not pairs.
    """
    if len(data) != info.size or sha256(data).digest() != info.hash:
        raise WireError("snapshot", "a chunk is not the one that the manifest names")
    try:
        return _PAIRS.decode(data)
    except HOSTILE as problem:
        raise WireError("snapshot", f"a chunk cannot be read: {problem}") from None


def decode_list(data: bytes) -> SnapshotList:
    """List that a node offers.

    Raises
    ------
    WireError
        `snapshot`: not one.
    """
    try:
        return _LIST.decode(data)
    except HOSTILE as problem:
        raise WireError("snapshot", f"the list of snapshots cannot be read: {problem}") from None


def content_id(manifest: Manifest) -> bytes:
    """Hash of a snapshot without its certificate: equal on all nodes that made it at the same height."""
    return sha256(msgspec.msgpack.encode((manifest.header, manifest.openings, manifest.chunks))).digest()
