"""Proposals (L26): a transaction that waits for its quorum, and the votes it has so far.

Stored under `proposal/ID` in the tree of the proposer's participant; ID is the tx_id of its propose. Not here: who may vote, and what
happens when the quorum is there (`ledger.transactions.proposals`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ledger.types import Hash32, PublicKey, Text35, Text64, TimeMs

CONTENT_BYTES_MAX = 24_576
"""Bytes of the body: with VOTES_MAX votes of 32 keys each, the record still fits into one leaf (65,536 bytes)."""
VOTES_MAX = 32
"""Keysets whose votes are kept; a grant names as many at most."""
OPEN_MAX = 64
"""Proposals that one participant and its accounts may have open (L26)."""
KEYS_MAX = 32

MemberText = Annotated[str, Meta(min_length=4, max_length=85)]
"""`OWNER/KEYSET`: owner is a participant or, where it is debited, an account with a keyset."""
Choice = Literal["yes", "no"]
Keys = Annotated[tuple[PublicKey, ...], Meta(max_length=KEYS_MAX)]


class Vote(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What one keyset says. It counts as long as m of the keys that signed it do: a key that expires or is rotated out takes it along."""

    keyset: MemberText
    choice: Choice
    keys: Keys
    """Public keys of the keyset that signed the approve."""


class Proposal(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A body that waits for the votes that carry it out, with what its propose brought."""

    id: Hash32
    """tx_id of the propose; also the id of a hold that it places."""
    proposer: Text64
    """`from` of the propose: the sender of what is carried out."""
    type: Text35
    content: Annotated[bytes, Meta(max_length=CONTENT_BYTES_MAX)]
    """Canonical body of that type."""
    new_keys: Keys
    """Keys of a keyset that the body brings: they signed the propose (L24)."""
    not_before: TimeMs
    """No votes carry it out earlier; 0: at once."""
    until: TimeMs
    """Void for every read and vote from this block time on (L19)."""
    votes: Annotated[tuple[Vote, ...], Meta(max_length=VOTES_MAX)]
    """By keyset, one each."""


def proposal_key(proposal_id: bytes) -> str:
    """Storage key of a proposal."""
    return f"proposal/{proposal_id.hex()}"


def open_keys(participant: str) -> tuple[str, str]:
    """First and last index key of the proposals of a participant and its accounts."""
    start = f"~proposals/{participant}/"
    return start, start + "~"
