"""A naive model of a route: what is locked here and minted there, by lists of what happened, sharing no code with the ledger (B1).

Both chains are kept. `Chain` is the truth of the other one: what its contract would have done. `NaiveRoute` is what the ledger must make of
attestors' words, honest and rogue ones: which code each word and claim has, and what every account has afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field

OK, CLOSED, PAUSED, FUNDS, CONDITION, SAY, SEEN, PROOF, CAP = 0, 123, 131, 150, 172, 182, 190, 191, 192
DAY_MS = 86_400_000
AHEAD_MS = 6 * 3_600_000
"""Bishkek."""
AHEAD = 64
"""Burns that may be voted on beyond the last observed one."""


@dataclass
class Chain:
    """The other chain: its contract mints what is attested and burns what there is."""

    opening: int
    minted: dict[int, int] = field(default_factory=dict)
    """Nonce of a lock -> amount."""
    burns: list[tuple[int, str]] = field(default_factory=list)
    """Amount and recipient, in order; the nonce is the place + 1."""

    def supply(self) -> int:
        """S, from the events alone."""
        return self.opening + sum(self.minted.values()) - sum(amount for amount, _ in self.burns)

    def cumulative(self, nonce: int) -> int:
        """B with a burn."""
        return sum(amount for amount, _ in self.burns[:nonce])


@dataclass
class Out:
    """One lock."""

    source: str
    amount: int
    deadline_ms: int
    state: str = "locked"
    votes: dict[tuple[str, str], object] = field(default_factory=dict)
    """(attestor, mint or expiry) -> what it said."""


@dataclass
class In:
    """One burn, as attestors tell it."""

    votes: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    """Attestor -> amount, cumulative, recipient."""
    agreed: tuple[int, int, str] | None = None
    state: str = "observing"
    not_before: int = 0


@dataclass
class Limits:
    """What may pass; minor units and milliseconds."""

    least: int
    per_lock: int
    bucket: int
    bucket_ms: int
    day_out: int
    day_in: int
    outstanding: int
    big: int
    delay_ms: int


@dataclass
class NaiveRoute:
    """A route and the accounts that it touches."""

    limits: Limits
    attestors: list[str]
    purses: dict[str, int]
    """Account -> what it has; those that may be paid."""
    opening: int = 0
    status: str = "active"
    vault: int = 0
    suspense: int = 0
    outs: list[Out] = field(default_factory=list)
    ins: dict[int, In] = field(default_factory=dict)
    observed: int = 0
    """Nonce of the last burn that was observed."""
    burned: int = 0
    full_ms: dict[str, int] = field(default_factory=lambda: {"out": 0, "in": 0})
    days: dict[tuple[str, int], int] = field(default_factory=dict)
    """(direction, day) -> what passed."""

    def total(self, *states: str) -> int:
        """Sum of the locks in these states."""
        return sum(out.amount for out in self.outs if out.state in states)

    def released(self) -> int:
        """R, from the burns that were paid."""
        return sum(each.agreed[0] for each in self.ins.values() if each.agreed and each.state in ("released", "suspense"))

    def locked(self) -> int:
        """L."""
        return sum(out.amount for out in self.outs)

    def threshold(self) -> int:
        """Attestors that must agree: more than two thirds of them."""
        count = len(self.attestors)
        return next(number for number in range(count + 1) if 3 * number > 2 * count)

    def lock(self, source: str, amount: int, now: int, ttl_ms: int) -> int:
        """Lock an amount, and return the code."""
        if self.status == "retired":
            return CLOSED
        if self.purses[source] < amount:
            return FUNDS
        if self.status in ("paused_out", "halted"):
            return PAUSED
        limits, day = self.limits, self._day("out", now)
        full = self._full("out", amount, now)
        if not limits.least <= amount <= limits.per_lock or self.vault + amount > limits.outstanding:
            return CAP
        if full > now + limits.bucket_ms or self.days.get(day, 0) + amount > limits.day_out:
            return CAP
        self.full_ms["out"] = full
        self.days[day] = self.days.get(day, 0) + amount
        self.purses[source] -= amount
        self.vault += amount
        waits = limits.delay_ms if amount >= limits.big else 0
        self.outs.append(Out(source, amount, now + waits + ttl_ms))
        return OK

    def tell_of_lock(self, by: str, nonce: int, kind: str) -> int:
        """Let an attestor say that a lock was minted, or that it has expired; return the code."""
        if by not in self.attestors:
            return SAY
        if self.status in ("paused_in", "halted"):
            return PAUSED
        if nonce > len(self.outs):
            return PROOF
        out = self.outs[nonce - 1]
        if out.state == "minted" or (kind == "expiry" and out.state != "locked"):
            return SEEN
        before = (by, kind) in out.votes
        out.votes[by, kind] = True
        if sum(1 for each, said in out.votes if said == kind and each in self.attestors) < self.threshold():
            return SEEN if before else OK
        if kind == "expiry" and self.burned > self.opening + self.locked() - self.total("refunded") - out.amount:
            self.status = "halted"
        elif kind == "expiry":
            out.state = "refunded"
            self.vault -= out.amount
            self.purses[out.source] += out.amount
        elif out.state == "locked":
            out.state = "minted"
        else:
            self.status = "halted"
        return OK

    def tell_of_burn(self, by: str, nonce: int, said: tuple[int, int, str], now: int) -> int:
        """Let an attestor tell a burn (amount, cumulative, recipient); return the code."""
        if by not in self.attestors:
            return SAY
        if self.status in ("paused_in", "halted"):
            return PAUSED
        into = self.ins.setdefault(nonce, In())
        if into.state != "observing":
            return SEEN
        if nonce > self.observed + AHEAD:
            return PROOF
        before = into.votes.get(by) == said
        into.votes[by] = said
        if sum(1 for each, vote in into.votes.items() if vote == said and each in self.attestors) < self.threshold():
            return SEEN if before else OK
        into.agreed, into.state = said, "agreed"
        self._observe(now)
        return OK

    def claim_release(self, nonce: int, now: int) -> int:
        """Claim a burn that waits; return the code."""
        if self.status in ("paused_in", "halted"):
            return PAUSED
        into = self.ins.get(nonce, In())
        if into.state in ("observing", "agreed"):
            return PROOF
        if into.state != "waiting":
            return SEEN
        if into.not_before > now:
            return CONDITION
        return OK if self._pay(into, now) else CAP

    def claim_suspense(self, nonce: int, to: str) -> int:
        """Claim what lies in suspense; return the code."""
        if self.status in ("paused_in", "halted"):
            return PAUSED
        into = self.ins.get(nonce, In())
        if into.agreed is None or into.state == "agreed":
            return PROOF
        if into.state != "suspense":
            return SEEN
        self.suspense -= into.agreed[0]
        self.purses[to] += into.agreed[0]
        into.state = "claimed"
        return OK

    def _observe(self, now: int) -> None:
        while (into := self.ins.get(self.observed + 1)) is not None and into.agreed is not None and into.state == "agreed":
            amount, cumulative, _ = into.agreed
            out_there = self.opening + self.locked() - self.total("refunded")
            if cumulative != self.burned + amount or cumulative > out_there:
                self.status = "halted"
                return
            self.observed += 1
            self.burned += amount
            big = amount >= self.limits.big and self.limits.delay_ms > 0
            into.not_before = now + (self.limits.delay_ms if big else 0)
            into.state = "waiting"
            if not big:
                self._pay(into, now)

    def _pay(self, into: In, now: int) -> bool:
        amount, _, recipient = into.agreed or (0, 0, "")
        day = self._day("in", now)
        passed = self.days.get(day, 0)
        full = min(self._full("in", amount, now), max(self.full_ms["in"], now) + self.limits.bucket_ms)
        if (passed and passed + amount > self.limits.day_in) or full > now + self.limits.bucket_ms:
            return False
        self.full_ms["in"], self.days[day] = full, passed + amount
        self.vault -= amount
        if recipient in self.purses:
            self.purses[recipient] += amount
            into.state = "released"
        else:
            self.suspense += amount
            into.state = "suspense"
        return True

    def _full(self, way: str, amount: int, now: int) -> int:
        """Time at which the bucket is full again after an amount: as long as it takes that much to flow in, rounded up."""
        whole, part = divmod(amount * self.limits.bucket_ms, self.limits.bucket)
        return max(self.full_ms[way], now) + whole + (1 if part else 0)

    @staticmethod
    def _day(way: str, now: int) -> tuple[str, int]:
        return way, (now + AHEAD_MS) // DAY_MS
