"""Attestations: signed, dated facts. Only `ready` exists: a newcomer's word that its node can vote from the next boundary on (K22)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ledger.types import U32, U63, Hash32, Text16, Text64, TimeMs

READY_WITHIN = 1_000
"""Heights that a node may be behind the block that takes its word."""


class ReadyValue(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a newcomer's node has done."""

    height: U63
    """To which it is synced."""
    view_key: U32
    """Number of the view key that it opened: the one that will be in force with its set."""
    heard: U32
    """Validators of the current set whose `Status` it has heard."""


class Attestation(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A fact, who says it, and for how long. For `ready`, `id` is the subject and `standard` is empty."""

    id: Text64
    kind: Literal["ready"]
    subject: Text64
    """Consensus key, lower-case hex."""
    value: ReadyValue
    as_of: TimeMs
    """When it was found so; not after the block's time."""
    valid_until: TimeMs
    """Block time from which on it counts no more; 0: never."""
    doc_hash: Hash32
    """Hash of the view key that it opened, as governance has it: another key of the same number is not meant."""
    standard: Annotated[str, Meta(max_length=0)]
    by: Text16
    """Participant that the planned set names for this key; it signs."""


def ready_attestation(
    participant: str, consensus_key: bytes, value: ReadyValue, *, view_key_hash: bytes, as_of: int, valid_until: int = 0
) -> Attestation:
    """Make the word of a newcomer, as attest carries it."""
    subject = consensus_key.hex()
    return Attestation(subject, "ready", subject, value, as_of, valid_until, view_key_hash, "", participant)
