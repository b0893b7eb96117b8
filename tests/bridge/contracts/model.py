"""What the contracts must answer, written from bridge.md alone: a second opinion that shares nothing with the Solidity.

Events are judged apart from it, by `Ledgerless`, which recomputes every total from the raw logs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.bridge.contracts.world import LIMITS, ROUTE, threshold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.digests import Checkpoint, MintAuth, ReserveStatement, RotateAttestors
    from tests.bridge.keys import Key

DAY = 86_400


@dataclass
class Model:
    """The state of one bridge as bridge.md describes it; each method says whether the contract must take the message."""

    sets: dict[int, frozenset[bytes]]
    reserve: frozenset[bytes]
    now: int
    epoch: int = 1
    previous_until: int = 0
    rotated_at: int = 0
    rotation_height: int = 0
    height: int = 0
    locked: int = 0
    refunded: int = 0
    lock_count: int = 0
    stated: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Height, locked, refunded, released of the newest reserve statement."""
    reserve_required: bool = False
    minted: int = 0
    burned: int = 0
    used: set[int] = field(default_factory=set)
    bucket: int = LIMITS[2]
    bucket_at: int = 0
    day: int = 0
    day_used: int = 0
    paused: bool = False

    def counts(self, signers: Sequence[Key], epoch: int) -> bool:
        """Whether exactly as many members as needed signed, in ascending order, of a set that is valid now."""
        valid = epoch == self.epoch or (epoch == self.epoch - 1 and epoch >= 1 and self.now < self.previous_until)
        return valid and self.agree(signers, self.sets[epoch], threshold(len(self.sets[epoch])))

    def agree(self, signers: Sequence[Key], members: frozenset[bytes], needed: int) -> bool:
        """Whether the signers are `needed` different members in ascending order."""
        addresses = [one.address for one in signers]
        return len(addresses) == needed and addresses == sorted(set(addresses)) and set(addresses) <= members

    def checkpoint(self, message: Checkpoint, signers: Sequence[Key]) -> bool:
        """Taken iff signed, higher, and nothing falls."""
        good = (
            message.route_id == ROUTE
            and message.ledger_height > self.height
            and message.lock_count >= self.lock_count
            and self.locked <= message.cumulative_locked
            and self.refunded <= message.cumulative_refunded <= message.cumulative_locked
            and self.counts(signers, message.set_epoch)
        )
        if good:
            self._attest(message)
            self.lock_count = message.lock_count
        return good

    def mint(self, message: MintAuth, signers: Sequence[Key]) -> bool:
        """Taken iff signed, in time, once, under the newest bound, within the limits."""
        totals = (message.cumulative_locked, message.cumulative_refunded)
        if message.ledger_height > self.height:
            consistent = totals[0] >= self.locked and totals[1] >= self.refunded
            bound = totals[0] - totals[1]
        else:
            same = message.ledger_height == self.height
            consistent = totals == (self.locked, self.refunded) if same else totals[0] <= self.locked and totals[1] <= self.refunded
            bound = self.locked - self.refunded
        if self.reserve_required:
            bound = min(bound, self.stated[1] - self.stated[2])
        good = (
            not self.paused
            and message.route_id == ROUTE
            and self.now <= message.deadline
            and message.nonce not in self.used
            and totals[1] <= totals[0]
            and consistent
            and self.minted + message.amount <= bound
            and self.counts(signers, message.set_epoch)
            and self._within_limits(message.amount)
        )
        if good:
            self._spend(message)
        return good

    def rotate(self, message: RotateAttestors, signers: Sequence[Key]) -> bool:
        """Taken iff signed by the current quorum, the next epoch, an hour after the last, of a higher height, well formed."""
        count = len(message.attestors)
        good = (
            message.route_id == ROUTE
            and message.new_epoch == self.epoch + 1
            and self.now >= self.rotated_at + 3600
            and message.ledger_height > self.rotation_height
            and 4 <= count <= 64
            and message.threshold == threshold(count)
            and list(message.attestors) == sorted(set(message.attestors))
            and self.agree(signers, self.sets[self.epoch], threshold(len(self.sets[self.epoch])))
        )
        if good:
            self.previous_until = 0 if message.immediate else self.now + DAY
            self.epoch, self.rotated_at, self.rotation_height = message.new_epoch, self.now, message.ledger_height
            self.sets[self.epoch] = frozenset(message.attestors)
        return good

    def state_reserve(self, message: ReserveStatement, signers: Sequence[Key]) -> bool:
        """Taken iff two of the second key set signed, higher, nothing falls, and the vault adds up."""
        height, locked, refunded, released = self.stated
        good = (
            message.route_id == ROUTE
            and message.ledger_height > height
            and message.cumulative_locked >= locked
            and message.cumulative_refunded >= refunded
            and message.cumulative_released >= released
            and message.vault_balance == message.cumulative_locked - message.cumulative_refunded - message.cumulative_released
            and self.agree(signers, self.reserve, 2)
        )
        if good:
            self.stated = (message.ledger_height, message.cumulative_locked, message.cumulative_refunded, message.cumulative_released)
        return good

    def burn(self, amount: int, balance: int) -> bool:
        """Taken iff there is something to burn and this bridge has so much outstanding."""
        good = 0 < amount <= balance and amount <= self.minted - self.burned
        if good:
            self.burned += amount
        return good

    def _attest(self, message: Checkpoint | MintAuth) -> None:
        if message.ledger_height > self.height:
            self.height = message.ledger_height
            self.locked, self.refunded = message.cumulative_locked, message.cumulative_refunded

    def _within_limits(self, amount: int) -> bool:
        per_mint, per_day, capacity, refill = LIMITS
        level = min(capacity, self.bucket + refill * (self.now - self.bucket_at))
        used = self.day_used if self.day == self.now // DAY else 0
        return amount <= per_mint and amount <= level and used + amount <= per_day

    def _spend(self, message: MintAuth) -> None:
        _, _, capacity, refill = LIMITS
        self._attest(message)
        self.bucket = min(capacity, self.bucket + refill * (self.now - self.bucket_at)) - message.amount
        self.day_used = message.amount + (self.day_used if self.day == self.now // DAY else 0)
        self.bucket_at, self.day = self.now, self.now // DAY
        self.minted += message.amount
        self.used.add(message.nonce)
