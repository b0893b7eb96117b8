"""A naive model of the money rules: dicts, loops and sums, sharing no code with the ledger (invariant 24).

It answers every command with the code that the specification asks for. It knows nothing of envelopes, keys or trees.

How the models are cut. `tests/naive.py` and `tests/naive_TOPIC.py` know one topic each, with names instead of keys and as little else as
can be. `tests/naive_books.py` and what builds on it know every type, keys and grants included, on plain copies of what the wire carries.
All of them import the standard library and each other, nothing else (`tests/test_house.py`). A new rule gets a model of its topic, a
`Stage` beside its history test (`tests/ledger/test_TOPIC_histories.py`) whose `carry_out(choose: random.Random)` plays one random command
on the ledger (`self.world`, a `tests.ledger.world.World`) and on the model and asserts the same codes and the same state, and one line in
`tests/simulation_ledger/scenes.py`, from where `make simulate-ledger` plays it a million times.
"""

from __future__ import annotations

from dataclasses import dataclass, field

OK, CLOSED, KIND, NO_ACCOUNT, FEE, FUNDS, CAP, QUOTA = 0, 123, 124, 122, 143, 150, 160, 113
NO_SAY, NO_PROPOSAL, VOTES_NEEDED = 182, 183, 2
NO_HOLD, HOLD_TIME, HOLD_AMOUNT, TOO_MANY, NOT_EMPTY = 170, 171, 173, 127, 126
LONGEST_HOLD_MS = 400 * 86_400_000

Leg = tuple[str, str, int, int]
"""Debit, credit, amount, quoted fee."""


@dataclass
class Purse:
    """One account."""

    kind: str
    status: str = "open"
    posted: int = 0
    held: int = 0


@dataclass
class Reserved:
    """One hold."""

    source: str
    target: str
    total: int
    left: int
    until: int
    fee_left: int


@dataclass
class Asked:
    """One proposal to issue, and who said what."""

    to: str
    amount: int
    until: int
    votes: dict[str, str] = field(default_factory=dict)


@dataclass
class Naive:
    """Everything that money rules depend on."""

    purses: dict[str, Purse]
    contra: str
    fees: str
    cap: int
    quota_a_day: int
    fee_bps: dict[str, int]
    """Type (pay, hold) -> basis points out of wallets."""
    holds_max: int
    now: int
    holds: dict[bytes, Reserved] = field(default_factory=dict)
    minted: dict[int, int] = field(default_factory=dict)
    """Business day -> issued."""

    asked: dict[bytes, Asked] = field(default_factory=dict)

    def fee(self, type_: str, debit: str, amount: int) -> int:
        """Fee of a movement out of an account."""
        purse = self.purses.get(debit)
        return amount * self.fee_bps[type_] // 10_000 if purse is not None and purse.kind == "wallet" else 0

    def wait(self, now: int) -> None:
        """Let time pass; what lapses is free again."""
        self.now = now
        for name in [name for name, hold in self.holds.items() if hold.until <= now]:
            self._free(name)
        self.asked = {name: asked for name, asked in self.asked.items() if asked.until > now}

    def propose(self, name: bytes, to: str, amount: int, until: int) -> int:
        """Code of a proposal to issue."""
        code = self._takes(to)
        if not code:
            self.asked[name] = Asked(to, amount, until)
        return code

    def vote(self, name: bytes, member: str, choice: str) -> int:
        """Code of a vote by somebody who has a say; at the quorum, of the issue."""
        asked = self.asked.get(name)
        if asked is None:
            return NO_PROPOSAL
        if choice == "yes" or member not in asked.votes:
            refused = self._takes(asked.to) or (NO_SAY if choice == "withdraw" else OK)
            if refused:
                return refused
        votes = {**asked.votes, member: choice}
        if choice == "yes" and sum(said == "yes" for said in votes.values()) >= VOTES_NEEDED:
            code = self.issue(asked.to, asked.amount)
            if not code:
                del self.asked[name]
            return code
        asked.votes = {who: said for who, said in votes.items() if said != "withdraw"}
        return OK

    def issue(self, to: str, amount: int) -> int:
        """Code of an issue."""
        code = self._takes(to)
        day = (self.now + 6 * 3_600_000) // 86_400_000
        if code:
            return code
        if self.minted.get(day, 0) + amount > self.quota_a_day:
            return QUOTA
        if amount - self.purses[self.contra].posted > self.cap:
            return CAP
        self.minted[day] = self.minted.get(day, 0) + amount
        self.purses[self.contra].posted -= amount
        self.purses[to].posted += amount
        return OK

    def redeem(self, source: str, amount: int) -> int:
        """Code of a redemption."""
        code = self._pays(source)
        if code:
            return code
        if self._available(source) < amount:
            return FUNDS
        self.purses[source].posted -= amount
        self.purses[self.contra].posted += amount
        return OK

    def pay(self, legs: list[Leg]) -> tuple[int, int | None]:
        """Code and failed leg of an atomic pay."""
        for judge in (self._leg_exists, self._leg_kind, self._leg_fee):
            faults = sorted((code, index) for index, leg in enumerate(legs) if (code := judge(leg)))
            if faults:
                return faults[0]
        change: dict[str, int] = {}
        for debit, credit, amount, fee in legs:
            change[debit] = change.get(debit, 0) - amount - fee
            change[credit] = change.get(credit, 0) + amount
            change[self.fees] = change.get(self.fees, 0) + fee
        for name in sorted(change):
            if change[name] < 0 and self._available(name) + change[name] < 0:
                return FUNDS, next(index for index, leg in enumerate(legs) if leg[0] == name)
        for name, amount in change.items():
            self.purses[name].posted += amount
        return OK, None

    def pay_each(self, legs: list[Leg]) -> tuple[int, list[int]]:
        """Code and codes per leg of a pay in mode each."""
        codes = []
        for leg in legs:
            early = self._leg_exists(leg) or self._leg_kind(leg) or self._leg_fee(leg)
            codes.append(early or self.pay([leg])[0])
        return (OK if OK in codes else codes[0]), codes

    def hold(self, name: bytes, source: str, target: str, amount: int, until: int) -> int:
        """Code of a hold, with the right fee."""
        code = self._leg_exists((source, target, amount, 0)) or self._leg_kind((source, target, amount, 0))
        fee = self.fee("hold", source, amount)
        if code:
            return code
        if self._available(source) < amount + fee:
            return FUNDS
        if sum(hold.source == source for hold in self.holds.values()) >= self.holds_max:
            return TOO_MANY
        if until <= self.now or until > self.now + LONGEST_HOLD_MS:
            return HOLD_TIME
        self.holds[name] = Reserved(source, target, amount, amount, until, fee)
        self.purses[source].held += amount + fee
        return OK

    def settle(self, name: bytes, amount: int) -> int:
        """Code of a settlement."""
        hold = self.holds.get(name)
        if hold is None:
            return NO_HOLD
        if self.purses[hold.target].status != "open":
            return CLOSED
        if amount > hold.left:
            return HOLD_AMOUNT
        hold.left -= amount
        bps = self.fee_bps["hold"] if self.purses[hold.source].kind == "wallet" else 0
        fee_left = hold.total * bps // 10_000 - (hold.total - hold.left) * bps // 10_000
        fee, hold.fee_left = hold.fee_left - fee_left, fee_left
        source = self.purses[hold.source]
        source.posted -= amount + fee
        source.held -= amount + fee
        self.purses[hold.target].posted += amount
        self.purses[self.fees].posted += fee
        if hold.left == 0:
            del self.holds[name]
        return OK

    def void(self, name: bytes) -> int:
        """Code of a void."""
        if name not in self.holds:
            return NO_HOLD
        self._free(name)
        return OK

    def set_status(self, name: str, status: str) -> int:
        """Code of a change of status."""
        purse = self.purses.get(name)
        if purse is None:
            return NO_ACCOUNT
        if purse.status == "closed" and status != "open":
            return CLOSED
        if purse.kind in ("contra", "fee"):
            return KIND
        if status == "closed" and (purse.posted or any(hold.source == name for hold in self.holds.values())):
            return NOT_EMPTY
        purse.status = status
        return OK

    def _free(self, name: bytes) -> None:
        hold = self.holds.pop(name)
        self.purses[hold.source].held -= hold.left + hold.fee_left

    def _available(self, name: str) -> int:
        return self.purses[name].posted - self.purses[name].held

    def _takes(self, name: str) -> int:
        purse = self.purses.get(name)
        if purse is None:
            return NO_ACCOUNT
        if purse.status != "open":
            return CLOSED
        return KIND if purse.kind == "contra" else OK

    def _pays(self, name: str) -> int:
        purse = self.purses.get(name)
        if purse is None:
            return NO_ACCOUNT
        if purse.status == "closed":
            return CLOSED
        return KIND if purse.kind == "contra" else OK

    def _leg_exists(self, leg: Leg) -> int:
        return OK if leg[0] in self.purses and leg[1] in self.purses else NO_ACCOUNT

    def _leg_kind(self, leg: Leg) -> int:
        codes = [code for code in (self._pays(leg[0]), self._takes(leg[1])) if code]
        return min(codes, default=OK)

    def _leg_fee(self, leg: Leg) -> int:
        return OK if leg[3] == self.fee("pay", leg[0], leg[2]) else FEE
