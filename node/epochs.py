"""The epochs as the newest final state has them: who votes in each, under which view key, and when it ends (K22).

Governance keeps a record of every epoch that has begun, so certificates of old epochs can be checked and old transactions proved. What is
of an epoch that has not begun here is unknown, not wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from consensus.types import Epoch, ValidatorId, ValidatorSet
from ledger.epochs import Epoch as EpochRecord
from ledger.epochs import epoch_key, epoch_of, plan_of, view_key_of
from node.viewkeys import ViewKeyMissing

if TYPE_CHECKING:
    from ledger.epochs import Validator
    from ledger.state import StateReader
    from node.viewkeys import KeyRing

COUNCILS_MAX: Final = 64
"""Sets kept in memory; older ones are read again when they are asked for."""


@dataclass(frozen=True, slots=True)
class Council:
    """The validators of one epoch, by index."""

    epoch: Epoch
    members: tuple[Validator, ...]
    view_key: int
    """Number of the view key in force."""
    keys: ValidatorSet
    """Their consensus keys, as the core takes them."""
    _places: dict[bytes, ValidatorId] = field(repr=False)

    @classmethod
    def of(cls, record: EpochRecord) -> Council:
        """Council of an epoch's record."""
        members = record.validators
        places = {each.node_key: ValidatorId(index) for index, each in enumerate(members)}
        return cls(Epoch(record.number), members, record.view_key, ValidatorSet(tuple(each.consensus_key for each in members)), places)

    def seat_of(self, consensus_key: bytes) -> ValidatorId | None:
        """Index of the validator that votes with this key."""
        keys = self.keys.keys
        return ValidatorId(keys.index(consensus_key)) if consensus_key in keys else None

    def place_of(self, node_key: bytes) -> ValidatorId | None:
        """Index of the validator whose node has this key."""
        return self._places.get(node_key)

    @property
    def node_keys(self) -> list[bytes]:
        """Node key of each validator, by index."""
        return [each.node_key for each in self.members]


class Epochs:
    """Reads of one final state."""

    def __init__(self, state: StateReader, ring: KeyRing) -> None:
        self._state, self._ring = state, ring
        self._councils: dict[int, Council] = {}
        self._keys: dict[int, bytes] = {}

    def record(self, number: int) -> EpochRecord:
        """Record of an epoch that has begun; its end may still be moved while it lasts. Raises BrokenState where there is none."""
        return epoch_of(self._state, number)

    def council(self, number: int) -> Council | None:
        """Return the validators of an epoch; None where it has not begun here."""
        known = self._councils.get(number)
        if known is not None:
            return known
        record = self._state.get(epoch_key(number))
        if not isinstance(record, EpochRecord):
            return None
        while len(self._councils) >= COUNCILS_MAX:
            del self._councils[next(iter(self._councils))]
        council = self._councils[number] = Council.of(record)
        return council

    def view_key(self, number: int) -> bytes:
        """View key (32 bytes) of an epoch that has begun.

        Raises
        ------
        ViewKeyMissing
            This node cannot open it.
        BrokenState
            There is no such epoch.
        """
        known = self._keys.get(number)
        if known is not None:
            return known
        record = view_key_of(self._state, epoch_of(self._state, number).view_key)
        key = self._ring.find(record.hash, record.copies)
        if key is None:
            raise ViewKeyMissing(epoch=number, wanted=record.hash, box_key=self._ring.box_key)
        while len(self._keys) >= COUNCILS_MAX:
            del self._keys[next(iter(self._keys))]
        self._keys[number] = key
        return key

    def planned(self, node_key: bytes) -> str | None:
        """Participant whose node has this key in the set that is planned; None where there is none."""
        plan = plan_of(self._state)
        return None if plan is None else next((each.participant for each in plan.validators if each.node_key == node_key), None)
