"""Who votes when: the validator set of each epoch, the height at which it ends, and what its last block says of the next set (K22)."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from consensus.types import Epoch, ValidatorId, ValidatorSet

if TYPE_CHECKING:
    from consensus.types import BlockFacts

NEVER = 2**62
"""A height that no run reaches."""
NO_NEXT = bytes(32)


@dataclass(frozen=True, slots=True)
class Committee:
    """The validators of one epoch. A node of the run has the same number in all epochs; its place in a set changes."""

    epoch: Epoch
    members: tuple[int, ...]
    """Nodes, in the order of the set."""
    set: ValidatorSet
    places: dict[int, ValidatorId]

    @property
    def hash(self) -> bytes:
        """What the last block of the epoch before names as `next`: of numbers, so that it is the same with real keys."""
        return sha256(b"som/validators/1" + bytes((self.epoch, *self.members))).digest()


class Calendar:
    """The epochs of a run. The last one never ends."""

    def __init__(self, sets: tuple[tuple[int, ...], ...], lengths: tuple[int, ...], keys: list[bytes]) -> None:
        """Take the members of each epoch, the heights that each but the last one has, and the key of each node."""
        if len(lengths) != len(sets) - 1:
            raise ValueError(f"{len(sets)} epochs and {len(lengths)} lengths")
        self._committees = [
            Committee(
                Epoch(number),
                members,
                ValidatorSet(tuple(keys[node] for node in members)),
                {node: ValidatorId(place) for place, node in enumerate(members)},
            )
            for number, members in enumerate(sets)
        ]
        self._ends = [sum(lengths[: number + 1]) for number in range(len(lengths))] + [NEVER]

    @property
    def last(self) -> Epoch:
        """The epoch that never ends."""
        return Epoch(len(self._committees) - 1)

    def has(self, epoch: int) -> bool:
        """Tell whether there is such an epoch: a liar may name any."""
        return 0 <= epoch < len(self._committees)

    def committee(self, epoch: int) -> Committee:
        """Return who votes in an epoch."""
        return self._committees[epoch]

    def end(self, epoch: int) -> int:
        """Return the height of an epoch's last block."""
        return self._ends[epoch]

    def epoch_at(self, height: int) -> int:
        """Return the epoch to which the block at this height belongs."""
        return next(number for number, end in enumerate(self._ends) if height <= end)

    def next_at(self, epoch: int, height: int) -> bytes:
        """Return what the header at this height must name as the next set: zeros, except on the last block of its epoch."""
        return self._committees[epoch + 1].hash if self.has(epoch) and height == self._ends[epoch] else NO_NEXT


def epoch_after(facts: BlockFacts) -> Epoch:
    """Return the epoch of this block's children."""
    return Epoch(facts.epoch + facts.boundary)
