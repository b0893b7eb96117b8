"""People, returns and travel data of the whole model: who is behind a wallet, and what that person may have and spend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.naive_books import MOST, Books, Entry, Plain, Refused, bank_of, changed, date_of, matches, over

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

AMOUNT, BALANCE, TRANSACTION, WINDOW, TRAVEL, NO_TRAVEL, NOT_ELIGIBLE, RETURN = 140, 154, 155, 156, 157, 158, 132, 172
DAY_MS = 86_400_000
UNLIMITED = Plain(balance_max=None, tx_max=None, day_out_max=None, month_out_max=None)
Debit = tuple[str, str, str, int, int]
"""Source, target, asset, amount, leg."""


def person(books: Books, name: str) -> str:
    """Who is behind an account: a holder in hex, an anonymous wallet itself, or nobody."""
    account = books.get(f"account/{name}")
    if account is None:
        return ""
    if account.pseudonym:
        record = books.get(f"pseudonym/{bank_of(name)}/{account.pseudonym.hex()}")
        return record.holder.hex() if record else ""
    return name if "anonymous" in account.classes else ""


def limit_of(books: Books, who: str, policy: Plain) -> Plain | None:
    """Return what a person may have and spend; None: no tier covers it."""
    if not policy.limits:
        return UNLIMITED
    if "/" in who:
        return next((each for each in policy.limits if each.anonymous), None)
    holder = books.get(f"holder/{who}") if who else None
    if holder is None or over(holder.valid_until, books.now):
        return None
    if not holder.tier:
        return UNLIMITED
    return next((each for each in policy.limits if each.tier == holder.tier), None)


def total(books: Books, who: str, asset: str) -> int:
    """Add up all wallets of a person."""
    accounts = books.tables["account"].values()
    return sum(books.posted(each.id, asset) for each in accounts if each.kind == "wallet" and person(books, each.id) == who)


def spent(books: Books, who: str, asset: str) -> tuple[int, int]:
    """Return what counts in today's and in this month's window."""
    record, today = books.get(f"limit/{who}/{asset}"), date_of(books.now)
    if record is None:
        return 0, 0
    return record.day_out if record.day == today else 0, record.month_out if record.month == today[:7] else 0


def keep(books: Books, entries: Iterable[Entry]) -> None:
    """Refuse what brought a person above its balance (the entries are posted)."""
    net: dict[tuple[str, str], int] = {}
    first: dict[tuple[str, str], int] = {}
    for account, asset, posted, _, leg in entries:
        who = person(books, account)
        if posted and who:
            net[who, asset] = net.get((who, asset), 0) + posted
            if posted > 0:
                first[who, asset] = min(leg, first.get((who, asset), leg))
    refused = []
    for (who, asset), change in net.items():
        limit = limit_of(books, who, books.asset(asset).policy)
        if change > 0 and limit is not None and limit.balance_max is not None and total(books, who, asset) > limit.balance_max:
            refused.append(first[who, asset])
    if refused:
        raise Refused(BALANCE, min(refused))


def spend(books: Books, before: dict[tuple[str, str], int], debits: Sequence[Debit]) -> str:
    """Count debits in the windows of who is behind them; `before`: what this transaction has spent. Return the date, if any counts."""
    gross: dict[tuple[str, str], int] = {}
    first: dict[tuple[str, str], int] = {}
    for source, target, asset, amount, leg in debits:
        who = person(books, source)
        if who and who != person(books, target):
            gross[who, asset] = gross.get((who, asset), 0) + amount
            first.setdefault((who, asset), leg)
    limits = {place: limit_of(books, place[0], books.asset(place[1]).policy) or UNLIMITED for place in gross}
    refused = [first[p] for p in gross if limits[p].tx_max is not None and before.get(p, 0) + gross[p] > limits[p].tx_max]
    if refused:
        raise Refused(TRANSACTION, min(refused))
    for place, amount in gross.items():
        day, month = spent(books, *place)
        if month + amount > MOST:
            raise Refused(AMOUNT, first[place])
        most = limits[place].day_out_max, limits[place].month_out_max
        if any(limit is not None and sum_ + amount > limit for sum_, limit in zip((day, month), most, strict=True)):
            refused.append(first[place])
    if refused:
        raise Refused(WINDOW, min(refused))
    today = date_of(books.now)
    for place, amount in gross.items():
        day, month = spent(books, *place)
        books.put(f"limit/{place[0]}/{place[1]}", Plain(day=today, day_out=day + amount, month=today[:7], month_out=month + amount))
        before[place] = before.get(place, 0) + amount
    return today if gross else ""


def give_back(books: Books, hold: Plain) -> None:
    """Give a window that is still open what a hold did not spend."""
    record = books.get(f"limit/{person(books, hold.source)}/{hold.asset}")
    if not hold.window or record is None:
        return
    today, amount = date_of(books.now), hold.left + hold.fee_left
    day = amount if hold.window == today else 0
    month = amount if hold.window[:7] == today[:7] else 0
    fresh = changed(record, day_out=record.day_out - day, month_out=record.month_out - month)
    books.put(f"limit/{person(books, hold.source)}/{hold.asset}", fresh)


def eligible(books: Books, account: Plain, policy: Plain) -> None:
    """Refuse a wallet that no tier covers."""
    if policy.limits and account.kind == "wallet" and limit_of(books, person(books, account.id), policy) is None:
        raise Refused(NOT_ELIGIBLE)


def room(books: Books, name: str, asset: str) -> int:
    """Return how much more the person behind an account may have."""
    account, policy = books.account(name), books.asset(asset).policy
    if not policy.limits or account.kind != "wallet":
        return MOST
    limit = limit_of(books, person(books, name), policy)
    if limit is None:
        return 0
    return MOST if limit.balance_max is None else max(0, limit.balance_max - total(books, person(books, name), asset))


def accepted(policy: Plain, debit: Plain, credit: Plain) -> None:
    """Refuse an account that an asset is not for; a bank's own word on a merchant does not count."""
    if not policy.receive or policy.issuer in (bank_of(debit.id), bank_of(credit.id)):
        return
    names = [name for name in credit.classes if name != "anonymous" and (not name.startswith("mcc:") or name.endswith(f"@{policy.issuer}"))]
    if not any(matches(pattern, name) for pattern in policy.receive for name in names):
        raise Refused(NOT_ELIGIBLE)


def returned(books: Books, body: Plain) -> Plain:
    """Payment that a leg returns."""
    leg = body.legs[0]
    paid = books.must(f"return/{body.return_of.tx_id.hex()}/{body.return_of.leg}", RETURN)
    reversed_ = (leg.debit, leg.credit, leg.asset) == (paid.credit, paid.debit, paid.asset)
    if paid.until <= books.now or not reversed_ or leg.amount > paid.amount - paid.returned:
        raise Refused(RETURN)
    return paid


def travelling(books: Books, payments: Iterable[Debit]) -> dict[int, str]:
    """Legs that need travel data, and the participant of their creditors: what one person pays another counts together."""
    sums: dict[tuple[str, str, str], int] = {}
    between = []
    for source, target, asset, amount, leg in payments:
        wallets = books.account(source).kind == books.account(target).kind == "wallet"
        if wallets and books.servicer(source) != books.servicer(target):
            place = (person(books, source) or source, person(books, target) or target, asset)
            sums[place] = sums.get(place, 0) + amount
            between.append((leg, target, place))
    return {
        leg: books.servicer(target)
        for leg, target, place in between
        if place[0] != place[1] and 0 < books.asset(place[2]).policy.travel_min <= sums[place]
    }


def check_travel(given: Iterable[Plain], needed: Mapping[int, str], legs: Iterable[int]) -> None:
    """Refuse legs whose creditor's participant has no data."""
    for leg in legs:
        if leg in needed and needed[leg] not in [each.participant for each in given]:
            raise Refused(TRAVEL, leg)


def check_no_more(given: Iterable[Plain], needed: Mapping[int, str]) -> None:
    """Refuse data that nobody needs."""
    if any(each.participant not in needed.values() for each in given):
        raise Refused(NO_TRAVEL)
