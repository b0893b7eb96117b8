"""pay (type 14): up to 1,000 legs, all or nothing (`atomic`), or each for itself (`each`).

Each check runs over all legs before the next check; the lowest code wins, then the lowest leg (L16).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.accounts import Account
from ledger.assets import Asset
from ledger.authority import OPS, check_member_active, signer_of
from ledger.blocks import Entry
from ledger.errors import OK, NoAccount, NoAsset, Ordered, TooManyLegs
from ledger.fees import check_fee, fee_rule
from ledger.money import fee_entry
from ledger.names import servicer_of
from ledger.transactions.work import check_pays, check_spendable, check_takes

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.transactions.bodies import Leg, Pay
    from ledger.transactions.work import Work

ACTION = "payments"


class Payment:
    """One pay transaction."""

    __slots__ = ("accounts", "assets", "body", "members", "refused", "work")

    def __init__(self, work: Work, body: Pay) -> None:
        self.work = work
        self.body = body
        self.accounts: dict[str, Account] = {}
        self.assets: dict[str, Asset] = {}
        self.members: dict[str, str] = {}
        """Debited account -> keyset that has to agree."""
        self.refused: dict[int, Ordered] = {}
        """Mode `each`: legs that fail by themselves."""

    def authorise(self) -> None:
        """Accounts and assets exist, are of a kind that pays, and every debited party agrees."""
        most = self.work.context.parameters.legs_max
        if len(self.body.legs) > most:
            raise TooManyLegs(legs=len(self.body.legs), most=most)
        self._check_legs(self._check_existence)
        self._check_legs(self._check_kind)
        signers = self.work.signers
        for member in self.members.values():
            signers.need(member)
        for index in self.refused:
            debit = self.body.legs[index].debit
            signers.allow((signer_of(self.accounts[debit]) if debit in self.accounts else f"{servicer_of(debit)}/{OPS}",))

    def perform(self) -> None:
        """Check fees, funds and totals; move."""
        if self.work.overlay.due_left:
            self.work.sweep(*self.accounts)
        self._check_legs(self._check_fee)
        if self.body.mode == "atomic":
            entries: list[Entry] = []
            for index, leg in enumerate(self.body.legs):
                self._add_entries(entries, index, leg)
            self.work.post(entries)
            return
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
        if leg.asset not in self.assets:
            asset = get("asset/" + leg.asset)
            if not isinstance(asset, Asset):
                raise NoAsset(asset=leg.asset)
            self.assets[leg.asset] = asset

    def _check_kind(self, leg: Leg) -> None:
        debit, credit = self.accounts[leg.debit], self.accounts[leg.credit]
        member = signer_of(debit)
        if not self.work.signers.agrees(member):
            check_member_active(self.work.overlay, member)
        check_pays(debit)
        check_takes(credit)
        check_spendable(debit, ACTION)
        check_spendable(credit, ACTION)
        self.members[leg.debit] = member

    def _check_fee(self, leg: Leg) -> None:
        policy = self.assets[leg.asset].policy
        rule = fee_rule(policy, "pay", self.accounts[leg.debit].kind, self.accounts[leg.credit].kind) if policy.fees else None
        check_fee(rule, leg.amount, leg.fee)

    def _add_entries(self, entries: list[Entry], index: int, leg: Leg) -> None:
        amount, fee = leg.amount, leg.fee
        entries.append(Entry(leg.debit, leg.asset, -amount - fee, 0, index))
        entries.append(Entry(leg.credit, leg.asset, amount, 0, index))
        if fee:
            entries.append(fee_entry(self.assets[leg.asset].policy.issuer, leg.asset, fee, index))

    def _move_alone(self, index: int, leg: Leg) -> None:
        entries: list[Entry] = []
        self._add_entries(entries, index, leg)
        try:
            self.work.post(entries)
        except Ordered as refusal:
            self.refused[index] = refusal.at(index)


def _code_then_leg(refusal: Ordered) -> tuple[int, int]:
    return refusal.code, refusal.leg or 0
