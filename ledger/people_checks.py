"""What must hold of people after every transaction (L12, invariant 14), and over a whole state.

Nothing here repeats how limits are counted (`ledger.limits`): it compares what was written with what the balances did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.accounts import Account, Balance
from ledger.errors import InvariantBroken
from ledger.holders import ANONYMOUS, PSEUDONYMS_MAX, Holder, Pseudonym, Returnable, Spent, holder_key, spent_key
from ledger.limits import NOTHING_SPENT, UNLIMITED, limit_of, policy_of
from ledger.names import servicer_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ledger.holders import Limit
    from ledger.limits import People
    from ledger.state import Overlay, Record

Write = tuple["Record | None", "Record | None"]
"""Record before and after."""
Posted = tuple[tuple[str, str], tuple[int, int]]
"""(account, asset), and what was posted and held on it."""


def check_people(overlay: Overlay, posted: Iterable[Posted], writes: Mapping[str, Write], people: People) -> None:
    """Check that limits followed the balances of wallets, and that no holder has or spends more than its tier may.

    `writes` says what became of every record but the balances.

    Raises
    ------
    InvariantBroken
        14.
    """
    net: dict[str, int] = {}
    for (account_id, asset), (change, _) in posted:
        person = people.person(account_id)
        if person:
            key = spent_key(person, asset)
            net[key] = net.get(key, 0) + change
    for key, (before, after) in writes.items():
        if isinstance(after, Spent):
            old = before if isinstance(before, Spent) else NOTHING_SPENT
            if net.pop(key, 0) != after.total - old.total:
                raise InvariantBroken(invariant=14, detail=f"{key} did not follow the balances of its holder")
            _check_within(overlay, key, old, after, people.time_ms)
        elif isinstance(after, Returnable):
            _check_return(key, before, after)
    if any(net.values()):
        raise InvariantBroken(invariant=14, detail="a limit did not follow the balances of its holder")


def _check_within(overlay: Overlay, key: str, old: Spent, new: Spent, time_ms: int) -> None:
    """Allow more than a limit only to who had more before: its tier or the policy has changed since."""
    person, _, asset = key.removeprefix("limit/").rpartition("/")
    limit: Limit = limit_of(overlay, person, policy_of(overlay, asset), time_ms) or UNLIMITED
    day_before = old.day_out if old.day == new.day else 0
    month_before = old.month_out if old.month == new.month else 0
    for most, before, after in (
        (limit.balance_max, old.total, new.total),
        (limit.day_out_max, day_before, new.day_out),
        (limit.month_out_max, month_before, new.month_out),
    ):
        if after < 0 or (most is not None and most < after > before):
            raise InvariantBroken(invariant=14, detail=f"{key} would be {after}")


def _check_return(key: str, before: Record | None, after: Returnable) -> None:
    least = before.returned if isinstance(before, Returnable) else 0
    if not least <= after.returned <= after.amount:
        raise InvariantBroken(invariant=14, detail=f"{key} would have {after.returned} of {after.amount} returned")


class WholePeople:
    """What a whole state says of people, one record at a time; accounts come before balances, as in the order of keys."""

    def __init__(self) -> None:
        self._wallets: dict[str, str] = {}
        """Account with people behind it -> itself where it is anonymous, else its pseudonym's key."""
        self._posted: dict[tuple[str, str], int] = {}
        """(account, asset) -> posted, of accounts that have people behind them."""
        self._holders: dict[str, str] = {}
        """Key of a pseudonym -> key of its holder."""
        self._spent: dict[str, int] = {}
        self._pseudonyms: dict[str, int] = {}
        """Key of a holder -> pseudonyms, as its record says."""

    def add(self, key: str, record: Record) -> None:
        """Take one record."""
        match record:
            case Account():
                self._add_account(record)
            case Balance(posted=posted) if posted > 0:
                _, _, place = key.partition("/")
                account, _, asset = place.rpartition("/")
                if account in self._wallets:
                    self._posted[account, asset] = posted
            case Pseudonym(holder=holder):
                self._holders[key] = holder_key(holder)
            case Spent(total=total):
                self._spent[key] = total
            case Holder(pseudonyms=count):
                self._pseudonyms[key] = count
            case _:
                pass

    def check(self) -> None:
        """Check what was added.

        Raises
        ------
        InvariantBroken
            14: a holder has another total than its wallets, or another number of pseudonyms.
        """
        sums: dict[str, int] = {}
        for (account, asset), posted in self._posted.items():
            key = spent_key(self._person(account), asset)
            sums[key] = sums.get(key, 0) + posted
        if sums != {key: total for key, total in self._spent.items() if total}:
            raise InvariantBroken(invariant=14, detail="a holder has another total than its wallets")
        counts: dict[str, int] = {}
        for holder in self._holders.values():
            counts[holder] = counts.get(holder, 0) + 1
        if counts != {key: count for key, count in self._pseudonyms.items() if count} or any(
            count > PSEUDONYMS_MAX for count in counts.values()
        ):
            raise InvariantBroken(invariant=14, detail="a holder has another number of pseudonyms than its record says")

    def _add_account(self, account: Account) -> None:
        if account.pseudonym:
            self._wallets[account.id] = f"pseudonym/{servicer_of(account.id)}/{account.pseudonym.hex()}"
        elif ANONYMOUS in account.classes:
            self._wallets[account.id] = account.id

    def _person(self, account: str) -> str:
        behind = self._wallets[account]
        if not behind.startswith("pseudonym/"):
            return behind
        holder = self._holders.get(behind)
        if holder is None:
            raise InvariantBroken(invariant=14, detail=f"nobody is behind the pseudonym of {account}")
        return holder.removeprefix("holder/")
