"""Making a snapshot of the store while the node runs (K20).

A pinned reader stays at the commit of one height; flushes that can wait do (`Store.held`), and should two come all the same, the pin ends
and the attempt is given up. Leaves are read in pieces of about a millisecond between which the loop runs; hashing and writing a chunk is
done in a thread. So a snapshot delays nothing by more than a few milliseconds, however large the state is.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from msgspec import MsgspecError
from msgspec.msgpack import Decoder

from ledger.blocks import view_bytes
from ledger.leaves import participant_secret
from ledger.views import salt_of
from node.blocks import Slots
from node.errors import StoreCorrupt
from node.flush import META_HEIGHT, META_SLOTS
from node.records import decode_certificate
from node.snapshot import CHUNK_BYTES, CHUNKS_MAX, FORMAT, ChunkKind, Manifest, Opening
from node.snapshot_files import HIDDEN, chunk_name, publish, remove_folder, write_chunk
from node.store import Table, height_key
from node.wire import WireError, header_of, wire_certificate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ledger.blocks import Header
    from node.files import Files
    from node.pin import Pin
    from node.snapshot import ChunkInfo

PIECE_LEAVES: Final = 1_000
"""Leaves between two turns of the loop: about 1 ms."""
PIECE_REFS: Final = 8
"""Lists of references between two turns: 100 KiB each in full blocks."""
_SLOTS: Final = Decoder(Slots)


class NothingToCapture(Exception):
    """The store is at genesis, which every node has."""


class Capture:
    """One snapshot under way."""

    def __init__(self, pin: Pin, files: Files, folder: Path, view_key_of: Callable[[int], bytes]) -> None:
        """`folder`: of all snapshots. `view_key_of`: view key (32 bytes) of an epoch."""
        self._pin, self._files, self._folder, self._view_key_of = pin, files, folder, view_key_of
        self._hidden = folder / HIDDEN
        self._chunks: list[ChunkInfo] = []

    async def make(self) -> Path:
        """Read the pinned state to its end and publish it; return its folder.

        Raises
        ------
        NothingToCapture
            There is no block yet.
        PinLost
            The store went on too fast: try again later.
        StorageFailed, StoreError
            The disk or the store refused.
        """
        try:
            height, header, manifest = self._head()
            await asyncio.to_thread(self._begin)
            await self._read(ChunkKind.LEAVES, Table.LEAVES, PIECE_LEAVES)
            await self._read(ChunkKind.REFS, Table.REFS, PIECE_REFS)
            target = self._folder / str(height)
            openings = self._openings(header)
            whole = Manifest(FORMAT, manifest.header, manifest.certificate, openings, tuple(self._chunks))
            await asyncio.to_thread(remove_folder, target)
            await asyncio.to_thread(publish, self._files, self._hidden, target, whole)
        finally:
            self._pin.end()
        return target

    def _begin(self) -> None:
        remove_folder(self._hidden)
        self._files.make_folder(self._hidden)

    def _head(self) -> tuple[int, Header, Manifest]:
        """Height, header and what proves it; the manifest has no chunks yet."""
        key = self._pin.get(Table.META, META_HEIGHT)
        if key is None or key == height_key(0):
            raise NothingToCapture
        header, certificate = self._pin.get(Table.HEADERS, key), self._pin.get(Table.CERTIFICATES, key)
        height = int.from_bytes(key, "big")
        if header is None or certificate is None:
            raise StoreCorrupt(folder=self._folder.parent, reason=f"block {height} or its certificate is missing")
        try:
            _, decoded = header_of(header)
            proof = wire_certificate(decode_certificate(certificate))
        except (WireError, ValueError) as error:
            raise StoreCorrupt(folder=self._folder.parent, reason=f"block {height} cannot be read ({error})") from error
        return height, decoded, Manifest(FORMAT, header, proof, (), ())

    async def _read(self, kind: ChunkKind, table: Table, piece: int) -> None:
        """Read a whole table into chunks. A chunk ends with the pair that reaches CHUNK_BYTES, so all nodes cut alike."""
        pairs: list[tuple[bytes, bytes]] = []
        size, last = 0, b""
        while found := self._pin.after(table, last, piece):
            for pair in found:
                pairs.append(pair)
                size += len(pair[0]) + len(pair[1])
                if size >= CHUNK_BYTES:
                    await self._write(kind, pairs)
                    pairs, size = [], 0
            last = found[-1][0]
            await asyncio.sleep(0)
        if pairs:
            await self._write(kind, pairs)

    async def _write(self, kind: ChunkKind, pairs: list[tuple[bytes, bytes]]) -> None:
        if len(self._chunks) >= CHUNKS_MAX:
            raise AssertionError(f"a state of more than {CHUNKS_MAX} chunks")
        path = self._hidden / chunk_name(len(self._chunks))
        self._chunks.append(await asyncio.to_thread(write_chunk, self._files, path, kind, pairs))

    def _openings(self, header: Header) -> tuple[Opening, ...]:
        value = self._pin.get(Table.META, META_SLOTS)
        try:
            slots = None if value is None else _SLOTS.decode(value)
        except MsgspecError:
            slots = None
        if slots is None:
            raise StoreCorrupt(folder=self._folder.parent, reason="the slots of its newest block cannot be read")
        key, now = self._view_key_of(header.epoch), view_bytes(header.epoch, header.view)
        return tuple(Opening(name, salt_of(participant_secret(key, name), now), root) for name, root in slots.journal_roots)
