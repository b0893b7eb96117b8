"""Encrypted keys of people and bank systems: one JSON file per key, Argon2id for the passphrase, AES-256-GCM for the seed.

What is public (name, public key, whose keyset it is meant for) stands in clear and is bound to the ciphertext: an altered file does not
open. Not here: the plain key files of a node's own process (`node.keyfiles`), and where a passphrase comes from.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from msgspec import Meta, Struct

from ledger.keys import public_key_of, tagged

if TYPE_CHECKING:
    from pathlib import Path

SEED_BYTES = 32
SALT_BYTES = 16
NONCE_BYTES = 12
KEY_FILE_BYTES_MAX = 4_096
KEYS_MAX = 4_096
"""Key files looked at in one folder."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class KeystoreError(Exception):
    """A key file that is not there, cannot be used or does not open; the text is one sentence."""


class Cost(Struct, frozen=True, forbid_unknown_fields=True):
    """What one guess of a passphrase costs. The bounds keep a hostile file from eating the machine."""

    memory_kib: Annotated[int, Meta(ge=8 * 1_024, le=1_024 * 1_024)] = 64 * 1_024
    iterations: Annotated[int, Meta(ge=1, le=16)] = 3
    lanes: Annotated[int, Meta(ge=1, le=16)] = 4
    """The defaults are the second recommendation of RFC 9106: 64 MiB, three passes, four lanes."""


class KeyFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One key as it lies on disk. Byte strings are base64 in JSON."""

    format: Literal["som/key/1"]
    name: Annotated[str, Meta(max_length=64)]
    public_key: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    owner: Annotated[str, Meta(max_length=64)]
    """Participant or account whose keyset it signs for; may be empty."""
    keyset: Annotated[str, Meta(max_length=35)]
    kdf: Literal["argon2id"]
    cost: Cost
    salt: Annotated[bytes, Meta(min_length=SALT_BYTES, max_length=SALT_BYTES)]
    cipher: Literal["aes-256-gcm"]
    nonce: Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
    sealed: Annotated[bytes, Meta(min_length=SEED_BYTES + 16, max_length=SEED_BYTES + 16)]
    """The seed and the 16-byte tag."""


def fingerprint(public_key: bytes) -> str:
    """Ten bytes of a hash of a public key in groups of four, for people to compare over another channel."""
    digits = tagged(b"som/fingerprint/1", public_key)[:10].hex()
    return " ".join(digits[place : place + 4] for place in range(0, len(digits), 4))


class Keystore:
    """A folder of key files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Names of all keys, sorted."""
        if not self.folder.is_dir():
            return []
        found = sorted(path.stem for path in self.folder.glob("*.json") if _NAME.fullmatch(path.stem))
        if len(found) > KEYS_MAX:
            raise KeystoreError(f"{self.folder} has {len(found)} files, more than {KEYS_MAX}: this is not a keystore")
        return found

    def load(self, name: str) -> KeyFile:
        """Public side of a key; its seed stays sealed.

        Raises
        ------
        KeystoreError
            No such key, or a file that is not one.
        """
        path = self._path(name)
        try:
            with path.open("rb") as file:
                text = file.read(KEY_FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            raise KeystoreError(f"the keystore {self.folder} has no key {name!r}: `som keys list` shows those it has") from None
        except OSError as error:
            raise KeystoreError(f"the key file {path} cannot be read: {error.strerror}") from None
        return parse_key_file(text, where=str(path))

    def all(self) -> list[KeyFile]:
        """Every key, by name."""
        return [self.load(name) for name in self.names()]

    def for_keyset(self, owner: str, keyset: str) -> list[KeyFile]:
        """Keys meant for one keyset of a participant or account."""
        return [key for key in self.all() if (key.owner, key.keyset) == (owner, keyset)]

    def save(self, key: KeyFile) -> Path:
        """Write a new key file (mode 0600, synced); an existing one is never replaced."""
        path = self._path(key.name)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, msgspec.json.format(msgspec.json.encode(key), indent=2) + b"\n")
        return path

    def _path(self, name: str) -> Path:
        if _NAME.fullmatch(name) is None:
            raise KeystoreError(f"{name!r} cannot name a key: letters, digits, dot, hyphen and underscore, at most 64")
        return self.folder / f"{name}.json"


def parse_key_file(text: bytes, *, where: str) -> KeyFile:
    """Key file of its JSON text."""
    if len(text) > KEY_FILE_BYTES_MAX:
        raise KeystoreError(f"{where} is longer than a key file can be")
    try:
        return msgspec.json.decode(text, type=KeyFile)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise KeystoreError(f"{where} is not a key file: {error}") from None


def seal_key(*, name: str, owner: str, keyset: str, seed: bytes, passphrase: bytes, cost: Cost | None = None) -> KeyFile:
    """Key file of a 32-byte seed, encrypted under a passphrase."""
    chosen, salt, nonce = cost or Cost(), os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES)
    public_key = public_key_of(seed).hex()
    cipher = AESGCM(_stretch(passphrase, salt, chosen))
    return KeyFile(
        format="som/key/1",
        name=name,
        public_key=public_key,
        owner=owner,
        keyset=keyset,
        kdf="argon2id",
        cost=chosen,
        salt=salt,
        cipher="aes-256-gcm",
        nonce=nonce,
        sealed=cipher.encrypt(nonce, seed, _bound(name, public_key, owner, keyset)),
    )


def open_key(key: KeyFile, passphrase: bytes) -> bytes:
    """Return the 32-byte seed of a key file.

    Raises
    ------
    KeystoreError
        Wrong passphrase, or a file whose clear part was altered.
    """
    try:
        cipher = AESGCM(_stretch(passphrase, key.salt, key.cost))
        seed = cipher.decrypt(key.nonce, key.sealed, _bound(key.name, key.public_key, key.owner, key.keyset))
    except InvalidTag:
        raise KeystoreError(f"key {key.name} does not open: the passphrase is wrong, or the file was altered") from None
    except MemoryError:
        raise KeystoreError(
            f"key {key.name} needs {key.cost.memory_kib // 1_024} MiB of memory to open, and there is not so much"
        ) from None
    if public_key_of(seed).hex() != key.public_key:
        raise KeystoreError(f"key {key.name} holds another key than it says: do not use it")
    return seed


def write_private(path: Path, text: bytes) -> None:
    """Write a new file that only its owner can read, synced with its folder.

    Raises
    ------
    KeystoreError
        It exists already, or cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError:
        raise KeystoreError(f"{path} exists and is not replaced: choose another name, or move the file away first") from None
    except OSError as error:
        raise KeystoreError(f"{path} cannot be written: {error.strerror}") from None


def _stretch(passphrase: bytes, salt: bytes, cost: Cost) -> bytes:
    kdf = Argon2id(salt=salt, length=32, iterations=cost.iterations, lanes=cost.lanes, memory_cost=cost.memory_kib)
    return kdf.derive(passphrase)


def _bound(name: str, public_key: str, owner: str, keyset: str) -> bytes:
    return msgspec.msgpack.encode(("som/key/1", name, public_key, owner, keyset))
