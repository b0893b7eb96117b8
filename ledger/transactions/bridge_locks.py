"""bridge.out (type 21): value is locked in the vault of a route, for attestors to attest and anyone to mint (bridge.md, section 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.authority import check_member_active
from ledger.bridge_limits import quote_lock
from ledger.bridges import Lock, lock_id_of, lock_key, route_key
from ledger.errors import Closed, ConditionNotMet, WrongKind
from ledger.indexes import put_indexed
from ledger.limits import Debit
from ledger.money import movement
from ledger.names import vault_account_of
from ledger.order_errors import Paused
from ledger.succession import signer_now
from ledger.transactions.bridge_forms import fits_kind
from ledger.transactions.bridge_routes import existing_route
from ledger.transactions.work import check_pays, check_spendable, existing_account, existing_asset
from ledger.vaults import check_not_ended

if TYPE_CHECKING:
    from ledger.accounts import Account
    from ledger.assets import Policy
    from ledger.bridges import BridgeRoute
    from ledger.transactions.bridge_bodies import BridgeOut
    from ledger.transactions.work import Work


class Locking:
    """One bridge.out transaction."""

    __slots__ = ("body", "policy", "route", "source", "work")

    policy: Policy
    route: BridgeRoute
    source: Account

    def __init__(self, work: Work, body: BridgeOut) -> None:
        self.work = work
        self.body = body

    def authorise(self) -> None:
        """Account, asset and route exist and go together, the recipient is one of that chain, and the debited party agrees."""
        work, body = self.work, self.body
        self.source = source = existing_account(work.overlay, body.source)
        self.policy = existing_asset(work.overlay, body.asset).policy
        self.route = route = existing_route(work.overlay, body.route)
        check_member_active(work.overlay, signer_now(work.overlay, source))
        check_not_ended(self.policy, work.time_ms)
        check_pays(source)
        check_spendable(source, "bridges")
        check_enforced(route)
        if route.status in ("proposed", "retired"):
            raise Closed(account=f"route {route.id}", status=route.status)
        if route.terms.asset != body.asset or (self.policy.issuer, self.policy.decimals) != (route.issuer, route.terms.decimals):
            raise WrongKind(subject=f"route {route.id}", kind=route.terms.asset, action=f"locks of {body.asset}")
        if self.policy.receive or self.policy.expires is not None:
            raise WrongKind(subject=body.asset, kind="purpose money", action="bridges")
        if not fits_kind(body.recipient, route.terms.kind) or body.recipient in (route.terms.bridge, route.terms.token):
            condition = f"a recipient of {route.terms.kind} that is neither the token nor the bridge"
            raise ConditionNotMet(subject=f"route {route.id}", condition=condition)
        work.signers.need(signer_now(work.overlay, source))

    def perform(self) -> None:
        """Check orders, funds, people's limits, pauses and the route's limits; lock under the next nonce."""
        work, body, route = self.work, self.body, self.route
        vault = vault_account_of(route.issuer, route.id)
        work.sweep(body.source)
        work.check_moves([(body.source, body.asset)], [], ())
        work.post(movement(body.source, vault, body.asset, body.amount, 0))
        work.people.spend([Debit(body.source, vault, body.asset, body.amount, 0)])
        work.check_pause((body.source,), body.asset, ())
        check_open(work, route, ("paused_out", "halted"))
        work.people.check_eligible(self.source, self.policy)
        quote = quote_lock(route, body.amount, work.context)
        after = quote.route
        lock = Lock(
            route=route.id,
            nonce=after.locks,
            lock_id=lock_id_of(route.terms.route_id, after.locks, body.amount, after.locked, body.recipient),
            sender=body.source,
            recipient=body.recipient,
            amount=body.amount,
            cumulative=after.locked,
            height=work.context.height,
            sign_from_ms=quote.sign_from_ms,
            deadline=quote.deadline,
            refund_to=body.source,
            vault=vault,
            state="locked",
            votes=(),
            foreign_tx=b"",
        )
        put_indexed(work.overlay, lock_key(route.id, lock.nonce), lock)
        put_indexed(work.overlay, route_key(route.id), after)


def check_enforced(route: BridgeRoute) -> None:
    """Refuse a route that is only observed: it has no vault (B10).

    Raises
    ------
    WrongKind
        It is.
    """
    if route.terms.mode != "enforced":
        raise WrongKind(subject=f"route {route.id}", kind=route.terms.mode, action="bridge.out and bridge.in")


def check_open(work: Work, route: BridgeRoute, stopped: tuple[str, ...]) -> None:
    """Refuse a direction that the status of a route, or an order on it, stops (L22).

    Raises
    ------
    Paused
        It is stopped.
    """
    if route.status in stopped:
        raise Paused(subject=f"route {route.id}, {route.status},")
    if work.see_orders() is not None and work.restraints is not None:
        work.restraints.check_bridge(route.id)
