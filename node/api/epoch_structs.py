"""Bodies of the client API about epochs, parameters and proposals: who validates when, what is planned, and what waits for its quorum."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from node.api.parts import Base64, Hex32, HexBytes, Whole


class SeatBody(Struct, frozen=True):
    """One validator of a set; its place is its index."""

    index: Whole
    participant: str
    consensus_key: Hex32
    node_key: Hex32
    endpoint: str


class CopyBody(Struct, frozen=True):
    """A view key sealed to one box key."""

    box_key: Hex32
    sealed: HexBytes


class ViewKeyBody(Struct, frozen=True):
    """What governance knows of a view key (L28)."""

    number: Whole
    hash: Hex32
    """SHA-256("som/viewkey/1" | key)."""
    copies: tuple[CopyBody, ...]


class EpochBody(Struct, frozen=True):
    """An epoch that has begun: its set, its ends, and what proves the set to whoever knows that of the epoch before (K23)."""

    epoch: Whole
    base: Whole
    """Height of the boundary block that it stands on; 0 for epoch 0."""
    end: Whole
    """Height of its own boundary block; of the current epoch it may still be moved forward."""
    quorum: Whole
    validators: tuple[SeatBody, ...]
    set_hash: Hex32
    """SHA-256("som/validators/1" | canonical [epoch, validators]): `next` of the boundary block's header."""
    view_key: ViewKeyBody
    proof: Base64
    """`[header, certificate, validators]` of `ledger/PROOFS.md`, section 12; empty for epoch 0, and where this node does not have it."""
    as_of: Whole


class PlannedSeatBody(Struct, frozen=True):
    """One validator of a planned set, and what is known of it."""

    index: Whole
    participant: str
    consensus_key: Hex32
    node_key: Hex32
    endpoint: str
    standing: Literal["votes now", "ready", "not ready"]
    ready_height: Whole
    """To which a newcomer was synced when it said so; 0: it said nothing, or votes now."""
    sealed: bool
    """Whether its participant has a copy of the view key that would be in force."""


class NextEpochBody(Struct, frozen=True):
    """What the next boundary brings, as things stand."""

    epoch: Whole
    """The next one's number."""
    at: Whole
    """Height of the boundary."""
    planned_for: Whole | None
    """First epoch that the planned set may be the set of; null: no set is planned."""
    planned_at: Whole
    """Height of the validator.set; 0: none."""
    validators: tuple[PlannedSeatBody, ...]
    """The planned set; empty where none is."""
    view_key: ViewKeyBody | None
    """The planned view key."""
    takes_effect: bool
    """Whether the planned set would take effect if the boundary were now."""
    waits_for: tuple[str, ...]
    """One sentence each: what is missing."""
    as_of: Whole


class PlannedValueBody(Struct, frozen=True):
    """A value that a parameter will have."""

    value: Whole
    at_height: Whole
    """The first block that may have it; parameters of consensus wait for the boundary besides."""


class ParameterBody(Struct, frozen=True):
    """One parameter of the network."""

    key: str
    value: Whole
    default: Whole
    low: Whole
    high: Whole
    at_boundary: bool
    """Whether it changes with the epoch only."""
    planned: PlannedValueBody | None


class Parameters(Struct, frozen=True):
    """All parameters."""

    parameters: tuple[ParameterBody, ...]
    as_of: Whole


class VoteBody(Struct, frozen=True):
    """What one keyset says."""

    keyset: str
    """`OWNER/NAME`."""
    choice: Literal["yes", "no"]
    keys: tuple[Hex32, ...]
    """That signed the vote; they count as long as they are in the keyset."""


class ProposalBody(Struct, frozen=True):
    """A body that waits for the votes that carry it out (L26)."""

    id: Hex32
    """tx_id of its propose."""
    proposer: str
    type: str
    content: HexBytes
    """Canonical body of that type."""
    not_before: Whole
    until: Whole
    votes: tuple[VoteBody, ...]
    as_of: Whole


class Proposals(Struct, frozen=True):
    """Open proposals, by proposer and id."""

    proposals: tuple[ProposalBody, ...]
    next: str = field(default="")
    """Participant to go on with (`after`); empty: these are all."""
    as_of: Whole = 0
