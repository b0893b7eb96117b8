"""What holds of epochs in any state (invariant 23, the ledger's half)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from ledger.epoch_checks import check_epoch_change
from ledger.epochs import (
    Epoch,
    Readiness,
    quorum_of,
    validator_key,
)
from ledger.errors import InvariantBroken
from ledger.genesis import GenesisError, check_draft
from ledger.invariants import check_whole
from ledger.participants import KeyOwner
from tests.ledger.epoch_world import (
    LENGTH,
    NEW,
    OLD,
    OTHER,
    OTHER_KEY,
    current,
    joined,
    pass_boundary,
    sealed,
    small_world,
)
from tests.ledger.world import World, make_genesis

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.state import Record

HELD, COMING = sealed("operator"), sealed("operator", key=OTHER_KEY)


Records = dict[str, "Record"]


def without(*keys: str) -> Callable[[Records], None]:
    """Take records away."""

    def change(records: Records) -> None:
        for key in keys:
            del records[key]

    return change


def with_epoch(number: int, **fields: object) -> Callable[[Records], None]:
    """Change fields of an epoch."""

    def change(records: Records) -> None:
        record = records[f"epoch/{number}"]
        assert isinstance(record, Epoch)
        records[f"epoch/{number}"] = replace(record, **fields)

    return change


def moved(old: str, new: str) -> Callable[[Records], None]:
    """Put a record under another key."""

    def change(records: Records) -> None:
        records[new] = records.pop(old)

    return change


def stray_word(records: Records) -> None:
    """Add the word of somebody whom no set names."""
    records[validator_key(OTHER.consensus_key)] = Readiness("bank-b", OTHER.consensus_key, OTHER.node_key, 1, 2, HELD.hash, 0)


def foreign_key(records: Records) -> None:
    """Let the newcomer's key belong to another bank."""
    records[f"key/{NEW.consensus_key.hex()}"] = KeyOwner("bank-b", "~consensus")


BROKEN: dict[str, Callable[[Records], None]] = {
    "no epoch": without("epoch/0", "epoch/1"),
    "no first epoch": without("epoch/0"),
    "an epoch under another number": moved("epoch/1", "epoch/2"),
    "two heights with two sets": with_epoch(1, base=LENGTH - 1),
    "a height without a set": with_epoch(1, base=LENGTH + 1),
    "a first epoch that begins later": with_epoch(0, base=1),
    "an end at the base": with_epoch(1, end=LENGTH),
    "a view key that is missing": without("viewkey/0"),
    "a view key of a later number": with_epoch(1, view_key=2),
    "a first view key of another number": with_epoch(0, view_key=1),
    "a validator without a record": without(validator_key(OLD[0].consensus_key)),
    "a validator without a key": without(f"key/{OLD[0].consensus_key.hex()}"),
    "a record of another node key": with_epoch(1, validators=(replace(OLD[0], node_key=NEW.node_key), *OLD[1:])),
    "a newcomer without a key": without(f"key/{NEW.consensus_key.hex()}"),
    "a newcomer with a key of somebody else": foreign_key,
    "a record of nobody": stray_word,
}


@pytest.mark.parametrize("what", BROKEN)
def test_invariant_23_a_state_with_two_sets_or_none_is_refused(what: str) -> None:
    """Goal: one set for every height, in any state that a node starts from. Method: break a sound state in one place."""
    world = small_world()
    pass_boundary(world)
    joined(world)
    records = world.state.hashed()
    check_whole(records)
    BROKEN[what](records)
    with pytest.raises(InvariantBroken) as refused:
        check_whole(records)
    assert refused.value.facts["invariant"] == 23


NOW = Epoch(3, 30, 40, OLD, 0)


def test_invariant_23_a_transaction_may_only_bring_the_end_nearer() -> None:
    """Goal: sets change at boundaries only. Method: every other change of an epoch's record."""
    check_epoch_change(NOW, replace(NOW, end=35))
    for changed in (None, replace(NOW, end=41), replace(NOW, end=35, validators=OLD[:3]), replace(NOW, end=35, base=31), NOW):
        with pytest.raises(InvariantBroken):
            check_epoch_change(NOW, changed)
    with pytest.raises(InvariantBroken):
        check_epoch_change(None, NOW)


def test_k22_genesis_says_the_length_and_the_addresses() -> None:
    """Goal: epoch 0 by the rules of all epochs. Method: a length within its range; an address that is none."""
    assert current(World(make_genesis())).end == 10_000
    assert current(small_world(77)).end == 77
    genesis = make_genesis()
    wrong = replace(genesis, validators=(replace(genesis.validators[0], endpoint="somewhere"), *genesis.validators[1:]))
    with pytest.raises(GenesisError, match=r"validators\[0\]"):
        check_draft(wrong)


def test_a_quorum_is_what_consensus_counts() -> None:
    """Goal: the two packages agree without knowing each other. Method: every size of a set."""
    for size in range(1, 257):
        assert quorum_of(size) == size - (size - 1) // 3
