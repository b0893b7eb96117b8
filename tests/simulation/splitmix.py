"""SplitMix64: the simulator's own generator, so that a seed means the same run under every Python version and hash seed.

Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

_MASK = 2**64 - 1


class SplitMix64:
    """A stream of 64-bit numbers from a seed."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def below(self, limit: int) -> int:
        """Return a number from 0 up to, not including, `limit`. The bias of the remainder is below 2**-40 for the limits used here."""
        self._state = state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        return (state ^ (state >> 31)) % limit

    def between(self, low: int, high: int) -> int:
        """Return a number from `low` to `high`, both included."""
        return low + self.below(high - low + 1)

    def chance(self, per_mille: int) -> bool:
        """Return True in `per_mille` of 1,000 cases."""
        return self.below(1_000) < per_mille

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in random order."""
        left = list(items)
        for last in range(len(left) - 1, 0, -1):
            other = self.below(last + 1)
            left[last], left[other] = left[other], left[last]
        return left

    def some(self, items: Sequence[T], per_mille: int) -> list[T]:
        """Return each item with the given chance, in order."""
        return [item for item in items if self.below(1_000) < per_mille]

    def fork(self) -> SplitMix64:
        """Return a stream of its own: draws from it do not shift this one's."""
        return SplitMix64(self.below(2**64))
