"""Invariants 2, 8, 9 and 17 of assets: what must hold of a reserve after every transaction (L12), seen on the state alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.assets import Asset, attested_of, vault_of
from ledger.backing import is_covered_by_vault, last_abroad
from ledger.bridge_checks import check_route_vault
from ledger.errors import InvariantBroken
from ledger.fees import BPS
from ledger.names import VAULT
from ledger.reserves import Item, Locked, Observation, Report

if TYPE_CHECKING:
    from ledger.assets import Policy
    from ledger.state import Overlay, Record

MAY_REDEEM = ("issue", "redeem", "settle", "pay", "seize")
"""Types that may change a supply: issue and redeem; settle where a redemption was queued; settle and pay where purpose money is spent; and
seize where it has ended."""


def check_vault_account(overlay: Overlay, account: str, asset: str) -> None:
    """Check the vault account that a balance changed on: it is some asset's, and still covers its supply.

    Raises
    ------
    InvariantBroken
        8: it is nobody's, or covers less (L21). 10: of a route's vault.
    """
    code = account.rpartition(VAULT)[2]
    if code[:1].islower():
        check_route_vault(overlay, account, asset)
        return
    wrapped = overlay.get("asset/" + code)
    if not isinstance(wrapped, Asset) or vault_of(wrapped.policy) != (account, asset):
        raise InvariantBroken(invariant=8, detail=f"{account} has {asset}, and is no asset's vault for it")
    check_vault(overlay, wrapped)


def check_vault(overlay: Overlay, asset: Asset) -> None:
    """Check that a supply is within what its vault has, where it has one.

    Raises
    ------
    InvariantBroken
        8: it is not (L21).
    """
    if not is_covered_by_vault(overlay, asset):
        raise InvariantBroken(invariant=8, detail=f"the supply of {asset.policy.code} would be {asset.supply}, more than its vault has")


def check_asset_change(overlay: Overlay, before: Asset | None, after: Asset, type_: str) -> None:
    """Check what one transaction of a type did to an asset.

    Raises
    ------
    InvariantBroken
        2: its supply would change by a type that may not. 9: more would circulate than is covered. 17: what never changes would.
    """
    code = after.policy.code
    issued, redeemed = (before.issued, before.redeemed) if before is not None else (0, 0)
    if (after.issued != issued and type_ != "issue") or (after.redeemed != redeemed and type_ not in MAY_REDEEM):
        raise InvariantBroken(invariant=2, detail=f"{type_} would change the supply of {code}")
    if before is not None and issued and fixed_of(before.policy) != fixed_of(after.policy):
        raise InvariantBroken(invariant=17, detail=f"what never changes of {code} would change")
    reserve = attested_of(after.policy)
    if reserve is not None and after.issued != issued:
        circulating = after.supply + last_abroad(overlay, code, reserve)
        if circulating * reserve.ratio_bps > after.eligible * BPS:
            raise InvariantBroken(invariant=9, detail=f"{circulating} {code} would circulate on {after.eligible}")


def check_fact(key: str, before: Record | None, after: Record | None) -> None:
    """Check a fact that was said again: of the same asset, and later (L20).

    Raises
    ------
    InvariantBroken
        9: it is older, of another asset, or gone.
    """
    if isinstance(before, Item) and (not isinstance(after, Item) or after.asset != before.asset):
        raise InvariantBroken(invariant=9, detail=f"{key} would be of another asset")
    kinds = Item | Report | Observation | Locked
    if isinstance(before, kinds) and isinstance(after, kinds) and after.as_of <= before.as_of:
        raise InvariantBroken(invariant=9, detail=f"{key} would be older than it was")


def fixed_of(policy: Policy) -> tuple[object, ...]:
    """Fields of a policy that never change once the asset was issued."""
    reserve = ("sovereign", "") if isinstance(policy.reserve, str) else (policy.reserve.kind, policy.reserve.vault)
    named = tuple(getattr(policy, field) for field in policy.fixed)
    return (policy.decimals, policy.issuer, reserve, policy.expires, policy.fixed, named)
