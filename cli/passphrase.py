"""Where the passphrase of a key comes from: a file, else the terminal. Never the command line, which every user of the machine can read."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from cli.faults import Misuse

PASSPHRASE_BYTES_MAX = 1_024
FILE_VARIABLE = "SOM_PASSPHRASE_FILE"


def read_passphrase(file: Path | None, *, purpose: str) -> bytes:
    """Passphrase from `file`, else from the file that SOM_PASSPHRASE_FILE names, else typed at the terminal.

    Raises
    ------
    Misuse
        The file cannot be read, is empty or longer than PASSPHRASE_BYTES_MAX; or there is neither file nor terminal.
    """
    named = os.environ.get(FILE_VARIABLE, "")
    chosen = file or (Path(named) if named else None)
    if chosen is not None:
        return _from_file(chosen)
    return _typed(f"Passphrase {purpose}: ")


def new_passphrase(file: Path | None, *, purpose: str) -> bytes:
    """As `read_passphrase`, but what is typed is asked for twice."""
    if file is not None or os.environ.get(FILE_VARIABLE):
        return read_passphrase(file, purpose=purpose)
    first = _typed(f"New passphrase {purpose}: ")
    if _typed("The same again: ") != first:
        raise Misuse("the two passphrases differ: nothing was written, try again")
    return first


def _from_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(PASSPHRASE_BYTES_MAX + 2)
    except OSError as error:
        raise Misuse(f"the passphrase file {path} cannot be read: {error.strerror}") from None
    return _checked(text.rstrip(b"\r\n"), where=f"the passphrase file {path}")


def _typed(prompt: str) -> bytes:
    if not sys.stdin.isatty():
        raise Misuse(f"a passphrase is needed and there is no terminal to ask at: use --passphrase-file or set {FILE_VARIABLE}")
    return _checked(getpass.getpass(prompt).encode(), where="the passphrase")


def _checked(passphrase: bytes, *, where: str) -> bytes:
    if not passphrase:
        raise Misuse(f"{where} is empty")
    if len(passphrase) > PASSPHRASE_BYTES_MAX:
        raise Misuse(f"{where} has more than {PASSPHRASE_BYTES_MAX} bytes")
    return passphrase
