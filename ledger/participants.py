"""Participants (legal entities) and keysets (m of n public keys), as stored under `participant/ID` and `keyset/OWNER/NAME`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ledger.types import PublicKey, Text16, Text35, Text64, Text140, TimeMs

DELAY_MS_MAX = 400 * 86_400_000
"""A recovery that takes longer than the longest hold helps nobody."""

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
    """Who services the accounts of one that is suspended or closed (L29); empty: nobody but itself."""
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
    """m of n keys, as a transaction brings them."""

    name: Text35
    m: Annotated[int, Meta(ge=1, le=32)]
    keys: Annotated[tuple[Key, ...], Meta(min_length=1, max_length=32)]
    recovery: Text35
    """Name of the keyset that may recover this one (L24): of the participant, or of an account's servicer. Empty: none."""
    delay_ms: Annotated[int, Meta(ge=0, le=DELAY_MS_MAX)]
    """How long a recovery, or a change of these two fields, takes to hold. 0 where there is no `recovery`."""


class Waiting(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What is to become of a keyset (L24): a recovery, or other terms of recovery."""

    keyset: Keyset
    """The whole keyset from `due` on. Its keys stand in the registry already."""
    due: TimeMs
    """Block time from which on every read has it, unless it was objected to."""
    by: Literal["current", "recovery"]
    """Who put it: the keyset itself changes its terms, or its recovery keyset recovers it."""
    objected: TimeMs
    """Of a recovery: when the keyset objected. Since then it signs nothing, until the registrar decides. 0: it has not."""


class KeysetRecord(Keyset, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A keyset as it is stored: what was put last, and what waits. Who asks what is in force asks `ledger.recovery`."""

    waiting: Waiting | None


class KeyOwner(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Stored under `key/PUBLIC`: a public key is in one keyset of the ledger only (L24)."""

    owner: Text64
    """Participant or account id."""
    keyset: Text35
