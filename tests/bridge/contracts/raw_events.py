"""Totals recomputed from the raw logs of bridge and token, and what must hold of them whoever signed what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bridge.contracts.world import LIMITS

if TYPE_CHECKING:
    from bridge.abi import Decoded
    from tests.bridge.contracts.chain import Receipt
    from tests.bridge.contracts.world import World

ZERO = "0x" + "00" * 20


class Violation(Exception):
    """A promise of the bridge is broken."""


def demand(held: object, promise: str) -> None:
    """Raise when a promise does not hold."""
    if not held:
        raise Violation(promise)


def number(event: Decoded, name: str) -> int:
    """Return a field of an event that is a number."""
    value = event.fields[name]
    if not isinstance(value, int):
        raise TypeError(f"{event.name}.{name} is no number")
    return value


class RawEvents:
    """Sums of what the chain logged; the contracts' own totals are only compared with them."""

    def __init__(self, world: World, elsewhere: int) -> None:
        self.world = world
        self.elsewhere = elsewhere
        """Supply that another minter has outstanding."""
        self.minted = self.burned = self.burns = 0
        self.nonces: set[int] = set()
        self.newest = (0, 0, 0)
        """Height, locked and refunded of the newest height that any event names."""
        self.stated: tuple[int, int] | None = None
        self.reserve_required = False
        self.recent: list[tuple[int, int]] = []
        """Time and amount of each mint."""

    def take(self, receipt: Receipt) -> None:
        """Read the events of a transaction and check every promise on them."""
        created = destroyed = minted = burned = 0
        for event in self.world.token.events(receipt):
            if event.name == "Transfer":
                created += number(event, "value") if event.fields["from"] == ZERO else 0
                destroyed += number(event, "value") if event.fields["to"] == ZERO else 0
        for event in self.world.bridge.events(receipt):
            if event.name == "Minted":
                minted += self._minted(event)
            elif event.name == "Burned":
                burned += self._burned(event)
            elif event.name == "CheckpointTaken":
                demand(number(event, "ledgerHeight") > self.newest[0], "checkpoints rise")
                self._attested(event)
            elif event.name == "ReserveStated":
                self.stated = (number(event, "cumulativeLocked"), number(event, "cumulativeRefunded"))
            elif event.name == "ReserveRequired":
                self.reserve_required = True
        demand(created == minted and destroyed == burned, "the token moves exactly as the bridge says")
        supply = self.world.token.number("totalSupply")
        demand(supply == self.elsewhere + self.minted - self.burned, "S = opening + M - B")
        demand(self.burned <= self.minted, "burns count against what this bridge minted")

    def _attested(self, event: Decoded) -> None:
        height, locked, refunded = (number(event, name) for name in ("ledgerHeight", "cumulativeLocked", "cumulativeRefunded"))
        if height > self.newest[0]:
            demand(locked >= self.newest[1] and refunded >= self.newest[2], "attested totals only grow")
            self.newest = (height, locked, refunded)

    def _minted(self, event: Decoded) -> int:
        amount, nonce = number(event, "amount"), number(event, "nonce")
        demand(nonce not in self.nonces, "one lock mints once")
        self.nonces.add(nonce)
        self._attested(event)
        self.minted += amount
        demand(number(event, "cumulativeMinted") == self.minted, "the cumulative total of a mint is the sum of all")
        bound = self.newest[1] - self.newest[2]
        if self.reserve_required and self.stated is not None:
            bound = min(bound, self.stated[0] - self.stated[1])
        demand(self.minted <= bound, "M <= L* - F*")
        self._within_limits(amount)
        return amount

    def _within_limits(self, amount: int) -> None:
        per_mint, per_day, capacity, refill = LIMITS
        now = self.world.chain.now
        self.recent.append((now, amount))
        demand(amount <= per_mint, "no mint is above the limit per mint")
        demand(sum(one for at, one in self.recent if at // 86_400 == now // 86_400) <= per_day, "no day is above its limit")
        for start, _ in self.recent:
            spent = sum(one for at, one in self.recent if at >= start)
            demand(spent <= capacity + refill * (now - start), "no span of time lets more through than the bucket")

    def _burned(self, event: Decoded) -> int:
        amount = number(event, "amount")
        self.burned += amount
        self.burns += 1
        demand(number(event, "nonce") == self.burns, "burn nonces are contiguous")
        demand(number(event, "cumulativeBurned") == self.burned, "the cumulative total of a burn is the sum of all")
        return amount
