"""Keys of attestors and reserve signers: secp256k1, behind one interface, so that a file on a devnet and an HSM (`bridge.hsm`) look alike.

A signature is r, s, v: 65 bytes, s in the lower half of the order, v 27 or 28, as the contracts take it. Keys of the ledger are Ed25519 and
none of these: no key has two roles.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final, Protocol

from coincurve import PrivateKey, PublicKey
from eth_account import Account
from msgspec import Struct

from bridge.errors import KeyFileExists, KeyUnusable
from bridge.keccak import keccak256
from bridge.stack import bounded

if TYPE_CHECKING:
    from pathlib import Path

bounded()

DIGEST_BYTES: Final = 32
SIGNATURE_BYTES: Final = 65
KEY_FILE_BYTES_MAX: Final = 16_384
FILE_MODE: Final = 0o600
ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of the curve's group."""


class SigningKey(Protocol):
    """A key that signs 32-byte digests."""

    @property
    def address(self) -> bytes:
        """20 bytes by which contracts and routes know the key."""
        ...

    def sign(self, digest: bytes) -> bytes:
        """Return r, s, v: 65 bytes."""
        ...


class KeptKey(SigningKey, Protocol):
    """A key that says how well it is kept."""

    @property
    def weakness(self) -> str:
        """What is wrong with how it is kept, and what to do; empty: nothing."""
        ...


class HsmPlace(Struct, frozen=True):
    """Where a key in a token is, and what opens it; paths are absolute."""

    module: str
    """The token's PKCS#11 library."""
    token: str
    """Label of the token."""
    label: str
    """Of the key, private and public."""
    pin_file: str
    refused_file: str
    """Remembers which PIN the token refused, by its file and that file's last change."""

    @property
    def shown(self) -> str:
        """As it stands in messages."""
        return f"{self.label!r} of token {self.token!r}"


class FileKey:
    """A key in the memory of this process, from an encrypted file."""

    weakness = ""

    def __init__(self, secret: bytes) -> None:
        self._key = PrivateKey(secret)
        self.address: bytes = address_of(self._key.public_key)

    def sign(self, digest: bytes) -> bytes:
        """Sign deterministically (RFC 6979), low s."""
        if len(digest) != DIGEST_BYTES:
            raise AssertionError(f"a digest of {len(digest)} bytes")
        made = self._key.sign_recoverable(digest, hasher=None)
        return made[:64] + bytes([27 + made[64]])

    @classmethod
    def create(cls, path: Path, password: str) -> FileKey:
        """Make a new key and keep it at `path`, in the Web3 Secret Storage format (scrypt, AES-CTR), readable by its owner only.

        Raises
        ------
        KeyFileExists
            Something is there: a key is never written over.
        """
        secret = os.urandom(32)
        while not 0 < int.from_bytes(secret, "big") < ORDER:
            secret = os.urandom(32)
        text = json.dumps(Account.encrypt(secret, password))
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        except FileExistsError:
            raise KeyFileExists(path=str(path)) from None
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        return cls(secret)

    @classmethod
    def open(cls, path: Path, password: str) -> FileKey:
        """Read a key.

        Raises
        ------
        KeyUnusable
            There is no such file, it is no key file, or the password is another.
        """
        try:
            if path.stat().st_size > KEY_FILE_BYTES_MAX:
                raise KeyUnusable(path=str(path), reason=f"it is longer than {KEY_FILE_BYTES_MAX} bytes: no key file")
            document = json.loads(path.read_bytes())
            return cls(bytes(Account.decrypt(document, password)))
        except OSError as problem:
            raise KeyUnusable(path=str(path), reason=problem.strerror or "it cannot be read") from None
        except (ValueError, KeyError, TypeError, AttributeError, NotImplementedError):
            raise KeyUnusable(path=str(path), reason="it is no key file, or the password is another") from None


def address_of(public_key: PublicKey) -> bytes:
    """Return the 20 bytes that contracts know a public key by."""
    return keccak256(public_key.format(compressed=False)[1:])[12:]


def recovered(digest: bytes, signature: bytes) -> bytes | None:
    """Return the address whose key made a signature; None where it is none that a contract would take: length, v, high s, no such point."""
    if len(signature) != SIGNATURE_BYTES or signature[64] not in (27, 28) or int.from_bytes(signature[32:64], "big") > ORDER // 2:
        return None
    try:
        public = PublicKey.from_signature_and_message(signature[:64] + bytes([signature[64] - 27]), digest, hasher=None)
    except ValueError:  # what libsecp256k1's binding raises where r or s is zero or too large, or there is no such point
        return None
    return address_of(public)
