"""`som keys`: the encrypted keys of this person or system. A seed is never shown, and a passphrase never stands on the command line."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from cli.command import command
from cli.faults import Misuse, Refusal
from cli.output import Json, print_fields, print_json, print_line, print_table
from cli.passphrase import new_passphrase
from cli.session import Session
from cli.signing import split_keyset
from node.keystore import SEED_BYTES, KeyFile, fingerprint, open_key, parse_key_file, seal_key

app = typer.Typer(help="Encrypted keystore: Argon2id and AES-256-GCM, one file per key.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the key in this keystore.")]
KeysetOption = Annotated[str, typer.Option("--for", metavar="OWNER/KEYSET", help="Keyset it signs for, such as bank-a/ops.")]

_SEED = re.compile(r"[0-9a-f]{64}\s*", re.ASCII)
_FILE_BYTES_MAX = 4_096


@command(app, "new")
def new(session: Session, name: NameArgument, meant_for: KeysetOption = "") -> None:
    """Make a new Ed25519 key from the system's randomness and keep it encrypted."""
    keep_new(session, name, meant_for, os.urandom(SEED_BYTES))


@command(app, "import")
def import_(
    session: Session,
    name: NameArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="64 hex characters of a seed, or a key file of another keystore.")],
    meant_for: KeysetOption = "",
) -> None:
    """Take a key from a file into the keystore. The file itself is left where it is: destroy it."""
    text = _read(file)
    if _SEED.fullmatch(text.decode("ascii", "replace")):
        keep_new(session, name, meant_for, bytes.fromhex(text.decode().strip()))
        return
    other = parse_key_file(text, where=str(file))
    passphrase = session.passphrase()
    seed = open_key(other, passphrase)
    owner, keyset = split_keyset(meant_for) if meant_for else (other.owner, other.keyset)
    key = seal_key(name=name, owner=owner, keyset=keyset, seed=seed, passphrase=passphrase)
    _written(session, key, session.keystore.save(key))


@command(app, "show")
def show(
    session: Session,
    name: NameArgument,
    *,
    check: Annotated[bool, typer.Option("--check", help="Open it too, to see that the passphrase is right.")] = False,
) -> None:
    """Show the public side of a key and its fingerprint, to compare over another channel."""
    key = session.keystore.load(name)
    if check:
        session.open(key)
    if session.json:
        print_json(_public(key))
        return
    print_fields(
        [
            ("name", key.name),
            ("public key", key.public_key),
            ("fingerprint", fingerprint(bytes.fromhex(key.public_key))),
            ("signs for", _purpose(key)),
            ("encrypted", f"Argon2id {key.cost.memory_kib // 1_024} MiB, {key.cost.iterations} passes; AES-256-GCM"),
            *([("passphrase", "opens it")] if check else []),
        ]
    )


@command(app, "list")
def list_(session: Session) -> None:
    """List the keys of the keystore."""
    keys = session.keystore.all()
    if session.json:
        print_json([_public(key) for key in keys])
    elif keys:
        print_table(
            ["name", "signs for", "fingerprint", "public key"],
            [[key.name, _purpose(key), fingerprint(bytes.fromhex(key.public_key)), key.public_key] for key in keys],
        )
    else:
        print_line(f"no keys in {session.keystore.folder}; `som keys new NAME --for PARTICIPANT/KEYSET` makes one")


def keep_new(session: Session, name: str, meant_for: str, seed: bytes) -> None:
    """Keep a new key under the passphrase of the keystore, and print its public side."""
    owner, keyset = split_keyset(meant_for) if meant_for else ("", "")
    if name in session.keystore.names():
        raise Refusal(f"the keystore has a key {name} already, and no key is ever replaced: choose another name")
    passphrase = new_passphrase(session.passphrase_file(), purpose=f"for key {name}")
    key = seal_key(name=name, owner=owner, keyset=keyset, seed=seed, passphrase=passphrase)
    _written(session, key, session.keystore.save(key))


def _written(session: Session, key: KeyFile, path: Path) -> None:
    if session.json:
        print_json({**_public(key), "file": str(path)})
        return
    print_fields(
        [
            ("key", key.name),
            ("public key", key.public_key),
            ("fingerprint", fingerprint(bytes.fromhex(key.public_key))),
            ("signs for", _purpose(key)),
            ("file", str(path)),
        ]
    )


def _public(key: KeyFile) -> dict[str, Json]:
    return {
        "name": key.name,
        "public_key": key.public_key,
        "fingerprint": fingerprint(bytes.fromhex(key.public_key)),
        "owner": key.owner,
        "keyset": key.keyset,
    }


def _purpose(key: KeyFile) -> str:
    return f"{key.owner}/{key.keyset}" if key.owner else "(not said)"


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Misuse(f"{file} cannot be read: {error.strerror}") from None
