"""hold, settle and void (types 15 to 17): the one reservation primitive (L8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.authority import check_member_active, keyset_of_party, signer_of
from ledger.blocks import Entry
from ledger.classes import check_accepted
from ledger.errors import HoldAmount, HoldExpired, NoAccount, NoHold, NoParticipant, TooMany
from ledger.expiry import close_hold, count_hold, hold_key, release
from ledger.fees import check_fee, fee_of, fee_rule
from ledger.holds import Hold
from ledger.indexes import put_indexed
from ledger.lapsing import has_lapsed
from ledger.limits import Debit
from ledger.money import fee_entry
from ledger.names import servicer_of
from ledger.purpose import paid_in, payout
from ledger.transactions.redeeming import count_redeemed
from ledger.transactions.work import check_pays, check_spendable, check_takes, existing_account, existing_asset, settlement_account_of
from ledger.travel import compliance_of, needs_agreement
from ledger.vaults import check_not_ended

if TYPE_CHECKING:
    from ledger.accounts import Account
    from ledger.assets import Asset
    from ledger.restraints import Restraints, Words
    from ledger.state import Overlay
    from ledger.transactions.bodies import HoldBody, Settle, Void
    from ledger.transactions.work import Work

ACTION = "holds"


class Placement:
    """One hold transaction: amount and fee are held on the source."""

    __slots__ = ("asset", "body", "source", "target", "work")

    asset: Asset
    source: Account
    target: Account

    def __init__(self, work: Work, body: HoldBody) -> None:
        self.work = work
        self.body = body

    def authorise(self) -> None:
        """Accounts, asset and both parties exist, and the debited party agrees."""
        work, body = self.work, self.body
        parties = (body.settle_by, body.void_by)
        for party in parties:
            check_participant_exists(work.overlay, party)
        self.source = existing_account(work.overlay, body.source)
        self.target = existing_account(work.overlay, body.target)
        for party in parties:
            check_account_exists(work.overlay, party)
        self.asset = existing_asset(work.overlay, body.asset)
        check_member_active(work.overlay, signer_of(self.source))
        check_not_ended(self.asset.policy, work.time_ms)
        check_pays(self.source)
        check_takes(self.target)
        check_spendable(self.source, ACTION)
        check_spendable(self.target, ACTION)
        work.signers.need(signer_of(self.source))
        if needs_agreement(self.source, self.target, self.asset, body.amount):
            work.signers.need(compliance_of(servicer_of(self.target.id)))

    def perform(self) -> None:
        """Check fee, funds, number of holds, time and limits; reserve. The rule of the fee stays with the hold (L17)."""
        work, body = self.work, self.body
        work.sweep(body.source)
        rule = fee_rule(self.asset.policy, "hold", self.source.kind, self.target.kind)
        check_fee(rule, body.amount, body.fee)
        work.check_moves([(body.source, body.asset)], [(body.target, paid_in(self.asset.policy, self.target))], ())
        work.post([Entry(body.source, body.asset, 0, body.amount + body.fee, 0)])
        parameters = work.context.parameters
        most, latest = parameters.holds_per_account_max, work.time_ms + parameters.hold_ms_max
        if (expires := self.asset.policy.expires) is not None:
            latest = min(latest, expires.at - 1)
        held = existing_account(work.overlay, body.source).holds
        if held >= most:
            raise TooMany(subject=body.source, count=held, what="open holds", most=most)
        if not work.time_ms < body.until <= latest:
            raise HoldExpired(until=body.until, time_ms=work.time_ms, latest=latest)
        work.check_pause((body.source, body.target), body.asset, ())
        window = self._count_in_window()
        hold = Hold(
            id=work.tx.tx_id,
            source=body.source,
            target=body.target,
            asset=body.asset,
            amount=body.amount,
            left=body.amount,
            until=body.until,
            settle_by=body.settle_by,
            void_by=body.void_by,
            condition=body.condition,
            kind=body.kind,
            fee_rule=rule,
            fee_left=body.fee,
            window=window,
        )
        put_indexed(work.overlay, hold_key(hold.id), hold)
        count_hold(work.overlay, body.source, 1)

    def _count_in_window(self) -> str:
        """Count the hold against its holder's limits now, and see who may have the asset (L18); return the date it counts in."""
        body, people, policy = self.body, self.work.people, self.asset.policy
        window = people.spend([Debit(body.source, body.target, body.asset, body.amount + body.fee, 0)])
        people.check_eligible(self.source, policy)
        people.check_eligible(self.target, policy)
        check_accepted(policy, self.source, self.target)
        return window


class Settlement:
    """One settle transaction: part or all of a hold moves to its target."""

    __slots__ = ("body", "hold", "paid_in", "work")

    hold: Hold
    paid_in: str
    """Asset that the target is paid in: what is locked, of purpose money that reaches a merchant."""

    def __init__(self, work: Work, body: Settle) -> None:
        self.work = work
        self.body = body

    def authorise(self) -> None:
        """Find an open hold and a target that takes value; whoever settles agrees."""
        work = self.work
        self.hold = open_hold(work, self.body.hold)
        member = keyset_of_party(work.overlay, self.hold.settle_by)
        check_member_active(work.overlay, member)
        check_takes(existing_account(work.overlay, self.hold.target))
        work.signers.need(member)

    def perform(self) -> None:
        """Check the amount; move it, and the fee that is due so far less what was taken (L17). What is left of the hold stays open.

        What the holder of the target may not have goes to its servicer (L30).
        """
        work, hold, amount = self.work, self.hold, self.body.amount
        asset, target = existing_asset(work.overlay, hold.asset), existing_account(work.overlay, hold.target)
        self.paid_in = paid_in(asset.policy, target)
        restraints = work.see_orders()
        if restraints is not None:
            self._check_orders(restraints)
        if amount > hold.left:
            raise HoldAmount(left=hold.left, asked=amount)
        work.sweep(hold.source, hold.target)
        left = hold.left - amount
        fee_left = fee_of(hold.fee_rule, hold.amount) - fee_of(hold.fee_rule, hold.amount - left)
        fee = hold.fee_left - fee_left
        entries = [Entry(hold.source, hold.asset, -amount - fee, -amount - fee, 0), *self._credits(fee)]
        if fee:
            entries.append(fee_entry(asset.policy.issuer, hold.asset, fee, 0))
        if restraints is not None:
            for entry in entries[2:]:
                restraints.check_credit(entry.account, entry.asset, ("holds",))
        redeems = hold.kind == "queue" or self.paid_in != hold.asset
        if self.paid_in != hold.asset:
            entries += payout(asset.policy, "", amount, 0)[:-1]
        work.post(entries)
        if redeems:
            count_redeemed(work, hold.asset, amount)
        if left == 0:
            close_hold(work.overlay, hold)
        else:
            put_indexed(work.overlay, hold_key(hold.id), reduced(hold, left, fee_left))

    def _credits(self, fee: int) -> list[Entry]:
        """Credit the target, and the excess over its holder's limit to its servicer; the entry before that names the wallet (L30)."""
        work, hold, amount = self.work, self.hold, self.body.amount
        people, asset = work.people, self.paid_in
        room = people.room(hold.target, asset)
        if people.person(hold.source) == people.person(hold.target) and people.person(hold.target):
            room += amount + fee
        if amount <= room:
            return [Entry(hold.target, asset, amount, 0, 0)]
        till = settlement_account_of(work.overlay, servicer_of(hold.target))
        return [Entry(hold.target, asset, room, 0, 0), Entry(till, asset, amount - room, 0, 0)]

    def _check_orders(self, restraints: Restraints) -> None:
        """Refuse what orders put later stop where they do not allow earlier holds (L30); pauses never do (L22)."""
        hold = self.hold
        words: Words = ("holds", "redeem") if hold.kind == "queue" else ("holds",)
        restraints.check_held(hold.source, hold.asset, self.body.amount)
        restraints.check_debit(hold.source, hold.asset, words)
        restraints.check_credit(hold.target, self.paid_in, words)


class Release:
    """One void transaction: the hold is gone, its value free."""

    __slots__ = ("body", "hold", "work")

    hold: Hold

    def __init__(self, work: Work, body: Void) -> None:
        self.work = work
        self.body = body

    def authorise(self) -> None:
        """Find an open hold; whoever voids agrees."""
        work = self.work
        self.hold = open_hold(work, self.body.hold)
        member = keyset_of_party(work.overlay, self.hold.void_by)
        check_member_active(work.overlay, member)
        work.signers.need(member)

    def perform(self) -> None:
        """Release what is left and the fee that is reserved with it."""
        self.work.sweep(self.hold.source)
        self.work.entries.append(release(self.work.overlay, self.hold, self.work.time_ms))


def open_hold(work: Work, hold_id: bytes) -> Hold:
    """Hold that is open at the block's time.

    Raises
    ------
    NoHold
        There is none: never was, or it was settled, voided or swept.
    HoldExpired
        It has lapsed and waits for its sweep (L19).
    """
    hold = work.overlay.get(hold_key(hold_id))
    if not isinstance(hold, Hold):
        raise NoHold(hold=hold_id.hex())
    if has_lapsed(hold.until, work.time_ms):
        raise HoldExpired(until=hold.until, time_ms=work.time_ms, latest=hold.until)
    return hold


def reduced(hold: Hold, left: int, fee_left: int) -> Hold:
    """Return the hold with less left."""
    return Hold(
        hold.id,
        hold.source,
        hold.target,
        hold.asset,
        hold.amount,
        left,
        hold.until,
        hold.settle_by,
        hold.void_by,
        hold.condition,
        hold.kind,
        hold.fee_rule,
        fee_left,
        hold.window,
    )


def check_participant_exists(overlay: Overlay, party: str) -> None:
    """Refuse a party that is an unknown participant."""
    if "/" not in party and overlay.get("participant/" + party) is None:
        raise NoParticipant(participant=party)


def check_account_exists(overlay: Overlay, party: str) -> None:
    """Refuse a party that is an unknown account."""
    if "/" in party and overlay.get("account/" + party) is None:
        raise NoAccount(account=party)
