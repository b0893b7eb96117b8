"""Purpose money that ends: from `expires.at` on only the sweep moves it, wallet to contra and vault to budget line, account by account.

A block looks at so many accounts and empties so many; the asset remembers how far it came. Nothing else moves the asset meanwhile, so what
is behind stays empty. What an order keeps on an account stays there (invariants 12 and 13): the sweep passes over it, and comes back when
an order is over. A seizure pays its beneficiary as the sweep would have paid the budget line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.assets import Asset, vault_of
from ledger.blocks import Entry
from ledger.errors import BrokenState
from ledger.indexes import RESTRAINED, put_indexed
from ledger.limits import People
from ledger.money import balance_of, post
from ledger.names import contra_of
from ledger.order_errors import BlockedCredit
from ledger.restraints import restraints_of

if TYPE_CHECKING:
    from ledger.accounts import Account
    from ledger.assets import Policy
    from ledger.orders import Order
    from ledger.restraints import Restraints
    from ledger.state import Overlay

LOOKS_PER_LEAF = 10
"""Accounts that are looked at for each leaf that may be written: most have none of the asset."""
ACCOUNTS, ASSETS = "~accounts/", "~assets/"
ASSETS_SCAN = 1_024
"""As many assets as a network may have."""


def sweep_ended(overlay: Overlay, asset: Asset, room: int, time_ms: int) -> tuple[list[Entry], int]:
    """Empty accounts of an expired asset, as many as there is room for; return the entries and how many accounts were emptied.

    The leaves that all of them share (contra, vault, budget line, the asset) do not count: there are four, however many accounts. Where the
    sweep has come to the end and orders keep a rest, the asset is `restrained` until one of them is over (`resume_ended`).
    """
    restraints = restraints_of(overlay, time_ms)
    if restraints is not None and not _may_return(restraints, asset.policy):
        put_indexed(overlay, f"asset/{asset.policy.code}", replace(asset, state="restrained"))
        return [], 0
    code = asset.policy.code
    looked = overlay.scan(ACCOUNTS + asset.swept + "\0" if asset.swept else ACCOUNTS, ACCOUNTS + "~", room * LOOKS_PER_LEAF)
    entries: list[Entry] = []
    swept, last = 0, asset.swept
    for index in looked:
        if len(entries) == room:
            break
        last = index.removeprefix(ACCOUNTS)
        leaving = _leaving(overlay, restraints, last, code)
        if leaving:
            entries.append(Entry(last, code, -leaving, 0, 0))
            swept += leaving
    emptied = len(entries)
    over = len(looked) < room * LOOKS_PER_LEAF and emptied < room
    state = "expired" if swept == asset.supply else "restrained" if over else asset.state
    if state == "restrained" and restraints is None:
        raise BrokenState(f"{asset.supply - swept} {code} are on no account")
    entries += returned(asset.policy, swept)
    post(overlay, entries)
    People(overlay, time_ms).keep(entries)
    put_indexed(
        overlay, f"asset/{code}", replace(asset, supply=asset.supply - swept, redeemed=asset.redeemed + swept, swept=last, state=state)
    )
    return entries, emptied


def resume_ended(overlay: Overlay, order: Order) -> None:
    """Let the sweep of expired assets begin again with what an order has kept that is over now, also where it is still under way."""
    if order.mode == "pause":
        return
    for index in overlay.scan(RESTRAINED, RESTRAINED + "~", ASSETS_SCAN):
        key = "asset/" + index.removeprefix(RESTRAINED)
        asset = overlay.get(key)
        if not isinstance(asset, Asset):
            raise BrokenState(f"{index} points at no asset")
        put_indexed(overlay, key, replace(asset, swept="", state="open"))


def _may_return(restraints: Restraints, policy: Policy) -> bool:
    """Whether orders let the budget line be paid."""
    vault, expires = vault_of(policy), policy.expires
    if vault is None or expires is None:
        raise BrokenState(f"{policy.code} expires without a vault")
    try:
        restraints.check_credit(expires.budget_line, vault[1], ())
    except BlockedCredit:
        return False
    return True


def _leaving(overlay: Overlay, restraints: Restraints | None, account: str, code: str) -> int:
    """Minor units that the sweep takes from an account: all that no order keeps there."""
    balance = balance_of(overlay, account, code)
    if balance.held:
        raise BrokenState(f"{account} has {balance.held} {code} held, which has expired")
    if balance.posted <= 0:
        return 0
    return balance.posted if restraints is None else max(0, balance.posted - restraints.keeps(account, code))


def returned(policy: Policy, amount: int) -> list[Entry]:
    """Entries beside those of the accounts: the supply falls, and the vault pays the budget line."""
    vault = vault_of(policy)
    if vault is None or policy.expires is None:
        raise BrokenState(f"{policy.code} expires without a vault")
    if not amount:
        return []
    account, locked = vault
    return [
        Entry(contra_of(policy.issuer, policy.code), policy.code, amount, 0, 0),
        Entry(account, locked, -amount, 0, 0),
        Entry(policy.expires.budget_line, locked, amount, 0, 0),
    ]


def budget_line_for(overlay: Overlay, account: Account) -> str:
    """Name an asset whose rest is to return to this account; empty: none."""
    for index in overlay.scan(ASSETS, ASSETS + "~", ASSETS_SCAN):
        asset = overlay.get("asset/" + index.removeprefix(ASSETS))
        expires = asset.policy.expires if isinstance(asset, Asset) and asset.state != "expired" else None
        if isinstance(asset, Asset) and expires is not None and expires.budget_line == account.id:
            return asset.policy.code
    return ""
