"""Participants (legal entities) and keysets (m of n public keys), as stored under `participant/ID` and `keyset/OWNER/NAME`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ledger.types import PublicKey, Text16, Text35, Text64, Text140, TimeMs

ParticipantKind = Literal["operator", "treasury", "bank", "issuer", "other"]
ParticipantStatus = Literal["active", "suspended", "closed"]


class Participant(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A legal entity. Its keysets are records of their own."""

    id: Text16
    kind: ParticipantKind
    name: Text140
    bic: Text16
    """Empty or 8 or 11 characters."""
    lei: Text35
    """Empty or 20 characters."""
    country: Annotated[str, Meta(max_length=2)]
    """ISO 3166-1 alpha-2."""
    status: ParticipantStatus
    successor: Text16
    """L29: comes later; must be empty."""
    node_keys: Annotated[tuple[PublicKey, ...], Meta(max_length=16)]
    """Ed25519 keys that may open a peer handshake."""
    box_keys: Annotated[tuple[PublicKey, ...], Meta(max_length=16)]
    """X25519 keys to which the view key is sealed."""
    endpoints: Annotated[tuple[Text140, ...], Meta(max_length=16)]
    """Hints only; addresses are configuration."""


class Key(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One public key of a keyset."""

    public_key: PublicKey
    not_after: TimeMs
    """0: no end. Past it the key does not count."""


class Keyset(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """m of n keys. `recovery` and `delay_ms` are rules of a later version and must be empty and 0."""

    name: Text35
    m: Annotated[int, Meta(ge=1, le=32)]
    keys: Annotated[tuple[Key, ...], Meta(min_length=1, max_length=32)]
    recovery: Text35
    delay_ms: Annotated[int, Meta(ge=0, le=0)]


class KeyOwner(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Stored under `key/PUBLIC`: a public key is in one keyset of the ledger only (L24)."""

    owner: Text64
    """Participant or account id."""
    keyset: Text35
