"""bridge.claim (type 26): pay out what waited (B4, B5): a refund, a release, or what lies in suspense."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.authority import OPS, check_member_active, sender_keyset
from ledger.bridge_errors import BridgeCap, BridgeProof, BridgeSeen
from ledger.bridge_limits import circulated
from ledger.bridges import Lock, Release, lock_key, release_key, route_key
from ledger.errors import ConditionNotMet
from ledger.indexes import put_indexed
from ledger.money import movement
from ledger.names import OPERATOR
from ledger.succession import signer_now
from ledger.transactions.bridge_locks import check_enforced, check_open
from ledger.transactions.bridge_payouts import burn_of, check_may_have, pay_refund, pay_release
from ledger.transactions.bridge_routes import existing_route
from ledger.transactions.bridge_votes import STOPPED
from ledger.transactions.work import check_spendable, check_takes, existing_account

if TYPE_CHECKING:
    from ledger.bridges import BridgeRoute
    from ledger.transactions.bridge_bodies import BridgeClaim
    from ledger.transactions.work import Work


class Claiming:
    """One bridge.claim transaction."""

    __slots__ = ("body", "route", "work")

    route: BridgeRoute

    def __init__(self, work: Work, body: BridgeClaim) -> None:
        self.work = work
        self.body = body

    def authorise(self) -> None:
        """See that the route exists. Anyone claims a refund or a release; out of suspense the owner does, with the operator (B4)."""
        work, body = self.work, self.body
        self.route = existing_route(work.overlay, body.route)
        check_enforced(self.route)
        if body.to is None:
            work.signers.need(sender_keyset(work.overlay, work.tx.sender))
            return
        owner = existing_account(work.overlay, body.to)
        check_member_active(work.overlay, signer_now(work.overlay, owner))
        check_takes(owner)
        check_spendable(owner, "bridges")
        work.signers.need(signer_now(work.overlay, owner))
        work.signers.need(f"{OPERATOR}/{OPS}")

    def perform(self) -> None:
        """Check that the route is open inwards and that something waits; pay."""
        work, route = self.work, self.route
        check_open(work, route, STOPPED)
        if self.body.kind == "refund":
            after = pay_refund(work, route, self._expired_lock())
        elif self.body.kind == "release":
            after = self._pay_waiting(self._release("waiting"))
        else:
            after = self._pay_suspense(self._release("suspense"))
        if after != route:
            put_indexed(work.overlay, route_key(route.id), after)
        work.told = (route.issuer,)

    def _expired_lock(self) -> Lock:
        route, nonce = self.route, self.body.nonce
        lock = self.work.overlay.get(lock_key(route.id, nonce))
        if not isinstance(lock, Lock):
            raise BridgeProof(route=route.id, what=f"lock {nonce}")
        if lock.state in ("minted", "refunded"):
            raise BridgeSeen(route=route.id, what=f"the end of lock {nonce}, {lock.state},")
        if lock.state != "expired":
            raise ConditionNotMet(subject=f"lock {nonce} of {route.id}", condition="a quorum that saw its deadline pass on the other chain")
        if route.burned > circulated(route) - lock.amount:  # the same quorum told of burns since that cannot be beside it
            raise BridgeProof(route=route.id, what=f"the end of lock {nonce}, with {route.burned} burned,")
        return lock

    def _release(self, state: str) -> Release:
        route, nonce = self.route, self.body.nonce
        release = self.work.overlay.get(release_key(route.id, nonce))
        if not isinstance(release, Release) or release.state in ("observing", "agreed"):
            raise BridgeProof(route=route.id, what=f"burn {nonce}")
        if release.state != state:
            raise BridgeSeen(route=route.id, what=f"the release of burn {nonce}, {release.state},")
        return release

    def _pay_waiting(self, release: Release) -> BridgeRoute:
        work, route = self.work, self.route
        if release.not_before_ms > work.time_ms:
            raise ConditionNotMet(subject=f"burn {release.nonce} of {route.id}", condition=f"a time from {release.not_before_ms} on")
        after = pay_release(work, route, release, 0)
        if after is None:
            amount, limits = burn_of(release).amount, route.terms.limits
            raise BridgeCap(route=route.id, what="what is released", amount=amount, most=min(limits.day_in, limits.bucket), when=0)
        return after

    def _pay_suspense(self, release: Release) -> BridgeRoute:
        work, route, to = self.work, self.route, self.body.to
        if to is None:
            raise ConditionNotMet(subject=f"burn {release.nonce} of {route.id}", condition="an account that it is paid to")
        amount = burn_of(release).amount
        work.sweep(to)
        check_may_have(work, route, to, amount)
        work.post(movement(release.account, to, route.terms.asset, amount, 0))
        put_indexed(work.overlay, release_key(route.id, release.nonce), replace(release, state="released", account=to))
        return route
