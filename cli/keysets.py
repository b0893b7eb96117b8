"""Keysets as a command meets them: the one that counts now, and what waits for it (L24)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.client import NotThere
from cli.faults import Refusal
from ledger.participants import Key, Keyset
from node.api.parts import KeysetBody
from node.api.structs import ParticipantBody

if TYPE_CHECKING:
    from cli.session import Session
    from node.api.parts import KeyBody, WaitingBody


def find_keyset(session: Session, owner: str, name: str) -> KeysetBody | None:
    """Keyset of a participant or an account, as it counts at the newest block; None where there is none of this name."""
    try:
        if "/" in owner:
            found = session.client.get(f"/v1/accounts/{owner}/keyset", KeysetBody)
            return found if found.name == name else None
        keysets = session.client.get(f"/v1/participants/{owner}", ParticipantBody).keysets
    except NotThere:
        return None
    return next((each for each in keysets if each.name == name), None)


def existing_keyset(session: Session, owner: str, name: str) -> KeysetBody:
    """Keyset that is there; raises `Refusal` where there is none."""
    found = find_keyset(session, owner, name)
    if found is None:
        raise Refusal(f"{owner} has no keyset {name}: `som keyset show {owner}` shows those there are")
    return found


def known_keys(found: KeysetBody) -> frozenset[str]:
    """Public keys (hex) that the ledger has for a keyset: those that wait included."""
    return frozenset(key.public_key for key in (*found.keys, *(found.waiting.keys if found.waiting else ())))


def as_it_stands(found: KeysetBody) -> Keyset:
    """Keyset as the ledger has it."""
    return Keyset(found.name, found.m, _keys(found.keys), found.recovery, found.delay_ms)


def as_it_waits(name: str, waiting: WaitingBody) -> Keyset:
    """Keyset that waits."""
    return Keyset(name, waiting.m, _keys(waiting.keys), waiting.recovery, waiting.delay_ms)


def _keys(keys: tuple[KeyBody, ...]) -> tuple[Key, ...]:
    return tuple(Key(bytes.fromhex(key.public_key), key.not_after) for key in keys)
