"""issue (type 12) and redeem (type 13): the only ways by which the supply of an asset changes (L7, invariant 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.assets import Asset
from ledger.authority import active_participant, check_member_active, signer_of
from ledger.errors import AmountTooLarge, CapExceeded
from ledger.grant_rules import Wanted, charge_quota, use_grant
from ledger.indexes import put_indexed
from ledger.money import movement
from ledger.names import contra_of, servicer_of
from ledger.transactions.work import check_pays, check_spendable, check_takes, existing_account, existing_asset
from ledger.types import AMOUNT_MAX

if TYPE_CHECKING:
    from ledger.accounts import Account
    from ledger.grants import GrantRecord
    from ledger.transactions.bodies import Issue, Redeem
    from ledger.transactions.work import Work


class Issuance:
    """One issue transaction: contra -> to."""

    __slots__ = ("asset", "body", "grant", "work")

    asset: Asset
    grant: GrantRecord

    def __init__(self, work: Work, body: Issue) -> None:
        self.work = work
        self.body = body

    def authorise(self) -> None:
        """Account and asset exist, the issuer can act, and the quorum of a grant `issue` agrees."""
        work, body = self.work, self.body
        target = existing_account(work.overlay, body.to)
        self.asset = existing_asset(work.overlay, body.asset)
        active_participant(work.overlay, self.asset.policy.issuer)
        check_takes(target)
        check_spendable(target, "issues")
        wanted = Wanted("issue", asset=body.asset, participant=servicer_of(body.to), account=body.to)
        self.grant = use_grant(work.overlay, work.signers, wanted, work.time_ms)

    def perform(self) -> None:
        """Check totals, quota and cap; issue."""
        work, body, policy = self.work, self.body, self.asset.policy
        work.sweep(body.to)
        supply, issued = self.asset.supply + body.amount, self.asset.issued + body.amount
        work.check_moves((), [(body.to, body.asset)], ())
        if issued > AMOUNT_MAX:
            raise AmountTooLarge(subject=f"all {body.asset} ever issued", total=issued)
        work.post(movement(contra_of(policy.issuer, body.asset), body.to, body.asset, body.amount, 0))
        work.people.check_eligible(existing_account(work.overlay, body.to), policy)
        charge_quota(work.overlay, self.grant, body.amount, work.time_ms)
        if policy.cap is not None and supply > policy.cap:
            raise CapExceeded(asset=body.asset, supply=supply, cap=policy.cap)
        work.check_pause((body.to,), body.asset, ())
        put_indexed(work.overlay, f"asset/{body.asset}", Asset(policy, supply, issued, self.asset.redeemed, self.asset.state))


class Redemption:
    """One redeem transaction: source -> contra. Refused only for funds or a closed account, never for cap or quota (L18)."""

    __slots__ = ("asset", "body", "work")

    asset: Asset

    def __init__(self, work: Work, body: Redeem) -> None:
        self.work = work
        self.body = body

    def authorise(self) -> None:
        """Account and asset exist, and the debited party agrees."""
        work, body = self.work, self.body
        source: Account = existing_account(work.overlay, body.source)
        self.asset = existing_asset(work.overlay, body.asset)
        check_member_active(work.overlay, signer_of(source))
        check_pays(source)
        check_spendable(source, "redemptions")
        work.signers.need(signer_of(source))

    def perform(self) -> None:
        """Check funds; redeem."""
        work, body, asset = self.work, self.body, self.asset
        work.sweep(body.source)
        work.check_moves([(body.source, body.asset)], (), ("redeem",))
        work.post(movement(body.source, contra_of(asset.policy.issuer, body.asset), body.asset, body.amount, 0))
        redeemed = Asset(asset.policy, asset.supply - body.amount, asset.issued, asset.redeemed + body.amount, asset.state)
        work.check_pause((body.source,), body.asset, ("redeem",))
        put_indexed(work.overlay, f"asset/{body.asset}", redeemed)
