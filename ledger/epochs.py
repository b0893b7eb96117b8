"""Epochs (K22): who validates from which height to which, and with which view key. Records under `epoch/`, `viewkey/` and `validator/`.

An epoch's set, end and view key stand in governance before its first block, so every block's parent state says who may make it and whether
it is the last one. Not here: what the last block of an epoch writes (`ledger.boundary`), and who may plan it
(`ledger.transactions.governance`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Protocol

from msgspec import Meta, Struct

from ledger.canonical import encode
from ledger.errors import BrokenState
from ledger.keys import tagged
from ledger.types import U32, U63, Hash32, PublicKey, Text16, Text140, TimeMs

if TYPE_CHECKING:
    from collections.abc import Sequence

VALIDATORS_MIN = 4
"""Fewer tolerate no fault at all (n >= 3f + 1)."""
VALIDATORS_MAX = 256
COPIES_MAX = 512
"""Sealed copies of one view key: the record must fit into a leaf."""
NO_EPOCH_BEGINS = bytes(32)
"""`header.next` of every block that ends no epoch."""
PLAN_KEY = "epoch/next"
PLANNED_VIEW_KEY = "viewkey/next"

SealedKey = Annotated[bytes, Meta(min_length=80, max_length=80)]
"""crypto_box_seal of 32 bytes."""


class Records(Protocol):
    """What is read here of a state (`ledger.state.StateReader` has more, and knows these records)."""

    def get(self, key: str) -> object | None:
        """Record at a storage key; None where there is none."""
        ...


class Validator(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One vote of an epoch; its place in the list is its index."""

    participant: Text16
    consensus_key: PublicKey
    node_key: PublicKey
    endpoint: Text140
    """Where its node is reached; empty: not said. A hint only."""


Validators = Annotated[tuple[Validator, ...], Meta(min_length=1, max_length=VALIDATORS_MAX)]


class Epoch(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`epoch/N`: written by the block at `base`, the genesis document for epoch 0."""

    number: U32
    base: U63
    """Height of the boundary block it stands on; 0 for epoch 0. Its first block is at `base + 1`."""
    end: U63
    """Height of its last block, the next boundary."""
    validators: Validators
    view_key: U32
    """Its blocks are blinded with `viewkey/N` of this number."""


class EpochPlan(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`epoch/next`: the set that validator.set asked for, until it takes effect. There is at most one."""

    from_epoch: U32
    """The first epoch that it may be the set of."""
    validators: Validators
    set_at: U63
    """Height of the validator.set."""


class ViewKey(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`viewkey/N`, and `viewkey/next` while one is planned: what governance knows of a view key (L28)."""

    hash: Hash32
    """SHA-256("som/viewkey/1" | key)."""
    copies: Annotated[tuple[tuple[PublicKey, SealedKey], ...], Meta(min_length=1, max_length=COPIES_MAX)]
    """(box key, view key sealed to it), sorted by box key."""


class Readiness(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`validator/HEX` of the consensus key: a validator of the current set, or a newcomer that said it is ready (K22)."""

    participant: Text16
    consensus_key: PublicKey
    node_key: PublicKey
    ready_height: U63
    """Height to which it was synced when it said so; 0 for validators of the genesis document."""
    ready_at: U63
    """Height of the block that took its word."""
    view_key: Hash32
    """Hash of the view key that it opened."""
    valid_until: TimeMs
    """Block time at which its word lapses; 0: never."""


def epoch_key(number: int) -> str:
    """Storage key of an epoch."""
    return f"epoch/{number}"


def view_key_key(number: int) -> str:
    """Storage key of a view key that is or was in force."""
    return f"viewkey/{number}"


def validator_key(consensus_key: bytes) -> str:
    """Storage key of what is known of a validator, by its consensus key (32 bytes)."""
    return f"validator/{consensus_key.hex()}"


def set_hash(epoch: int, validators: Sequence[Validator]) -> bytes:
    """Hash (32 bytes) of an epoch's set: `header.next` of the block that the epoch stands on.

    Source: ledger/PROOFS.md, section Epochs; consensus/README.md, K22 and K23.
    """
    return tagged(b"som/validators/1", encode((epoch, tuple(validators))))


def epoch_of(state: Records, number: int) -> Epoch:
    """Epoch of a number that has begun, or that the newest block begins.

    Raises
    ------
    BrokenState
        The state has no such epoch.
    """
    record = state.get(epoch_key(number))
    if not isinstance(record, Epoch):
        raise BrokenState(f"there is no epoch {number}")
    return record


def is_boundary(state: Records, epoch: int, height: int) -> bool:
    """Whether the block at a height of an epoch is the last one, from its parent's state alone (K22).

    Raises
    ------
    BrokenState
        The state has no such epoch.
    """
    return height == epoch_of(state, epoch).end


def plan_of(state: Records) -> EpochPlan | None:
    """Set that is planned; None where the current one stays."""
    record = state.get(PLAN_KEY)
    return record if isinstance(record, EpochPlan) else None


def newcomers(plan: EpochPlan, now: Epoch) -> tuple[Validator, ...]:
    """Return those of a planned set whose keys do not vote in the current one."""
    current = {each.consensus_key for each in now.validators}
    return tuple(each for each in plan.validators if each.consensus_key not in current)


def view_key_of(state: Records, number: int) -> ViewKey:
    """View key of a number, as `Epoch.view_key` names it.

    Raises
    ------
    BrokenState
        The state has no such view key.
    """
    record = state.get(view_key_key(number))
    if not isinstance(record, ViewKey):
        raise BrokenState(f"there is no view key {number}")
    return record


def planned_view_key_of(state: Records) -> ViewKey | None:
    """View key that the next boundary brings; None where the current one stays."""
    record = state.get(PLANNED_VIEW_KEY)
    return record if isinstance(record, ViewKey) else None


def fewest_validators(state: Records) -> int:
    """How many validators a set needs: four, or as many as the genesis document of a trial network began with."""
    return min(VALIDATORS_MIN, len(epoch_of(state, 0).validators))


def quorum_of(validators: int) -> int:
    """Votes that n validators need to agree: n - f with f = (n - 1) // 3."""
    return validators - (validators - 1) // 3
