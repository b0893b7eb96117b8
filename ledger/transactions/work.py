"""What one transaction works with, and what each type must offer: first who must agree, then what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ledger.accounts import Account
from ledger.assets import Asset
from ledger.authority import Signers
from ledger.errors import Closed, NoAccount, NoAsset, WrongKind
from ledger.expiry import sweep_accounts
from ledger.limits import People
from ledger.money import NO_RESTRAINT, post
from ledger.names import is_suspense
from ledger.restraints import restraints_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ledger.blocks import Entry
    from ledger.outcomes import Ballot
    from ledger.parameters import BlockContext
    from ledger.restraints import Place, Restraints, Words
    from ledger.state import Overlay
    from ledger.transactions.bodies import Transaction

SETTLEMENTS_SCAN = 64
"""Settlement accounts of a participant that are looked at."""
SPENDABLE = ("settlement", "wallet", "fee")
"""Kinds that pay, hold and redeem, as do clearing accounts that are no route's; all others take part in issue, redeem and bridges (L21)."""


class Work:
    """The state, the block, the transaction, who signed it, and the entries made so far."""

    __slots__ = (
        "ballot",
        "codes",
        "context",
        "entries",
        "gross",
        "overlay",
        "people_seen",
        "restraints",
        "signers",
        "time_ms",
        "told",
        "tx",
    )

    def __init__(self, overlay: Overlay, tx: Transaction, context: BlockContext) -> None:
        self.overlay = overlay
        self.tx = tx
        self.context = context
        self.time_ms = context.time_ms
        self.signers = Signers(overlay, tx.signatures, context.time_ms)
        self.entries: list[Entry] = []
        self.codes: tuple[int, ...] = ()
        """A code per leg in mode `each`."""
        self.told: tuple[str, ...] = ()
        """Participants that see all of it, beside those whose accounts it changes."""
        self.restraints: Restraints | None = None
        """Orders, where some are active anywhere and the type has asked for them (`see_orders`)."""
        self.gross: Mapping[Place, int] = NO_RESTRAINT
        """Accounts whose funds are checked gross, and what is arrested there."""
        self.ballot: Ballot | None = None
        """What a proposal or a vote on one adds to the outcome."""
        self.people_seen: People | None = None
        """The people behind the accounts, once the transaction has asked for them."""

    @property
    def people(self) -> People:
        """The people behind the accounts that the transaction touches (L16)."""
        if self.people_seen is None:
            self.people_seen = People(self.overlay, self.time_ms)
        return self.people_seen

    def sweep(self, *accounts: str) -> None:
        """Release the lapsed holds of accounts that this transaction touches (L19)."""
        if self.overlay.due_left:
            self.entries += sweep_accounts(self.overlay, accounts, self.time_ms)

    def see_orders(self) -> Restraints | None:
        """Look up what orders say, where any is active at all; None: nothing stands in the way."""
        self.restraints = restraints_of(self.overlay, self.time_ms)
        return self.restraints

    def check_moves(self, debited: Sequence[Place], credited: Sequence[Place], words: Words) -> None:
        """Refuse what orders block, debits before credits; note whose funds are checked gross (L16).

        Raises
        ------
        BlockedDebit, BlockedCredit
            In this order.
        """
        restraints = self.see_orders()
        if restraints is None:
            return
        for account, asset in debited:
            restraints.check_debit(account, asset, words)
        for account, asset in credited:
            restraints.check_credit(account, asset, words)
        self.gross = restraints.gross(debited)

    def check_pause(self, accounts: Sequence[str], asset: str, words: Words) -> None:
        """Refuse what is paused (L22); `check_moves` has come before.

        Raises
        ------
        Paused
            There is a pause.
        """
        if self.restraints is not None:
            self.restraints.check_pause(accounts, asset, words)

    def post(self, entries: Sequence[Entry]) -> None:
        """Post entries and keep them for the receipt; what holders have follows (L16).

        Raises
        ------
        FundsTooLow, Arrested, AmountTooLarge, LimitBalance
            In this order.
        """
        post(self.overlay, entries, self.gross)
        self.people.keep(entries)
        self.entries += entries

    def post_among_institutions(self, entries: Sequence[Entry]) -> None:
        """Post entries that touch no wallet, behind whose accounts are no people: the short way.

        Raises
        ------
        FundsTooLow, Arrested, AmountTooLarge
            In this order.
        """
        post(self.overlay, entries, self.gross)
        self.entries += entries


class Action(Protocol):
    """One transaction of one type."""

    def authorise(self) -> None:
        """Check existence, then kind, then who must agree; write nothing.

        Raises
        ------
        Unorderable
            A signature that is needed is missing.
        Ordered
            Something does not exist, is of another kind, or no grant covers it.
        """

    def perform(self) -> None:
        """Check the rest, in the order of section 5, and apply.

        Raises
        ------
        Ordered
            A check fails; what was written so far is undone by the caller.
        """


def existing_account(overlay: Overlay, account_id: str) -> Account:
    """Account of this id; raises NoAccount."""
    account = overlay.get("account/" + account_id)
    if not isinstance(account, Account):
        raise NoAccount(account=account_id)
    return account


def existing_asset(overlay: Overlay, code: str) -> Asset:
    """Asset of this code; raises NoAsset."""
    asset = overlay.get("asset/" + code)
    if not isinstance(asset, Asset):
        raise NoAsset(asset=code)
    return asset


def check_pays(account: Account) -> None:
    """Refuse to take value from a closed account; a closing one still pays out."""
    if account.status == "closed":
        raise Closed(account=account.id, status=account.status)


def check_takes(account: Account) -> None:
    """Refuse to give value to an account that is closed or closing."""
    if account.status != "open":
        raise Closed(account=account.id, status=account.status)


def check_spendable(account: Account, action: str) -> None:
    """Refuse an account that takes part in issue, redeem and bridges only (L21)."""
    if account.kind not in SPENDABLE and (account.kind != "clearing" or is_suspense(account.id)):
        raise WrongKind(subject=account.id, kind=account.kind, action=action)


def settlement_account_of(overlay: Overlay, participant: str) -> str:
    """Account in which a participant takes what its customers may not have (L18, L30): its first open settlement account by id.

    Raises
    ------
    NoAccount
        It has none.
    """
    start = f"~settlements/{participant}/"
    for index in overlay.scan(start, start + "~", SETTLEMENTS_SCAN):
        account = existing_account(overlay, index.removeprefix("~settlements/"))
        if account.status == "open":
            return account.id
    raise NoAccount(account=f"{participant}, which has no open settlement account")
