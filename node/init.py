"""`som init`: key material and an empty memory, before the network's genesis; never again (K15: `som recover` is something else)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from consensus.types import Epoch
from ledger.keys import public_key_of
from node.config import ConfigError
from node.files import DiskFiles
from node.keyfiles import box_public_of, new_seed, read_seed, write_seed
from node.memory import create_memory
from node.signer import SeedKey

if TYPE_CHECKING:
    from node.config import Config
    from node.files import Files


class NodeKeys(Struct, frozen=True):
    """Public keys of a node, hex: what a plan of a network names."""

    consensus_key: str
    """Empty for a peer."""
    node_key: str
    box_key: str


def init_node(config: Config, files: Files | None = None) -> NodeKeys:
    """Make the keys that the configuration names, the data folder and a validator's memory.

    Node and box keys that are there already are kept: they promise nothing to other nodes.

    Raises
    ------
    ConfigError
        The consensus key is there already, or a key file cannot be written or read.
    MarkExists, JournalExists, StorageFailed
        The data folder has a memory already, or the disk refused.
    """
    disk = files or DiskFiles()
    consensus = _new_consensus_seed(config) if config.role == "validator" else b""
    node, box = _kept_or_new(Path(config.node_key)), _kept_or_new(Path(config.box_key))
    begin_memory(config, consensus, disk)
    return NodeKeys(public_key_of(consensus).hex() if consensus else "", public_key_of(node).hex(), box_public_of(box).hex())


def begin_memory(config: Config, consensus: bytes, files: Files) -> None:
    """Make the data folder and, where there is a consensus seed that never signed, its journal and mark."""
    files.make_folder(config.data_folder)
    if consensus:
        create_memory(files, config.data_folder, Epoch(0), SeedKey(consensus))


def _new_consensus_seed(config: Config) -> bytes:
    path = Path(config.consensus_key)
    if path.exists():
        raise ConfigError(
            f"{path} exists, and a key that may have voted never gets a fresh memory: if it was never in a genesis document, remove it and "
            "run som init again; else start the node with the data folder it had"
        )
    seed = new_seed()
    write_seed(path, seed)
    return seed


def _kept_or_new(path: Path) -> bytes:
    if path.exists():
        return read_seed(path)
    seed = new_seed()
    write_seed(path, seed)
    return seed
