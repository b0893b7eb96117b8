"""What orders do to one transaction (L16, L22, L30, L31): which accounts may not pay or be paid, what is arrested, what is paused.

Looked up only where some order is active at all: without any, a payment asks one question. Orders that have lapsed count for nothing,
swept or not (L19). A transaction says by *words* what it is (`holds`, `redeem`, `return`, `tax`, `fee`): an order lets pass what it allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.accounts import Account
from ledger.assets import Asset
from ledger.errors import BrokenState
from ledger.holders import Pseudonym, pseudonym_key
from ledger.lapsing import has_lapsed
from ledger.money import balance_of
from ledger.names import CONTRA, FEE, SUSPENSE, servicer_of
from ledger.order_errors import Arrested, BlockedCredit, BlockedDebit, Paused
from ledger.orders import ACTIVE, HOLDERS, ORDERS_MAX, WIDE, OrderRecord, active_key, order_key, ordered_keys, precedence, remaining
from ledger.types import AMOUNT_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.orders import Allowed, OrderScope
    from ledger.state import Overlay

Words = tuple["Allowed", ...]
Place = tuple[str, str]
"""Account and asset."""
SCAN_MAX = ORDERS_MAX
"""order.put sweeps what has lapsed on its subject before it counts, so never more stand in the index."""


def restraints_of(overlay: Overlay, time_ms: int) -> Restraints | None:
    """Look up what orders say now; None where no order is active anywhere."""
    return None if overlay.get(ACTIVE) is None else Restraints(overlay, time_ms)


def concerned(overlay: Overlay, accounts: Iterable[str]) -> bool:
    """Whether orders may concern one of these accounts: so that an order costs those whom it concerns, not every payment."""
    get = overlay.get
    if get(ACTIVE) is None:
        return False
    if get(WIDE) is not None:
        return True
    holders = get(HOLDERS) is not None
    for account in accounts:
        if get(active_key("account", account)) is not None:
            return True
        if holders:
            record = get("account/" + account)
            holder = holder_of(overlay, record) if isinstance(record, Account) else ""
            if holder and get(active_key("holder", holder)) is not None:
                return True
    return False


def active_orders(overlay: Overlay, scope: OrderScope, subject: str, time_ms: int) -> tuple[OrderRecord, ...]:
    """Orders on a subject that are in force at a block time, by precedence (L31)."""
    if overlay.get(active_key(scope, subject)) is None:
        return ()
    start, end = ordered_keys(scope, subject)
    found = []
    for index in overlay.scan(start, end, SCAN_MAX):
        record = overlay.get(order_key(index.removeprefix(start)))
        if not isinstance(record, OrderRecord):
            raise BrokenState(f"{index} points at no order")
        if not has_lapsed(record.order.until, time_ms):
            found.append(record)
    return tuple(sorted(found, key=precedence))


def holder_of(overlay: Overlay, account: Account) -> str:
    """Holder of a wallet in hex; empty: nobody is registered for it."""
    if not account.pseudonym:
        return ""
    person = overlay.get(pseudonym_key(servicer_of(account.id), account.pseudonym))
    return person.holder.hex() if isinstance(person, Pseudonym) else ""


class Restraints:
    """Orders on the accounts, participants and assets that one transaction touches, each looked up once."""

    __slots__ = ("_account", "_overlay", "_subject", "_time_ms")

    def __init__(self, overlay: Overlay, time_ms: int) -> None:
        self._overlay = overlay
        self._time_ms = time_ms
        self._account: dict[str, tuple[OrderRecord, ...]] = {}
        self._subject: dict[tuple[OrderScope, str], tuple[OrderRecord, ...]] = {}

    def on_account(self, account_id: str) -> tuple[OrderRecord, ...]:
        """Orders on an account, on its holder and on its participant, by precedence; an account that belongs to an asset has none (L21)."""
        found = self._account.get(account_id)
        if found is None:
            found = self._account[account_id] = self._find(account_id)
        return found

    def check_debit(self, account: str, asset: str, words: Words) -> None:
        """Refuse to take value from an account whose debits an order stops.

        Raises
        ------
        BlockedDebit
            The first order, by precedence, that does not allow it.
        """
        for record in self.on_account(account):
            if record.order.mode in ("debit", "both") and self._stops(record, asset, words):
                raise BlockedDebit(order=record.order.id, account=account)

    def check_credit(self, account: str, asset: str, words: Words) -> None:
        """Refuse to give value to an account whose credits an order stops. Fees are paid whatever stands on the account that takes them.

        Raises
        ------
        BlockedCredit
            The first order, by precedence, that does not allow it.
        """
        if account.partition("/")[2].startswith(FEE):
            return
        for record in self.on_account(account):
            if record.order.mode in ("credit", "both") and self._stops(record, asset, words):
                raise BlockedCredit(order=record.order.id, account=account)

    def check_held(self, account: str, asset: str, amount: int) -> None:
        """Refuse to settle a hold under an arrest that does not allow earlier holds (L30).

        Raises
        ------
        Arrested
            There is one.
        """
        for record in self.on_account(account):
            if record.order.mode == "arrest" and self._stops(record, asset, ("holds",)):
                raise Arrested(account=account, available=0, asset=asset, needed=amount)

    def gross(self, places: Iterable[Place]) -> dict[Place, int]:
        """Of accounts whose funds are checked gross (L16): what is arrested there at most, in minor units."""
        found: dict[Place, int] = {}
        for account, asset in places:
            orders = [record for record in self.on_account(account) if record.order.mode != "credit" and self.covers(record, asset)]
            if orders:
                found[account, asset] = arrested(record for record in orders if record.order.mode == "arrest")
        return found

    def keeps(self, account: str, asset: str) -> int:
        """Minor units that orders keep on an account whatever the rules of its asset say: all under a debit block, else the arrests."""
        orders = [record for record in self.on_account(account) if self.covers(record, asset)]
        if any(record.order.mode in ("debit", "both") for record in orders):
            return AMOUNT_MAX
        return arrested(record for record in orders if record.order.mode == "arrest")

    def check_pause(self, accounts: Iterable[str], asset: str, words: Words) -> None:
        """Refuse what a pause of the ledger, of the asset or of a participant concerned stops (L22).

        Raises
        ------
        Paused
            The first such pause.
        """
        subjects: list[tuple[OrderScope, str]] = [("ledger", ""), ("asset", asset)]
        subjects += [("participant", servicer_of(account)) for account in accounts]
        for scope, subject in subjects:
            for record in self._orders_on(scope, subject):
                order = record.order
                if order.mode == "pause" and order.asset in ("", asset) and not _passes(record, words):
                    raise Paused(subject=subject or "the ledger")

    def check_bridge(self, route: str) -> None:
        """Refuse what a pause of a route stops: locks, and what comes in (L22).

        Raises
        ------
        Paused
            There is one.
        """
        for record in self._orders_on("bridge", route):
            if record.order.mode == "pause":
                raise Paused(subject=f"route {route}")

    def covers(self, record: OrderRecord, asset: str) -> bool:
        """Whether an order reaches an asset: it names it or none, and the policy gives the power to freeze."""
        if record.order.mode == "pause" or record.order.asset not in ("", asset):
            return False
        found = self._overlay.get("asset/" + asset)
        return isinstance(found, Asset) and "freeze" in found.policy.powers

    def free_before(self, record: OrderRecord, account: str, asset: str) -> int:
        """Minor units that an arrest reaches: posted less held, less all arrests that go before it (L31)."""
        balance = balance_of(self._overlay, account, asset)
        earlier = arrested(
            each
            for each in self.on_account(account)
            if each.order.mode == "arrest" and self.covers(each, asset) and precedence(each) < precedence(record)
        )
        return max(0, balance.posted - balance.held - earlier)

    def check_seizure(self, record: OrderRecord, account: str, asset: str) -> None:
        """Refuse a seizure that an order with precedence stops.

        Raises
        ------
        BlockedDebit
            Debits are blocked by an order that goes before the arrest; one that comes after it does not stand in the way.
        """
        for each in self.on_account(account):
            if each.order.mode in ("debit", "both") and self.covers(each, asset) and precedence(each) < precedence(record):
                raise BlockedDebit(order=each.order.id, account=account)

    def _find(self, account_id: str) -> tuple[OrderRecord, ...]:
        account = self._overlay.get("account/" + account_id)
        if not isinstance(account, Account) or account_id.partition("/")[2].startswith((CONTRA, SUSPENSE)) or account.kind == "vault":
            return ()
        found = self._orders_on("account", account_id) + self._orders_on("participant", servicer_of(account_id))
        holder = holder_of(self._overlay, account)
        if holder:
            found += self._orders_on("holder", holder)
        return tuple(sorted(found, key=precedence))

    def _orders_on(self, scope: OrderScope, subject: str) -> tuple[OrderRecord, ...]:
        found = self._subject.get((scope, subject))
        if found is None:
            found = self._subject[scope, subject] = active_orders(self._overlay, scope, subject, self._time_ms)
        return found

    def _stops(self, record: OrderRecord, asset: str, words: Words) -> bool:
        return not _passes(record, words) and self.covers(record, asset)


def arrested(arrests: Iterable[OrderRecord]) -> int:
    """Sum of what arrests cover, in minor units; one in full covers everything there can be."""
    total = 0
    for record in arrests:
        left = remaining(record)
        total += AMOUNT_MAX if left is None else left
    return total


def _passes(record: OrderRecord, words: Words) -> bool:
    return any(word in record.order.allow for word in words)
