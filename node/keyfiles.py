"""Key files of a node: 64 hex characters of a 32-byte seed, one line, mode 0600. Nothing else reads or writes them.

Consensus and node key are Ed25519 seeds; the box key is an X25519 secret. No key has two roles.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from nacl.bindings import crypto_scalarmult_base

from node.config import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

SEED_BYTES = 32
KEYS_MAX = 1_024
"""Keys in a file that holds more than one."""
_HEX = re.compile(r"[0-9a-f]{64}\n?")
_OTHERS = 0o077


def read_seed(path: Path) -> bytes:
    """Return the 32 bytes of a key file.

    Raises
    ------
    ConfigError
        Not there, readable by others, or not 64 hex characters. The content is never quoted.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise ConfigError(f"the key file {path} can be read by others; run: chmod 600 {path}")
            text = file.read(128).decode("ascii", "replace")
    except OSError as problem:
        raise ConfigError(f"cannot read the key file {path}: {problem.strerror}; som init makes the keys of a node") from problem
    if _HEX.fullmatch(text) is None:
        raise ConfigError(f"the key file {path} is not 64 hex characters; restore it or make a new key with som init")
    return bytes.fromhex(text.strip())


def read_seeds(path: Path) -> tuple[bytes, ...]:
    """Return the keys of a file with one on each line; raises as `read_seed`."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise ConfigError(f"the key file {path} can be read by others; run: chmod 600 {path}")
            lines = file.read(KEYS_MAX * (2 * SEED_BYTES + 1) + 1).decode("ascii", "replace").splitlines()
    except OSError as problem:
        raise ConfigError(f"cannot read the key file {path}: {problem.strerror}") from problem
    if len(lines) > KEYS_MAX or not all(_HEX.fullmatch(line) for line in lines):
        raise ConfigError(f"the key file {path} is not lines of 64 hex characters, at most {KEYS_MAX} of them")
    return tuple(bytes.fromhex(line) for line in lines)


def write_seed(path: Path, seed: bytes) -> None:
    """Write a new key file, synced, mode 0600; an existing one is never overwritten.

    Raises
    ------
    ConfigError
        There is a file already, or it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as problem:
        raise ConfigError(f"cannot write the key file {path}: {problem.strerror}; an existing key is never overwritten") from problem
    with os.fdopen(handle, "wb") as file:
        file.write(seed.hex().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def new_seed() -> bytes:
    """Return 32 random bytes from the system."""
    return os.urandom(SEED_BYTES)


def box_public_of(secret: bytes) -> bytes:
    """X25519 public key (32 bytes) of a box key file's secret."""
    return crypto_scalarmult_base(secret)
