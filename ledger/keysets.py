"""Rules of keys and keysets (L5, L24): what may be registered, and the registry that gives a public key one place in the whole ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ledger.errors import BadKeyset, Malformed
from ledger.keys import is_usable_key
from ledger.names import check_keyset_name
from ledger.parameters import DAY_MS
from ledger.participants import KeyOwner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.participants import Keyset
    from ledger.state import Overlay

NameOrKey = TypeVar("NameOrKey", str, bytes)
LASTING_MS = 30 * DAY_MS
"""L24: m keys must count for at least this long after a put."""
NODE_ROLE, BOX_ROLE, CONSENSUS_ROLE = "~node", "~box", "~consensus"
"""In the registry, where a keyset's name stands for keys of people. No key has two roles (section 6); no keyset can be called so."""


def check_keyset_form(keyset: Keyset) -> None:
    """Refuse a keyset that no state could take.

    Raises
    ------
    Malformed
        A bad name, more to agree than there are keys, keys not sorted or repeated, or terms of recovery that say nothing.
    """
    check_keyset_name(keyset.name)
    if keyset.recovery:
        check_keyset_name(keyset.recovery)
    if bool(keyset.recovery) != bool(keyset.delay_ms):
        raise Malformed(reason=f"keyset {keyset.name} names who recovers it, or a delay, but not both")
    public = [key.public_key for key in keyset.keys]
    if keyset.m > len(public):
        raise Malformed(reason=f"keyset {keyset.name} has {len(public)} keys, {keyset.m} of them cannot agree")
    check_sorted(public, f"the keys of keyset {keyset.name}")


def check_sorted(values: Sequence[NameOrKey], what: str) -> None:
    """Raise Malformed unless the values rise, each once: a set has one encoding."""
    if list(values) != sorted(dict.fromkeys(values)):
        raise Malformed(reason=f"{what} must be sorted, each once")


def check_lasting(owner: str, keyset: Keyset, time_ms: int) -> None:
    """Refuse a keyset that could not act for the next 30 days (L24).

    Raises
    ------
    BadKeyset
        Fewer than m keys count that long.
    """
    lasting = sum(1 for key in keyset.keys if key.not_after == 0 or key.not_after > time_ms + LASTING_MS)
    if lasting < keyset.m:
        raise BadKeyset(owner=owner, keyset=keyset.name, reason=f"fewer than {keyset.m} keys count for 30 days")


def move_keys(overlay: Overlay, owner: str, role: str, old: Sequence[bytes], new: Sequence[bytes]) -> None:
    """Take keys off the registry and enter others: a public key stands in one place of the ledger only (L24).

    Raises
    ------
    BadKeyset
        A new key is unusable (L5), or stands elsewhere.
    """
    for key in old:
        if key not in new:
            overlay.put(f"key/{key.hex()}", None)
    for key in new:
        if key in old:
            continue
        if role != BOX_ROLE and not is_usable_key(key):
            raise BadKeyset(owner=owner, keyset=role, reason=f"{key.hex()} is no usable Ed25519 key")
        if overlay.get(f"key/{key.hex()}") is not None:
            raise BadKeyset(owner=owner, keyset=role, reason=f"key {key.hex()} is in use already")
        overlay.put(f"key/{key.hex()}", KeyOwner(owner, role))
