"""A naive model of limits of people: lists of what was spent, summed anew each time; no code of the ledger (invariants 14, 24)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

OK, FUNDS, BALANCE, TRANSACTION, WINDOW, NOT_ELIGIBLE, NO_HOLD, TOO_MUCH, NO_RETURN = 0, 150, 154, 155, 156, 132, 170, 173, 172
DAY_MS = 86_400_000
AHEAD_MS = 6 * 3_600_000
DAYS_OF_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
EPOCH_YEAR, LEAP, CENTURY, ERA = 1970, 4, 100, 400
RETURN_MS = 30 * DAY_MS

Leg = tuple[str, str, int]
"""Debit, credit, amount."""
Numbers = tuple[int | None, int | None, int | None, int | None]
"""Balance, transaction, day, month of a tier."""


def day_of(now: int) -> int:
    """Return the number of a day in Bishkek."""
    return (now + AHEAD_MS) // DAY_MS


def month_of(now: int) -> tuple[int, int]:
    """Return year and month in Bishkek, counted day by day."""
    return _month_of(day_of(now))


@cache
def _month_of(day: int) -> tuple[int, int]:
    left, year = day, EPOCH_YEAR
    while left >= _days(year):
        left -= _days(year)
        year += 1
    for month, days in enumerate(DAYS_OF_MONTHS):
        here = days + (month == 1 and _days(year) == sum(DAYS_OF_MONTHS) + 1)
        if left < here:
            return year, month
        left -= here
    raise AssertionError("a year has twelve months")


def _days(year: int) -> int:
    return sum(DAYS_OF_MONTHS) + (year % LEAP == 0 and (year % CENTURY != 0 or year % ERA == 0))


NONE: Numbers = (None, None, None, None)


@dataclass
class Outlay:
    """Something spent: what it counts for its day and for its month."""

    person: str
    when: int
    by_day: int
    by_month: int


@dataclass
class Kept:
    """A hold."""

    source: str
    target: str
    left: int
    until: int
    outlay: Outlay | None


@dataclass
class Paid:
    """A payment that can be returned."""

    debit: str
    credit: str
    left: int
    until: int


@dataclass
class NaivePeople:
    """Everything that limits depend on."""

    people: dict[str, str]
    """Wallet -> person; an account that is not here has nobody behind it."""
    nobodys: tuple[str, ...]
    """Wallets without person."""
    tiers: dict[str, str]
    """Person -> tier."""
    limits: dict[str, Numbers]
    """Tier -> numbers; empty: the asset has no limits."""
    tills: dict[str, str]
    """Participant -> where it takes what its customers may not have."""
    posted: dict[str, int]
    now: int
    holds: dict[bytes, Kept] = field(default_factory=dict)
    paid: dict[bytes, Paid] = field(default_factory=dict)
    outlays: list[Outlay] = field(default_factory=list)

    def wait(self, now: int) -> None:
        """Let time pass; what lapses gives back what its open windows had."""
        self.now = now
        for name in [name for name, hold in self.holds.items() if hold.until <= now]:
            self.void(name)

    def total(self, person: str) -> int:
        """Add up all wallets of a person."""
        return sum(self.posted[account] for account, behind in self.people.items() if behind == person)

    def spent(self, person: str) -> tuple[int, int]:
        """Add up the day and the month of a person."""
        mine = [each for each in self.outlays if each.person == person]
        today, month = day_of(self.now), month_of(self.now)
        return (
            sum(each.by_day for each in mine if day_of(each.when) == today),
            sum(each.by_month for each in mine if month_of(each.when) == month),
        )

    def pay(self, legs: list[Leg], back: bytes | None = None) -> int:
        """Code of an atomic pay, or of a return of one leg."""
        if back is not None and not self._can_return(legs[0], back):
            return NO_RETURN
        before = {person: self.total(person) for person in self.people.values()}
        changed = dict(self.posted)
        for debit, credit, amount in legs:
            changed[debit] -= amount
            changed[credit] += amount
        if any(amount < self._held(account) for account, amount in changed.items()):
            return FUNDS
        old, self.posted = self.posted, changed
        code = self._judge(before, legs, spends=back is None)
        if code:
            self.posted = old
            return code
        if back is None:
            self.outlays += self._outlays(legs)
        else:
            self.paid[back].left -= legs[0][2]
        return OK

    def pay_each(self, legs: list[Leg]) -> tuple[int, list[int]]:
        """Code and codes per leg of a pay in mode each: each leg with what this transaction has spent before it."""
        codes: list[int] = []
        done: list[Leg] = []
        for leg in legs:
            codes.append(self._pay_one(leg, done))
            if not codes[-1]:
                done.append(leg)
        return (OK if OK in codes else codes[0]), codes

    def issue(self, to: str, amount: int) -> int:
        """Code of an issue."""
        limit = self._limit(to)
        if limit[0] is not None and self.total(self.people[to]) + amount > limit[0]:
            return BALANCE
        if not self._eligible(to):
            return NOT_ELIGIBLE
        self.posted[to] += amount
        return OK

    def redeem(self, source: str, amount: int) -> int:
        """Code of a redemption."""
        if self.posted[source] - self._held(source) < amount:
            return FUNDS
        self.posted[source] -= amount
        return OK

    def hold(self, name: bytes, source: str, target: str, amount: int, until: int) -> int:
        """Code of a hold."""
        if self.posted[source] - self._held(source) < amount:
            return FUNDS
        code = self._judge({}, [(source, target, amount)], spends=True)
        if code:
            return code
        outlays = self._outlays([(source, target, amount)])
        self.outlays += outlays
        self.holds[name] = Kept(source, target, amount, until, outlays[0] if outlays else None)
        return OK

    def settle(self, name: bytes, amount: int) -> int:
        """Code of a settlement; what the target may not have goes to its bank."""
        hold = self.holds.get(name)
        if hold is None:
            return NO_HOLD
        if amount > hold.left:
            return TOO_MUCH
        self.posted[hold.source] -= amount
        room = self._room(hold.source, hold.target, amount)
        self.posted[hold.target] += room
        self.posted[self.tills[hold.target.partition("/")[0]]] += amount - room
        hold.left -= amount
        if not hold.left:
            del self.holds[name]
        return OK

    def void(self, name: bytes) -> int:
        """Code of a void."""
        hold = self.holds.pop(name, None)
        if hold is None:
            return NO_HOLD
        if hold.outlay is not None:
            if day_of(hold.outlay.when) == day_of(self.now):
                hold.outlay.by_day -= hold.left
            if month_of(hold.outlay.when) == month_of(self.now):
                hold.outlay.by_month -= hold.left
        return OK

    def _room(self, source: str, target: str, amount: int) -> int:
        """Return how much of what a hold settles its target may have; from an own wallet all of it."""
        if target in self.people and self.people[target] == self.people.get(source):
            return amount
        if not self._eligible(target):
            return 0
        limit = self._limit(target)
        return amount if limit[0] is None else min(amount, max(0, limit[0] - self.total(self.people[target])))

    def _pay_one(self, leg: Leg, done: list[Leg]) -> int:
        debit, credit, amount = leg
        if self.posted[debit] - self._held(debit) < amount:
            return FUNDS
        before = {person: self.total(person) for person in self.people.values()}
        self.posted[debit] -= amount
        self.posted[credit] += amount
        code = self._judge(before, [leg], spends=True, done=done)
        if code:
            self.posted[debit] += amount
            self.posted[credit] -= amount
            return code
        self.outlays += self._outlays([leg])
        return OK

    def _judge(self, before: dict[str, int], legs: list[Leg], *, spends: bool, done: list[Leg] | None = None) -> int:
        """Code of the limits, once the balances are as they would be."""
        for wallet, person in self.people.items():
            limit = self._limit(wallet)
            if limit[0] is not None and person in before and self.total(person) > max(limit[0], before[person]):
                return BALANCE
        for judge in (self._over_transaction, self._over_window) if spends else ():
            for wallet in self.people:
                if judge(wallet, legs, done or []):
                    return TRANSACTION if judge == self._over_transaction else WINDOW
        touched = [account for leg in legs for account in leg[:2]]
        return OK if all(self._eligible(account) for account in touched) else NOT_ELIGIBLE

    def _over_transaction(self, wallet: str, legs: list[Leg], done: list[Leg]) -> bool:
        limit, person = self._limit(wallet), self.people[wallet]
        if not self._gross(person, legs):
            return False
        return limit[1] is not None and self._gross(person, [*done, *legs]) > limit[1]

    def _over_window(self, wallet: str, legs: list[Leg], _done: list[Leg]) -> bool:
        limit, person = self._limit(wallet), self.people[wallet]
        gross, (day, month) = self._gross(person, legs), self.spent(person)
        if not gross:
            return False
        return any(most is not None and spent + gross > most for spent, most in ((day, limit[2]), (month, limit[3])))

    def _gross(self, person: str, legs: list[Leg]) -> int:
        return sum(amount for debit, credit, amount in legs if self.people.get(debit) == person != self.people.get(credit))

    def _outlays(self, legs: list[Leg]) -> list[Outlay]:
        counted = [leg for leg in legs if leg[0] in self.people and self.people[leg[0]] != self.people.get(leg[1])]
        return [Outlay(self.people[debit], self.now, amount, amount) for debit, _, amount in counted]

    def _limit(self, account: str) -> Numbers:
        """Numbers of the tier of who is behind an account; none where there are none."""
        person = self.people.get(account)
        return NONE if person is None else self.limits.get(self.tiers[person], NONE)

    def _eligible(self, account: str) -> bool:
        if not self.limits:
            return True
        if account in self.nobodys:
            return False
        person = self.people.get(account)
        return person is None or not self.tiers[person] or self.tiers[person] in self.limits

    def _held(self, account: str) -> int:
        return sum(hold.left for hold in self.holds.values() if hold.source == account)

    def _can_return(self, leg: Leg, back: bytes) -> bool:
        paid = self.paid.get(back)
        if paid is None or paid.until <= self.now:
            return False
        return (leg[0], leg[1]) == (paid.credit, paid.debit) and leg[2] <= paid.left
