"""Bodies of the client API for diagnosis: what this node's consensus waits for and whom it hears, and proofs of double votes."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from node.api.parts import Hex32, HexBytes, Whole
from node.api.structs import Role

VoteKind = Literal["notarize", "nullify", "finalize"]
Difference = Annotated[int, Meta(ge=-(2**63) + 1, le=2**63 - 1)]
EVIDENCE_PAGE_MAX = 100
"""Proofs in one page: about 120 kB of JSON."""


class SeenVoteBody(Struct, frozen=True):
    """A vote that is held of a validator."""

    kind: VoteKind
    view: Whole


class SeenValidatorBody(Struct, frozen=True):
    """One validator of the set in force, as this node sees it. null: nothing of the kind was heard since this node started."""

    index: Whole
    name: str
    """For people, and the label in metrics: its participant, with its index where that participant has several validators."""
    participant: str
    own: bool
    """Whether it is this node."""
    connected: bool
    heard_ms_ago: Whole | None
    """Since any message of it came; null also where it is this node."""
    newest_vote: SeenVoteBody | None
    """The newest vote that is held of it in this epoch; a node that follows holds none."""
    voted: tuple[VoteKind, ...]
    """Its votes in this node's current view that are here."""
    view: Whole | None
    """Its current view, by its last status."""
    final_view: Whole | None
    height: Whole | None
    """By its last status: committed, told to a validator; final, told to a node that follows. A store is up to a few seconds behind."""
    lag_views: Whole | None
    """By how many views it is behind this node; 0: level or ahead."""
    lag_heights: Whole | None
    """The same by heights, like compared with like."""
    clock_ms: Difference | None
    """Its clock less this node's when its last status came, the way of that included."""
    last_signed_height: Whole
    """Newest final height whose certificate here bears its signature; 0: none seen."""


class TimeoutBody(Struct, frozen=True):
    """The last view that this node gave up."""

    view: Whole
    leader: Whole
    leader_name: str
    cause: str
    """leader_silent, no_progress, invalid_proposal, leader_nullified, pass, evidence_missing, inactive."""
    ms_ago: Whole


class StallBody(Struct, frozen=True):
    """Whether the chain moves, as the watchdog sees it."""

    stalled_ms: Whole
    """Since the last block became final, once that is too long (README, "Watchdog"); 0: the chain moves, or has nothing to do."""
    silent: tuple[str, ...]
    """Names of the validators that were not heard from for the time of three statuses (6 s)."""
    voteless: tuple[str, ...]
    """Names of those that are heard and have not voted in the current view, while others have (a moment's state, unless it lasts)."""
    todo: str
    """One sentence; empty while it is not stalled."""


class ConsensusBody(Struct, frozen=True):
    """What this node's consensus does. Nothing of it is proof of anything: messages may be late or lost, claims are not facts."""

    time_ms: Whole
    """Own clock."""
    role: Role
    index: Whole | None
    """Own place in the set in force; null: this node does not vote in this epoch."""
    epoch: Whole
    view: Whole
    """Current view; of a node that follows: that of its newest final block."""
    final_view: Whole
    height: Whole
    """Of the newest final block."""
    committed_height: Whole
    """In the store, synced."""
    leader: Whole
    """Of the current view; for a node that follows, of the view after that of its newest final block."""
    leader_name: str
    quorum: Whole
    busy: bool
    """Whether there is anything to do as far as this node knows (K18); an idle chain makes a block each heartbeat."""
    waits_for: str
    """One sentence."""
    waiting_ms: Whole
    """Since the current view was entered; of a node that follows: since its newest final block."""
    last_timeout: TimeoutBody | None
    """null: none in this epoch since this node started."""
    silenced: str
    """Why this node's key must not vote any more, and what to do (K15); empty: it may."""
    progress: StallBody
    validators: tuple[SeenValidatorBody, ...]
    """The set in force, by index, this node among them."""


class ProvenVoteBody(Struct, frozen=True):
    """One of the two votes of a proof: `signature` is the validator's Ed25519 signature of the bytes in `message`."""

    kind: VoteKind
    parent_view: Whole
    """0 where the vote is a nullify."""
    block_id: Hex32
    """Zeros where the vote is a nullify."""
    message: HexBytes
    """tag (16 bytes, zero padded) | chain 32 | epoch u32 | view u64, and, but for a nullify, parent_view u64 | block_id 32."""
    signature: HexBytes


class DoubleVoteBody(Struct, frozen=True):
    """A validator signed both: no honest one ever does. Anyone can check it with the set of the epoch (`GET /v1/epochs/{number}`)."""

    id: Hex32
    """Name of the proof's file in `data/evidence`, and the cursor of a page."""
    epoch: Whole
    view: Whole
    signer: Whole
    """Index in the set of that epoch."""
    participant: str
    """Empty where this node does not know the set of that epoch yet."""
    public_key: HexBytes
    """Consensus key; empty where `participant` is."""
    first: ProvenVoteBody
    """The one that came first here."""
    second: ProvenVoteBody


class RecordedEvidence(Struct, frozen=True):
    """The ledger has it on record that a participant which validates showed a file that proves a double vote (attest of kind evidence)."""

    id: Hex32
    """SHA-256 of the file."""
    public_key: Hex32
    """Consensus key that it is about."""
    by: str
    as_of: Whole
    height: Whole
    time_ms: Whole
    """Of the block that has it."""
    proof: str = ""
    """Base64, where it was asked for."""


class EvidencePage(Struct, frozen=True):
    """Double votes that this node has seen, by id; and what the ledger has on record, by the same ids."""

    chain: Hex32
    evidence: tuple[DoubleVoteBody, ...]
    next: str
    """`after` of the next page; empty at the end."""
    count: Whole
    """All that are kept."""
    halts: Whole
    """Proofs of more than f liars in `data/evidence`: each has stopped this node once."""
    as_of: Whole
    recorded: tuple[RecordedEvidence, ...] = ()
