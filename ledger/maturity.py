"""Purpose money that ends: from `expires.at` on only the sweep moves it, wallet to contra and vault to budget line, account by account.

A block looks at so many accounts and empties so many; the asset remembers how far it came. Nothing else moves the asset meanwhile, so what
is behind stays empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.assets import Asset, vault_of
from ledger.blocks import Entry
from ledger.errors import BrokenState
from ledger.indexes import put_indexed
from ledger.limits import People
from ledger.money import balance_of, post
from ledger.names import contra_of

if TYPE_CHECKING:
    from ledger.accounts import Account
    from ledger.assets import Policy
    from ledger.state import Overlay

LOOKS_PER_LEAF = 10
"""Accounts that are looked at for each leaf that may be written: most have none of the asset."""
ACCOUNTS = "~accounts/"


def sweep_ended(overlay: Overlay, asset: Asset, room: int, time_ms: int) -> tuple[list[Entry], int]:
    """Empty accounts of an expired asset, as many as there is room for; return the entries and how many accounts were emptied.

    The leaves that all of them share (contra, vault, budget line, the asset) do not count: there are four, however many accounts.
    """
    code = asset.policy.code
    looked = overlay.scan(ACCOUNTS + asset.swept + "\0" if asset.swept else ACCOUNTS, ACCOUNTS + "~", room * LOOKS_PER_LEAF)
    entries: list[Entry] = []
    swept, last = 0, asset.swept
    for index in looked:
        if len(entries) == room:
            break
        last = index.removeprefix(ACCOUNTS)
        balance = balance_of(overlay, last, code)
        if balance.held:
            raise BrokenState(f"{last} has {balance.held} {code} held, which has expired")
        if balance.posted > 0:
            entries.append(Entry(last, code, -balance.posted, 0, 0))
            swept += balance.posted
    emptied = len(entries)
    ends = swept == asset.supply or (len(looked) < room * LOOKS_PER_LEAF and emptied < room)
    if ends and swept != asset.supply:
        raise BrokenState(f"{asset.supply - swept} {code} are on no account")
    entries += returned(asset.policy, swept)
    post(overlay, entries)
    People(overlay, time_ms).keep(entries)
    put_indexed(
        overlay,
        f"asset/{code}",
        replace(asset, supply=asset.supply - swept, redeemed=asset.redeemed + swept, swept=last, state="expired" if ends else asset.state),
    )
    return entries, emptied


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
    for index in overlay.scan("~assets/", "~assets/~", 1_024):
        asset = overlay.get("asset/" + index.removeprefix("~assets/"))
        expires = asset.policy.expires if isinstance(asset, Asset) and asset.state != "expired" else None
        if isinstance(asset, Asset) and expires is not None and expires.budget_line == account.id:
            return asset.policy.code
    return ""
