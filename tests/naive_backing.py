"""A naive model of what backs an asset: dicts, loops and fractions, sharing no code with the ledger (invariants 8, 9, 11 and 24).

It knows one asset on gold, cash and an observed route, one that is locked soms, and one that is locked on other chains. It knows nothing of
keys or records.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

OK, NO_GRANT, FUNDS, SHORT, STALE, UNPRICED = 0, 112, 150, 161, 162, 163


@dataclass
class Vouched:
    """An item."""

    type: str
    quantity: int
    as_of: int


@dataclass
class Gold:
    """The attested asset, and everything that was said of it."""

    sources: tuple[str, ...]
    haircut: dict[str, Fraction]
    """Type -> what is left of a market value."""
    share: dict[str, Fraction]
    age_ms: dict[str, int]
    """Of item types, "price" and "abroad": how long a word counts."""
    unit: int
    price_digits: int
    digits: int
    items: dict[str, Vouched] = field(default_factory=dict)
    prices: dict[str, tuple[int, int]] = field(default_factory=dict)
    abroad: tuple[int, int] | None = None
    supply: int = 0
    purse: int = 0

    def price(self, now: int) -> int:
        """Middle of what the sources say; who is silent says nothing is worth anything."""
        words = []
        for source in self.sources:
            price, as_of = self.prices.get(source, (0, -(10**18)))
            words.append(price if now < as_of + self.age_ms["price"] else 0)
        words.sort()
        return words[len(words) // 2]

    def worth(self, now: int) -> tuple[int, int]:
        """Eligible and market value."""
        price = self.price(now)
        sums: dict[str, tuple[int, int]] = {}
        for item in self.items.values():
            if item.quantity == 0 or now >= item.as_of + self.age_ms[item.type]:
                continue
            if item.type == "gold":
                whole = Fraction(item.quantity, self.unit) * Fraction(price, 10**self.price_digits) * 10**self.digits
            else:
                whole = Fraction(item.quantity)
            eligible, market = sums.get(item.type, (0, 0))
            sums[item.type] = (eligible + int(whole * self.haircut[item.type]), market + int(whole))
        result = []
        for which in (0, 1):
            total = sum(pair[which] for pair in sums.values())
            result.append(sum(min(pair[which], int(total * self.share[type_])) for type_, pair in sums.items()))
        return result[0], result[1]

    def issue(self, amount: int, now: int) -> int:
        """Code of an issue."""
        if self.abroad is None or now >= self.abroad[1] + self.age_ms["abroad"]:
            return STALE
        if self.supply + self.abroad[0] + amount <= self.worth(now)[0]:
            self.supply += amount
            self.purse += amount
            return OK
        living = [item for item in self.items.values() if item.quantity]
        counted = [item for item in living if now < item.as_of + self.age_ms[item.type]]
        if len(counted) < len(living) or not living:
            return STALE
        if any(item.type == "gold" for item in living) and self.price(now) == 0:
            return UNPRICED
        return SHORT

    def redeem(self, amount: int) -> int:
        """Code of a redemption."""
        if amount > self.purse:
            return FUNDS
        self.supply -= amount
        self.purse -= amount
        return OK


@dataclass
class Locked:
    """The asset that is locked soms."""

    soms: int
    purse: int = 0
    vault: int = 0

    def wrap(self, amount: int) -> int:
        """Code of a wrap."""
        if amount > self.soms:
            return FUNDS
        self.soms -= amount
        self.vault += amount
        self.purse += amount
        return OK

    def unwrap(self, amount: int) -> int:
        """Code of an unwrap, back to the same account."""
        if amount > self.purse:
            return FUNDS
        self.soms += amount
        self.vault -= amount
        self.purse -= amount
        return OK


@dataclass
class Abroad:
    """The asset that is locked on other chains, and everything that was seen there."""

    lockers: dict[str, tuple[tuple[str, ...], int]]
    """Name -> who watches it, and for how many milliseconds a sight counts."""
    sights: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    dismissed: set[str] = field(default_factory=set)
    supply: int = 0

    def words(self, locker: str, now: int) -> list[int]:
        """Return what counts of what was said of a locker."""
        watchers, age_ms = self.lockers[locker]
        said = [self.sights.get((locker, each)) for each in watchers if each not in self.dismissed]
        return [amount for amount, as_of in filter(None, said) if now < as_of + age_ms]

    def worth(self, now: int) -> int:
        """Sum over the lockers of the middle word, who is silent having seen nothing."""
        whole = 0
        for locker, (watchers, _) in self.lockers.items():
            words = self.words(locker, now)
            whole += sorted(words + [0] * (len(watchers) - len(words)))[len(watchers) // 2]
        return whole

    def see(self, locker: str, who: str, amount: int, now: int) -> int:
        """Code of a sight."""
        if who in self.dismissed:
            return NO_GRANT
        self.sights[locker, who] = amount, now
        return OK

    def dismiss(self, who: str) -> int:
        """Code of the end of a grant."""
        if who in self.dismissed:
            return NO_GRANT
        self.dismissed.add(who)
        return OK

    def issue(self, amount: int, now: int) -> int:
        """Code of an issue."""
        if self.supply + amount <= self.worth(now):
            self.supply += amount
            return OK
        known = all(2 * len(self.words(locker, now)) > len(watchers) for locker, (watchers, _) in self.lockers.items())
        return SHORT if known else STALE

    def redeem(self, amount: int) -> int:
        """Code of a redemption."""
        if amount > self.supply:
            return FUNDS
        self.supply -= amount
        return OK
