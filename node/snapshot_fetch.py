"""Fetching a snapshot from nodes that are not believed (K20): list, epochs, manifest, chunks, each checked before the next is asked for.

Chunks are kept under their hashes in `data/incoming`, so whatever was cut off goes on where it was: the same snapshot from the same or from
another node, or a newer one as far as chunks are the same.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from ledger.epochs import Validator
from ledger.genesis import chain_id, validators
from node.epochchain import LINK_BYTES_MAX, LINKS_MAX, EpochChainBroken, EpochLink, decode_link, is_final, key_set, walk
from node.snapshot import CHUNK_BYTES_MAX, MANIFEST_BYTES_MAX, decode_list, decode_manifest
from node.snapshot_files import remove_folder, write_file
from node.snapshot_install import room_for
from node.snapshot_sources import SourceGone
from node.wire import WireError, core_certificate, header_of

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.genesis import Genesis
    from node.files import Files
    from node.snapshot import ChunkInfo, Manifest, SnapshotLine, SnapshotList
    from node.snapshot_sources import Source

INCOMING: Final = "incoming"
"""In the data folder: chunks by hash."""
LIST_BYTES_MAX: Final = 16_384
_LENGTH_BYTES: Final = 4


class Fetched(NamedTuple):
    """A whole snapshot on disk whose header is proven; what its chunks say is not yet."""

    manifest: Manifest
    links: tuple[EpochLink, ...]
    """How every epoch before the snapshot's own ended."""


class Incoming:
    """Chunks that have arrived."""

    def __init__(self, files: Files, data: Path) -> None:
        self._files, self._folder = files, data / INCOMING

    def begin(self, size: int) -> None:
        """Make the folder, and see that there is room. Raises StorageFailed, DiskFull."""
        self._files.make_folder(self._folder)
        room_for(self._folder, size)

    def has(self, chunk: ChunkInfo) -> bool:
        """Whether a chunk is here, whole; one that is damaged is removed."""
        path = self._folder / chunk.hash.hex()
        if not self._files.exists(path):
            return False
        if sha256(self._files.read(path)).digest() == chunk.hash:
            return True
        self._files.unlink(path)
        return False

    def keep(self, chunk: ChunkInfo, data: bytes) -> None:
        """Write a chunk that has the hash it must have, synced. Raises StorageFailed, DiskFull."""
        hidden = self._folder / "part"
        if self._files.exists(hidden):
            self._files.unlink(hidden)
        write_file(self._files, hidden, data)
        self._files.rename(hidden, self._folder / chunk.hash.hex())
        self._files.sync_folder(self._folder)

    def read(self, chunk: ChunkInfo) -> bytes:
        """Bytes of a chunk. Raises StorageFailed."""
        return self._files.read(self._folder / chunk.hash.hex())

    def drop(self) -> None:
        """Remove everything: it was taken over, or was not true."""
        remove_folder(self._folder)


async def offers_of(source: Source) -> SnapshotList:
    """Ask what a node offers; raises SourceGone, WireError."""
    return decode_list(await source.get("/peer/v1/snapshots", LIST_BYTES_MAX))


async def fetch(source: Source, line: SnapshotLine, genesis: Genesis, incoming: Incoming) -> Fetched:
    """Fetch one snapshot from one node, as far as its chunks are not here.

    Raises
    ------
    SourceGone
        It is not there any more, or the connection ended: what arrived is kept.
    WireError, EpochChainBroken
        The node lies, or its disk is broken.
    StorageFailed
        Our disk refused; DiskFull where it has no room.
    """
    manifest = await _manifest(source, line)
    links = await _links(source, genesis, header_of(manifest.header)[1].epoch)
    check_manifest(manifest, links, genesis)
    await asyncio.to_thread(incoming.begin, manifest.size)
    for index, chunk in enumerate(manifest.chunks):
        if await asyncio.to_thread(incoming.has, chunk):
            continue
        data = await source.get(f"/peer/v1/snapshots/{line.height}/{index}", CHUNK_BYTES_MAX)
        if len(data) != chunk.size or sha256(data).digest() != chunk.hash:
            raise WireError("snapshot", f"chunk {index} is not the one that the manifest names")
        await asyncio.to_thread(incoming.keep, chunk, data)
    return Fetched(manifest, links)


def check_manifest(manifest: Manifest, links: tuple[EpochLink, ...], genesis: Genesis) -> None:
    """Check that the header of a snapshot is final by the validators of its epoch, to whom the links lead from the genesis document.

    Raises
    ------
    WireError
        `snapshot`, `malformed`: it is not.
    EpochChainBroken
        The links do not hold.
    """
    chain = chain_id(genesis)
    block_id, header = header_of(manifest.header)
    sets = walk(links, genesis=first_set(genesis), chain=chain)
    base = header_of(links[-1].header)[1].height if links else 0
    if header.chain != chain or header.epoch != len(links) or header.height <= base:
        raise WireError("snapshot", "its header is of another chain, epoch or place")
    if not is_final(core_certificate(manifest.certificate), block_id, epoch=header.epoch, keys=key_set(sets[-1]), chain=chain):
        raise WireError("snapshot", "its block is not finalized by the validators of its epoch")


def first_set(genesis: Genesis) -> tuple[Validator, ...]:
    """Return the validators of epoch 0, as epochs name theirs."""
    return tuple(Validator(each.participant, each.consensus_key, each.node_key, each.endpoint) for each in validators(genesis))


async def _manifest(source: Source, line: SnapshotLine) -> Manifest:
    data = await source.get(f"/peer/v1/snapshots/{line.height}/manifest", MANIFEST_BYTES_MAX)
    manifest = decode_manifest(data)
    block_id, header = header_of(manifest.header)
    if header.height != line.height or block_id.hex() != line.block_id:
        raise WireError("snapshot", "the manifest is not of the block that the list names")
    return manifest


async def _links(source: Source, genesis: Genesis, epochs: int) -> tuple[EpochLink, ...]:
    """Fetch how the first `epochs` epochs ended, page by page, each page checked before the next one."""
    links: list[EpochLink] = []
    chain, genesis_set = chain_id(genesis), first_set(genesis)
    while len(links) < epochs:
        data = await source.get("/peer/v1/epochs", LINKS_MAX * (_LENGTH_BYTES + LINK_BYTES_MAX), {"from": str(len(links))})
        page = split_links(data, len(links))
        if not page:
            raise SourceGone(f"{source.name} does not show how epoch {len(links)} ended")
        walk((*links, *page), genesis=genesis_set, chain=chain)
        links.extend(page)
    return tuple(links[:epochs])


def split_links(data: bytes, first: int) -> list[EpochLink]:
    """Split an answer into links, those of the epochs from `first` on; raises EpochChainBroken."""
    links: list[EpochLink] = []
    at = 0
    while at < len(data):
        end = at + _LENGTH_BYTES + int.from_bytes(data[at : at + _LENGTH_BYTES], "big")
        if end > len(data) or len(links) >= LINKS_MAX:
            raise EpochChainBroken(epoch=first + len(links), reason="the answer ends within a link, or has too many")
        links.append(decode_link(data[at + _LENGTH_BYTES : end], first + len(links)))
        at = end
    return links
