"""View keys as this node can open them (L28): from the genesis document, from governance records, from a file that the operator gives.

Governance knows a view key by its hash and seals copies of it to box keys. A key counts only where its hash is the one that governance
holds, whoever gave it. Without the key of an epoch no block of it can be judged: no verdict (K8), never a wrong one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nacl.bindings import crypto_box_seal_open
from nacl.exceptions import CryptoError

from ledger.genesis import sealed_copies, view_key_hash
from node.errors import KeyUnfit
from node.keyfiles import box_public_of, read_seed, read_seeds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ledger.genesis_document import Genesis
    from node.config import Config

VIEW_KEYS_FILE = "view_keys"
"""In the data folder: view keys that the operator of this node was given, 64 hex characters a line."""


class ViewKeyMissing(Exception):
    """A view key cannot be opened here, so there is no verdict on blocks under it (K8)."""

    def __init__(self, *, epoch: int, wanted: bytes, box_key: bytes) -> None:
        seen = f"no copy of it is sealed to the box key {box_key.hex()}" if box_key else "this node has no box key"
        super().__init__(
            f"the view key of epoch {epoch}, whose hash is {wanted.hex()}, is not here: {seen}; have a copy sealed by param.set view_key, "
            f"or put the key into the file `{VIEW_KEYS_FILE}` of the data folder and start again"
        )
        self.epoch, self.wanted = epoch, wanted


@dataclass(frozen=True, slots=True)
class BoxKey:
    """What opens sealed copies."""

    public: bytes
    secret: bytes

    @classmethod
    def of(cls, secret: bytes) -> BoxKey:
        """Box key of a secret (32 bytes)."""
        return cls(box_public_of(secret), secret)

    def open(self, sealed: bytes) -> bytes | None:
        """Open a sealed copy; None where it is not sealed to this key."""
        try:
            return crypto_box_seal_open(sealed, self.public, self.secret)
        except CryptoError:
            return None


class KeyRing:
    """Every view key that was opened or given, by its hash."""

    def __init__(self, keys: Iterable[bytes] = (), box: BoxKey | None = None) -> None:
        self._keys = {view_key_hash(key): key for key in keys}
        self._box = box

    @property
    def box_key(self) -> bytes:
        """Public box key to which copies are sealed for this node; empty: it has none."""
        return b"" if self._box is None else self._box.public

    def add(self, key: bytes) -> None:
        """Keep a key that the operator gives."""
        self._keys[view_key_hash(key)] = key

    def find(self, wanted: bytes, copies: Sequence[tuple[bytes, bytes]] = ()) -> bytes | None:
        """View key with this hash: known already, or in one of these copies, (box key, sealed); None where it is not to be had.

        What opens and has another hash is not the key: whoever sealed it made a mistake or lied.
        """
        known = self._keys.get(wanted)
        if known is not None or self._box is None:
            return known
        for box_key, sealed in copies:
            key = self._box.open(sealed) if box_key == self._box.public else None
            if key is not None and view_key_hash(key) == wanted:
                self._keys[wanted] = key
                return key
        return None


def open_ring(genesis: Genesis, config: Config) -> KeyRing:
    """Gather the keys that this node has at start: its copy in the genesis document, and what the operator gave.

    A node that came later than the genesis document has none there; what governance sealed to it since is opened when it is needed.

    Raises
    ------
    ConfigError
        A key file cannot be read.
    KeyUnfit
        The genesis document's copy for our box key is not the view key that it names.
    """
    box = BoxKey.of(read_seed(Path(config.box_key)))
    given = config.data_folder / VIEW_KEYS_FILE
    ring = KeyRing(read_seeds(given) if given.exists() else (), box)
    wanted = bytes.fromhex(genesis.view_key.hash)
    copies = sealed_copies(genesis)
    if ring.find(wanted, copies) is None and any(box_key == box.public for box_key, _ in copies):
        raise KeyUnfit(
            f"the view key sealed to {config.name} does not open, or is not the one whose hash the genesis document names: the document is "
            "not the one that was agreed"
        )
    return ring


def open_view_key(genesis: Genesis, box_secret: bytes) -> bytes:
    """Return the view key that the genesis document begins with.

    Raises
    ------
    KeyUnfit
        There is no copy for our box key, or it is not the key whose hash governance holds.
    """
    ring = KeyRing(box=BoxKey.of(box_secret))
    key = ring.find(bytes.fromhex(genesis.view_key.hash), sealed_copies(genesis))
    if key is None:
        raise no_genesis_key(ring)
    return key


def no_genesis_key(ring: KeyRing) -> KeyUnfit:
    """Say what to do where the chain is to begin at genesis and its view key is not here."""
    return KeyUnfit(
        f"the genesis document seals no view key to the box key {ring.box_key.hex()} of this node: name the right box_key file, begin "
        f"with a snapshot, or put the key into the file `{VIEW_KEYS_FILE}` of the data folder"
    )
