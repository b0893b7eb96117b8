"""asset.put (type 10): the issuer defines or alters an asset, with root (L9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.assets import Asset, backing_of, new_asset
from ledger.authority import OPS, active_participant
from ledger.backing import reweighed
from ledger.errors import CapExceeded, FixedField, TooMany
from ledger.grant_rules import Wanted, charge_quota, use_grant
from ledger.indexes import put_indexed
from ledger.lockers import duties_conflict, forget_lockers
from ledger.vaults import accounts_of, check_backs, check_expiry, check_feeds, check_reserve, put_asset_accounts

if TYPE_CHECKING:
    from ledger.assets import Policy
    from ledger.grants import GrantRecord
    from ledger.transactions.bodies import AssetPut
    from ledger.transactions.work import Work

ALWAYS_FIXED = ("decimals", "issuer", "expires", "fixed")
"""Beside the code, which is the id, and kind and vault of the reserve, what never changes once the asset was issued."""


class Definition:
    """One asset.put transaction."""

    __slots__ = ("grant", "old", "policy", "work")

    grant: GrantRecord
    old: Asset | None

    def __init__(self, work: Work, body: AssetPut) -> None:
        self.work = work
        self.policy = body.policy

    def authorise(self) -> None:
        """See that the issuer exists and can act; its `ops` and the root quorum agree."""
        work, policy = self.work, self.policy
        record = work.overlay.get("asset/" + policy.code)
        self.old = record if isinstance(record, Asset) else None
        check_reserve(work.overlay, policy)
        if self.old is None or self.old.policy.expires != policy.expires:
            check_expiry(work.overlay, policy, work.time_ms)
        active_participant(work.overlay, policy.issuer)
        work.signers.need(f"{policy.issuer}/{OPS}")
        self.grant = use_grant(work.overlay, work.signers, Wanted("root", asset=policy.code), work.time_ms)

    def perform(self) -> None:
        """Check fixed fields, cap, count and duties; define, and open the accounts of contra and fees."""
        work, policy, old = self.work, self.policy, self.old
        overlay = work.overlay
        supply = old.supply if old else 0
        most = work.context.parameters.assets_max
        if old is None and len(overlay.scan("~assets/", "~assets/~", most)) >= most:
            raise TooMany(subject="the ledger", count=most, what="assets", most=most)
        if old is not None and old.issued:
            check_fixed(old.policy, policy)
        if old is not None and any(power not in policy.powers for power in old.policy.powers):
            raise FixedField(field="what is in powers", subject=f"asset {policy.code}")
        charge_quota(overlay, self.grant, 1, work.time_ms)
        if policy.cap is not None and policy.cap < supply:
            raise CapExceeded(asset=policy.code, supply=supply, cap=policy.cap)
        if old is not None:
            check_backs(overlay, policy)
            check_feeds(overlay, old.policy, policy)
            forget_lockers(overlay, old.policy, policy)
            if accounts_of(old.policy) != accounts_of(policy):
                put_asset_accounts(overlay, old.policy, "closed")
        put_asset_accounts(overlay, policy, "open")
        asset = new_asset(policy) if old is None or not old.issued else replace(old, policy=policy)
        put_indexed(overlay, "asset/" + policy.code, reweighed(overlay, asset, work.context))
        if (conflict := duties_conflict(overlay, policy)) is not None:
            raise conflict


def check_fixed(old: Policy, new: Policy) -> None:
    """Refuse a change of what never changes once the asset was issued.

    Raises
    ------
    FixedField
        A field that is always fixed, or that the policy itself names in `fixed`.
    """
    for field in (*ALWAYS_FIXED, *old.fixed):
        if getattr(old, field) != getattr(new, field):
            raise FixedField(field=field, subject=f"asset {old.code}")
    if kind_and_vault(old) != kind_and_vault(new):
        raise FixedField(field="reserve", subject=f"asset {old.code}")


def kind_and_vault(policy: Policy) -> tuple[str, str]:
    """Return what of a reserve never changes; its terms, feeds, routes and ratio may."""
    reserve = backing_of(policy)
    return ("sovereign", "") if reserve is None else (reserve.kind, reserve.vault)
