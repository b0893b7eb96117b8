"""asset.put (type 10): the issuer defines or alters an asset, with root (L9 for `sovereign` reserves)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.accounts import Account
from ledger.assets import Asset
from ledger.authority import OPS, active_participant
from ledger.errors import CapExceeded, FixedField, TooMany
from ledger.grant_rules import Wanted, charge_quota, use_grant
from ledger.indexes import put_indexed
from ledger.names import contra_of, fee_account_of

if TYPE_CHECKING:
    from ledger.accounts import AccountKind, AccountStatus
    from ledger.assets import Policy
    from ledger.grants import GrantRecord
    from ledger.state import Overlay
    from ledger.transactions.bodies import AssetPut
    from ledger.transactions.work import Work

ALWAYS_FIXED = ("decimals", "issuer", "reserve", "expires", "fixed")
"""Beside the code, which is the id, what never changes once the asset was issued."""


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
        active_participant(work.overlay, policy.issuer)
        work.signers.need(f"{policy.issuer}/{OPS}")
        self.grant = use_grant(work.overlay, work.signers, Wanted("root", asset=policy.code), work.time_ms)

    def perform(self) -> None:
        """Check fixed fields, cap and count; define, and open the accounts of contra and fees."""
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
        if old is not None and old.policy.issuer != policy.issuer:
            put_asset_accounts(overlay, old.policy, "closed")
        put_asset_accounts(overlay, policy, "open")
        totals = Asset(policy, supply, old.issued if old else 0, old.redeemed if old else 0, "open")
        put_indexed(overlay, "asset/" + policy.code, totals)


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


def put_asset_accounts(overlay: Overlay, policy: Policy, status: AccountStatus) -> None:
    """Open (or close, where another issuer takes over before anything was issued) the two accounts of an asset (L7, L17)."""
    kinds: tuple[tuple[str, AccountKind], ...] = (
        (contra_of(policy.issuer, policy.code), "contra"),
        (fee_account_of(policy.issuer, policy.code), "fee"),
    )
    for account_id, kind in kinds:
        known = overlay.get("account/" + account_id)
        if not isinstance(known, Account) or known.status != status:
            put_indexed(overlay, "account/" + account_id, Account(account_id, kind, b"", "", status, (), 0))
