"""Snapshots on disk: a folder for each height under `data/snapshots`, with a manifest and numbered chunks.

A folder is made under a hidden name, synced, and renamed when it is whole; so what has a height for its name can be served. Several
functions here wait for the disk: call them in a thread.
"""

from __future__ import annotations

import shutil
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from node.files import stop
from node.snapshot import ChunkInfo, SnapshotLine, decode_manifest, encode_chunk, encode_manifest
from node.wire import WireError, header_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from node.files import Files
    from node.snapshot import ChunkKind, Manifest

FOLDER: Final = "snapshots"
"""In the data folder."""
MANIFEST: Final = "manifest"
HIDDEN: Final = "new"
"""Of the one that is being made."""
WANTED: Final = "wanted"
"""A file of this name asks a running node to make a snapshot now; whoever may write into the data folder may ask."""


def chunk_name(index: int) -> str:
    """File name of a chunk."""
    return f"{index:05}"


def write_file(files: Files, path: Path, data: bytes) -> None:
    """Write a new file, synced. Raises StorageFailed, of which DiskFull is one."""
    file = files.create(path)
    try:
        file.write_at(0, data)
        file.sync()
    finally:
        file.close()


def write_chunk(files: Files, path: Path, kind: ChunkKind, pairs: Sequence[tuple[bytes, bytes]]) -> ChunkInfo:
    """Write a chunk, synced, and return what the manifest says of it; raises as `write_file`."""
    data = encode_chunk(pairs)
    write_file(files, path, data)
    return ChunkInfo(kind.value, len(data), sha256(data).digest())


def remove_folder(folder: Path) -> None:
    """Remove a folder and what is in it; one that is not there is no error. Raises StorageFailed."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise stop(error, "remove", folder) from error


def publish(files: Files, hidden: Path, target: Path, manifest: Manifest) -> None:
    """Finish a folder: manifest, names and content synced, then its real name. Raises as `write_file`."""
    write_file(files, hidden / MANIFEST, encode_manifest(manifest))
    files.sync_folder(hidden)
    files.rename(hidden, target)
    files.sync_folder(target.parent)


def line_of(folder: Path) -> tuple[SnapshotLine, Manifest] | None:
    """Say what a folder offers; None where it holds no whole snapshot."""
    try:
        data = (folder / MANIFEST).read_bytes()
        manifest = decode_manifest(data)
        block_id, header = header_of(manifest.header)
    except (OSError, WireError):
        return None
    line = SnapshotLine(header.height, block_id.hex(), manifest.size, len(manifest.chunks), sha256(data).hexdigest())
    return line, manifest


def lines_in(folder: Path) -> list[SnapshotLine]:
    """Snapshots in a folder, newest first. What is no snapshot is passed over."""
    if not folder.is_dir():
        return []
    found = [found[0] for each in folder.iterdir() if each.name.isdecimal() and (found := line_of(each)) is not None]
    return sorted((line for line in found if (folder / str(line.height)).is_dir()), key=lambda line: -line.height)
