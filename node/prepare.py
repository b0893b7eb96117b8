"""Everything a node needs before its loop runs: checked, opened and locked, or refused with a sentence and an exit code.

Order matters: the verifier before any key is used, the lock before any file of the data folder, the memory of a validator (K15) before
the store. Whether a key votes, the newest final state says: one that is not in its set follows until it is.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.edge_cases import VerifierDiffers, check_verifier
from ledger.genesis import check_genesis
from ledger.genesis_document import GenesisError, chain_id, parse_genesis
from ledger.keys import public_key_of
from node.chain import Chain
from node.config import ConfigError
from node.errors import KeyUnfit
from node.files import DiskFiles, FolderLock
from node.keyfiles import read_seed
from node.memory import recall
from node.metrics import Metrics
from node.signer import SeedKey
from node.store import Store
from node.viewkeys import open_ring

if TYPE_CHECKING:
    from ledger.genesis_document import Genesis
    from node.config import Config
    from node.memory import Memory


STORE_FOLDER = "store"


@dataclass(frozen=True, slots=True)
class Voter:
    """What only a node with a consensus key has."""

    key: bytes
    """Public consensus key."""
    memory: Memory


@dataclass(frozen=True, slots=True)
class Prepared:
    """A node that may run."""

    config: Config
    genesis: Genesis
    node_seed: bytes
    metrics: Metrics
    chain: Chain
    voter: Voter | None
    lock: FolderLock

    def close(self) -> None:
        """Release files and lock, the lock last."""
        if self.voter is not None:
            self.voter.memory.journal.close()
            self.voter.memory.signer.close()
        self.chain.close()
        self.lock.release()


def prepare(config: Config) -> Prepared:
    """Check and open everything.

    Raises
    ------
    Fatal
        The node must not start; the sentence says what to do.
    """
    try:
        check_verifier()
    except VerifierDiffers as problem:
        raise KeyUnfit(str(problem)) from problem
    genesis = load_genesis(Path(config.genesis))
    node_seed = read_seed(Path(config.node_key))
    ring = open_ring(genesis, config)
    files = DiskFiles()
    files.make_folder(config.data_folder)
    with ExitStack() as opened:
        lock = FolderLock(config.data_folder)
        opened.callback(lock.release)
        voter = _voter(config) if config.role == "validator" else None
        if voter is not None:
            opened.callback(voter.memory.journal.close)
            opened.callback(voter.memory.signer.close)
        metrics = Metrics()
        store = Store.open(config.data_folder / STORE_FOLDER, chain_id(genesis), config.limits.map_bytes)
        opened.callback(store.close)
        chain = Chain.open(store, genesis, ring, history=voter is None, stages=metrics)
        if voter is not None:
            _check_node_key(chain, voter, public_key_of(node_seed))
        opened.pop_all()
    return Prepared(config, genesis, node_seed, metrics, chain, voter, lock)


def load_genesis(path: Path) -> Genesis:
    """Read and check the genesis document.

    Raises
    ------
    ConfigError
        It cannot be read, or cannot begin a network; names the line.
    """
    try:
        genesis = _checked(path.read_text("utf-8"))
    except OSError as problem:
        raise ConfigError(f"cannot read the genesis document {path}: {problem.strerror}; set `genesis` in the configuration") from problem
    except (GenesisError, UnicodeDecodeError) as problem:
        raise ConfigError(f"{path}: {problem}") from problem
    return genesis


def _check_node_key(chain: Chain, voter: Voter, node_key: bytes) -> None:
    seat = chain.council.seat_of(voter.key)
    if seat is not None and chain.council.members[seat].node_key != node_key:
        raise KeyUnfit(f"the node key {node_key.hex()} is not the one that the ledger lists for validator {seat}: name its node_key file")


@lru_cache(maxsize=1)
def _checked(text: str) -> Genesis:
    """Parse and check a document once per process: with 100,000 accounts that takes ten seconds, and a start needs it twice."""
    genesis = parse_genesis(text)
    check_genesis(genesis)
    return genesis


def _voter(config: Config) -> Voter:
    """Open journal and mark by the table of K15."""
    key = SeedKey(read_seed(Path(config.consensus_key)))
    return Voter(key.public_key, recall(DiskFiles(), config.data_folder, key))
