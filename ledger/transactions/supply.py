"""issue (type 12) and redeem (type 13): the only ways by which the supply of an asset changes (L7, invariant 2).

Where the reserve is a vault, both move it too: a wrap locks as much of the reserve asset as it issues, an unwrap pays it out (L21).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.assets import Asset, attested_of, vault_of
from ledger.authority import active_participant, check_member_active
from ledger.backing import check_backing, check_vault_way, weighed, worth_of
from ledger.blocks import Entry
from ledger.errors import AmountTooLarge, CapExceeded, TooMany
from ledger.expiry import count_hold, hold_key
from ledger.grant_rules import Wanted, charge_quota, use_grant
from ledger.holds import Hold
from ledger.indexes import put_indexed
from ledger.limits import Debit, policy_of
from ledger.money import movement
from ledger.names import contra_of, servicer_of
from ledger.succession import servicer_now, signer_now
from ledger.transactions.redeeming import count_redeemed
from ledger.transactions.work import (
    check_pays,
    check_spendable,
    check_takes,
    existing_account,
    existing_asset,
    settlement_account_of,
)
from ledger.types import AMOUNT_MAX
from ledger.vaults import check_not_ended

if TYPE_CHECKING:
    from ledger.accounts import Account
    from ledger.grants import GrantRecord
    from ledger.transactions.bodies import Issue, Redeem
    from ledger.transactions.work import Work


class Issuance:
    """One issue transaction: contra -> to, and of a vault asset source -> vault besides."""

    __slots__ = ("asset", "body", "grant", "work")

    asset: Asset
    grant: GrantRecord

    def __init__(self, work: Work, body: Issue) -> None:
        self.work = work
        self.body = body

    def authorise(self) -> None:
        """Accounts and asset exist, the issuer can act, the quorum of a grant `issue` agrees, and of a wrap whoever pays."""
        work, body = self.work, self.body
        target = existing_account(work.overlay, body.to)
        source = None if body.source is None else existing_account(work.overlay, body.source)
        self.asset = existing_asset(work.overlay, body.asset)
        policy = self.asset.policy
        active_participant(work.overlay, policy.issuer)
        check_not_ended(policy, work.time_ms)
        check_takes(target)
        check_spendable(target, "issues")
        if source is not None:
            self._check_source(source)
        wanted = Wanted("issue", asset=body.asset, participant=servicer_of(body.to), account=body.to)
        self.grant = use_grant(work.overlay, work.signers, wanted, work.time_ms)
        if source is not None:
            work.signers.need(signer_now(work.overlay, source))

    def perform(self) -> None:
        """Check funds of a wrap, totals, quota, cap and backing; issue."""
        work, body, policy = self.work, self.body, self.asset.policy
        work.sweep(body.to, *([body.source] if body.source else []))
        supply, issued = self.asset.supply + body.amount, self.asset.issued + body.amount
        vault = vault_of(policy)
        self._check_orders(vault)
        if issued > AMOUNT_MAX:
            raise AmountTooLarge(subject=f"all {body.asset} ever issued", total=issued)
        entries = list(movement(contra_of(policy.issuer, body.asset), body.to, body.asset, body.amount, 0))
        if vault is not None and body.source is not None:
            entries += movement(body.source, vault[0], vault[1], body.amount, 0)
        work.post(entries)
        if vault is not None and body.source is not None:
            work.people.spend([Debit(body.source, vault[0], vault[1], body.amount, 0)])
            work.people.check_eligible(existing_account(work.overlay, body.source), policy_of(work.overlay, vault[1]))
        work.people.check_eligible(existing_account(work.overlay, body.to), policy)
        charge_quota(work.overlay, self.grant, body.amount, work.time_ms)
        if policy.cap is not None and supply > policy.cap:
            raise CapExceeded(asset=body.asset, supply=supply, cap=policy.cap)
        check_vault_way(policy, body.source, "from")
        self._check_pauses(vault)
        put_indexed(work.overlay, f"asset/{body.asset}", self._backed(replace(self.asset, supply=supply, issued=issued)))

    def _check_orders(self, vault: tuple[str, str] | None) -> None:
        """Refuse what orders block: of a wrap the debit of who pays, then the credit."""
        body = self.body
        paid = [(body.source, vault[1])] if vault is not None and body.source is not None else []
        self.work.check_moves(paid, [(body.to, body.asset)], ())

    def _check_pauses(self, vault: tuple[str, str] | None) -> None:
        """Refuse what is paused: a wrap is a payment of what it locks, too."""
        body = self.body
        if vault is not None and body.source is not None:
            self.work.check_pause((body.source,), vault[1], ())
        self.work.check_pause((body.to,), body.asset, ())

    def _check_source(self, source: Account) -> None:
        check_member_active(self.work.overlay, signer_now(self.work.overlay, source))
        check_pays(source)
        check_spendable(source, "issues")

    def _backed(self, asset: Asset) -> Asset:
        """Asset after the issue, where what is attested covers it (L20)."""
        reserve = attested_of(asset.policy)
        if reserve is None:
            return asset
        worth = worth_of(self.work.overlay, asset.policy, reserve, self.work.context)
        check_backing(asset.policy, reserve, worth, asset.supply)
        return weighed(asset, worth, self.work.time_ms)


class Redemption:
    """One redeem transaction: source -> contra, and of a vault asset vault -> to besides.

    Refused only for funds or a closed account, never for cap, quota or backing (L18). Where the policy queues it, it is a hold until the
    issuer settles it; where the issuer does not, it lapses.
    """

    __slots__ = ("asset", "body", "work")

    asset: Asset

    def __init__(self, work: Work, body: Redeem) -> None:
        self.work = work
        self.body = body

    def authorise(self) -> None:
        """Accounts and asset exist, and the debited party agrees."""
        work, body = self.work, self.body
        source: Account = existing_account(work.overlay, body.source)
        target = None if body.to is None else existing_account(work.overlay, body.to)
        self.asset = existing_asset(work.overlay, body.asset)
        check_member_active(work.overlay, signer_now(work.overlay, source))
        check_not_ended(self.asset.policy, work.time_ms)
        check_pays(source)
        check_spendable(source, "redemptions")
        if target is not None:
            check_takes(target)
            check_spendable(target, "redemptions")
        work.signers.need(signer_now(work.overlay, source))

    def perform(self) -> None:
        """Check funds; redeem, or queue it."""
        work, body, policy = self.work, self.body, self.asset.policy
        work.sweep(body.source)
        vault = vault_of(policy)
        paid = [(body.to, vault[1])] if vault is not None and body.to is not None else []
        work.check_moves([(body.source, body.asset)], paid, ("redeem",))
        if policy.queued:
            self._queue(policy.queued)
            return
        entries = list(movement(body.source, contra_of(policy.issuer, body.asset), body.asset, body.amount, 0))
        if vault is not None and body.to is not None:
            entries += self._paid_out(vault, body.to)
        work.post(entries)
        check_vault_way(policy, body.to, "to")
        work.check_pause((body.source,), body.asset, ("redeem",))
        count_redeemed(work, body.asset, body.amount)

    def _paid_out(self, vault: tuple[str, str], to: str) -> list[Entry]:
        """Credit whoever is paid out of the vault; what its holder may not have goes to its servicer (L18)."""
        account, locked = vault
        amount, room = self.body.amount, self.work.people.room(to, locked)
        if amount <= room:
            return list(movement(account, to, locked, amount, 0))
        till = settlement_account_of(self.work.overlay, servicer_now(self.work.overlay, to))
        if self.work.restraints is not None:
            self.work.restraints.check_credit(till, locked, ("redeem",))
        return [Entry(account, locked, -amount, 0, 0), Entry(to, locked, room, 0, 0), Entry(till, locked, amount - room, 0, 0)]

    def _queue(self, wait_ms: int) -> None:
        """Reserve the amount for the contra account; the issuer settles, and as it may have paid out already, only it may void."""
        work, body, policy = self.work, self.body, self.asset.policy
        work.post([Entry(body.source, body.asset, 0, body.amount, 0)])
        check_vault_way(policy, body.to, "to")
        most = work.context.parameters.holds_per_account_max
        held = existing_account(work.overlay, body.source).holds
        if held >= most:
            raise TooMany(subject=body.source, count=held, what="open holds", most=most)
        hold = Hold(
            id=work.tx.tx_id,
            source=body.source,
            target=contra_of(policy.issuer, body.asset),
            asset=body.asset,
            amount=body.amount,
            left=body.amount,
            until=work.time_ms + wait_ms,
            settle_by=policy.issuer,
            void_by=policy.issuer,
            condition="none",
            kind="queue",
            fee_rule=None,
            fee_left=0,
        )
        work.check_pause((body.source,), body.asset, ("redeem",))
        put_indexed(work.overlay, hold_key(hold.id), hold)
        count_hold(work.overlay, body.source, 1)
