"""pay (type 14): up to 1,000 legs, all or nothing (`atomic`), or each for itself (`each`).

Each check runs over all legs before the next check; the lowest code wins, then the lowest leg (L16).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.accounts import Account
from ledger.assets import Asset
from ledger.authority import OPS, check_member_active, signer_of
from ledger.blocks import Entry
from ledger.classes import check_accepted
from ledger.debits import charge_mandate, need_mandate
from ledger.errors import OK, NoAccount, NoAsset, Ordered, QuorumNotMet, QuotaExceeded, TooManyLegs
from ledger.fees import check_fee, fee_rule
from ledger.limits import WALLET, Debit
from ledger.money import fee_entry
from ledger.names import servicer_of
from ledger.orders import TAX_PURPOSE
from ledger.participants import Participant
from ledger.purpose import paid_in, payout, pays_out
from ledger.restraints import concerned
from ledger.returns import count_return, keep_returnable, returned_payment
from ledger.succession import signer_now
from ledger.transactions.redeeming import count_redeemed
from ledger.transactions.work import check_pays, check_spendable, check_takes
from ledger.travel import check_leg_travel, check_no_more_travel, compliance_of, needed_travel
from ledger.vaults import check_not_ended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ledger.holders import Returnable
    from ledger.orders import Allowed
    from ledger.restraints import Words
    from ledger.transactions.bodies import Leg, Pay
    from ledger.transactions.work import Work

ACTION = "payments"
NONE_TRAVELLING: Mapping[int, Debit] = {}
NO_MANDATES: dict[int, str] = {}


class Payment:
    """One pay transaction."""

    __slots__ = ("accounts", "assets", "body", "mandates", "members", "refused", "returned", "ruled", "travelling", "wallets", "work")

    def __init__(self, work: Work, body: Pay) -> None:
        self.work = work
        self.body = body
        self.accounts: dict[str, Account] = {}
        self.assets: dict[str, Asset] = {}
        self.members: dict[str, str] = {}
        """Debited account -> keyset that has to agree."""
        self.mandates = NO_MANDATES
        """Leg -> grant under which its account is debited without its owner."""
        self.refused: dict[int, Ordered] = {}
        """Mode `each`: legs that fail by themselves."""
        self.wallets: dict[str, Account] = {}
        """Accounts that people may be behind; where there are none and no rule is `ruled`, value moves the short way."""
        self.ruled = body.uetr is not None or body.return_of is not None or body.travel is not None
        self.returned: Returnable | None = None
        """The payment that this one returns."""
        self.travelling = NONE_TRAVELLING
        """Legs that need travel data."""

    def authorise(self) -> None:
        """Accounts and assets exist, are of a kind that pays, and every debited party agrees."""
        most = self.work.context.parameters.legs_max
        if len(self.body.legs) > most:
            raise TooManyLegs(legs=len(self.body.legs), most=most)
        self._check_legs(self._check_existence)
        if self.ruled and self.body.return_of is not None:
            self.returned = returned_payment(self.work.overlay, self.body.return_of, self.body.legs[0], self.work.time_ms)
        self._check_legs(self._check_kind)
        if self.ruled:
            self._check_legs(self._check_ended)
        signers = self.work.signers
        try:
            for member in self.members.values():
                signers.need(member)
        except QuorumNotMet:
            self._need_mandates()
        if self.ruled:
            for travel in self.body.travel or ():
                signers.need(compliance_of(travel.participant))
        for index in self.refused:
            debit = self.body.legs[index].debit
            known = self.accounts.get(debit)
            signers.allow((f"{servicer_of(debit)}/{OPS}" if known is None else signer_now(self.work.overlay, known),))

    def _need_mandates(self) -> None:
        """Need each debited party, or a grant to debit its account for each of its legs (L25)."""
        work = self.work
        self.mandates, self.ruled = {}, True
        for index, leg in enumerate(self.body.legs):
            if index in self.refused:
                continue
            if work.signers.agrees(self.members[leg.debit]):
                work.signers.need(self.members[leg.debit])
            else:
                wanted = (leg.debit, leg.asset, servicer_of(leg.credit))
                self.mandates[index] = need_mandate(work.overlay, work.signers, wanted, work.time_ms)

    def perform(self) -> None:
        """Check fees, funds, totals, limits, travel data and who is eligible; move."""
        if self.work.overlay.due_left:
            self.work.sweep(*self.accounts)
        self._check_legs(self._check_fee)
        if concerned(self.work.overlay, self.accounts):
            self.work.see_orders()
            self._check_orders()
        if self.body.mode == "atomic":
            entries: list[Entry] = []
            for index, leg in enumerate(self.body.legs):
                self._add_entries(entries, index, leg)
            if self.ruled or self.wallets:
                self._move_people(entries)
            else:
                self.work.post_among_institutions(entries)
                if self.work.restraints is not None:
                    self._check_legs(self._check_pause)
            return
        self._find_travelling()
        self._check_no_more_travel()
        for index, leg in enumerate(self.body.legs):
            if index not in self.refused:
                self._move_alone(index, leg)
        self.work.codes = tuple(self.refused[index].code if index in self.refused else OK for index in range(len(self.body.legs)))
        if len(self.refused) == len(self.body.legs):
            raise self.refused[0].at(0)

    def _check_legs(self, check: Callable[[Leg], None]) -> None:
        """Run one check over all legs that have not failed; in mode atomic raise the lowest code, then the lowest leg."""
        refused = self.refused
        for index, leg in enumerate(self.body.legs):
            if index not in refused:
                try:
                    check(leg)
                except Ordered as refusal:
                    refused[index] = refusal.at(index)
        if refused and self.body.mode == "atomic":
            raise min(refused.values(), key=_code_then_leg)

    def _check_existence(self, leg: Leg) -> None:
        get, accounts = self.work.overlay.get, self.accounts
        for account_id in (leg.debit, leg.credit):
            if account_id not in accounts:
                account = get("account/" + account_id)
                if not isinstance(account, Account):
                    raise NoAccount(account=account_id)
                accounts[account_id] = account
                if account.kind == WALLET:
                    self.wallets[account_id] = account
        if leg.asset not in self.assets:
            asset = get("asset/" + leg.asset)
            if not isinstance(asset, Asset):
                raise NoAsset(asset=leg.asset)
            self.assets[leg.asset] = asset
            if asset.policy.receive or asset.policy.expires is not None:
                self.ruled = True

    def _check_kind(self, leg: Leg) -> None:
        debit, credit = self.accounts[leg.debit], self.accounts[leg.credit]
        member = signer_of(debit)
        if not self.work.signers.agrees(member):
            member = signer_now(self.work.overlay, debit)
            check_member_active(self.work.overlay, member)
        check_pays(debit)
        check_takes(credit)
        check_spendable(debit, ACTION)
        check_spendable(credit, ACTION)
        self.members[leg.debit] = member

    def _check_ended(self, leg: Leg) -> None:
        check_not_ended(self.assets[leg.asset].policy, self.work.time_ms)

    def _pays_out(self, leg: Leg) -> bool:
        """Whether a leg is redeemed in the same transaction: purpose money that reaches a merchant."""
        return pays_out(self.assets[leg.asset].policy, self.accounts[leg.credit])

    def _check_fee(self, leg: Leg) -> None:
        policy = self.assets[leg.asset].policy
        rule = fee_rule(policy, "pay", self.accounts[leg.debit].kind, self.accounts[leg.credit].kind) if policy.fees else None
        check_fee(rule, leg.amount, leg.fee)

    def _check_orders(self) -> None:
        """Refuse legs that orders block; what is left of the blocked and arrested accounts is checked gross (L16)."""
        self._check_legs(self._check_blocks)
        if self.work.restraints is not None:
            self.work.gross = self.work.restraints.gross(dict.fromkeys((leg.debit, leg.asset) for leg in self.body.legs))

    def _check_blocks(self, leg: Leg) -> None:
        restraints, words = self.work.restraints, self._words(leg)
        if restraints is None:
            return
        restraints.check_debit(leg.debit, leg.asset, words)
        restraints.check_credit(leg.credit, paid_in(self.assets[leg.asset].policy, self.accounts[leg.credit]), words)

    def _check_pause(self, leg: Leg) -> None:
        self.work.check_pause((leg.debit, leg.credit), leg.asset, self._words(leg))

    def _words(self, leg: Leg) -> Words:
        """Say what orders may allow of a leg: a fee to an asset's fee account, a return, a tax to a treasury (L30)."""
        words: list[Allowed] = []
        if self.accounts[leg.credit].kind == "fee":
            words.append("fee")
        if self.body.return_of is not None:
            words.append("return")
        if self.body.purpose == TAX_PURPOSE:
            treasury = self.work.overlay.get("participant/" + servicer_of(leg.credit))
            if isinstance(treasury, Participant) and treasury.kind == "treasury":
                words.append("tax")
        return tuple(words)

    def _add_entries(self, entries: list[Entry], index: int, leg: Leg) -> None:
        amount, fee = leg.amount, leg.fee
        entries.append(Entry(leg.debit, leg.asset, -amount - fee, 0, index))
        if self.ruled and self._pays_out(leg):
            entries += payout(self.assets[leg.asset].policy, leg.credit, amount, index)
        else:
            entries.append(Entry(leg.credit, leg.asset, amount, 0, index))
        if fee:
            entries.append(fee_entry(self.assets[leg.asset].policy.issuer, leg.asset, fee, index))

    def _move_people(self, entries: list[Entry]) -> None:
        """Move all legs at once, by every rule that people and classes bring."""
        work, legs = self.work, self.body.legs
        work.post(entries)
        self._count_redeemed(legs)
        if self.returned is None:
            work.people.spend([_debit(index, leg, leg.amount + leg.fee) for index, leg in enumerate(legs)])
            self._find_travelling()
            self._check_travel(range(len(legs)))
            self._check_no_more_travel()
        self._check_legs(self._check_eligible)
        self._charge_mandates(self.mandates)
        if self.body.return_of is not None and self.returned is not None:
            count_return(work.overlay, self.body.return_of, self.returned, legs[0].amount)
        if self.body.uetr is not None:
            keep_returnable(work, legs[0])

    def _move_alone(self, index: int, leg: Leg) -> None:
        """Move one leg of several in mode `each`, or refuse it without a trace."""
        work = self.work
        entries: list[Entry] = []
        self._add_entries(entries, index, leg)
        mark, kept = work.overlay.mark(), len(work.entries)
        try:
            if self.ruled or self.wallets:
                self._move_person(index, leg, entries)
            else:
                work.post_among_institutions(entries)
                if work.restraints is not None:
                    self._check_pause(leg)
        except Ordered as refusal:
            work.overlay.rollback(mark)
            del work.entries[kept:]
            self.refused[index] = refusal.at(index)

    def _move_person(self, index: int, leg: Leg, entries: list[Entry]) -> None:
        """Move one leg by every rule that people and classes bring; what a refused one spent does not count."""
        work = self.work
        spent = work.people.spent_so_far()
        try:
            work.post(entries)
            self._count_redeemed((leg,))
            work.people.spend([_debit(index, leg, leg.amount + leg.fee)])
            self._check_travel((index,))
            self._check_eligible(leg)
            self._charge_mandates((index,))
        except Ordered:
            work.people.forget(spent)
            raise
        if self.body.uetr is not None:
            keep_returnable(work, leg)

    def _charge_mandates(self, legs: Iterable[int]) -> None:
        """Count legs against the quotas of the grants that they are debited under."""
        work = self.work
        for index in legs:
            if index in self.mandates:
                leg = self.body.legs[index]
                try:
                    charge_mandate(work.overlay, self.mandates[index], leg.amount + leg.fee, work.time_ms)
                except QuotaExceeded as refusal:
                    raise refusal.at(index) from None

    def _count_redeemed(self, legs: Iterable[Leg]) -> None:
        for leg in legs:
            if self._pays_out(leg):
                count_redeemed(self.work, leg.asset, leg.amount)

    def _find_travelling(self) -> None:
        """Find the legs that need travel data."""
        body = self.body
        if body.travel is None and all(asset.policy.travel_min == 0 for asset in self.assets.values()):
            return
        payments = [_debit(index, leg, leg.amount) for index, leg in enumerate(body.legs) if index not in self.refused]
        self.travelling = needed_travel(payments, self.wallets, self.assets, self.work.people)

    def _check_no_more_travel(self) -> None:
        if self.body.travel is not None:
            check_no_more_travel(self.body.travel, self.travelling.values(), self.work.people)

    def _check_travel(self, legs: Iterable[int]) -> None:
        for index in legs:
            if index in self.travelling:
                debit = self.travelling[index]
                check_leg_travel(self.body.travel or (), debit, self.assets[debit.asset], self.work.people)

    def _check_eligible(self, leg: Leg) -> None:
        """Refuse what is paused, people whom no tier covers, and accounts whose class the asset does not pay; its issuer pays anyone."""
        policy, people = self.assets[leg.asset].policy, self.work.people
        debit, credit = self.accounts[leg.debit], self.accounts[leg.credit]
        if self.work.restraints is not None:
            self._check_pause(leg)
        if policy.limits:
            people.check_eligible(debit, policy)
            people.check_eligible(credit, policy)
        if self.returned is None:
            check_accepted(policy, debit, credit)


def _debit(index: int, leg: Leg, amount: int) -> Debit:
    return Debit(leg.debit, leg.credit, leg.asset, amount, index)


def _code_then_leg(refusal: Ordered) -> tuple[int, int]:
    return refusal.code, refusal.leg or 0
