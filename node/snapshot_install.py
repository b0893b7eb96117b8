"""Taking a snapshot over: chunks on disk become a store of their own, and that becomes the node's store once all of it is proven (K20).

The new store is made in a folder beside and gets the real name at the end, so a crash on the way leaves the node as empty as it was, with
the chunks it has. Runs in a thread: nothing else goes on in the node yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ledger.canonical import encode
from node.blocks import Slots
from node.epochchain import encode_link
from node.epochlinks import epoch_number_key
from node.errors import StoreFailed
from node.files import DiskFiles, stop
from node.flush import META_HEIGHT, META_ROOTS, META_SLOTS
from node.records import encode_certificate
from node.snapshot import ChunkKind, decode_chunk
from node.snapshot_check import SnapshotWrong, StateCheck
from node.snapshot_files import remove_folder
from node.store import META_BEGAN, Store, Table, height_key
from node.store_reader import StoreReader
from node.wire import WireError, core_certificate, header_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from consensus.types import Certificate
    from ledger.state import Record
    from node.epochchain import EpochLink
    from node.snapshot import Manifest
    from node.store import Batch

STORE_FOLDER: Final = "store"
"""In the data folder."""
HIDDEN: Final = "store.new"


def is_empty(data: Path, map_bytes: int) -> bool:
    """Whether the data folder has no store yet, or one that is still at genesis.

    One that cannot be read is not: opening it will say what is wrong.
    """
    if not (data / STORE_FOLDER / "data.mdb").exists():
        return True
    try:
        reader = StoreReader(data / STORE_FOLDER, map_bytes)
    except StoreFailed:
        return False
    try:
        return not int.from_bytes(reader.get(Table.META, META_HEIGHT) or b"", "big")
    finally:
        reader.close()


def build(
    folder: Path,
    manifest: Manifest,
    links: Sequence[EpochLink],
    read: Callable[[int], bytes],
    *,
    chain: bytes,
    map_bytes: int,
    blocks: Callable[[Store], int] | None = None,
) -> int:
    """Make a new store in `folder` from a snapshot whose header and links are proven; return its height.

    `read` gives the bytes of a chunk. `blocks`, of a backup, writes blocks before the height is written and returns the height below them.

    Raises
    ------
    SnapshotWrong
        It is not the state of its header.
    StoreError, StorageFailed
        The disk refused.
    """
    remove_folder(folder)
    store = Store.open(folder, chain, map_bytes)
    try:
        check = StateCheck()
        for index in range(len(manifest.chunks)):
            _take_chunk(store, check, manifest, index, read(index))
        height = _finish(store, check, manifest, links, blocks)
    finally:
        store.close()
    return height


def take_over(data: Path) -> None:
    """Give the new store its name; the one at genesis goes. Raises StorageFailed."""
    files = DiskFiles()
    remove_folder(data / STORE_FOLDER)
    files.rename(data / HIDDEN, data / STORE_FOLDER)
    files.sync_folder(data)


def room_for(data: Path, size: int) -> None:
    """Refuse early what cannot fit: chunks and the store made of them need about three times the size. Raises DiskFull."""
    import errno  # noqa: PLC0415 - used here only
    import shutil  # noqa: PLC0415

    if shutil.disk_usage(data).free < 3 * size:
        raise stop(OSError(errno.ENOSPC, "no space"), "write a snapshot to", data)


def _take_chunk(store: Store, check: StateCheck, manifest: Manifest, index: int, data: bytes) -> None:
    """Check one chunk and write it in a transaction of its own: nothing counts before the height is there."""
    info = manifest.chunks[index]
    kind = ChunkKind(info.kind)
    try:
        pairs = decode_chunk(data, info)
    except WireError as error:
        raise SnapshotWrong(str(error)) from None
    marks = check.add(kind, pairs)
    batch = store.begin()
    try:
        batch.put(Table.LEAVES if kind is ChunkKind.LEAVES else Table.REFS, pairs)
        _put_indexes(batch, marks)
    except BaseException:
        batch.abort()
        raise
    store.commit(batch)


def _finish(store: Store, check: StateCheck, manifest: Manifest, links: Sequence[EpochLink], blocks: Callable[[Store], int] | None) -> int:
    _, header = header_of(manifest.header)
    roots, slots = check.finish(header, manifest.openings)
    began = header.height if blocks is None else blocks(store)
    key = height_key(header.height)
    batch = store.begin()
    try:
        _put_indexes(batch, check.counts())
        for link in links:
            _put_header(batch, link.header, core_certificate(link.certificate))
        _put_header(batch, manifest.header, core_certificate(manifest.certificate))
        batch.put(Table.EPOCHS, [(epoch_number_key(epoch), encode_link(link)) for epoch, link in enumerate(links)])
        journals = tuple((each.participant, each.journal_root) for each in manifest.openings)
        meta = [(META_HEIGHT, key), (META_ROOTS, encode(sorted(roots.items()))), (META_SLOTS, encode(Slots(slots, journals)))]
        batch.put(Table.META, [*meta, *([(META_BEGAN, height_key(began))] if began else [])])
    except BaseException:
        batch.abort()
        raise
    store.commit(batch)
    return header.height


def _put_header(batch: Batch, data: bytes, certificate: Certificate) -> None:
    """Write a header with its finalization: of the state's block, and of the last of each epoch, for nodes that are still in one."""
    block_id, header = header_of(data)
    key = height_key(header.height)
    batch.put(Table.HEADERS, [(key, data)])
    batch.put(Table.CERTIFICATES, [(key, encode_certificate(certificate))])
    batch.put(Table.HEIGHTS, [(block_id, key)])


def _put_indexes(batch: Batch, records: dict[str, Record]) -> None:
    batch.put(Table.INDEXES, sorted((key.encode(), encode(record)) for key, record in records.items()))
