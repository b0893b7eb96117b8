"""Backups of a node: what one is made of, and making it while the node runs.

A backup is a folder: a state snapshot at one final height, the blocks up to it, how every epoch before it ended, genesis document and
configuration, and `backup.json` with length and SHA-256 of each file. It holds no key, no mark and no journal: a mark that comes back from
a copy would let a key vote twice (K15). Checking and restoring are in `node.restore`.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from ledger.canonical import HOSTILE
from ledger.genesis import chain_id
from node.chain import Chain
from node.epochchain import encode_link
from node.fatal import Fatal
from node.files import DiskFiles, FolderInUse, FolderLock, stop
from node.prepare import STORE_FOLDER, load_genesis
from node.snapshot import CHUNK_BYTES, encode_chunk
from node.snapshot_capture import Capture, NothingToCapture
from node.snapshot_files import FOLDER, MANIFEST, WANTED, chunk_name, lines_in, write_file
from node.store import Store, Table, height_key
from node.store_reader import StoreReader
from node.viewkeys import open_ring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from node.config import Config
    from node.epochchain import EpochLink
    from node.snapshot import SnapshotLine

FORMAT: Final = "som/backup/1"
INDEX: Final = "backup.json"
GENESIS: Final = "genesis.json"
CONFIG: Final = "node.toml"
EPOCHS: Final = "epochs"
STATE: Final = "state"
"""Folder of the snapshot."""
BLOCKS: Final = "blocks"
"""Folder of chunks `[[table u8 | height u64, value], ...]`, by height."""
INDEX_BYTES_MAX: Final = 64 * 1_048_576
WAIT_SECONDS_MAX: Final = 600.0
"""How long a running node may take for its snapshot."""
POLL_SECONDS: Final = 0.2
LENGTH_BYTES: Final = 4

BLOCK_TABLES: Final = {1: Table.HEADERS, 2: Table.BODIES, 3: Table.RECEIPTS, 4: Table.CERTIFICATES}
"""Number in a key -> table."""


class BackupFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a backup."""

    name: Annotated[str, Meta(pattern=r"^[a-z]+(\.[a-z]+)?(/[a-z0-9]+)?$")]
    bytes: Annotated[int, Meta(ge=0)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Backup(Struct, frozen=True, forbid_unknown_fields=True):
    """`backup.json`."""

    format: Literal["som/backup/1"]
    chain: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    node: str
    """Name of the node that it was made from."""
    height: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    """Of the state; the last block."""
    first: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    """Height of the first block; above 1 where the node began at a snapshot; `height + 1`: no blocks."""
    made_ms: int
    """Unix ms, by the clock of the machine that made it."""
    files: Annotated[tuple[BackupFile, ...], Meta(max_length=1_000_000)]


class BackupFailed(Fatal):
    """A backup cannot be made."""

    exit_code = 34


class BackupWrong(Fatal):
    """A backup is damaged, or is not the state that a quorum has signed for."""

    exit_code = 35


def read_index(folder: Path) -> Backup:
    """Read `backup.json` of a folder; raises BackupWrong."""
    path = folder / INDEX
    try:
        if path.stat().st_size > INDEX_BYTES_MAX:
            raise BackupWrong(f"{path} is too long to be the index of a backup")
        return msgspec.json.decode(path.read_bytes(), type=Backup)
    except OSError as problem:
        raise BackupWrong(f"{folder} holds no backup: {path}: {problem.strerror}") from problem
    except HOSTILE as problem:
        raise BackupWrong(f"{path} cannot be read: {problem}") from None


def create_backup(config: Config, source: Path, target: Path) -> Backup:
    """Back a node up into a new folder, whether it runs or not. `source`: its configuration file.

    Raises
    ------
    BackupFailed
        There is nothing to back up, the folder exists, or the running node made no snapshot in time.
    Fatal
        Store or disk refused.
    """
    if target.exists():
        raise BackupFailed(f"{target} exists: name a new folder, no backup is overwritten")
    genesis_path = Path(config.genesis)
    chain = chain_id(load_genesis(genesis_path))
    data = config.data_folder
    line = _snapshot(config)
    hidden = target.with_name(target.name + ".new")
    files = DiskFiles()
    if hidden.exists():
        shutil.rmtree(hidden)
    for folder in (hidden, hidden / STATE, hidden / BLOCKS):
        files.make_folder(folder)
    reader = StoreReader(data / STORE_FOLDER, config.limits.map_bytes)
    try:
        _copy(data / FOLDER / str(line.height), hidden / STATE, line)
        links = reader.links_below(line.height)
        write_file(files, hidden / EPOCHS, b"".join(_record(link) for link in links))
        for index, pairs in enumerate(_block_chunks(reader, line.height)):
            write_file(files, hidden / BLOCKS / chunk_name(index), encode_chunk(pairs))
        first = reader.began + 1
    finally:
        reader.close()
    write_file(files, hidden / GENESIS, genesis_path.read_bytes())
    write_file(files, hidden / CONFIG, source.read_bytes())
    made_ms = time.time_ns() // 1_000_000
    backup = Backup(FORMAT, chain.hex(), config.name, line.height, first, made_ms, tuple(_files_of(hidden)))
    write_file(files, hidden / INDEX, msgspec.json.format(msgspec.json.encode(backup)))
    for folder in (hidden / STATE, hidden / BLOCKS, hidden):
        files.sync_folder(folder)
    files.rename(hidden, target)
    files.sync_folder(target.parent)
    return backup


def names_in(folder: Path) -> list[str]:
    """Names of all files of a backup but the index, sorted, relative to its folder."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if name != INDEX)


def digest_of(path: Path) -> tuple[int, str]:
    """Length and SHA-256 of a file."""
    digest = sha256()
    size = 0
    with path.open("rb") as file:
        while part := file.read(CHUNK_BYTES):
            digest.update(part)
            size += len(part)
    return size, digest.hexdigest()


def _snapshot(config: Config) -> SnapshotLine:
    """Have a snapshot made now: by the node itself where it runs, else here."""
    try:
        lock = FolderLock(config.data_folder)
    except FolderInUse:
        _ask(config.data_folder / FOLDER)
    else:
        try:
            _capture(config)
        finally:
            lock.release()
    lines = lines_in(config.data_folder / FOLDER)
    if not lines:
        raise BackupFailed(f"{config.name} has no final block to back up yet")
    return lines[0]


def _ask(folder: Path) -> None:
    """Ask the running node, and wait until it has answered."""
    DiskFiles().make_folder(folder)
    wanted = folder / WANTED
    wanted.touch()
    until = time.monotonic() + WAIT_SECONDS_MAX
    while wanted.exists():
        if time.monotonic() > until:
            raise BackupFailed(f"the running node made no snapshot within {WAIT_SECONDS_MAX:.0f} s; see its log")
        time.sleep(POLL_SECONDS)


def _capture(config: Config) -> None:
    """Make a snapshot of a node that does not run."""
    genesis = load_genesis(Path(config.genesis))
    if not (config.data_folder / STORE_FOLDER).is_dir():
        raise BackupFailed(f"{config.data_folder} holds no store: nothing to back up")
    store = Store.open(config.data_folder / STORE_FOLDER, chain_id(genesis), config.limits.map_bytes)
    try:
        chain = Chain.open(store, genesis, open_ring(genesis, config), history=False)
        folder = config.data_folder / FOLDER
        if any(line.height == chain.tip.facts.height for line in lines_in(folder)):
            return
        asyncio.run(_made(Capture(store.pin(), DiskFiles(), folder, chain.view_key_of)))
    except NothingToCapture:
        return
    finally:
        store.close()


async def _made(capture: Capture) -> None:
    await capture.make()


def _copy(source: Path, target: Path, line: SnapshotLine) -> None:
    """Copy a snapshot's files; the node keeps two of them, so this one stays while it is copied."""
    files = DiskFiles()
    for name in (MANIFEST, *(chunk_name(index) for index in range(line.chunks))):
        try:
            data = (source / name).read_bytes()
        except OSError as error:
            raise stop(error, "read", source / name) from error
        write_file(files, target / name, data)


def _block_chunks(reader: StoreReader, height: int) -> Iterator[list[tuple[bytes, bytes]]]:
    """Rows of every block up to a height, by height, in chunks."""
    pairs: list[tuple[bytes, bytes]] = []
    size = 0
    for at in range(reader.began + 1, height + 1):
        key = height_key(at)
        for number, table in BLOCK_TABLES.items():
            value = reader.get(table, key)
            if value is not None:
                pairs.append((bytes((number,)) + key, value))
                size += len(value)
        if size >= CHUNK_BYTES:
            yield pairs
            pairs, size = [], 0
    if pairs:
        yield pairs


def _record(link: EpochLink) -> bytes:
    data = encode_link(link)
    return len(data).to_bytes(LENGTH_BYTES, "big") + data


def _files_of(folder: Path) -> Iterator[BackupFile]:
    for name in names_in(folder):
        size, digest = digest_of(folder / name)
        yield BackupFile(name, size, digest)
