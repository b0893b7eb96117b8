"""A naive model of holds on a condition and of standing authority (L8, L25): names instead of keys, no code of the ledger.

Entry point: `NaiveConditions`. Every command answers with the code that the specification asks for; who agrees is a set of names.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.naive_people import month_of

OK, MALFORMED, QUORUM, QUOTA, NOBODY, TOO_MANY, FUNDS, NO_HOLD, TIME, CONDITION, TOO_MUCH = (
    0,
    100,
    111,
    113,
    122,
    127,
    150,
    170,
    171,
    172,
    173,
)
FEE_BPS = 150


@dataclass
class Sealed:
    """One hold."""

    kind: str
    """lock, escrow, class or purse."""
    source: str
    target: str
    """An account, "eatery" or "*"."""
    whole: int
    left: int
    until: int
    settle_by: str
    void_by: str
    arbiter: str = ""
    grace: int = 0
    revoked: bool = False
    seen: set[int] = field(default_factory=set)
    fee_left: int = 0


@dataclass
class Mandate:
    """What somebody may take from an account each month."""

    account: str
    holder: str
    quota: int
    spent: dict[tuple[int, int], int] = field(default_factory=dict)


@dataclass
class Slip:
    """A receipt: what the device has signed, and whether it was this purse's device."""

    counter: int
    payee: str
    genuine: bool


Shown = bool | str | Slip | None
"""Whether a secret is the right one, a payee that is named, a receipt, or nothing."""


@dataclass
class NaiveConditions:
    """Accounts, holds and mandates."""

    money: dict[str, int]
    signer: dict[str, str]
    """Account -> who signs its debits."""
    wallets: set[str]
    eateries: set[str]
    fees: str
    holds_max: int
    now: int
    holds: dict[bytes, Sealed] = field(default_factory=dict)
    mandates: dict[str, Mandate] = field(default_factory=dict)

    def wait(self, now: int) -> None:
        """Let time pass; what has lapsed is free."""
        self.now = now
        self.holds = {name: hold for name, hold in self.holds.items() if hold.until > now}

    def held(self, account: str) -> int:
        """Sum of what the holds on an account reserve."""
        return sum(hold.left + hold.fee_left for hold in self.holds.values() if hold.source == account)

    def fee(self, source: str, amount: int) -> int:
        """Fee of a hold."""
        return amount * FEE_BPS // 10_000 if source in self.wallets else 0

    def place(self, name: bytes, hold: Sealed, valid_to: int, agreed: frozenset[str], sender: str) -> int:
        """Code of a hold; `valid_to` of a purse, else 0."""
        used, code = self._debit_agreed(hold.source, agreed, sender)
        if code:
            return code
        fee = self.fee(hold.source, hold.whole)
        if self.money[hold.source] - self.held(hold.source) < hold.whole + fee:
            return FUNDS
        if sum(each.source == hold.source for each in self.holds.values()) >= self.holds_max:
            return TOO_MANY
        if hold.until <= self.now or 0 < valid_to <= self.now:
            return TIME
        if not self._charge(used, hold.whole + fee):
            return QUOTA
        hold.fee_left = fee
        self.holds[name] = hold
        return OK

    def settle(self, name: bytes, amount: int, shown: Shown, agreed: frozenset[str], sender: str) -> int:
        """Code of a settle."""
        hold = self.holds.get(name)
        if hold is None:
            return NO_HOLD
        payee = self._payee(hold, shown)
        if payee is None:
            return CONDITION
        if payee not in self.money:
            return NOBODY
        needed = {party for party in (hold.settle_by, hold.arbiter) if party}
        code = _signed(needed, agreed, sender)
        if code:
            return code
        if not self._is_met(hold, shown, payee):
            return CONDITION
        if amount > hold.left or (hold.kind == "lock" and amount < hold.left):
            return TOO_MUCH
        self._move(name, hold, payee, amount)
        if isinstance(shown, Slip):
            hold.seen.add(shown.counter)
        return OK

    def void(self, name: bytes, agreed: frozenset[str], sender: str) -> int:
        """Code of a void."""
        hold = self.holds.get(name)
        if hold is None:
            return NO_HOLD
        code = _signed({hold.void_by}, agreed, sender)
        if code:
            return code
        if hold.kind != "purse":
            del self.holds[name]
            return OK
        if hold.revoked:
            return CONDITION
        hold.revoked, hold.until = True, min(hold.until, self.now + hold.grace)
        return OK

    def allow(self, name: str, mandate: Mandate, agreed: frozenset[str], sender: str) -> int:
        """Code of a new mandate; its name is free."""
        code = _signed({self.signer[mandate.account]}, agreed, sender)
        if not code:
            self.mandates[name] = mandate
        return code

    def take(self, source: str, target: str, amount: int, agreed: frozenset[str], sender: str) -> int:
        """Code of a payment."""
        used, code = self._debit_agreed(source, agreed, sender)
        if code:
            return code
        if self.money[source] - self.held(source) < amount:
            return FUNDS
        if not self._charge(used, amount):
            return QUOTA
        self.money[source] -= amount
        self.money[target] += amount
        return OK

    def _payee(self, hold: Sealed, shown: Shown) -> str | None:
        if hold.kind == "purse":
            fits = isinstance(shown, Slip) and ("/" not in hold.target or shown.payee == hold.target)
            return shown.payee if fits and isinstance(shown, Slip) else None
        if hold.kind == "lock":
            return hold.target if isinstance(shown, bool) or shown is None else None
        if hold.kind == "class":
            return shown if isinstance(shown, str) else None
        return hold.target if shown is None else None

    def _is_met(self, hold: Sealed, shown: Shown, payee: str) -> bool:
        if (hold.kind == "lock" and shown is not True) or (isinstance(shown, Slip) and (shown.counter in hold.seen or not shown.genuine)):
            return False
        if hold.target == "eatery" and payee not in self.eateries:
            return False
        return "/" in hold.target or payee != hold.source

    def _move(self, name: bytes, hold: Sealed, payee: str, amount: int) -> None:
        left = hold.left - amount
        still = self.fee(hold.source, hold.whole) - self.fee(hold.source, hold.whole - left)
        fee = hold.fee_left - still
        hold.left, hold.fee_left = left, still
        self.money[hold.source] -= amount + fee
        self.money[payee] += amount
        self.money[self.fees] += fee
        if not left:
            del self.holds[name]

    def _debit_agreed(self, source: str, agreed: frozenset[str], sender: str) -> tuple[str, int]:
        """Name of the mandate that stands for the owner's word, empty where the owner agrees; and the code."""
        owner = self.signer[source]
        if owner in agreed:
            return "", _signed({owner}, agreed, sender)
        for name in sorted(self.mandates):
            mandate = self.mandates[name]
            if mandate.account == source and mandate.holder in agreed:
                return name, _signed({mandate.holder}, agreed, sender)
        return "", QUORUM

    def _charge(self, name: str, amount: int) -> bool:
        if not name:
            return True
        mandate = self.mandates[name]
        month = month_of(self.now)
        spent = mandate.spent.get(month, 0) + amount
        if spent > mandate.quota:
            return False
        mandate.spent[month] = spent
        return True


def _signed(needed: set[str], agreed: frozenset[str], sender: str) -> int:
    """Code of who agreed: everybody who is needed, the sender, and nobody else."""
    if not needed <= agreed:
        return QUORUM
    return OK if agreed <= needed | {sender} else MALFORMED
