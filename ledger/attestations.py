"""Attestations: signed, dated facts.

What is said of a reserve, a price or a supply abroad (L20); `ready`, a newcomer's word that its node can vote from the next boundary on
(K22); and `evidence`, that a validator's participant has a file that proves a double vote.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ledger.bridges import Word
from ledger.errors import BrokenState
from ledger.types import U32, U63, AmountOrZero, Hash32, Text16, Text64, TimeMs

SubjectText = Annotated[str, Meta(max_length=96)]
ACCUSATIONS_MAX = 64
"""Newest accusations of one participant that are kept."""
READY_WITHIN = 1_000
"""Heights that a node may be behind the block that takes its word."""


class ReadyValue(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="ready"):
    """What a newcomer's node has done."""

    height: U63
    """To which it is synced."""
    view_key: U32
    """Number of the view key that it opened: the one that will be in force with its set."""
    heard: U32
    """Validators of the current set whose `Status` it has heard."""


class Sighting(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="sighting"):
    """What an attestor saw of a route at a common finalised block (B10); cumulative, in minor units."""

    supply: AmountOrZero
    """S, of the token."""
    minted: AmountOrZero
    """M, of the bridge contract; 0 where the route is only observed."""
    burned: AmountOrZero
    """B."""
    block: U63
    block_hash: Hash32


class Attestation(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A fact, who says it, and for how long. Except for `reserve`, whose id is the item's, `id` is the subject."""

    id: SubjectText
    kind: Literal["ready", "reserve", "price", "foreign", "bridge", "evidence"]
    subject: SubjectText
    """ready, evidence: the consensus key, lower-case hex; else `ASSET:NAME`, of a type of item, a feed or a route."""
    value: ReadyValue | Sighting | Word | AmountOrZero
    """reserve: the quantity; price: the price, more than 0; foreign: the supply, in minor units of the asset, or a sighting of a route that
    bridge.set has defined; bridge: a signature; evidence: 0."""
    as_of: TimeMs
    """When it was found so; not after the block's time."""
    valid_until: TimeMs
    """Block time from which on it counts no more; 0: it does not say so."""
    doc_hash: Hash32
    """ready: hash of the view key that it opened, as governance has it: another key of the same number is not meant. evidence: SHA-256 of
    the file. Else of the document
    that stands behind the fact, zeros where there is none."""
    standard: Text64
    """By which the fact was found, such as "ISAE 3000"; ready: empty."""
    by: Text16
    """Who says so, and signs. ready: the participant that the planned set names for this key."""


class Accusation(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`evidence/HASH`: a participant that validates has a file of this SHA-256 which proves a double vote of a consensus key."""

    consensus_key: Hash32
    by: Text16
    as_of: TimeMs
    """When it says that it got it."""
    height: U63
    """Of the block that took its word."""
    at: TimeMs


def evidence_key(file_hash: bytes) -> str:
    """Storage key of an accusation."""
    return f"evidence/{file_hash.hex()}"


def evidence_index(by: str, height: int = 0, file_hash: str = "") -> str:
    """Index key of an accusation, by who made it and height; without a hash: what those of a participant begin with."""
    return f"~evidence/{by}/{height:015}/{file_hash}" if file_hash else f"~evidence/{by}/"


def ready_value(said: Attestation) -> ReadyValue:
    """Value of a word of readiness; raises BrokenState on another kind, whose form has another value."""
    if not isinstance(said.value, ReadyValue):
        raise BrokenState(f"an attestation of kind {said.kind} is no word of readiness")
    return said.value


def number_value(said: Attestation) -> int:
    """Value of a fact that is a number; raises BrokenState on any other."""
    if not isinstance(said.value, int):
        raise BrokenState(f"the value of an attestation of kind {said.kind} is no number")
    return said.value


def ready_attestation(
    participant: str, consensus_key: bytes, value: ReadyValue, *, view_key_hash: bytes, as_of: int, valid_until: int = 0
) -> Attestation:
    """Make the word of a newcomer, as attest carries it."""
    subject = consensus_key.hex()
    return Attestation(subject, "ready", subject, value, as_of, valid_until, view_key_hash, "", participant)
