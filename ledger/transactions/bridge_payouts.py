"""How a route pays out of its vault (B4, B5): a release always pays, its recipient or into suspense; a refund goes back.

Both are outside window limits (L18). Neither is stopped by a pause but one of the route itself.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.blocks import Entry
from ledger.bridge_limits import released_now
from ledger.bridges import lock_key, release_key
from ledger.classes import accepts
from ledger.errors import BrokenState, LimitBalance, NotEligible, Ordered
from ledger.indexes import account_of_recipient, put_indexed
from ledger.limits import policy_of
from ledger.money import movement
from ledger.names import suspense_of, vault_account_of
from ledger.succession import servicer_now
from ledger.transactions.work import check_spendable, check_takes, existing_account, settlement_account_of

if TYPE_CHECKING:
    from ledger.accounts import Account
    from ledger.bridges import BridgeRoute, Burn, Lock, Release
    from ledger.transactions.work import Work


def pay_release(work: Work, route: BridgeRoute, release: Release, leg: int) -> BridgeRoute | None:
    """Pay a burn out, and count it in R; None: the limits of the route do not allow it now.

    Whatever stands in the way of the recipient, the value leaves the vault: into the route's suspense account, from which bridge.claim pays
    the owner (B4).
    """
    burn = burn_of(release)
    counted = released_now(route, burn.amount, work.time_ms)
    if counted is None:
        return None
    asset = route.terms.asset
    target = account_of_recipient(work.overlay, burn.recipient)
    state = "released"
    try:
        check_may_have(work, route, target, burn.amount)
    except Ordered:
        target, state = suspense_of(route.issuer, route.id), "suspense"
    work.sweep(target)
    work.post(movement(vault_account_of(route.issuer, route.id), target, asset, burn.amount, leg))
    paid = replace(release, state="released" if state == "released" else "suspense", account=target)
    put_indexed(work.overlay, release_key(route.id, release.nonce), paid)
    return counted


def check_may_have(work: Work, route: BridgeRoute, account_id: str, amount: int) -> None:
    """Refuse an account that may not be given an amount of the route's asset.

    Raises
    ------
    NoAccount, Closed, WrongKind
        It is none, takes nothing, or belongs to an asset or a route.
    BlockedCredit
        An order stops it.
    LimitBalance, NotEligible
        Its holder may not have so much, its class is not one that the asset pays, or no tier covers it.
    """
    account = existing_account(work.overlay, account_id)
    policy = policy_of(work.overlay, route.terms.asset)
    check_takes(account)
    check_spendable(account, "bridges")
    restraints = work.see_orders()
    if restraints is not None:
        restraints.check_credit(account_id, policy.code, ())
    if work.people.room(account_id, policy.code) < amount:
        raise LimitBalance(account=account_id, asset=policy.code)
    work.people.check_eligible(account, policy)
    if not accepts(policy, account):
        raise NotEligible(account=account_id, reason=f"{policy.code} is for {', '.join(policy.receive)}")


def pay_refund(work: Work, route: BridgeRoute, lock: Lock) -> BridgeRoute:
    """Pay an expired lock back, and count it in F; what its holder may not have any more goes to its servicer, as of an unwrap (L18).

    Raises
    ------
    NoAccount, Closed, BlockedCredit
        Nobody can be paid now: the lock stays expired, and anyone may claim the refund later (B5).
    """
    account: Account = existing_account(work.overlay, lock.refund_to)
    asset, vault = route.terms.asset, vault_account_of(route.issuer, route.id)
    check_takes(account)
    restraints = work.see_orders()
    if restraints is not None:
        restraints.check_credit(account.id, asset, ())
    room = work.people.room(account.id, asset)
    if lock.amount <= room:
        entries = list(movement(vault, account.id, asset, lock.amount, 0))
    else:
        till = settlement_account_of(work.overlay, servicer_now(work.overlay, account.id))
        if restraints is not None:
            restraints.check_credit(till, asset, ())
        entries = [
            Entry(vault, asset, -lock.amount, 0, 0),
            Entry(account.id, asset, room, 0, 0),
            Entry(till, asset, lock.amount - room, 0, 0),
        ]
    work.post(entries)
    put_indexed(work.overlay, lock_key(route.id, lock.nonce), replace(lock, state="refunded"))
    return replace(route, refunded=route.refunded + lock.amount)


def try_refund(work: Work, route: BridgeRoute, lock: Lock) -> BridgeRoute:
    """`pay_refund`, or leave the lock expired where nobody can be paid now."""
    put_indexed(work.overlay, lock_key(route.id, lock.nonce), lock)
    with suppress(Ordered):
        return pay_refund(work, route, lock)
    return route


def burn_of(release: Release) -> Burn:
    """Burn that was agreed on; raises BrokenState where votes still differ."""
    if release.burn is None:
        raise BrokenState(f"release {release.route}/{release.nonce} has no burn")
    return release.burn
