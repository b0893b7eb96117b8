"""`som recover`: a new consensus key for a validator whose disk or mark is lost (K15).

Not `som init`: that one makes what a node never had, before the network's genesis; this one retires a key that may have voted. What the old
key signed last is unknown, so it never votes again. Nothing is removed or overridden: the old key, journal and mark are moved aside, and
the new key promises nothing until validator.set has put it into a set. Where journal and mark are whole, nothing is done.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from consensus.types import Epoch
from ledger.keys import public_key_of
from node.config import ConfigError
from node.fatal import Fatal
from node.files import DiskFiles, FolderLock
from node.init import NodeKeys
from node.journal import Journal
from node.keyfiles import box_public_of, new_seed, read_seed, write_seed
from node.memory import JOURNAL_FOLDER, MARK_FILE, create_memory, recall
from node.segments import JournalCorrupt
from node.signer import MarkBehind, MarkMissing, NoMemory, SeedKey, Signer

if TYPE_CHECKING:
    from node.config import Config
    from node.files import Files


class NothingLost(Fatal):
    """The memory of this validator is whole: its key must not be replaced by mistake."""

    exit_code = 33


class Recovered(Struct, frozen=True):
    """What was made anew, and what the operator has to do about it."""

    reason: str
    """Why the old key never votes again."""
    keys: NodeKeys
    new_node_key: str
    """Hex; empty: the old one is kept."""
    new_box_key: str
    moved: tuple[str, ...]
    """Files and folders as they are called now."""
    next: tuple[str, ...]
    """Sentences, in order."""


def recover_node(config: Config, files: Files | None = None) -> Recovered:
    """Make a new consensus key with an empty memory, where the old one's memory is lost. The node must not run.

    Raises
    ------
    NothingLost
        Journal and mark are whole, or only the journal is gone or damaged: the mark alone keeps the key safe.
    ConfigError
        The configuration is a peer's, or a key file cannot be read or written.
    FolderInUse, MarkOfOtherKey, RecordUnknown, StorageFailed
        The node runs; the mark belongs to another key; the journal is another version's; the disk refused.
    """
    if config.role != "validator":
        raise ConfigError("a peer has no votes to remember: remove its data folder and start it again")
    disk = files or DiskFiles()
    disk.make_folder(config.data_folder)
    lock = FolderLock(config.data_folder)
    try:
        reason = _what_is_lost(config, disk)
        moved = _move_aside(config, disk)
        seed = new_seed()
        write_seed(Path(config.consensus_key), seed)
        create_memory(disk, config.data_folder, Epoch(0), SeedKey(seed))
    finally:
        lock.release()
    node, new_node = _kept_or_new(Path(config.node_key))
    box, new_box = _kept_or_new(Path(config.box_key))
    keys = NodeKeys(public_key_of(seed).hex(), public_key_of(node).hex(), box_public_of(box).hex())
    fresh_node, fresh_box = keys.node_key if new_node else "", keys.box_key if new_box else ""
    return Recovered(reason, keys, fresh_node, fresh_box, moved, _next(keys, fresh_node, fresh_box))


def _what_is_lost(config: Config, files: Files) -> str:
    """Say why the key in the configuration never votes again; raises NothingLost where it may."""
    data = config.data_folder
    path = Path(config.consensus_key)
    if not files.exists(path):
        return f"the consensus key {path} is missing"
    journal, mark = Journal.exists(files, data / JOURNAL_FOLDER), files.exists(data / MARK_FILE)
    if mark and not journal and (fault := _mark_fault(config, files)) is not None:
        return fault
    if mark and not journal:
        raise NothingLost(
            f"only the journal in {data} is lost, and the mark keeps the key safe: start the node, it makes a new journal and votes above "
            "its mark"
        )
    try:
        memory = recall(files, data, SeedKey(read_seed(path)))
    except (NoMemory, MarkMissing, MarkBehind) as fault:
        return str(fault)
    except JournalCorrupt as fault:
        raise NothingLost(
            f"{fault}; the mark is whole and keeps the key safe: move the folder {data / JOURNAL_FOLDER} away, start the node, and it "
            "makes a new journal"
        ) from fault
    memory.journal.close()
    memory.signer.close()
    raise NothingLost(f"journal and mark in {data} are whole and belong to the key in {path}: nothing is lost, start the node")


def _mark_fault(config: Config, files: Files) -> str | None:
    """Say what is wrong with a mark that is there; None: nothing. Raises MarkOfOtherKey."""
    try:
        Signer.open(files, config.data_folder / MARK_FILE, SeedKey(read_seed(Path(config.consensus_key)))).close()
    except MarkMissing as fault:
        return str(fault)
    return None


def _move_aside(config: Config, files: Files) -> tuple[str, ...]:
    """Give the old key, mark and journal other names, the key first: without it the node does not start, whatever is left."""
    moved = []
    data = config.data_folder
    for path in (Path(config.consensus_key), data / MARK_FILE, data / JOURNAL_FOLDER):
        if not (files.exists(path) or Journal.exists(files, path)):
            continue
        number = 1
        while (aside := path.with_name(f"{path.name}.lost-{number}")).exists():
            number += 1
        files.rename(path, aside)
        files.sync_folder(path.parent)
        moved.append(str(aside))
    return tuple(moved)


def _kept_or_new(path: Path) -> tuple[bytes, bool]:
    """Return the seed in a key file, and whether it was made just now."""
    if path.exists():
        return read_seed(path), False
    seed = new_seed()
    write_seed(path, seed)
    return seed, True


def _next(keys: NodeKeys, new_node_key: str, new_box_key: str) -> tuple[str, ...]:
    """Say what the operator must have done before the new key votes, in order."""
    lines = []
    if new_node_key or new_box_key:
        lines.append("register the new node and box key: participant.put with node_keys and box_keys (grant register)")
    if new_box_key:
        lines.append(
            f"have the view key in force sealed to the box key {new_box_key}: param.set view_key with the same hash and one more copy; "
            "until then the node cannot check a block"
        )
    lines.append("start the node: it takes a snapshot or blocks from the others and follows; it does not vote")
    lines.append(f"have the consensus key {keys.consensus_key} take the old one's place: validator.set (root), planned for the next epoch")
    lines.append("once the node is synced, sign that it is ready: attest of kind ready; it votes from the first boundary after that")
    lines.append("keep what was moved aside away from any node: a key that votes twice forks the chain")
    return tuple(lines)
