"""Everything a node needs before its loop runs: checked, opened and locked, or refused with a sentence and an exit code.

Order matters: the verifier before any key is used, the lock before any file of the data folder, the memory of a validator (K15) before
the store.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nacl.bindings import crypto_box_seal_open
from nacl.exceptions import CryptoError

from consensus.types import Epoch, ValidatorId, ValidatorSet
from ledger.edge_cases import VerifierDiffers, check_verifier
from ledger.genesis import check_genesis
from ledger.genesis_document import GenesisError, chain_id, parse_genesis
from ledger.keys import public_key_of, tagged
from node.chain import Chain
from node.config import ConfigError
from node.errors import KeyUnfit
from node.files import DiskFiles, FolderLock
from node.keyfiles import box_public_of, read_seed
from node.memory import open_memory
from node.metrics import Metrics
from node.signer import SeedKey
from node.store import Store

if TYPE_CHECKING:
    from ledger.genesis_document import Genesis
    from node.config import Config
    from node.memory import Memory


STORE_FOLDER = "store"


@dataclass(frozen=True, slots=True)
class Voter:
    """What only a validator has."""

    me: ValidatorId
    memory: Memory


@dataclass(frozen=True, slots=True)
class Prepared:
    """A node that may run."""

    config: Config
    genesis: Genesis
    validators: ValidatorSet
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
    view_key = open_view_key(genesis, read_seed(Path(config.box_key)), config)
    files = DiskFiles()
    files.make_folder(config.data_folder)
    with ExitStack() as opened:
        lock = FolderLock(config.data_folder)
        opened.callback(lock.release)
        voter = _voter(config, genesis, node_seed) if config.role == "validator" else None
        if voter is not None:
            opened.callback(voter.memory.journal.close)
            opened.callback(voter.memory.signer.close)
        metrics = Metrics()
        store = Store.open(config.data_folder / STORE_FOLDER, chain_id(genesis), config.limits.map_bytes)
        opened.callback(store.close)
        chain = Chain.open(store, genesis, view_key, history=voter is None, stages=metrics)
        opened.pop_all()
    validators = ValidatorSet(tuple(bytes.fromhex(each.consensus_key) for each in genesis.validators))
    return Prepared(config, genesis, validators, node_seed, metrics, chain, voter, lock)


def load_genesis(path: Path) -> Genesis:
    """Read and check the genesis document.

    Raises
    ------
    ConfigError
        It cannot be read, or cannot begin a network; names the line.
    """
    try:
        genesis = parse_genesis(path.read_text("utf-8"))
        check_genesis(genesis)
    except OSError as problem:
        raise ConfigError(f"cannot read the genesis document {path}: {problem.strerror}; set `genesis` in the configuration") from problem
    except (GenesisError, UnicodeDecodeError) as problem:
        raise ConfigError(f"{path}: {problem}") from problem
    return genesis


def open_view_key(genesis: Genesis, box_secret: bytes, config: Config) -> bytes:
    """Open our copy of the view key and check it against its hash (L28).

    Raises
    ------
    KeyUnfit
        There is no copy for our box key, or it is not the key whose hash governance holds.
    """
    box_key = box_public_of(box_secret)
    for copy in genesis.view_key.sealed:
        if copy.box_key == box_key.hex():
            try:
                key = crypto_box_seal_open(bytes.fromhex(copy.sealed), box_key, box_secret)
            except CryptoError as problem:
                raise KeyUnfit(
                    f"the view key sealed to {config.name} does not open: the genesis document is not the one that was agreed"
                ) from problem
            if tagged(b"som/viewkey/1", key).hex() != genesis.view_key.hash:
                raise KeyUnfit(f"the view key sealed to {config.name} is not the one whose hash the genesis document names")
            return key
    raise KeyUnfit(
        f"the genesis document seals no view key to the box key {box_key.hex()} in {config.box_key}: name the right key file, "
        "or have the key listed"
    )


def _voter(config: Config, genesis: Genesis, node_seed: bytes) -> Voter:
    """Find our place in the validator set and open journal and mark by the table of K15."""
    key = SeedKey(read_seed(Path(config.consensus_key)))
    places = [index for index, each in enumerate(genesis.validators) if each.consensus_key == key.public_key.hex()]
    if not places:
        raise KeyUnfit(f"the key {key.public_key.hex()} in {config.consensus_key} is no validator's in this genesis document")
    if genesis.validators[places[0]].node_key != public_key_of(node_seed).hex():
        raise KeyUnfit(f"{config.node_key} is not the node key that the genesis document lists for validator {places[0]}")
    me = ValidatorId(places[0])
    return Voter(me, open_memory(DiskFiles(), config.data_folder, Epoch(0), key, me))
