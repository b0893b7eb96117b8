"""account.open and account.set (types 4 and 5): the servicer opens, closes and reopens accounts, and replaces their keysets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.accounts import Account
from ledger.assets import Asset
from ledger.authority import OPS, active_participant
from ledger.classes import vouchers_of
from ledger.errors import BadKeyset, BrokenState, Closed, Exists, FixedField, NoParticipant, NotEligible, NotEmpty, WrongKind
from ledger.grant_rules import Wanted, charge_quota, use_grant
from ledger.holders import ANONYMOUS, pseudonym_key
from ledger.indexes import put_indexed
from ledger.keysets import check_lasting
from ledger.maturity import budget_line_for
from ledger.money import NOTHING
from ledger.names import is_suspense, servicer_of
from ledger.recovery import (
    check_terms,
    keyset_record,
    pending_recovery,
    rotated,
    settled,
    take_effect,
    write_keyset,
)
from ledger.restraints import active_orders
from ledger.succession import servicer_now
from ledger.transactions.registry import check_keyset_owner
from ledger.transactions.work import existing_account

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.grants import GrantRecord
    from ledger.participants import Keyset, KeysetRecord
    from ledger.state import Overlay
    from ledger.transactions.bodies import AccountOpen, AccountSet
    from ledger.transactions.work import Work

OPENABLE = ("settlement", "wallet", "clearing")
"""asset.put opens contra and fee accounts; vaults come with the rules of backing."""


class Opening:
    """One account.open transaction."""

    __slots__ = ("body", "grant", "servicer", "work")

    grant: GrantRecord

    def __init__(self, work: Work, body: AccountOpen) -> None:
        self.work = work
        self.body = body
        self.servicer = servicer_of(body.id)

    def authorise(self) -> None:
        """See that the servicer can act, holds a grant `wallet` and agrees, and so does each key that the account brings."""
        work, body = self.work, self.body
        if work.overlay.get("participant/" + self.servicer) is None:
            raise NoParticipant(participant=self.servicer)
        if work.overlay.get("account/" + body.id) is not None:
            raise Exists(subject=f"account {body.id}")
        active_participant(work.overlay, self.servicer)
        if body.kind not in OPENABLE:
            raise WrongKind(subject=body.id, kind=body.kind, action="account.open")
        work.signers.need(f"{self.servicer}/{OPS}")
        self.grant = use_wallet_grant(work, body.id, body.classes)
        if body.keyset is not None:
            work.signers.need_change(body.id, None, body.keyset)

    def perform(self) -> None:
        """Check keys, the grant's quota of openings and that the operator knows the person; open."""
        work, body, keyset = self.work, self.body, self.body.keyset
        if keyset is not None:
            put_own_keyset(work, body.id, None, keyset)
        charge_quota(work.overlay, self.grant, 1, work.time_ms)
        if body.pseudonym and work.overlay.get(pseudonym_key(self.servicer, body.pseudonym)) is None:
            raise NotEligible(account=body.id, reason=f"no holder is registered under pseudonym {body.pseudonym.hex()} of {self.servicer}")
        account = Account(body.id, body.kind, body.pseudonym, keyset.name if keyset else "", "open", body.classes, 0)
        put_indexed(work.overlay, "account/" + body.id, account)


class Setting:
    """One account.set transaction: another status, another keyset, other classes."""

    __slots__ = ("account", "body", "current", "grant", "work")

    account: Account
    current: KeysetRecord | None
    grant: GrantRecord | None
    """Of new classes."""

    def __init__(self, work: Work, body: AccountSet) -> None:
        self.work = work
        self.body = body

    def authorise(self) -> None:
        """See that the account is no asset's, its servicer agrees, for a keyset the current one and each new key, for classes a grant."""
        work, body = self.work, self.body
        self.account = account = existing_account(work.overlay, body.id)
        servicer = servicer_now(work.overlay, body.id)
        active_participant(work.overlay, servicer)
        if account.status == "closed" and body.status != "open":
            raise Closed(account=account.id, status=account.status)
        if account.kind not in OPENABLE or is_suspense(account.id):
            raise WrongKind(subject=account.id, kind=account.kind, action="account.set")
        work.signers.need(f"{servicer}/{OPS}")
        record = keyset_record(work.overlay, body.id, account.keyset)
        self.current = None if record is None else settled(record, work.time_ms)
        if body.keyset is not None:
            check_keyset_owner(account)
            work.signers.need_change(body.id, self.current, body.keyset)
        added = [name for name in body.classes or () if name not in account.classes]
        self.grant = use_wallet_grant(work, body.id, added) if added else None

    def perform(self) -> None:
        """Check that an account to be closed is empty, the classes and the keys; change."""
        work, body = self.work, self.body
        work.sweep(body.id)
        account = existing_account(work.overlay, body.id)
        if body.status == "closed":
            orders = len(active_orders(work.overlay, "account", account.id, work.time_ms))
            if orders:
                raise NotEmpty(account=account.id, what=f"{orders} active orders on it")
            code = budget_line_for(work.overlay, account)
            if code:
                raise NotEmpty(account=account.id, what=f"the rest of {code} to come, as its budget line")
            empty_account(work.overlay, account)
        keyset, classes = account.keyset, account.classes if body.classes is None else body.classes
        if (ANONYMOUS in classes) != (ANONYMOUS in account.classes):
            raise FixedField(field=f"class {ANONYMOUS}", subject=account.id)
        if self.grant is not None:
            charge_quota(work.overlay, self.grant, 1, work.time_ms)
        if body.keyset is not None:
            put_own_keyset(work, body.id, self.current, body.keyset)
            keyset = body.keyset.name
        status = body.status or account.status
        changed = Account(account.id, account.kind, account.pseudonym, keyset, status, classes, account.holds)
        work.overlay.put("account/" + body.id, changed)


def put_own_keyset(work: Work, account_id: str, current: KeysetRecord | None, new: Keyset) -> None:
    """Give an account a keyset, or another one in the place of its own, under its rules of recovery (L24).

    Raises
    ------
    BadKeyset
        It would not last, a key stands elsewhere, its terms cannot serve, or a recovery waits: only keyset.put objects to one.
    """
    if pending_recovery(current) is not None:
        raise BadKeyset(owner=account_id, keyset=new.name, reason="a recovery waits")
    stored = None if current is None else keyset_record(work.overlay, account_id, current.name)
    if stored is not None:
        take_effect(work.overlay, account_id, stored, work.time_ms)
    check_lasting(account_id, new, work.time_ms)
    servicer = servicer_now(work.overlay, account_id)
    check_terms(work.overlay, account_id, current, new, servicer=servicer, parameters=work.context.parameters)
    write_keyset(work.overlay, account_id, current, rotated(current, new, work.time_ms))


def use_wallet_grant(work: Work, account_id: str, classes: Sequence[str]) -> GrantRecord:
    """Find the servicer's grant `wallet` that covers an account and its classes; whoever vouches for one agrees.

    Raises
    ------
    NoParticipant, Suspended
        Of a participant that would vouch.
    QuorumNotMet, NoGrant
        As `use_grant`. Accounts of nobody that the ledger knows need a grant whose number is limited (L18).

    Source: ledger/README.md, L18, L25.
    """
    servicer = servicer_now(work.overlay, account_id)
    vouchers = vouchers_of(classes)
    for voucher in vouchers:
        active_participant(work.overlay, voucher)
    wanted = Wanted("wallet", participant=servicer, account=account_id, to=servicer, classes=tuple(classes))
    record = use_grant(work.overlay, work.signers, wanted, work.time_ms)
    for voucher in vouchers:
        work.signers.need(f"{voucher}/{OPS}")
    return record


def empty_account(overlay: Overlay, account: Account) -> None:
    """Remove the zero balances of an account that closes; refuse where one is not zero or a hold is open.

    Raises
    ------
    NotEmpty
        It still has value or holds.
    """
    if account.holds:
        raise NotEmpty(account=account.id, what=f"{account.holds} open holds")
    for index in overlay.scan("~assets/", "~assets/~", ASSETS_SCAN):
        asset = overlay.get("asset/" + index.removeprefix("~assets/"))
        if not isinstance(asset, Asset):
            raise BrokenState(f"{index} points at no asset")
        key = f"balance/{account.id}/{asset.policy.code}"
        balance = overlay.get(key)
        if balance == NOTHING:
            overlay.put(key, None)
        elif balance is not None:
            raise NotEmpty(account=account.id, what=f"a balance in {asset.policy.code}")


ASSETS_SCAN = 1_024
"""As many assets as `assets_max` may ever allow."""
