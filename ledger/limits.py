"""What the people behind wallets may have and spend (L16, L18): one limit per holder and asset, over all its wallets at all banks.

`limit/H/ASSET` follows every balance of a wallet that has a holder, so a limit that comes later measures what was there before. Balance
limits hold on the net of a transaction, limits of a transaction and of windows on its gross debits. Not here: which types count what.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ledger.accounts import Account
from ledger.assets import Asset
from ledger.dates import MONTH_CHARACTERS, local_date
from ledger.errors import AmountTooLarge, BrokenState, LimitBalance, LimitTransaction, LimitWindow, NotEligible
from ledger.holders import ANONYMOUS, Holder, Limit, Pseudonym, Spent, holder_key, pseudonym_key, spent_key
from ledger.names import servicer_of
from ledger.succession import servicer_now
from ledger.types import AMOUNT_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ledger.assets import Policy
    from ledger.blocks import Entry
    from ledger.holds import Hold
    from ledger.state import Overlay

WALLET = "wallet"
UNLIMITED = Limit("", None, None, None, None, anonymous=False)
NOTHING_SPENT = Spent(0, "", 0, "", 0)

Place = tuple[str, str]
"""Person and asset."""


class Debit(Struct, frozen=True, gc=False):
    """Value that leaves an account for another one, its fee included."""

    source: str
    target: str
    asset: str
    amount: int
    leg: int


class People:
    """The people behind the accounts that one transaction touches, and what they have spent in it."""

    __slots__ = ("_limits", "_overlay", "_persons", "_spent", "time_ms")

    def __init__(self, overlay: Overlay, time_ms: int) -> None:
        self._overlay = overlay
        self.time_ms = time_ms
        self._persons: dict[str, str] = {}
        self._limits: dict[Place, Limit | None] = {}
        """What `limit_of` said: tiers and policies stay what they are while value moves."""
        self._spent: dict[Place, int] = {}
        """Gross debits of this transaction so far."""

    def person(self, account_id: str) -> str:
        """Who is behind an account: a holder in hex, the account itself where it is anonymous, or empty."""
        person = self._persons.get(account_id)
        if person is None:
            account = self._overlay.get("account/" + account_id)
            person = self._persons[account_id] = person_behind(self._overlay, account) if isinstance(account, Account) else ""
        return person

    def servicer(self, account_id: str) -> str:
        """Participant that services an account now (L29)."""
        return servicer_now(self._overlay, account_id)

    def limit(self, place: Place, policy: Policy | None = None) -> Limit | None:
        """Limit of a person in an asset; None where no tier covers it."""
        if place not in self._limits:
            person, asset = place
            self._limits[place] = limit_of(self._overlay, person, policy or policy_of(self._overlay, asset), self.time_ms)
        return self._limits[place]

    def keep(self, entries: Iterable[Entry]) -> None:
        """Follow the balances that entries have changed, and refuse what lifts a holder above its tier's balance.

        Raises
        ------
        LimitBalance
            A holder would have more than its tier may. One that had more before may have less, never more.

        Source: ledger/README.md, L16.
        """
        net: dict[Place, int] = {}
        for entry in entries:
            if entry.posted and (person := self.person(entry.account)):
                place = (person, entry.asset)
                net[place] = net.get(place, 0) + entry.posted
        refused: list[LimitBalance] = []
        for place, change in net.items():
            if change:
                spent = spent_of(self._overlay, *place)
                total = spent.total + change
                self._put(place, Spent(total, spent.day, spent.day_out, spent.month, spent.month_out))
                most = self.limit(place) if change > 0 else None
                if most is not None and most.balance_max is not None and total > most.balance_max:
                    entry = min(self._credits(entries, place), key=_leg)
                    refused.append(LimitBalance(account=entry.account, asset=place[1]).at(entry.leg))
        _raise_first(refused)

    def spend(self, debits: Sequence[Debit]) -> str:
        """Count debits in their holders' windows; those between two wallets of one holder do not count.

        Returns
        -------
        str
            The local date that they count in; empty where none does.

        Raises
        ------
        LimitTransaction, LimitWindow
            A tier allows less, in this order.
        AmountTooLarge
            A window would exceed 18 digits (L1).

        Source: ledger/README.md, L16, L18.
        """
        gross: dict[Place, int] = {}
        first: dict[Place, Debit] = {}
        for debit in debits:
            person = self.person(debit.source)
            if person and person != self.person(debit.target):
                place = (person, debit.asset)
                gross[place] = gross.get(place, 0) + debit.amount
                first.setdefault(place, debit)
        if not gross:
            return ""
        limits = {place: self.limit(place) for place in gross}
        self._check_transaction(gross, first, limits)
        today = local_date(self.time_ms)
        counted = {place: counted_on(spent_of(self._overlay, *place), today, amount) for place, amount in gross.items()}
        _check_windows(counted, first, limits)
        for place, spent in counted.items():
            self._put(place, spent)
            self._spent[place] = self._spent.get(place, 0) + gross[place]
        return today

    def spent_so_far(self) -> dict[Place, int]:
        """Return what the transaction has spent, for `forget`."""
        return dict(self._spent)

    def forget(self, spent: dict[Place, int]) -> None:
        """Go back to an earlier `spent_so_far`: the leg after it was refused."""
        self._spent = spent

    def check_eligible(self, account: Account, policy: Policy) -> None:
        """Refuse an asset with limits to a wallet that no tier of it covers.

        Raises
        ------
        NotEligible
            Its holder's tier is not listed or has ended; or it has no holder and is not anonymous, or no tier is for anonymous ones.

        Source: ledger/README.md, L16.
        """
        if policy.limits and account.kind == WALLET and self.limit((self.person(account.id), policy.code), policy) is None:
            raise NotEligible(account=account.id, reason=f"no tier of {policy.code} covers its holder")

    def room(self, account_id: str, asset: str) -> int:
        """Return how much more of an asset the holder of an account may have (L30): nothing where no tier covers it."""
        account, policy = self._overlay.get("account/" + account_id), policy_of(self._overlay, asset)
        if not policy.limits or not isinstance(account, Account) or account.kind != WALLET:
            return AMOUNT_MAX
        person = self.person(account_id)
        limit = self.limit((person, asset), policy)
        if limit is None:
            return 0
        if limit.balance_max is None:
            return AMOUNT_MAX
        return max(0, limit.balance_max - spent_of(self._overlay, person, asset).total)

    def _check_transaction(self, gross: dict[Place, int], first: dict[Place, Debit], limits: dict[Place, Limit | None]) -> None:
        refused: list[LimitTransaction] = []
        for place, amount in gross.items():
            limit, total = limits[place], self._spent.get(place, 0) + amount
            if limit is not None and limit.tx_max is not None and total > limit.tx_max:
                debit = first[place]
                refused.append(LimitTransaction(account=debit.source, asset=debit.asset, total=total, most=limit.tx_max).at(debit.leg))
        _raise_first(refused)

    def _credits(self, entries: Iterable[Entry], place: Place) -> list[Entry]:
        return [entry for entry in entries if entry.posted > 0 and (self.person(entry.account), entry.asset) == place]

    def _put(self, place: Place, spent: Spent) -> None:
        self._overlay.put(spent_key(*place), spent)


def person_behind(overlay: Overlay, account: Account) -> str:
    """Who is behind an account: a holder in hex, the account's id where it is anonymous, or empty."""
    if account.pseudonym:
        record = overlay.get(pseudonym_key(servicer_of(account.id), account.pseudonym))
        if not isinstance(record, Pseudonym):
            raise BrokenState(f"nobody is behind the pseudonym of {account.id}")
        return record.holder.hex()
    return account.id if ANONYMOUS in account.classes else ""


def limit_of(overlay: Overlay, person: str, policy: Policy, time_ms: int) -> Limit | None:
    """Limit of a person in an asset; None where no tier covers it, so it may not have the asset.

    Source: ledger/README.md, L16.
    """
    if not policy.limits:
        return UNLIMITED
    if "/" in person:
        return next((each for each in policy.limits if each.anonymous), None)
    holder = overlay.get(f"holder/{person}") if person else None
    if not isinstance(holder, Holder) or 0 < holder.valid_until <= time_ms:
        return None
    if not holder.tier:
        return UNLIMITED
    for each in policy.limits:
        if each.tier == holder.tier:
            return each
    return None


def spent_of(overlay: Overlay, person: str, asset: str) -> Spent:
    """Return what a person's limits are measured by."""
    record = overlay.get(spent_key(person, asset))
    return record if isinstance(record, Spent) else NOTHING_SPENT


def counted_on(spent: Spent, today: str, amount: int) -> Spent:
    """Return what was spent with an amount more on a business date; an earlier window is over."""
    month = today[:MONTH_CHARACTERS]
    day_out = spent.day_out if spent.day == today else 0
    month_out = spent.month_out if spent.month == month else 0
    return Spent(spent.total, today, day_out + amount, month, month_out + amount)


def give_back(overlay: Overlay, hold: Hold, time_ms: int) -> None:
    """Take off its windows what a hold reserved and did not spend, as far as they are still open (L18)."""
    if not hold.window:
        return
    account = overlay.get("account/" + hold.source)
    person = person_behind(overlay, account) if isinstance(account, Account) else ""
    spent, today, amount = spent_of(overlay, person, hold.asset), local_date(time_ms), hold.left + hold.fee_left
    day_out, month_out = spent.day_out, spent.month_out
    if hold.window == today:
        day_out -= amount
    if hold.window[:MONTH_CHARACTERS] == today[:MONTH_CHARACTERS]:
        month_out -= amount
    overlay.put(spent_key(person, hold.asset), Spent(spent.total, spent.day, day_out, spent.month, month_out))


def policy_of(overlay: Overlay, asset: str) -> Policy:
    """Policy of an asset that exists, as somebody has a balance in it."""
    record = overlay.get("asset/" + asset)
    if not isinstance(record, Asset):
        raise BrokenState(f"there is no asset {asset}")
    return record.policy


def holder_of(overlay: Overlay, holder: bytes) -> Holder | None:
    """Holder as the registry last said; None where it never did."""
    record = overlay.get(holder_key(holder))
    return record if isinstance(record, Holder) else None


def _check_windows(counted: dict[Place, Spent], first: dict[Place, Debit], limits: dict[Place, Limit | None]) -> None:
    refused: list[LimitWindow] = []
    for place, spent in counted.items():
        limit, debit = limits[place] or UNLIMITED, first[place]
        if spent.month_out > AMOUNT_MAX:
            raise AmountTooLarge(subject=f"what {debit.source} pays in {spent.month}", total=spent.month_out).at(debit.leg)
        for total, most, window in ((spent.day_out, limit.day_out_max, spent.day), (spent.month_out, limit.month_out_max, spent.month)):
            if most is not None and total > most:
                refused.append(LimitWindow(account=debit.source, asset=debit.asset, window=window, most=most).at(debit.leg))
    _raise_first(refused)


def _raise_first(refused: Sequence[LimitBalance | LimitTransaction | LimitWindow]) -> None:
    """Raise the refusal of the lowest leg."""
    if refused:
        raise min(refused, key=_leg_of_refusal)


def _leg(entry: Entry) -> int:
    return entry.leg


def _leg_of_refusal(refusal: LimitBalance | LimitTransaction | LimitWindow) -> int:
    return refusal.leg or 0
