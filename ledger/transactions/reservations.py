"""hold, settle and void (types 15 to 17): the one reservation primitive (L8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.authority import check_member_active, keyset_of_party
from ledger.blocks import Entry
from ledger.classes import check_accepted
from ledger.conditions import Arbiter, Device, HashLock, Purse, check_shown, is_of_class, kept, payee_of
from ledger.debits import charge_mandate, need_mandate
from ledger.errors import BadKeyset, ConditionNotMet, HoldAmount, HoldExpired, NoAccount, NoHold, NoParticipant, QuorumNotMet, TooMany
from ledger.expiry import close_hold, count_hold, hold_key, release
from ledger.fees import check_fee, fee_of, fee_rule
from ledger.grant_rules import Wanted, charge_quota, fitting_grants, use_first
from ledger.grants import APPROVE
from ledger.holds import Hold
from ledger.indexes import put_indexed
from ledger.keys import is_usable_key
from ledger.lapsing import has_lapsed
from ledger.limits import Debit
from ledger.money import fee_entry
from ledger.names import servicer_of
from ledger.purpose import paid_in, payout
from ledger.succession import servicer_now, signer_now
from ledger.transactions.redeeming import count_redeemed
from ledger.transactions.work import check_pays, check_spendable, check_takes, existing_account, existing_asset, settlement_account_of
from ledger.travel import compliance_of, needs_agreement
from ledger.vaults import check_not_ended

if TYPE_CHECKING:
    from ledger.accounts import Account
    from ledger.assets import Asset, Policy
    from ledger.conditions import Kept
    from ledger.grants import GrantRecord
    from ledger.restraints import Restraints, Words
    from ledger.state import Overlay
    from ledger.transactions.bodies import HoldBody, Settle, Void
    from ledger.transactions.work import Work

ACTION = "holds"


class Placement:
    """One hold transaction: amount and fee are held on the source."""

    __slots__ = ("asset", "body", "mandate", "source", "target", "work")

    asset: Asset
    source: Account
    target: Account | None
    """None: a class of accounts, of which a settle names one."""

    def __init__(self, work: Work, body: HoldBody) -> None:
        self.work = work
        self.body = body
        self.mandate = ""
        """Grant under which the source is debited without its owner."""

    def authorise(self) -> None:
        """Accounts, asset and both parties exist, and the debited party agrees."""
        work, body = self.work, self.body
        parties = parties_of(body)
        for party in parties:
            check_participant_exists(work.overlay, party)
        self.source = existing_account(work.overlay, body.source)
        self.target = existing_account(work.overlay, body.target) if "/" in body.target else None
        for party in parties:
            check_account_exists(work.overlay, party)
        self.asset = existing_asset(work.overlay, body.asset)
        check_member_active(work.overlay, signer_now(work.overlay, self.source))
        check_not_ended(self.asset.policy, work.time_ms)
        check_pays(self.source)
        if self.target is not None:
            check_takes(self.target)
        check_spendable(self.source, ACTION)
        if self.target is not None:
            check_spendable(self.target, ACTION)
        self._need_debtor()
        if self.target is not None and needs_agreement(work.overlay, self.source, self.target, self.asset, body.amount):
            work.signers.need(compliance_of(servicer_now(work.overlay, self.target.id)))
        work.told = tuple(servicer_of(each) for each in ((body.target, *parties) if self.target is not None else parties))

    def _need_debtor(self) -> None:
        """Need whoever signs the debits of the source, or a grant to debit it (L25)."""
        work, body = self.work, self.body
        try:
            work.signers.need(signer_now(work.overlay, self.source))
        except QuorumNotMet:
            wanted = (body.source, body.asset, servicer_of(body.target) if self.target is not None else "")
            self.mandate = need_mandate(work.overlay, work.signers, wanted, work.time_ms)

    def perform(self) -> None:
        """Check fee, funds, number of holds, time and limits; reserve. The rule of the fee stays with the hold (L17)."""
        work, body = self.work, self.body
        work.sweep(body.source)
        target = self.target
        rule = fee_rule(self.asset.policy, "hold", self.source.kind, "wallet" if target is None else target.kind)
        check_fee(rule, body.amount, body.fee)
        credited = [] if target is None else [(target.id, paid_in(self.asset.policy, target))]
        work.check_moves([(body.source, body.asset)], credited, ())
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
        if isinstance(body.condition, Device) and body.condition.valid_to <= work.time_ms:
            raise HoldExpired(until=body.condition.valid_to, time_ms=work.time_ms, latest=latest)
        work.check_pause((body.source,) if target is None else (body.source, target.id), body.asset, ())
        window = self._count_in_window()
        if self.mandate:
            charge_mandate(work.overlay, self.mandate, body.amount + body.fee, work.time_ms)
        if isinstance(body.condition, Device):
            check_device_key(work.overlay, body.condition.key)
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
            condition=kept(body.condition),
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
        if self.target is not None:
            people.check_eligible(self.target, policy)
            check_accepted(policy, self.source, self.target)
        return window


class Settlement:
    """One settle transaction: part or all of a hold moves to its target."""

    __slots__ = ("approval", "body", "hold", "paid_in", "target", "work")

    approval: GrantRecord | None
    """Of a queued redemption: the grant `redeem.approve` under which it is settled."""
    hold: Hold
    target: Account
    """That of the hold, or the one of its class that the witness names."""
    paid_in: str
    """Asset that the target is paid in: what is locked, of purpose money that reaches a merchant."""

    def __init__(self, work: Work, body: Settle) -> None:
        self.work = work
        self.body = body

    def authorise(self) -> None:
        """Find an open hold and a target that takes value; whoever settles agrees, and the arbiter.

        So does `compliance` of who services one of a class, where it is paid so much: it could not know when the hold was placed.
        """
        work = self.work
        self.hold = hold = open_hold(work, self.body.hold)
        self.target = existing_account(work.overlay, payee_of(hold.target, hold.condition, self.body.witness))
        approvals = approvals_of(work, hold)
        members = [] if approvals else [keyset_of_party(work.overlay, party) for party in settlers_of(hold)]
        for member in members:
            check_member_active(work.overlay, member)
        check_takes(self.target)
        if "/" not in hold.target:
            check_spendable(self.target, ACTION)
            source, asset = existing_account(work.overlay, hold.source), existing_asset(work.overlay, hold.asset)
            if needs_agreement(work.overlay, source, self.target, asset, self.body.amount):
                members.append(compliance_of(servicer_now(work.overlay, self.target.id)))
        for member in members:
            work.signers.need(member)
        self.approval = use_first(approvals, work.signers, Wanted(APPROVE, asset=hold.asset)) if approvals else None

    def perform(self) -> None:
        """Check the amount; move it, and the fee that is due so far less what was taken (L17). What is left of the hold stays open.

        What the holder of the target may not have goes to its servicer (L30).
        """
        work, hold, amount = self.work, self.hold, self.body.amount
        asset = existing_asset(work.overlay, hold.asset)
        self.paid_in = paid_in(asset.policy, self.target)
        condition = self._check_condition(asset.policy)
        restraints = work.see_orders()
        if restraints is not None:
            self._check_orders(restraints)
        self._check_amount()
        work.sweep(hold.source, self.target.id)
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
        if "/" not in hold.target:
            check_accepted(asset.policy, existing_account(work.overlay, hold.source), self.target)
        if self.approval is not None:
            charge_quota(work.overlay, self.approval, amount, work.time_ms)
        if left == 0:
            close_hold(work.overlay, hold)
        else:
            put_indexed(work.overlay, hold_key(hold.id), reduced(hold, left, fee_left, condition))

    def _check_amount(self) -> None:
        """Refuse more than is left, and less of a hash lock: anyone may settle it, and could break it into parts."""
        hold, amount = self.hold, self.body.amount
        if amount > hold.left:
            raise HoldAmount(left=hold.left, asked=amount)
        if isinstance(hold.condition, HashLock) and amount < hold.left:
            raise HoldAmount(left=hold.left, asked=amount)

    def _check_condition(self, policy: Policy) -> Kept:
        """Check what is shown; return the condition as it stands then. One of a class is in it, and is not the source itself."""
        hold, target = self.hold, self.target
        condition = check_shown(hold.condition, self.body.witness, (self.work.context.chain, hold.id, self.body.amount))
        if "/" not in hold.target and (target.id == hold.source or not is_of_class(hold.target, target.classes, policy.issuer)):
            raise ConditionNotMet(subject="the settle", condition=f"another account than the hold's own, of class {hold.target}")
        return condition

    def _credits(self, fee: int) -> list[Entry]:
        """Credit the target, and the excess over its holder's limit to its servicer; the entry before that names the wallet (L30)."""
        work, hold, amount = self.work, self.hold, self.body.amount
        people, asset, target = work.people, self.paid_in, self.target.id
        room = people.room(target, asset)
        if people.person(hold.source) == people.person(target) and people.person(target):
            room += amount + fee
        if amount <= room:
            return [Entry(target, asset, amount, 0, 0)]
        till = settlement_account_of(work.overlay, servicer_now(work.overlay, target))
        return [Entry(target, asset, room, 0, 0), Entry(till, asset, amount - room, 0, 0)]

    def _check_orders(self, restraints: Restraints) -> None:
        """Refuse what orders put later stop where they do not allow earlier holds (L30); pauses never do (L22)."""
        hold = self.hold
        words: Words = ("holds", "redeem") if hold.kind == "queue" else ("holds",)
        restraints.check_held(hold.source, hold.asset, self.body.amount)
        restraints.check_debit(hold.source, hold.asset, words)
        restraints.check_credit(self.target.id, self.paid_in, words)


class Release:
    """One void transaction: the hold is gone, its value free; a purse stays for its grace, for payees who were paid offline (L8)."""

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
        """Release what is left and the fee that is reserved with it; of a purse, note the loss and bring its end forward."""
        work, hold, purse = self.work, self.hold, self.hold.condition
        if not isinstance(purse, Purse):
            work.sweep(hold.source)
            work.entries.append(release(work.overlay, hold, work.time_ms))
            return
        if purse.revoked:
            raise ConditionNotMet(subject="the void", condition="a purse that was not revoked before: it lapses by itself")
        until = min(hold.until, work.time_ms + purse.grace)
        put_indexed(work.overlay, hold_key(hold.id), replace(hold, until=until, condition=replace(purse, revoked=work.time_ms)))


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


def parties_of(body: HoldBody) -> tuple[str, ...]:
    """Participants and accounts that have a say in what becomes of a hold, each once."""
    named = (body.settle_by, body.void_by, body.condition.by if isinstance(body.condition, Arbiter) else "")
    return tuple(dict.fromkeys(party for party in named if party))


def approvals_of(work: Work, hold: Hold) -> list[GrantRecord]:
    """Grants `redeem.approve` over a queued redemption: one of them settles it, and nobody else; where there is none, its issuer (L25)."""
    if hold.kind != "queue":
        return []
    wanted = Wanted(APPROVE, asset=hold.asset, participant=servicer_of(hold.source), account=hold.source)
    return fitting_grants(work.overlay, wanted, work.time_ms)


def settlers_of(hold: Hold) -> tuple[str, ...]:
    """Who agrees to a settle: `settle_by`, and the arbiter; nobody where the condition lets anyone settle."""
    if isinstance(hold.condition, Arbiter):
        return hold.settle_by, hold.condition.by
    return (hold.settle_by,) if hold.settle_by else ()


def check_device_key(overlay: Overlay, key: bytes) -> None:
    """Refuse a key that cannot be used, or that has another role: what is carried about in a device signs nothing else.

    Raises
    ------
    BadKeyset
        128.
    """
    if not is_usable_key(key) or overlay.get(f"key/{key.hex()}") is not None:
        raise BadKeyset(owner="the purse", keyset="device", reason="its key is unusable or has another role")


def reduced(hold: Hold, left: int, fee_left: int, condition: Kept) -> Hold:
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
        condition,
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
