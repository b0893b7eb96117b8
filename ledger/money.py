"""The one money primitive (L7): value moves only by posting entries, all or nothing, and entries of every type pass through `post`.

An entry changes one balance: posted by so much, held by so much. What a transaction type does is to choose entries whose posted deltas add
up to zero per asset; whether funds suffice and totals stay within 18 digits is judged here, on the net per account and asset (L16).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from ledger.accounts import Balance
from ledger.blocks import Entry
from ledger.errors import AmountTooLarge, FundsTooLow
from ledger.names import fee_account_of
from ledger.order_errors import Arrested
from ledger.types import AMOUNT_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ledger.refusals import Ordered
    from ledger.state import Overlay

NOTHING = Balance(0, 0)
NO_CHANGE = (0, 0)
NO_RESTRAINT: Mapping[tuple[str, str], int] = MappingProxyType({})


def balance_of(overlay: Overlay, account: str, asset: str) -> Balance:
    """Balance of an account in an asset; zero where nothing was ever posted."""
    record = overlay.get(f"balance/{account}/{asset}")
    return record if isinstance(record, Balance) else NOTHING


def movement(debit: str, credit: str, asset: str, amount: int, leg: int) -> tuple[Entry, Entry]:
    """Entries of one movement without fee."""
    return Entry(debit, asset, -amount, 0, leg), Entry(credit, asset, amount, 0, leg)


def fee_entry(issuer: str, asset: str, fee: int, leg: int) -> Entry:
    """Entry that pays a fee to the issuer (L17); its debtor's own entry carries the other side."""
    return Entry(fee_account_of(issuer, asset), asset, fee, 0, leg)


def post(overlay: Overlay, entries: Sequence[Entry], gross: Mapping[tuple[str, str], int] = NO_RESTRAINT) -> None:
    """Change the balances by a set of entries, or by none of it.

    Accounts are checked in the order of their ids, funds of all before totals of all, so the order of entries has no meaning (L16). The
    contra account of an asset needs no funds: its negative balance is the supply, which issue and redeem keep in bounds. `gross` names the
    accounts whose debits must not lean on credits of the same transaction, each with what is arrested there at most (L31).

    Raises
    ------
    FundsTooLow
        An account would have less posted than held.
    Arrested
        It has enough, but not beside what is arrested.
    AmountTooLarge
        A balance would exceed 18 digits (L1).

    Source: ledger/README.md, L1, L7, L16.
    """
    net: dict[tuple[str, str], tuple[int, int]] = {}
    for entry in entries:
        place = (entry.account, entry.asset)
        posted, held = net.get(place, NO_CHANGE)
        net[place] = (posted + entry.posted, held + entry.held)
    changed: list[tuple[str, Balance]] = []
    short: list[tuple[str, str]] = []
    beyond: list[tuple[str, str]] = []
    for place, (posted, held) in net.items():
        account, asset = place
        key = f"balance/{account}/{asset}"
        old = overlay.get(key)
        if not isinstance(old, Balance):
            old = NOTHING
        new = Balance(old.posted + posted, old.held + held)
        if new.posted < new.held and "/contra:" not in account:
            short.append(place)
        if new.posted > AMOUNT_MAX:
            beyond.append(place)
        changed.append((key, new))
    if gross:
        _check_gross(overlay, entries, gross, short)
    if short:
        account, asset = min(short)
        available, needed = balance_of(overlay, account, asset), net[account, asset]
        raise FundsTooLow(account=account, asset=asset, available=available.posted - available.held, needed=needed[1] - needed[0]).at(
            _debited_by(entries, account, asset)
        )
    if beyond:
        account, asset = min(beyond)
        leg = min(entry.leg for entry in _on(entries, account, asset) if entry.posted > 0)
        raise AmountTooLarge(subject=account, total=f"more than {AMOUNT_MAX} {asset}").at(leg)
    for key, new in changed:
        overlay.put(key, new)


def _check_gross(
    overlay: Overlay, entries: Sequence[Entry], gross: Mapping[tuple[str, str], int], short: Sequence[tuple[str, str]]
) -> None:
    """Check funds on the gross of each account that is blocked or arrested (L16): first what it has, then what is not arrested of it."""
    refused: list[tuple[int, tuple[str, str], Ordered]] = []
    for (account, asset), arrested in gross.items():
        needed = sum(max(0, entry.held - entry.posted) for entry in _on(entries, account, asset))
        balance = balance_of(overlay, account, asset)
        available = balance.posted - balance.held
        free = max(0, available - arrested)
        if needed > available:
            refused.append((0, (account, asset), FundsTooLow(account=account, asset=asset, available=available, needed=needed)))
        elif needed > free:
            refused.append((1, (account, asset), Arrested(account=account, asset=asset, available=free, needed=needed)))
    if not refused:
        return
    order, place, refusal = min(refused, key=lambda each: each[:2])
    if not short or (order == 0 and place < min(short)):
        raise refusal.at(_debited_by(entries, *place))


def _debited_by(entries: Sequence[Entry], account: str, asset: str) -> int:
    """First leg that takes from an account."""
    return min(entry.leg for entry in _on(entries, account, asset) if entry.posted < entry.held)


def _on(entries: Sequence[Entry], account: str, asset: str) -> list[Entry]:
    return [entry for entry in entries if entry.account == account and entry.asset == asset]
