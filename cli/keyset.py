"""`som keyset`: bring and rotate the keys of a participant or an account."""

import re
from typing import Annotated

import msgspec
import typer

from cli.command import command
from cli.faults import Misuse, Refusal
from cli.output import print_json, print_table
from cli.parties import find_participant, sender_keyset
from cli.sending import How, send
from cli.session import Session
from cli.times import parse_point, time_text
from ledger.names import check_keyset_name, check_owner, servicer_of
from ledger.participants import Key, Keyset
from ledger.transactions.bodies import KeysetPut
from node.keystore import fingerprint

app = typer.Typer(help="Keysets: m of n keys that sign together.", no_args_is_help=True)

MOption = Annotated[int, typer.Option("--m", min=1, max=32, help="How many of the keys must sign.")]
KeyOption = Annotated[
    list[str] | None, typer.Option("--key", metavar="KEY", help="A key of the set: its name in the keystore, or 64 hex characters.")
]
NotAfterOption = Annotated[str, typer.Option("--not-after", metavar="TIME", help="The keys count until then; else for ever.")]

_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


@command(app, "put")
def put(
    session: Session,
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="Participant or account whose keyset it is.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the keyset, such as ops.")],
    how: How,
    *,
    m: MOption = 1,
    key: KeyOption = None,
    not_after: NotAfterOption = "",
) -> None:
    """Bring a keyset or rotate its keys: the current keys and each new key sign; a first keyset needs the registrar instead (--as)."""
    check_owner(owner)
    keyset = make_keyset(session, name, m, key or [], not_after)
    sender = session.sender(servicer_of(owner))
    send(session, KeysetPut(owner=owner, keyset=keyset), sender=sender, needed=(sender_keyset(session, sender), (owner, name)), how=how)


@command(app, "show")
def show(session: Session, participant: Annotated[str, typer.Argument(metavar="PARTICIPANT", help="Whose keysets.")]) -> None:
    """Show the keysets of a participant with the fingerprints of their keys."""
    found = find_participant(session, participant)
    if session.json:
        print_json(msgspec.to_builtins(found.keysets))
        return
    rows = [
        [
            f"{participant}/{keyset.name}",
            f"{keyset.m} of {len(keyset.keys)}",
            fingerprint(bytes.fromhex(key.public_key)),
            time_text(key.not_after) if key.not_after else "no end",
            key.public_key,
        ]
        for keyset in found.keysets
        for key in keyset.keys
    ]
    print_table(["keyset", "m of n", "fingerprint", "until", "public key"], rows)


def make_keyset(session: Session, name: str, m: int, keys: list[str], not_after: str) -> Keyset:
    """Keyset record of what the command line gives.

    Raises
    ------
    Misuse
        No keys, more needed than there are, or one named twice.
    """
    check_keyset_name(name)
    public = sorted({_public_key(session, text) for text in keys})
    if not public:
        raise Misuse("a keyset needs keys: name each with --key")
    if len(public) < len(keys):
        raise Misuse("a key is named twice: each key of a keyset counts once")
    if m > len(public):
        raise Misuse(f"--m {m} can never be met by {len(public)} keys")
    until = parse_point(not_after) if not_after else 0
    return Keyset(name=name, m=m, keys=tuple(Key(each, until) for each in public), recovery="", delay_ms=0)


def _public_key(session: Session, text: str) -> bytes:
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    if text in session.keystore.names():
        return bytes.fromhex(session.keystore.load(text).public_key)
    raise Refusal(f"{text!r} is neither a key of the keystore {session.keystore.folder} nor 64 hex characters of a public key")
