"""View keys (L28): which are opened, which are not believed, and what the operator is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from nacl.bindings import crypto_box_seal

from ledger.genesis import view_key_hash
from node.config import ConfigError
from node.errors import KeyUnfit
from node.keyfiles import write_seed
from node.prepare import load_genesis
from node.viewkeys import VIEW_KEYS_FILE, BoxKey, KeyRing, open_ring, open_view_key
from tests.node.network import LocalNetwork

if TYPE_CHECKING:
    from pathlib import Path

KEY, OTHER = b"k" * 32, b"o" * 32
BOX, STRANGER = BoxKey.of(b"b" * 32), BoxKey.of(b"s" * 32)


def sealed(key: bytes, box: BoxKey) -> tuple[bytes, bytes]:
    return box.public, crypto_box_seal(key, box.public)


def test_a_key_counts_only_by_its_hash() -> None:
    """Goal: nobody passes off another key. Method: good and bad copies, for us and for others, and a copy that does not open."""
    wanted = view_key_hash(KEY)
    assert KeyRing(box=BOX).find(wanted, [sealed(KEY, BOX)]) == KEY
    assert KeyRing(box=BOX).find(wanted, [sealed(OTHER, BOX)]) is None
    assert KeyRing(box=BOX).find(wanted, [sealed(KEY, STRANGER)]) is None
    assert KeyRing(box=BOX).find(wanted, [(BOX.public, bytes(80))]) is None
    assert KeyRing(box=BOX).find(wanted, [sealed(OTHER, BOX), sealed(KEY, BOX)]) == KEY
    assert KeyRing().find(wanted, [sealed(KEY, BOX)]) is None
    ring = KeyRing([KEY])
    assert (ring.find(wanted), ring.find(view_key_hash(OTHER))) == (KEY, None)
    ring.add(OTHER)
    assert ring.find(view_key_hash(OTHER)) == OTHER


def test_keys_come_from_the_genesis_document_and_from_the_operators_file(tmp_path: Path) -> None:
    """Goal: a node that came later can be given the key. Method: a stranger's box key, without and with the file, and a bad file."""
    net = LocalNetwork(tmp_path, 4, 0)
    config, genesis = net.configs["validator-0"], load_genesis(net.made.genesis)
    wanted = bytes.fromhex(genesis.view_key.hash)
    own = open_ring(genesis, config).find(wanted)
    assert own == net.made.secrets.view_key
    write_seed(tmp_path / "stray.key", b"x" * 32)
    stray = msgspec.structs.replace(config, box_key=str(tmp_path / "stray.key"))
    assert open_ring(genesis, stray).find(wanted) is None
    with pytest.raises(KeyUnfit, match="seals no view key"):
        open_view_key(genesis, b"x" * 32)
    given = stray.data_folder / VIEW_KEYS_FILE
    given.write_text(f"{own.hex()}\n{OTHER.hex()}\n")
    with pytest.raises(ConfigError, match="chmod"):
        open_ring(genesis, stray)
    given.chmod(0o600)
    ring = open_ring(genesis, stray)
    assert (ring.find(wanted), ring.find(view_key_hash(OTHER))) == (own, OTHER)
    given.write_text("junk\n")
    with pytest.raises(ConfigError, match="hex"):
        open_ring(genesis, stray)


def test_a_copy_for_us_that_is_not_the_key_is_refused(tmp_path: Path) -> None:
    """Goal: a document that was tampered with is found. Method: our copy holds another key."""
    net = LocalNetwork(tmp_path, 4, 0)
    config, genesis = net.configs["validator-0"], load_genesis(net.made.genesis)
    copies = tuple(
        msgspec.structs.replace(copy, sealed=crypto_box_seal(OTHER, bytes.fromhex(copy.box_key)).hex()) for copy in genesis.view_key.sealed
    )
    spoiled = msgspec.structs.replace(genesis, view_key=msgspec.structs.replace(genesis.view_key, sealed=copies))
    with pytest.raises(KeyUnfit, match="not the one"):
        open_ring(spoiled, config)
