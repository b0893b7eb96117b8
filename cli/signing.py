"""Who signs a transaction here: keysets that it needs, and the keys of the keystore that are meant for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from cli.client import NotThere
from cli.faults import Misuse, Refusal
from cli.keysets import find_keyset, known_keys
from cli.quorum import further_keysets
from ledger.codec import encode_transaction, sign_envelope
from ledger.transactions.bodies import AccountOpen, AccountSet, KeysetPut
from node.api.structs import ParticipantBody

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cli.session import Session
    from ledger.participants import Keyset
    from ledger.transactions.bodies import Body, Signature
    from node.keystore import KeyFile

KeysetName = tuple[str, str]
"""Owner (participant or account) and name of a keyset."""


def split_keyset(text: str) -> KeysetName:
    """Owner and name of a keyset written as `bank-a/ops` (or `bank-a/w1/main` for an account's)."""
    owner, slash, keyset = text.rpartition("/")
    if not slash or not owner or not keyset:
        raise Misuse(f"{text!r} is not a keyset: write PARTICIPANT/KEYSET, such as bank-a/ops")
    return owner, keyset


def wanted_keysets(session: Session, body: Body, needed: Iterable[KeysetName], named: Sequence[str]) -> list[KeysetName]:
    """Keysets that sign: those the form of the transaction needs, those of --sign, those of the profile or the grant; each once."""
    agreed = {*("/".join(each) for each in needed), *named}
    return sorted(split_keyset(text) for text in {*agreed, *further_keysets(session, body, agreed)})


class Brought(Struct, frozen=True):
    """The keyset that a body brings: its new keys sign for themselves (L24)."""

    member: KeysetName
    keys: frozenset[str]
    """Public keys (hex)."""
    alone: bool
    """Nobody else signs for this keyset: it is recovered or decided on, and does not agree itself."""


def brought_by(session: Session, body: Body) -> Brought | None:
    """Keyset that a body brings, with those of its keys that have to sign; None: it brings none.

    Where the keyset itself does not agree, keys that the ledger has for it already must not sign: the node is asked which those are.
    """
    if isinstance(body, AccountOpen | AccountSet) and body.keyset is not None:
        return Brought((body.id, body.keyset.name), public_keys(body.keyset), alone=False)
    if not isinstance(body, KeysetPut):
        return None
    member, keys = (body.owner, body.keyset.name), public_keys(body.keyset)
    now = find_keyset(session, *member)
    if now is None or (body.by == "current" and not now.suspended):
        return Brought(member, keys, alone=False)
    return Brought(member, keys - known_keys(now), alone=True)


def public_keys(keyset: Keyset) -> frozenset[str]:
    """Public keys (hex) of a keyset."""
    return frozenset(key.public_key.hex() for key in keyset.keys)


def sign_here(
    session: Session,
    envelope: bytes,
    keysets: Iterable[KeysetName],
    *,
    brought: Brought | None = None,
    partly: tuple[Signature, ...] | None = None,
) -> bytes:
    """Whole transaction: the signatures it has (`partly`), and one by every key of the keystore that counts in one of the keysets.

    Raises
    ------
    Refusal
        The keystore has no key for one of the keysets. With `partly` given others may sign elsewhere, so one key for any of them is enough.
    """
    signatures = {(each.participant, each.keyset, each.public_key): each for each in partly or ()}
    missing = []
    for owner, keyset in keysets:
        keys = counting_keys(session, owner, keyset, brought)
        if not keys:
            missing.append(f"{owner}/{keyset}")
        for key in keys:
            signed = sign_envelope(envelope, owner=owner, keyset=keyset, seed=session.open(key))
            signatures[signed.participant, signed.keyset, signed.public_key] = signed
    if missing and (partly is None or len(signatures) == len(partly)):
        raise Refusal(
            f"the keystore {session.keystore.folder} has no key for {' and '.join(missing)}: import it (`som keys import`), "
            "or write the transaction to a file with --export and let its holder sign it (`som tx sign`)"
        )
    return encode_transaction(envelope, signatures.values())


def counting_keys(session: Session, owner: str, keyset: str, brought: Brought | None) -> list[KeyFile]:
    """Keys meant for a keyset. Of several, one may be old or not yet in force, and its signature would spoil all: ask the node."""
    keys = session.keystore.for_keyset(owner, keyset)
    new = brought.keys if brought is not None and brought.member == (owner, keyset) else frozenset()
    if brought is not None and brought.member == (owner, keyset) and brought.alone:
        return [key for key in keys if key.public_key in new]
    if len(keys) < 2 or "/" in owner:
        return keys
    try:
        found = session.client.get(f"/v1/participants/{owner}", ParticipantBody)
    except NotThere:
        return keys
    current = {key.public_key for each in found.keysets if each.name == keyset for key in each.keys}
    return [key for key in keys if key.public_key in current | new]
