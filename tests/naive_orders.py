"""A naive model of orders: what is blocked, arrested, paused and seized, in dicts and loops that share no code with the ledger (24)."""

from __future__ import annotations

from dataclasses import dataclass, field

OK, EXISTS, TOO_MANY, PAUSED, FUNDS, ARRESTED, NO_DEBIT, NO_CREDIT = 0, 125, 127, 131, 150, 151, 152, 153
NO_HOLD, HOLD_AMOUNT, NO_ORDER, ORDER_AMOUNT, NO_SAY = 170, 173, 180, 181, 182

Leg = tuple[str, str, int]
"""Debit, credit, amount."""


@dataclass
class Ordered:
    """One order."""

    scope: str
    subject: str
    mode: str
    amount: int | None
    allow: tuple[str, ...]
    seize_to: str
    until: int
    number: int
    """Place in the order in which they were made."""
    seized: int = 0
    over: bool = False


@dataclass
class Reserved:
    """One hold."""

    source: str
    target: str
    left: int
    until: int


@dataclass
class NaiveOrders:
    """Accounts without fees and limits, and the orders on them."""

    posted: dict[str, int]
    orders_max: int
    now: int
    holds: dict[bytes, Reserved] = field(default_factory=dict)
    orders: dict[str, Ordered] = field(default_factory=dict)

    def wait(self, now: int) -> None:
        """Let time pass: what is past its end counts for nothing."""
        self.now = now
        self.holds = {name: hold for name, hold in self.holds.items() if hold.until > now}

    # --- what is asked -------------------------------------------------------------------------------------------------

    def held(self, account: str) -> int:
        """Sum of the open holds on an account."""
        return sum(hold.left for hold in self.holds.values() if hold.source == account)

    def free(self, account: str) -> int:
        """Return posted less held."""
        return self.posted[account] - self.held(account)

    def active(self) -> list[Ordered]:
        """Orders in force."""
        return [order for order in self.orders.values() if not order.over and (order.until == 0 or order.until > self.now)]

    def on(self, account: str, *modes: str) -> list[Ordered]:
        """Orders of these modes that reach an account."""
        return [order for order in self.active() if order.mode in modes and reaches(order, account)]

    def arrested(self, account: str, *, before: int = 10**9) -> int:
        """Sum of the arrests on an account that were made before a number."""
        total = 0
        for order in self.on(account, "arrest"):
            if order.number < before:
                total += 10**20 if order.amount is None else order.amount - order.seized
        return total

    def blocks(self, account: str, side: str, word: str = "") -> bool:
        """Whether an order stops debits or credits of an account; `word` is what it could allow."""
        return any(word not in order.allow for order in self.on(account, side, "both"))

    def paused(self, *accounts: str, word: str = "") -> bool:
        """Whether a pause stops something between these accounts."""
        for order in self.active():
            concerned = order.scope in ("ledger", "asset") or any(account.split("/")[0] == order.subject for account in accounts)
            if order.mode == "pause" and concerned and word not in order.allow:
                return True
        return False

    def lack(self, account: str, needed: int) -> int:
        """Code where an account does not have so much beside what is arrested."""
        if needed > self.free(account):
            return FUNDS
        return ARRESTED if needed > max(0, self.free(account) - self.arrested(account)) else OK

    # --- what is done --------------------------------------------------------------------------------------------------

    def pay(self, legs: list[Leg]) -> int:
        """Code of an atomic pay."""
        codes = [code for leg in legs if (code := self._leg(leg))]
        if codes:
            return min(codes)
        change: dict[str, int] = {}
        gross: dict[str, int] = {}
        for debit, credit, amount in legs:
            change[debit] = change.get(debit, 0) - amount
            change[credit] = change.get(credit, 0) + amount
            gross[debit] = gross.get(debit, 0) + amount
        lacking = []
        for account, net in change.items():
            if account in gross and self.on(account, "debit", "both", "arrest"):
                lacking.append(self.lack(account, gross[account]))
            elif self.free(account) + net < 0 and net < 0:
                lacking.append(FUNDS)
        if any(lacking):
            return min(code for code in lacking if code)
        if any(self.paused(debit, credit) for debit, credit, _ in legs):
            return PAUSED
        for account, net in change.items():
            self.posted[account] += net
        return OK

    def pay_each(self, legs: list[Leg]) -> tuple[int, list[int]]:
        """Code, and codes per leg as the servicers' own accounts see them, of a pay in mode each."""
        codes = [self.pay([leg]) for leg in legs]
        return (OK if OK in codes else codes[0]), codes

    def hold(self, name: bytes, source: str, target: str, amount: int, until: int) -> int:
        """Code of a hold."""
        code = self._leg((source, target, amount)) or self.lack(source, amount)
        if code or self.paused(source, target):
            return code or PAUSED
        self.holds[name] = Reserved(source, target, amount, until)
        return OK

    def settle(self, name: bytes, amount: int) -> int:
        """Code of a settlement; pauses do not stop it."""
        hold = self.holds.get(name)
        if hold is None:
            return NO_HOLD
        if any("holds" not in order.allow for order in self.on(hold.source, "arrest")):
            return ARRESTED
        if self.blocks(hold.source, "debit", "holds"):
            return NO_DEBIT
        if self.blocks(hold.target, "credit", "holds"):
            return NO_CREDIT
        if amount > hold.left:
            return HOLD_AMOUNT
        hold.left -= amount
        self.posted[hold.source] -= amount
        self.posted[hold.target] += amount
        if hold.left == 0:
            del self.holds[name]
        return OK

    def void(self, name: bytes) -> int:
        """Code of a void: nothing ever stops it."""
        return NO_HOLD if self.holds.pop(name, None) is None else OK

    def issue(self, to: str, amount: int) -> int:
        """Code of an issue."""
        if self.blocks(to, "credit"):
            return NO_CREDIT
        if self.paused(to):
            return PAUSED
        self.posted[to] += amount
        return OK

    def redeem(self, source: str, amount: int) -> int:
        """Code of a redemption."""
        if self.blocks(source, "debit", "redeem"):
            return NO_DEBIT
        code = self.lack(source, amount)
        if code or self.paused(source, word="redeem"):
            return code or PAUSED
        self.posted[source] -= amount
        return OK

    def order(self, name: str, order: Ordered) -> int:
        """Code of an order.put by somebody who may."""
        if name in self.orders:
            return EXISTS
        if sum((each.scope, each.subject) == (order.scope, order.subject) for each in self.active()) >= self.orders_max:
            return TOO_MANY
        if order.until and order.until <= self.now:
            return NO_ORDER
        self.orders[name] = order
        return OK

    def lift(self, name: str) -> int:
        """Code of a lifting by the maker."""
        order = self._found(name)
        if order is None:
            return NO_ORDER
        order.over = True
        return OK

    def seize(self, name: str, account: str, amount: int) -> int:
        """Code of a seizure by the maker of the arrest."""
        order = self._found(name)
        if order is None:
            return NO_ORDER
        if order.seize_to in ("", account) or not reaches(order, account):
            return NO_SAY
        if any(block.number < order.number for block in self.on(account, "debit", "both")):
            return NO_DEBIT
        if self.blocks(order.seize_to, "credit"):
            return NO_CREDIT
        most = max(0, self.free(account) - self.arrested(account, before=order.number))
        if order.amount is not None:
            most = min(most, order.amount - order.seized)
        if amount > most:
            return ORDER_AMOUNT
        order.seized += amount
        order.over = order.seized == order.amount
        self.posted[account] -= amount
        self.posted[order.seize_to] += amount
        return OK

    def _found(self, name: str) -> Ordered | None:
        order = self.orders.get(name)
        return order if order is not None and order in self.active() else None

    def _leg(self, leg: Leg) -> int:
        if self.blocks(leg[0], "debit"):
            return NO_DEBIT
        return NO_CREDIT if self.blocks(leg[1], "credit") else OK


def reaches(order: Ordered, account: str) -> bool:
    """Whether an account is what an order is on."""
    return order.subject == (account if order.scope == "account" else account.split("/", maxsplit=1)[0])
