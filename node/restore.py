"""Checking a backup without a network, and making a store of it again.

Files are compared with the index; but what counts is proven anew: from the genesis document over the end of each epoch to the finalization
of the backup's last block, from its header to every root of the state, and down the parents to every block. With the view key, bodies and
receipts too are compared with their headers.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import MsgspecError, Struct
from msgspec.msgpack import Decoder

from ledger.blocks import Entry, Receipt, body_hash, split_body
from ledger.codec import decode_transaction
from ledger.epochs import Epoch, ViewKey, epoch_key, view_key_key
from ledger.errors import LedgerError
from ledger.execute import block_key, opening_of, transaction_leaf
from ledger.genesis import GenesisError, chain_id, sealed_copies
from ledger.leaves import record_of
from ledger.lists import list_root
from node.backup import BLOCK_TABLES, BLOCKS, EPOCHS, GENESIS, STATE, BackupWrong, digest_of, names_in, read_index
from node.blocklog import BlockLog
from node.config import ConfigError
from node.epochchain import EpochChainBroken, is_final, key_set, walk
from node.fatal import Fatal
from node.files import DiskFiles, FolderLock, stop
from node.history import entry_pairs
from node.prepare import load_genesis
from node.records import decode_certificate
from node.snapshot import ChunkInfo, ChunkKind, decode_chunk, decode_manifest
from node.snapshot_check import SnapshotWrong, StateCheck
from node.snapshot_fetch import check_manifest, first_set, split_links
from node.snapshot_files import MANIFEST, chunk_name
from node.snapshot_install import HIDDEN, build, take_over
from node.store import Store, Table, height_key
from node.transactions import TransactionCache
from node.viewkeys import VIEW_KEYS_FILE, open_ring
from node.wire import WireError, header_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ledger.blocks import Header
    from ledger.epochs import Validator
    from ledger.genesis import Genesis
    from node.backup import Backup
    from node.config import Config
    from node.epochchain import EpochLink
    from node.snapshot import Manifest
    from node.viewkeys import KeyRing

BLOCKS_PER_BATCH: Final = 64
FILE_BYTES_MAX: Final = 256 * 1_048_576
"""Of a file that is read whole: chunks have 4 MiB, epochs 128 KiB each."""
_RECEIPTS: Final = Decoder(tuple[tuple[Receipt, ...], tuple[Entry, ...]])

R = TypeVar("R", Epoch, ViewKey)
Rows = dict[Table, bytes]
"""What a backup has of one block."""


class DataNotEmpty(Fatal):
    """A backup is restored into an empty data folder only."""

    exit_code = 36


class Checked(Struct, frozen=True):
    """What a backup was found to hold."""

    chain: str
    """Hex; compare it with what the network was said to be."""
    height: int
    block_id: str
    time_ms: int
    """Block time of the state."""
    epochs: int
    leaves: int
    """Records of the state."""
    blocks: int
    bodies: int
    """Blocks whose body and receipts were compared with the header: all where the view key is here, else 0."""


class BackupFolder:
    """A backup whose files are what its index says and whose last block is proven final."""

    def __init__(self, folder: Path) -> None:
        """Check index, files, genesis document, epochs and manifest; raises BackupWrong."""
        self._folder = folder
        self.index: Backup = read_index(folder)
        self._check_files()
        try:
            self.genesis: Genesis = load_genesis(folder / GENESIS)
            self.links: tuple[EpochLink, ...] = self._links()
            self.manifest: Manifest = decode_manifest(self._read(f"{STATE}/{MANIFEST}"))
            check_manifest(self.manifest, self.links, self.genesis)
        except (ConfigError, GenesisError, WireError, EpochChainBroken) as problem:
            raise BackupWrong(f"the backup {folder} proves nothing: {problem}") from problem
        self.block_id, self.header = header_of(self.manifest.header)
        if chain_id(self.genesis).hex() != self.index.chain or self.header.height != self.index.height:
            raise BackupWrong(f"{folder} is of another chain or height than its index says")

    @property
    def sets(self) -> list[tuple[Validator, ...]]:
        """Validators of every epoch."""
        return walk(self.links, genesis=first_set(self.genesis), chain=chain_id(self.genesis))

    def chunk(self, index: int) -> bytes:
        """Bytes of a chunk of the state."""
        return self._read(f"{STATE}/{chunk_name(index)}")

    def blocks(self) -> Iterator[tuple[int, Rows]]:
        """Height and rows of each block, ascending, without a gap, up to that of the state; raises BackupWrong."""
        height, rows = self.index.first, Rows()
        for name in self._block_files():
            for key, value in self._pairs(name):
                table, at = BLOCK_TABLES.get(key[0]), int.from_bytes(key[1:], "big")
                if table is None or at not in {height, height + 1}:
                    raise BackupWrong(f"{name} holds rows that are out of order")
                if at == height + 1:
                    yield height, rows
                    height, rows = at, Rows()
                rows[table] = value
        if rows:
            yield height, rows
            height += 1
        if height != self.index.height + 1:
            raise BackupWrong(f"the backup ends with block {height - 1}, its state is of block {self.index.height}")

    def _block_files(self) -> list[str]:
        return [each.name for each in self.index.files if each.name.startswith(BLOCKS + "/")]

    def _pairs(self, name: str) -> tuple[tuple[bytes, bytes], ...]:
        data = self._read(name)
        size, digest = len(data), next(each.sha256 for each in self.index.files if each.name == name)
        try:
            return decode_chunk(data, ChunkInfo(ChunkKind.LEAVES.value, size, bytes.fromhex(digest)))
        except WireError as problem:
            raise BackupWrong(f"{name}: {problem}") from problem

    def _links(self) -> tuple[EpochLink, ...]:
        data = self._read(EPOCHS)
        links: list[EpochLink] = []
        at = 0
        while at < len(data):
            end = at + 4 + int.from_bytes(data[at : at + 4], "big")
            links.extend(split_links(data[at:end], len(links)))
            at = end
        return tuple(links)

    def _read(self, name: str) -> bytes:
        path = self._folder / name
        try:
            if path.stat().st_size > FILE_BYTES_MAX:
                raise BackupWrong(f"{path} is too long")
            return path.read_bytes()
        except OSError as error:
            raise stop(error, "read", path) from error

    def _check_files(self) -> None:
        """Compare every file with the index: none missing, none more, none altered."""
        names = [each.name for each in self.index.files]
        if names != names_in(self._folder):
            raise BackupWrong(f"the files in {self._folder} are not those that its index names")
        for each in self.index.files:
            if digest_of(self._folder / each.name) != (each.bytes, each.sha256):
                raise BackupWrong(f"{self._folder / each.name} is not what was backed up: it was altered or is damaged")


def verify_backup(folder: Path, config: Config | None) -> Checked:
    """Check a backup, all of it. With the configuration of a full-view node its bodies and receipts too.

    Raises
    ------
    BackupWrong
        Something in it is damaged or not proven.
    Fatal
        The configuration cannot be used, or the disk refused.
    """
    backup = BackupFolder(folder)
    check = StateCheck()
    governed: dict[str, bytes] = {}
    try:
        for index, info in enumerate(backup.manifest.chunks):
            pairs = decode_chunk(backup.chunk(index), info)
            check.add(ChunkKind(info.kind), pairs)
            governed.update((key.decode(), value) for key, value in pairs if key.startswith((b"epoch/", b"viewkey/")))
        check.finish(backup.header, backup.manifest.openings)
    except (SnapshotWrong, WireError) as problem:
        raise BackupWrong(f"the state in {folder} is not that of block {backup.index.height}: {problem}") from problem
    keys = {} if config is None else _view_keys(backup, governed, open_ring(backup.genesis, config))
    blocks, bodies = _check_blocks(backup, keys)
    return Checked(
        chain=backup.index.chain,
        height=backup.header.height,
        block_id=backup.block_id.hex(),
        time_ms=backup.header.time_ms,
        epochs=backup.header.epoch + 1,
        leaves=check.leaves,
        blocks=blocks,
        bodies=bodies,
    )


def restore_backup(folder: Path, config: Config) -> Checked:
    """Check a backup and make the store of a node from it. The data folder must be empty.

    Raises
    ------
    DataNotEmpty
        It is not.
    BackupWrong
        The backup does not hold, or is of another chain than the configuration's genesis document.
    Fatal
        The disk refused.
    """
    checked, backup = verify_backup(folder, None), BackupFolder(folder)
    data = config.data_folder
    if chain_id(load_genesis(Path(config.genesis))).hex() != checked.chain:
        raise BackupWrong(f"the backup is of chain {checked.chain}, which is not that of {config.genesis}")
    DiskFiles().make_folder(data)
    lock = FolderLock(data)
    try:
        left = sorted(path.name for path in data.iterdir() if path.name not in {"lock", VIEW_KEYS_FILE, HIDDEN})
        if left:
            raise DataNotEmpty(f"{data} holds {', '.join(left[:5])}: a backup is restored into an empty data folder only")
        build(
            data / HIDDEN,
            backup.manifest,
            backup.links,
            backup.chunk,
            chain=chain_id(backup.genesis),
            map_bytes=config.limits.map_bytes,
            blocks=partial(_write_blocks, backup, history=config.role == "peer"),
        )
        take_over(data)
    except SnapshotWrong as problem:
        raise BackupWrong(str(problem)) from problem
    finally:
        lock.release()
    return checked


def _view_keys(backup: BackupFolder, governed: Mapping[str, bytes], ring: KeyRing) -> dict[int, bytes]:
    """Return the view key of each epoch, as far as the ring opens it. The records are of a state that was checked."""
    keys: dict[int, bytes] = {}
    for number in range(backup.header.epoch + 1):
        epoch = _governed(governed, epoch_key(number), Epoch)
        record = _governed(governed, view_key_key(epoch.view_key), ViewKey)
        key = ring.find(record.hash, (*record.copies, *sealed_copies(backup.genesis)))
        if key is not None:
            keys[number] = key
    return keys


def _governed(governed: Mapping[str, bytes], key: str, type_: type[R]) -> R:
    """Record of governance; it is part of a state whose roots were checked."""
    record = record_of(key, governed[key]) if key in governed else None
    if not isinstance(record, type_):
        raise BackupWrong(f"the state has no {key}")
    return record


def _check_blocks(backup: BackupFolder, keys: Mapping[int, bytes]) -> tuple[int, int]:
    """Follow the blocks from the first to the proven last one; return how many there are, and how many bodies were compared."""
    sets, chain = backup.sets, chain_id(backup.genesis)
    parent, count, bodies = chain if backup.index.first == 1 else b"", 0, 0
    for height, rows in backup.blocks():
        header = _check_block(height, rows, parent)
        parent = header_of(rows[Table.HEADERS])[0]
        if Table.CERTIFICATES in rows and not _is_final(rows[Table.CERTIFICATES], parent, header.epoch, sets, chain):
            raise BackupWrong(f"the certificate of block {height} does not hold")
        if header.epoch in keys:
            _check_content(header, rows, keys[header.epoch])
            bodies += 1
        count += 1
    if count and parent != backup.block_id:
        raise BackupWrong("the blocks do not lead to the block of the state")
    return count, bodies


def _check_block(height: int, rows: Rows, parent: bytes) -> Header:
    missing = [table.value.decode() for table in (Table.HEADERS, Table.BODIES, Table.RECEIPTS) if table not in rows]
    if missing:
        raise BackupWrong(f"block {height} lacks its {', '.join(missing)}")
    try:
        header = header_of(rows[Table.HEADERS])[1]
    except WireError as problem:
        raise BackupWrong(f"header {height}: {problem}") from problem
    if header.height != height or (parent and header.parent != parent):
        raise BackupWrong(f"block {height} does not stand on the one before it")
    return header


def _is_final(data: bytes, block_id: bytes, epoch: int, sets: list[tuple[Validator, ...]], chain: bytes) -> bool:
    try:
        certificate = decode_certificate(data)
    except ValueError:
        return False
    return epoch < len(sets) and is_final(certificate, block_id, epoch=epoch, keys=key_set(sets[epoch]), chain=chain)


def _check_content(header: Header, rows: Rows, key: bytes) -> None:
    """Compare the body with the header, and its transactions and receipts with transactions_root."""
    height, body = header.height, rows[Table.BODIES]
    if body_hash(body, view_key=key, epoch=header.epoch, view=header.view) != header.body:
        raise BackupWrong(f"the body of block {height} is not the one that its header names")
    secret = block_key(key, header.epoch, header.view)
    try:
        transactions = [decode_transaction(raw) for raw in split_body(body)]
        receipts = _RECEIPTS.decode(rows[Table.RECEIPTS])[0]
        leaves = [
            transaction_leaf(tx, receipt, opening_of(secret, index))
            for index, (tx, receipt) in enumerate(zip(transactions, receipts, strict=True))
        ]
    except (LedgerError, MsgspecError, ValueError) as problem:
        raise BackupWrong(f"block {height} cannot be read: {problem}") from problem
    if list_root(leaves) != header.transactions_root:
        raise BackupWrong(f"the receipts of block {height} are not those that its header names")


def _write_blocks(backup: BackupFolder, store: Store, *, history: bool) -> int:
    """Write every block, and what is derived from it; return the height below the first."""
    log = BlockLog(store, TransactionCache())
    heights: list[int] = []
    batch = store.begin()
    for height, rows in backup.blocks():
        key = height_key(height)
        for table, value in rows.items():
            batch.put(table, [(key, value)])
        batch.put(Table.HEIGHTS, [(header_of(rows[Table.HEADERS])[0], key)])
        heights.append(height)
        if len(heights) == BLOCKS_PER_BATCH:
            store.commit(batch)
            _derive(store, log, heights, history=history)
            heights, batch = [], store.begin()
    store.commit(batch)
    _derive(store, log, heights, history=history)
    return backup.index.first - 1


def _derive(store: Store, log: BlockLog, heights: list[int], *, history: bool) -> None:
    """Write where transactions are and, for a node that keeps it, each account's history."""
    blocks = [block for height in heights if (block := log.block(height)) is not None]
    if not blocks:
        return
    batch = store.begin()
    log.places.add(batch, heights[-1], log.names_of(blocks))
    if history:
        for block in blocks:
            batch.put(Table.ENTRIES, entry_pairs(block))
    store.commit(batch)
