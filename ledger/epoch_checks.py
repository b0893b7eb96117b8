"""What must hold of epochs in any state: one set for every height, keys that vote registered as such (invariant 23, the ledger's half)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.epochs import PLANNED_VIEW_KEY, Epoch, EpochPlan, Readiness, ViewKey, epoch_key, newcomers, validator_key, view_key_key
from ledger.errors import InvariantBroken
from ledger.keysets import CONSENSUS_ROLE
from ledger.participants import KeyOwner

if TYPE_CHECKING:
    from ledger.state import Record


def check_epoch_change(before: Record | None, after: Record | None) -> None:
    """Allow a transaction to move the end of an epoch forward, and nothing else: all other words on epochs are the boundary's.

    Raises
    ------
    InvariantBroken
        A set, a base or a number would change within an epoch, or its end would move away.
    """
    if not isinstance(before, Epoch) or not isinstance(after, Epoch) or replace(before, end=after.end) != after or after.end >= before.end:
        raise InvariantBroken(invariant=23, detail="a transaction would change an epoch otherwise than by an earlier end")


class WholeEpochs:
    """Epochs over a whole state, one record at a time, as `ledger.invariants.WholeSums`."""

    def __init__(self) -> None:
        self._epochs: dict[str, Epoch] = {}
        self._plan: EpochPlan | None = None
        self._view_keys: dict[str, None] = {}
        self._words: dict[str, Readiness] = {}
        self._owners: dict[str, str] = {}
        """`key/HEX` of consensus keys -> participant."""

    def add(self, key: str, record: Record) -> None:
        """Take one record; the order does not matter."""
        match record:
            case Epoch():
                self._epochs[key] = record
            case EpochPlan():
                self._plan = record
            case ViewKey():
                self._view_keys[key] = None
            case Readiness():
                self._words[key] = record
            case KeyOwner(owner=owner, keyset=role):
                if role == CONSENSUS_ROLE:
                    self._owners[key] = owner
            case _:
                pass

    def check(self) -> None:
        """Check them, once every record was added.

        Raises
        ------
        InvariantBroken
            Heights without a set or with two, a view key that is missing, or a validator that is not what the registry says.
        """
        epochs = [self._epochs[key] for key in sorted(self._epochs, key=lambda key: self._epochs[key].number)]
        if not epochs or [epoch_key(number) for number in range(len(epochs))] != [epoch_key(each.number) for each in epochs]:
            raise InvariantBroken(invariant=23, detail="the epochs are not numbered from 0 to the current one")
        if any(self._epochs.get(epoch_key(each.number)) != each or each.base >= each.end for each in epochs):
            raise InvariantBroken(invariant=23, detail="an epoch stands elsewhere, or ends before it begins")
        if epochs[0].base or any(one.end != other.base for one, other in pairwise(epochs)):
            raise InvariantBroken(invariant=23, detail="an epoch does not begin where the one before it ends")
        self._check_view_keys(epochs)
        self._check_validators(epochs[-1])

    def _check_view_keys(self, epochs: list[Epoch]) -> None:
        if epochs[0].view_key or any(other.view_key - one.view_key not in (0, 1) for one, other in pairwise(epochs)):
            raise InvariantBroken(invariant=23, detail="the view keys are not numbered in the order of epochs")
        known = [view_key_key(number) for number in range(epochs[-1].view_key + 1)]
        if sorted(key for key in self._view_keys if key != PLANNED_VIEW_KEY) != sorted(known):
            raise InvariantBroken(invariant=23, detail="the view keys are not those that the epochs name")

    def _check_validators(self, now: Epoch) -> None:
        coming = newcomers(self._plan, now) if self._plan is not None else ()
        for each in (*now.validators, *coming):
            if self._owners.get(f"key/{each.consensus_key.hex()}") != each.participant:
                raise InvariantBroken(invariant=23, detail=f"consensus key {each.consensus_key.hex()} is not registered")
        words = dict(self._words)
        for each in now.validators:
            word = words.pop(validator_key(each.consensus_key), None)
            if word is None or (word.participant, word.consensus_key, word.node_key) != (
                each.participant,
                each.consensus_key,
                each.node_key,
            ):
                raise InvariantBroken(invariant=23, detail=f"there is no record of validator {each.consensus_key.hex()}")
        for each in coming:
            words.pop(validator_key(each.consensus_key), None)
        if words:
            raise InvariantBroken(invariant=23, detail="there are records of validators that no set names")
